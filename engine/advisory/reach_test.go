package advisory

import (
	"slices"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestReachable(t *testing.T) {
	symbols := engine.NewSymbols(slices.Values([]string{"example.test/m/a", "example.test/m/a.Parse", "example.test/m/a.Reader.Read", "example.test/m/b", "example.test/m/b.Other"}))
	a := func(names ...string) []Import { return []Import{{"example.test/m/a", names}} }
	for name, c := range map[string]struct {
		symbols []*engine.Symbols
		imports [][]Import // by record
		want    string
	}{
		"a function":                        {[]*engine.Symbols{symbols}, [][]Import{a("Parse")}, "yes"},
		"a method":                          {[]*engine.Symbols{symbols}, [][]Import{a("Reader.Read")}, "yes"},
		"all of a package":                  {[]*engine.Symbols{symbols}, [][]Import{a()}, "yes"},
		"another function":                  {[]*engine.Symbols{symbols}, [][]Import{a("Format")}, "no"},
		"a package that is not there":       {[]*engine.Symbols{symbols}, [][]Import{{{"example.test/m/c", nil}}}, "no"},
		"one of two packages":               {[]*engine.Symbols{symbols}, [][]Import{{{"example.test/m/c", nil}, {"example.test/m/b", []string{"Other"}}}}, "yes"},
		"one record says, another does not": {[]*engine.Symbols{symbols}, [][]Import{nil, a("Format")}, "no"},
		"no record says":                    {[]*engine.Symbols{symbols}, [][]Import{nil}, "unknown"},
		"a program without symbols":         {[]*engine.Symbols{nil}, [][]Import{a("Parse")}, "unknown"},
		"one of two programs":               {[]*engine.Symbols{nil, symbols}, [][]Import{a("Format")}, "unknown"},
		"nobody looked":                     {nil, [][]Import{a("Parse")}, "unknown"},
		"found in one of two programs":      {[]*engine.Symbols{nil, symbols}, [][]Import{a("Parse")}, "yes"},
	} {
		g := group{unit: &unit{packages: []engine.Package{{}}}}
		if len(c.symbols) > 0 {
			g.unit.packages = nil
		}
		for _, s := range c.symbols {
			g.unit.packages = append(g.unit.packages, engine.Package{Symbols: []*engine.Symbols{s}})
		}
		for _, imports := range c.imports {
			g.hits = append(g.hits, hit{record: &Advisory{}, verdict: verdict{imports: imports}})
		}
		if got := g.reachable(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFix(t *testing.T) {
	record := func(id, published string) *Advisory { return &Advisory{ID: id, Published: published} }
	for name, c := range map[string]struct {
		hits     []hit
		released bool
		state    string
		since    engine.Maybe
	}{
		"a notice":              {[]hit{{record: record("DSA-1-1", "2026-01-02T00:00:00Z"), verdict: verdict{fixed: []string{"2"}}}}, true, "released", "2026-01-02T00:00:00Z"},
		"the earlier of two":    {[]hit{{record: record("DSA-2-1", "2026-03-02T00:00:00Z"), verdict: verdict{fixed: []string{"3"}}}, {record: record("DSA-1-1", "2026-01-02T00:00:00Z"), verdict: verdict{fixed: []string{"2"}}}}, true, "released", "2026-01-02T00:00:00Z"},
		"about the flaw itself": {[]hit{{record: record("GHSA-a", "2026-01-02T00:00:00Z"), verdict: verdict{fixed: []string{"2"}}}}, true, "released", ""},
		"none":                  {[]hit{{record: record("DEBIAN-CVE-1", ""), verdict: verdict{urgency: []string{"low"}}}}, false, "none", ""},
		"never":                 {[]hit{{record: record("DEBIAN-CVE-1", ""), verdict: verdict{urgency: []string{"end-of-life"}}}}, false, "wont_fix", ""},
	} {
		if state, since := (group{hits: c.hits}).fix(c.released); state != c.state || since != c.since {
			t.Errorf("%s: %s since %q, want %s since %q", name, state, since, c.state, c.since)
		}
	}
}

func TestParseFacts(t *testing.T) {
	a, err := ParseOSV([]byte(`{"id": "GO-1", "database_specific": {"cwe_ids": ["CWE-79", "CWE-22", "79", "CWE-x"], "cvss_v3": 7.5}, "affected": [{"package": {"ecosystem": "Go", "name": "m"},
		"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}], "ecosystem_specific": {"imports": [{"path": "m/a", "symbols": ["F", "T.M"]}, {"path": "m/b"}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := a.CWEs; !slices.Equal(got, []string{"CWE-22", "CWE-79"}) {
		t.Errorf("CWEs: %q", got)
	}
	if got := a.Affected[0].Imports; len(got) != 2 || got[0].Path != "m/a" || !slices.Equal(got[0].Symbols, []string{"F", "T.M"}) || got[1].Path != "m/b" {
		t.Errorf("imports: %+v", got)
	}
	if s := ratingsOf(a.Severity, "a record"); len(s) != 1 || s[0].Level != engine.High || *s[0].Score != 7.5 || s[0].Vector != "" {
		t.Errorf("a score without its vector: %+v", s)
	}
	for _, odd := range []string{`[1]`, `"x"`, `{"imports": "all", "cwe_ids": 5}`} {
		if _, err := ParseOSV([]byte(`{"id": "GO-1", "database_specific": ` + odd + `, "affected": [{"package": {"ecosystem": "Go", "name": "m"}, "versions": ["1"], "ecosystem_specific": ` + odd + `}]}`)); err != nil {
			t.Errorf("free-form %s: %v", odd, err)
		}
	}
}
