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

const onePolicy = "package own\n\n# METADATA\n# title: One\ndeny[\"one\"] contains \"x\"\n"

// policyPath is a source of files on disk, named as a user would.
func policyPath(t testing.TB, name string, files map[string]string) rego.PolicyPath {
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
	return rego.PolicyPath{Name: strings.ReplaceAll(name, "DIR", dir), FS: os.DirFS(dir), Path: filepath.Base(name)}
}

func load(t *testing.T, sources ...rego.PolicyPath) (*rego.Policy, error) {
	t.Helper()
	return rego.Load(t.Context(), rego.Options{Schema: policies.InputSchema(), At: clock(), Paths: sources})
}

// What a report says of a policy does not depend on where it stands.
func TestReportsNameNoHostPath(t *testing.T) {
	var infos []engine.PolicyInfo
	for range 2 {
		files := map[string]string{"pol/own.rego": onePolicy, "pol/data.yaml": "a: 1\n", "pol/own_test.rego": "package x\n"}
		p, err := load(t, policyPath(t, "DIR/pol", files))
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
	other, err := load(t, policyPath(t, "DIR/pol", map[string]string{"pol/own.rego": onePolicy, "pol/data.yaml": "a: 2\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if other.Info().Sources[0].Digest == infos[0].Sources[0].Digest {
		t.Error("other data has the same digest")
	}
}

func TestPathsThatHoldNoPolicy(t *testing.T) {
	linked := policyPath(t, "pol", map[string]string{"pol/own.rego": onePolicy, "real/more.rego": onePolicy})
	dir := fmt.Sprint(linked.FS)
	if err := os.Symlink("../real", filepath.Join(dir, "pol", "linked")); err != nil {
		t.Fatal(err)
	}
	twice := policyPath(t, "pol", map[string]string{"pol/own.rego": onePolicy})
	file := rego.PolicyPath{Name: "pol/own.rego", FS: twice.FS, Path: "pol/own.rego"}
	oneFile := func(text string) []rego.PolicyPath {
		return []rego.PolicyPath{policyPath(t, "own.rego", map[string]string{"own.rego": text})}
	}
	withData := func(data string) []rego.PolicyPath {
		return []rego.PolicyPath{policyPath(t, "pol", map[string]string{"pol/own.rego": onePolicy, "pol/d.yaml": data})}
	}
	for name, c := range map[string]struct {
		sources []rego.PolicyPath
		says    string
	}{
		"absent":   {[]rego.PolicyPath{policyPath(t, "nope.rego", nil)}, "nope.rego: no such file"},
		"empty":    {[]rego.PolicyPath{policyPath(t, "pol", map[string]string{"pol/a.txt": "x"})}, "no .rego file"},
		"tests":    {[]rego.PolicyPath{policyPath(t, "pol", map[string]string{"pol/a_test.rego": onePolicy})}, "no .rego file"},
		"data":     {[]rego.PolicyPath{policyPath(t, "d.yaml", map[string]string{"d.yaml": "a: 1"})}, "no .rego file"},
		"link":     {[]rego.PolicyPath{linked}, "links to folders are not followed"},
		"twice":    {[]rego.PolicyPath{twice, twice}, "given twice"},
		"overlap":  {[]rego.PolicyPath{twice, file}, "two of the policy paths"},
		"no data":  {withData("- a"), "mapping"},
		"two docs": {withData("a: 1\n---\nb: 1\n"), "more than one"},
		"nothing":  {nil, "no rule"},
		"comment":  {oneFile("# nothing\n"), "own.rego"},
		"large":    {oneFile(strings.Repeat("#", engine.MaxPolicyFile+1)), "limit"},
	} {
		if _, err := load(t, c.sources...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// The shipped policies have titles: reports and documents show them.
func TestLibraryRuleNeedsTitle(t *testing.T) {
	const untitled = "package own\n\ndeny[\"one\"] contains \"x\"\n"
	library := fstest.MapFS{"veto/own.rego": &fstest.MapFile{Data: []byte(untitled)}}
	_, err := rego.Load(t.Context(), rego.Options{Library: library, Schema: policies.InputSchema(), At: clock()})
	const want = "policies/veto/own.rego:3:1: the rule one has no title; put a METADATA comment with a title before it"
	if err == nil || err.Error() != want {
		t.Errorf("a rule of the library without a title: %v, want %s", err, want)
	}
}

func TestWhereOfSettings(t *testing.T) {
	own := policyPath(t, "own.rego", map[string]string{"own.rego": onePolicy})
	o := rego.Options{Schema: policies.InputSchema(), At: clock(), Paths: []rego.PolicyPath{own},
		Rules: map[string]rego.RuleSetting{"one": {Action: "warn"}},
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
	p, err := rego.Load(t.Context(), rego.Options{Library: policies.Library(), Schema: policies.InputSchema(), At: clock()})
	if err != nil {
		t.Fatal(err)
	}
	want, err := p.Decide(t.Context(), largeInput(50, 80))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := p.Decide(t.Context(), largeInput(50, 80))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	wg.Wait()
}

// largeInput is an input with so many packages and findings.
func largeInput(packages, findings int) *engine.Input {
	in := &engine.Input{Facts: engine.Facts{SchemaVersion: "1", Now: clock().Format(time.RFC3339),
		Database: engine.Database{State: "ok", Shards: []engine.Shard{{Ecosystem: "Debian:12", AgeDays: new(int)}},
			KEV: &engine.Shard{Ecosystem: "kev", AgeDays: new(int)}}}}
	for i := range packages {
		name := fmt.Sprintf("package-%d", i)
		in.Packages = append(in.Packages, engine.Package{Name: name, Version: "1.2.3", Type: "deb", PURL: "pkg:deb/debian/" + name + "@1.2.3",
			Ecosystem: "Debian:12", Source: engine.Source{Name: name, Version: "1.2.3"},
			Locations: []engine.Location{{Path: "var/lib/dpkg/status"}}})
	}
	for i := range findings {
		p, id := in.Packages[i%packages], fmt.Sprintf("CVE-2026-%d", i)
		in.Findings = append(in.Findings, engine.Finding{Kind: "vulnerability", ID: id, CVEs: []string{id},
			Package: engine.FoundPackage{Name: p.Name, Version: p.Version, Type: "deb", Ecosystem: "Debian:12",
				Binaries: []string{p.Name}, Locations: p.Locations},
			FixedVersions: []string{"1.2.4"}[:i%2], Severity: engine.Severity{Level: engine.Levels()[i%6]}})
	}
	in.Findings = engine.Identify(in.Findings)
	in.Index = engine.NewIndex(&in.Facts)
	engine.Fill(in)
	return in
}

// manyRules is a source of n rules that look through the findings.
func manyRules(n int) rego.PolicyPath {
	const rule = `
# METADATA
# title: Rule %[1]d
deny["rule-%[1]d"] contains r if {
	some f in input.findings
	f.id == "CVE-2026-%[1]d"
	r := {"msg": f.id, "finding": f.ref}
}
`
	text := "package many\n"
	for i := range n {
		text += fmt.Sprintf(rule, i)
	}
	return rego.PolicyPath{Name: "many.rego", FS: fstest.MapFS{"many.rego": &fstest.MapFile{Data: []byte(text)}}, Path: "many.rego"}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			o := rego.Options{Schema: policies.InputSchema(), At: clock(), Paths: []rego.PolicyPath{manyRules(n)}}
			for b.Loop() {
				if _, err := rego.Load(b.Context(), o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	in := largeInput(3000, 5000)
	for name, o := range map[string]rego.Options{
		"library":   {Library: policies.Library()},
		"rules=10":  {Paths: []rego.PolicyPath{manyRules(10)}},
		"rules=100": {Paths: []rego.PolicyPath{manyRules(100)}},
	} {
		b.Run(name, func(b *testing.B) {
			o.Schema, o.At = policies.InputSchema(), clock()
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
