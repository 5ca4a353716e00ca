package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is one of the project's pages.
type page struct {
	name, text string // name from the repository's root on
	parts      []part
}

// part is a piece of a page that is no prose.
type part struct {
	at   int // where in the text
	kind partKind
	text string
	lang string // of a block: the word behind its fence
	path string // of a block: the last path that the sentence before it names in code marks, "" for none
}

type partKind int

const (
	command partKind = iota // a line of an indented block
	inline                  // code in a sentence
	block                   // a fenced block
)

// pages are all pages of the repository that are not generated.
func pages(t *testing.T) []page {
	t.Helper()
	var out []page
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(root(t), path)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, readPage(t, filepath.ToSlash(name)))
		}
	}
	return out
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return page{name, string(b), partsOf(string(b))}
}

// partsOf reads Markdown as far as this project uses it: fenced blocks, blocks indented by four spaces, which are commands, and code marks.
func partsOf(text string) []part {
	var out []part
	rest := []byte(text) // what is left for code marks
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if rest[i] != '\n' {
				rest[i] = ' '
			}
		}
	}
	path := regexp.MustCompile("`([^`\\s]+[./][^`\\s]*)`")
	for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatchIndex(text, -1) {
		blank(m[0], m[1])
		before := strings.TrimSpace(text[:m[0]])
		before = before[max(strings.LastIndex(before, "\n\n"), 0):]
		p := part{at: m[0], kind: block, lang: text[m[2]:m[3]], text: text[m[4]:m[5]]}
		if named := path.FindAllStringSubmatch(before, -1); named != nil {
			p.path = named[len(named)-1][1]
		}
		out = append(out, p)
	}
	comment := regexp.MustCompile(`\s+# .*$`)
	for _, m := range regexp.MustCompile(`(?m)\n\n((?:    \S.*\n?)+)`).FindAllSubmatchIndex(rest, -1) {
		at := m[2]
		for line := range strings.Lines(text[m[2]:m[3]]) {
			out = append(out, part{at: at, kind: command, text: comment.ReplaceAllString(strings.TrimSpace(line), "")})
			at += len(line)
		}
		blank(m[2], m[3])
	}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllSubmatchIndex(rest, -1) {
		out = append(out, part{at: m[0], kind: inline, text: strings.Join(strings.Fields(string(rest[m[2]:m[3]])), " ")})
	}
	slices.SortFunc(out, func(a, b part) int { return cmp.Compare(a.at, b.at) })
	return out
}

// vetoLines are the command lines of veto in a shell's line: "docker save x | veto scan -" has "scan -".
func vetoLines(line string) [][]string {
	var out [][]string
	for _, piece := range regexp.MustCompile(`\||&&|;`).Split(line, -1) {
		words := strings.Fields(piece)
		for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
			words = words[1:]
		}
		switch {
		case len(words) > 1 && words[0] == "veto":
			words = words[1:]
		case len(words) > 3 && strings.Join(words[:3], " ") == "go run ./cmd/veto":
			words = words[3:]
		default:
			continue
		}
		if to := slices.Index(words, ">"); to >= 0 {
			words = words[:to]
		}
		out = append(out, words)
	}
	return out
}

// runs says whether a part is a command line that a reader would type as it stands: a line of a block, or in a sentence a command of
// veto that says what to work on.
func (p part) runs() bool {
	if p.kind != inline {
		return p.kind == command
	}
	return slices.ContainsFunc(vetoLines(p.text), func(words []string) bool {
		cmd, rest, err := newRoot(&system{}).Find(words)
		return err == nil && cmd.HasParent() && slices.ContainsFunc(rest, func(w string) bool { return !strings.HasPrefix(w, "-") })
	})
}

// quantity writes whole units from 64 KiB on, else digits in groups.
func quantity(n int64) string {
	for _, u := range []struct {
		shift int
		name  string
	}{{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 64<<10 && n%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.name)
		}
	}
	s := fmt.Sprint(n)
	var groups []string
	for ; len(s) > 3; s = s[:len(s)-3] {
		groups = append([]string{s[len(s)-3:]}, groups...)
	}
	return strings.Join(append([]string{s}, groups...), ",")
}
