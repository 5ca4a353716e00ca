package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine"
)

// TestKinds runs the cases of testdata/kinds: small images of one kind each, with what is true of them. A file holds, after the words that
// say why,
//
//	case NAME exit 1[,3] [FACT…]       begins a case; what follows is a description for mkimage, up to the next one
//
// and files for it behind. The line "base" stands for a layer of Debian 12 with one package. Facts are finding:ECOSYSTEM/NAME,
// package:TYPE/NAME@VERSION, gap:KIND, owned:NAME, each also with no-. In every ecosystem the versions of "bad" below 2.0 are vulnerable.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "kinds", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	db := kindsDatabase(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, f := range archive.Files {
				p := filepath.Join(dir, filepath.FromSlash(f.Name))
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				writeText(t, p, string(f.Data))
			}
			for _, c := range kindCases(t, string(archive.Comment)) {
				t.Run(c.name, func(t *testing.T) { c.run(t, dir, db) })
			}
		})
	}
}

const kindBase = `layer FROM debian:12
text etc/os-release ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n
text etc/debian_version 12.8\n
text var/lib/dpkg/status ` + kindStanza + `
`

const kindStanza = `Package: base-files\nStatus: install ok installed\n` +
	`Maintainer: Santiago Vila <sanvila@debian.org>\nArchitecture: amd64\nVersion: 12.4\n\n`

// kindCase is one case of a file.
type kindCase struct {
	name        string
	exits       []int
	facts       []string
	description string
}

func kindCases(t *testing.T, text string) []*kindCase {
	t.Helper()
	var out []*kindCase
	for n, line := range strings.SplitAfter(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) > 3 && words[0] == "case" && words[2] == "exit":
			c := &kindCase{name: words[1], facts: words[4:]}
			for _, w := range strings.Split(words[3], ",") {
				code, err := strconv.Atoi(w)
				if err != nil {
					t.Fatalf("line %d: %v", n+1, err)
				}
				c.exits = append(c.exits, code)
			}
			out = append(out, c)
		case len(out) > 0 && len(words) == 1 && words[0] == "base":
			out[len(out)-1].description += kindBase
		case len(out) > 0:
			out[len(out)-1].description += line
		}
	}
	return out
}

func (c *kindCase) run(t *testing.T, dir, db string) {
	t.Helper()
	m, err := describeImage(dir, c.description)
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	image, out := filepath.Join(tmp, "image.tar"), filepath.Join(tmp, "run.json")
	if err := packImage("save", image, m); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	sys := &system{stdin: strings.NewReader(""), stdout: &stderr, stderr: &stderr, dir: tmp, now: time.Now, width: 100}
	code := run(t.Context(), []string{"scan", image, "-q", "-o", "json=" + out, "--now", clock, "--db", db, "--no-cache"}, sys)
	if !slices.Contains(c.exits, code) {
		t.Errorf("exit %d, want %v: %s", code, c.exits, &stderr)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("exit %d: %v: %s", code, err, &stderr)
	}
	var r engine.Run
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	have := kindFacts(&r)
	for _, f := range c.facts {
		if want, no := strings.CutPrefix(f, "no-"); slices.Contains(have, want) == no {
			t.Errorf("%s is not so; there are %v", f, have)
		}
	}
}

// kindFacts lists what a run found, in the words of the cases.
func kindFacts(r *engine.Run) (out []string) {
	for _, report := range r.Reports {
		for _, f := range report.Findings {
			eco, _ := engine.SplitEcosystem(string(f.Package.Ecosystem))
			out = append(out, "finding:"+strings.ReplaceAll(eco, " ", "-")+"/"+f.Package.Name)
		}
		for _, p := range report.Packages {
			out = append(out, "package:"+p.Type+"/"+p.Name+"@"+p.Version)
			if p.OwnedBy != "" {
				out = append(out, "owned:"+p.Name)
			}
		}
		for _, g := range report.Gaps {
			out = append(out, "gap:"+string(g.Kind))
		}
		for _, e := range report.Errors {
			out = append(out, "error:"+strings.ReplaceAll(e.What, " ", "-"))
		}
	}
	return out
}
