package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every name that CONTRIBUTING's glossary has from the code, from flags and from JSON is there.
func TestGlossary(t *testing.T) {
	t.Parallel()
	code, words := declared(t), spoken(t)
	mark := regexp.MustCompile("`([^`]+)`")
	rows := regexp.MustCompile(`(?m)^\|([^|]+)\|[^|]+\|([^|]*)\|([^|]*)\|$`).FindAllStringSubmatch(readPage(t, "CONTRIBUTING.md").text, -1)
	if len(rows) < 50 {
		t.Fatalf("only %d rows", len(rows))
	}
	use := ""
	each(newRoot(&system{}), func(c *cobra.Command) { use += c.Use + " " })
	for _, row := range rows {
		owner := "" // "`engine.Tree`, `Node`": the second is of the same package
		for _, m := range mark.FindAllStringSubmatch(row[2], -1) {
			name := m[1]
			if pkg, _, ok := strings.Cut(name, "."); ok && code["package "+pkg] {
				owner = pkg
			}
			file := strings.HasSuffix(name, ".go") && exists(filepath.Join(root(t), name))
			if !code[name] && !code[owner+"."+name] && !code["package "+name] && !file && !strings.Contains(use, name) {
				t.Errorf("%s: the code has no %s", row[1], name)
			}
		}
		for _, m := range mark.FindAllStringSubmatch(row[3], -1) {
			if !words[m[1]] {
				t.Errorf("%s: neither flags nor JSON have %s", row[1], m[1])
			}
		}
	}
}

// Every function and file on CONTRIBUTING's walk through the code is where it says.
func TestWalkThroughTheCode(t *testing.T) {
	t.Parallel()
	_, walk, _ := strings.Cut(readPage(t, "CONTRIBUTING.md").text, "## Follow one scan")
	walk, _, _ = strings.Cut(walk, "\n## ")
	code, steps := declared(t), 0
	for step := range strings.SplitSeq(walk, "\n") {
		if regexp.MustCompile(`^\d\. `).MatchString(step) {
			steps++
		}
	}
	if steps != 8 {
		t.Errorf("%d steps, and it says eight", steps)
	}
	for _, m := range regexp.MustCompile("`([^`\\s]+)`").FindAllStringSubmatch(walk, -1) {
		name := m[1]
		switch {
		case strings.Contains(name, "/") || strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".yaml"):
			place := name
			if !strings.Contains(name, "/") {
				place = "cmd/veto/" + name
			}
			if _, err := os.Stat(filepath.Join(root(t), place)); err != nil && name != "veto.yaml" {
				t.Errorf("there is no %s", name)
			}
		case strings.HasPrefix(name, "--"):
			if !spoken(t)[name] {
				t.Errorf("there is no flag %s", name)
			}
		case !code[name] && !code["package "+name]:
			t.Errorf("the code has no %s", name)
		}
	}
	// "`newScan` (`cmd/veto/scan.go`)": in that file, or in that folder.
	for _, m := range regexp.MustCompile("`([\\w.]+)` \\(`([^`]+)`\\)").FindAllStringSubmatch(walk, -1) {
		checkPlace(t, m[1], m[2])
	}
}

func checkPlace(t *testing.T, name, place string) {
	t.Helper()
	if !strings.Contains(place, "/") {
		place = "cmd/veto/" + place
	}
	files := []string{filepath.Join(root(t), place)}
	if !strings.HasSuffix(place, ".go") {
		var err error
		if files, err = filepath.Glob(filepath.Join(root(t), place, "*.go")); err != nil {
			t.Fatal(err)
		}
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^func (\(\w+ \*?\w+\) )?` + last + `\(`).Match(b) {
			return
		}
	}
	t.Errorf("%s is not in %s", name, place)
}
