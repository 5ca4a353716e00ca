package rego_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/policies"
)

const one = "package own\n\n# METADATA\n# title: One\ndeny[\"one\"] contains \"x\"\n"

// given is a source of files on disk, named as a user would.
func given(t *testing.T, name string, files map[string]string) rego.Source {
	t.Helper()
	dir := t.TempDir()
	for at, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(at))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return rego.Source{Name: strings.ReplaceAll(name, "DIR", dir), FS: os.DirFS(dir), Path: filepath.Base(name)}
}

func load(t *testing.T, sources ...rego.Source) (*rego.Policy, error) {
	t.Helper()
	return rego.Load(t.Context(), rego.Options{Schema: policies.InputSchema(), At: at(), Sources: sources})
}

// What a report says of a policy does not depend on where it stands.
func TestReportsNameNoHostPath(t *testing.T) {
	var infos []engine.PolicyInfo
	for range 2 {
		p, err := load(t, given(t, "DIR/pol", map[string]string{"pol/own.rego": one, "pol/data.yaml": "a: 1\n", "pol/own_test.rego": "package x\n"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Rules()[0].Source; got != "pol/own.rego:5" {
			t.Errorf("source %q", got)
		}
		infos = append(infos, p.Info())
	}
	if diff := cmp.Diff(infos[0], infos[1]); diff != "" || infos[0].Sources[0].Name != "pol" || infos[0].Sources[0].Rules != 1 {
		t.Errorf("%v\n%s", infos[0], diff)
	}
	other, err := load(t, given(t, "DIR/pol", map[string]string{"pol/own.rego": one, "pol/data.yaml": "a: 2\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if other.Info().Sources[0].Digest == infos[0].Sources[0].Digest {
		t.Error("other data has the same digest")
	}
}

func TestPathsThatHoldNoPolicy(t *testing.T) {
	linked := given(t, "pol", map[string]string{"pol/own.rego": one, "real/more.rego": one})
	dir := fmt.Sprint(linked.FS)
	if err := os.Symlink("../real", filepath.Join(dir, "pol", "linked")); err != nil {
		t.Fatal(err)
	}
	twice := given(t, "pol", map[string]string{"pol/own.rego": one})
	file := rego.Source{Name: "pol/own.rego", FS: twice.FS, Path: "pol/own.rego"}
	for name, c := range map[string]struct {
		sources []rego.Source
		says    string
	}{
		"absent":   {[]rego.Source{given(t, "nope.rego", nil)}, "nope.rego: no such file"},
		"empty":    {[]rego.Source{given(t, "pol", map[string]string{"pol/a.txt": "x"})}, "no .rego file"},
		"tests":    {[]rego.Source{given(t, "pol", map[string]string{"pol/a_test.rego": one})}, "no .rego file"},
		"data":     {[]rego.Source{given(t, "d.yaml", map[string]string{"d.yaml": "a: 1"})}, "no .rego file"},
		"link":     {[]rego.Source{linked}, "links to folders are not followed"},
		"twice":    {[]rego.Source{twice, twice}, "given twice"},
		"overlap":  {[]rego.Source{twice, file}, "two of the policy paths"},
		"no data":  {[]rego.Source{given(t, "pol", map[string]string{"pol/own.rego": one, "pol/d.yaml": "- a"})}, "mapping"},
		"two docs": {[]rego.Source{given(t, "pol", map[string]string{"pol/own.rego": one, "pol/d.yaml": "a: 1\n---\nb: 1\n"})}, "more than one"},
		"nothing":  {nil, "no rule"},
		"comment":  {[]rego.Source{given(t, "own.rego", map[string]string{"own.rego": "# nothing\n"})}, "own.rego"},
		"large":    {[]rego.Source{given(t, "own.rego", map[string]string{"own.rego": strings.Repeat("#", engine.MaxPolicyFile+1)})}, "limit"},
	} {
		if _, err := load(t, c.sources...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestCheckShowsWarnings(t *testing.T) {
	own := given(t, "own.rego", map[string]string{"own.rego": "package own\n\ndeny[\"one\"] contains \"x\"\n"})
	issues, err := rego.Check(t.Context(), rego.Options{Schema: policies.InputSchema(), At: at(), Sources: []rego.Source{own}})
	want := []rego.Issue{{File: "own.rego", Line: 3, Col: 1, Severity: "warning", Text: "the rule one has no title", Hint: "put a METADATA comment with a title before it"}}
	if diff := cmp.Diff(want, issues); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestWhereOfSettings(t *testing.T) {
	own := given(t, "own.rego", map[string]string{"own.rego": one})
	o := rego.Options{Schema: policies.InputSchema(), At: at(), Sources: []rego.Source{own}, Rules: map[string]rego.RuleSetting{"one": {Action: "warn"}},
		Where: func(s string) string {
			return map[string]string{"rules.one": "veto.yaml:7", "rules.two": "veto.yaml:8"}[s]
		}}
	p, err := rego.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Relaxation{{What: "rules.one", From: "deny", To: "warn", Where: "veto.yaml:7"}}
	if diff := cmp.Diff(want, p.Relaxations()); diff != "" {
		t.Error(diff)
	}
	o.Rules["two"] = rego.RuleSetting{Action: "off"}
	if _, err = rego.Load(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "veto.yaml:8: rules.two: unknown rule") {
		t.Error(err)
	}
}

// One policy decides about many inputs at once, and always the same.
func TestDecideConcurrently(t *testing.T) {
	p, err := rego.Load(t.Context(), rego.Options{Library: policies.Library(), Schema: policies.InputSchema(), At: at()})
	if err != nil {
		t.Fatal(err)
	}
	want, err := p.Decide(t.Context(), big(50, 80))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := p.Decide(t.Context(), big(50, 80))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	wg.Wait()
}

// big is an input with so many packages and findings.
func big(packages, findings int) *engine.Input {
	in := &engine.Input{Facts: engine.Facts{SchemaVersion: "1", Now: at().Format(time.RFC3339),
		Database: engine.Database{State: "ok", Shards: []engine.Shard{{Ecosystem: "Debian:12", AgeDays: new(int)}}, KEV: &engine.Shard{Ecosystem: "kev", AgeDays: new(int)}}}}
	for i := range packages {
		name := fmt.Sprintf("package-%d", i)
		in.Packages = append(in.Packages, engine.Package{Name: name, Version: "1.2.3", Type: "deb", PURL: "pkg:deb/debian/" + name + "@1.2.3",
			Ecosystem: "Debian:12", Source: engine.Source{Name: name, Version: "1.2.3"}, Locations: []engine.Location{{Path: "var/lib/dpkg/status"}}})
	}
	for i := range findings {
		p := in.Packages[i%packages]
		in.Findings = append(in.Findings, engine.Finding{Kind: "vulnerability", ID: fmt.Sprintf("CVE-2026-%d", i), CVEs: []string{fmt.Sprintf("CVE-2026-%d", i)},
			Package:       engine.FoundPackage{Name: p.Name, Version: p.Version, Type: "deb", Ecosystem: "Debian:12", Binaries: []string{p.Name}, Locations: p.Locations},
			FixedVersions: []string{"1.2.4"}[:i%2], Severity: engine.Severity{Level: engine.Levels()[i%6]}})
	}
	in.Findings = engine.Identify(in.Findings)
	in.Index = engine.NewIndex(&in.Facts)
	engine.Fill(in)
	return in
}

// many is a source of n rules that look through the findings.
func many(n int) rego.Source {
	text := "package many\n"
	for i := range n {
		text += fmt.Sprintf("\n# METADATA\n# title: Rule %d\ndeny[\"rule-%d\"] contains r if {\n\tsome f in input.findings\n\tf.id == \"CVE-2026-%d\"\n\tr := {\"msg\": f.id, \"finding\": f.ref}\n}\n", i, i, i)
	}
	return rego.Source{Name: "many.rego", FS: fstest.MapFS{"many.rego": &fstest.MapFile{Data: []byte(text)}}, Path: "many.rego"}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			o := rego.Options{Schema: policies.InputSchema(), At: at(), Sources: []rego.Source{many(n)}}
			for b.Loop() {
				if _, err := rego.Load(b.Context(), o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	in := big(3000, 5000)
	for name, o := range map[string]rego.Options{
		"library":   {Library: policies.Library()},
		"rules=10":  {Sources: []rego.Source{many(10)}},
		"rules=100": {Sources: []rego.Source{many(100)}},
	} {
		b.Run(name, func(b *testing.B) {
			o.Schema, o.At = policies.InputSchema(), at()
			p, err := rego.Load(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Decide(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
