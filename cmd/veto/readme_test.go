package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// The README shows what its first command prints, and nothing else.
func TestReadmeShowsRealOutput(t *testing.T) {
	t.Parallel()
	path := filepath.Join(root(t), "README.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	command := regexp.MustCompile(`(?m)^    go run \./cmd/veto (.*)$`).FindStringSubmatch(text)
	shown := regexp.MustCompile("(?s)```text\n(.*?)```").FindStringSubmatchIndex(text)
	if command == nil || shown == nil {
		t.Fatal("the README has no first command, or does not show its output")
	}
	code, stdout, stderr := vetoIn(t, root(t), nil, strings.Fields(command[1])...)
	if code != exitDenied || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if updating() {
		if err := os.WriteFile(path, []byte(text[:shown[2]]+stdout+text[shown[3]:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	// The age of the catalogue's excerpt goes on with the calendar.
	aging := regexp.MustCompile(`is \d+ days old, 7 are\s+allowed`)
	plain := func(s string) string { return aging.ReplaceAllString(s, "is N days old, 7 are allowed") }
	if diff := cmp.Diff(plain(text[shown[2]:shown[3]]), plain(stdout)); diff != "" {
		t.Errorf("the README's output is not what the command prints; go test ./cmd/veto -run Readme -update (-README +veto):\n%s", diff)
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

// Every relative link in the documents leads to a file.
func TestDocumentLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	for _, doc := range documents(t) {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(doc), m[1])
			}
		}
	}
}

// Every command line that the documents show has verbs and flags that exist.
func TestDocumentCommands(t *testing.T) {
	line := regexp.MustCompile(`(?m)^(?:    |\t|\$ )?(?:[A-Z_]+=\S+ )*veto ([a-z].*)$`)
	seen := 0
	for _, doc := range documents(t) {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(b), -1) {
			text, _, _ := strings.Cut(m[1], " #")
			text, _, _ = strings.Cut(text, " > ")
			text, _, _ = strings.Cut(text, " && ")
			if !strings.Contains(string(b[:strings.Index(string(b), m[0])]), "\n") || strings.HasPrefix(m[0], "veto ") {
				continue // prose
			}
			seen++
			checkCommand(t, filepath.Base(doc), strings.Fields(text))
		}
	}
	if seen < 10 {
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
