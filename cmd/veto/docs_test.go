package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every relative link in the documents leads to a file.
func TestDocumentLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	for _, doc := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(doc.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root(t), filepath.Dir(doc.name), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc.name, m[1])
			}
		}
	}
}

// Every command of veto that the documents name, in a block or in a sentence, has verbs and flags that exist.
func TestDocumentWords(t *testing.T) {
	seen := 0
	for _, doc := range pages(t) {
		for _, p := range doc.parts {
			if p.kind == block {
				continue
			}
			for _, words := range vetoLines(p.text) {
				seen++
				checkCommand(t, doc.name, words)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d command lines found in the documents", seen)
	}
}

func checkCommand(t *testing.T, doc string, words []string) {
	t.Helper()
	cmd, rest, err := newRoot(&system{}).Find(words)
	if err != nil || !cmd.Runnable() && len(rest) > 0 {
		t.Errorf("%s: veto %s: %v", doc, strings.Join(words, " "), err)
		return
	}
	for _, w := range rest {
		name, _, _ := strings.Cut(w, "=")
		if long, ok := strings.CutPrefix(name, "--"); ok && !hasFlag(cmd, long) {
			t.Errorf("%s: veto %s has no flag --%s", doc, cmd.Name(), long)
		}
	}
}

func hasFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || name == "help"
}
