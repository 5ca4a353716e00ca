package advisory

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/vetoci/veto/engine"
)

func FuzzParseOSV(f *testing.F) {
	paths, err := filepath.Glob("testdata/match/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(file.Data)
		}
	}
	f.Add([]byte(strings.Repeat("[", 1000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseOSV(data)
		if (err == nil) != (a != nil) || err == nil && a.ID == "" {
			t.Fatalf("%+v, %v", a, err)
		}
	})
}

// What decides who is affected has to be well formed: a record of which a part is ignored would call an affected package clean.
func TestParseOSVRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no id":           `{}`,
		"no field":        `{"id":"X","affected":[{"ranges":[{"type":"SEMVER","events":[{}]}]}]}`,
		"an unknown one":  `{"id":"X","affected":[{"ranges":[{"type":"SEMVER","events":[{"intro":"0"}]}]}]}`,
		"two unknown":     `{"id":"X","affected":[{"ranges":[{"type":"SEMVER","events":[{"fixed":"1","x":"0"}]}]}]}`,
		"a key twice":     `{"id":"X","affected":[{"package":{"ecosystem":"npm","name":"a","name":"b"}}]}`,
		"twice, escaped":  `{"id":"X","affected":[],"\u0061ffected":[]}`,
		"twice, unknown":  `{"id":"X","database_specific":{"severity":"HIGH","severity":"LOW"}}`,
		"another case":    `{"id":"X","Affected":[]}`,
		"case, below":     `{"id":"X","affected":[{"package":{"ecosystem":"npm","Name":"a"}}]}`,
		"case, events":    `{"id":"X","affected":[{"ranges":[{"type":"SEMVER","Events":[]}]}]}`,
		"long s":          `{"id":"X","affected":[{"ver\u017fions":[]}]}`,
		"npm's case":      `{"id":"X","affected":[{"package":{"ecosystem":"NPM","name":"a"}}]}`,
		"pypi's case":     `{"id":"X","affected":[{"package":{"ecosystem":"pypi","name":"a"}}]}`,
		"debian's case":   `{"id":"X","affected":[{"package":{"ecosystem":"debian:12","name":"a"}}]}`,
		"a slip":          `{"id":"X","affected":[{"package":{"ecosystem":"Debain:12","name":"a"}}]}`,
		"a blank":         `{"id":"X","affected":[{"package":{"ecosystem":"npm ","name":"a"}}]}`,
		"another word":    `{"id":"X","affected":[{"package":{"ecosystem":"golang","name":"a"}}]}`,
		"codename":        `{"id":"X","affected":[{"package":{"ecosystem":"Debian:bookworm","name":"a"}}]}`,
		"no v":            `{"id":"X","affected":[{"package":{"ecosystem":"Alpine:3.18","name":"a"}}]}`,
		"no release":      `{"id":"X","affected":[{"package":{"ecosystem":"Debian:","name":"a"}}]}`,
		"a purl alone":    `{"id":"X","affected":[{"package":{"purl":"pkg:npm/a"}}]}`,
		"no package":      `{"id":"X","affected":[{"versions":["1"]}]}`,
		"half a package":  `{"id":"X","affected":[{"package":{"name":"a"}}]}`,
		"a wrong date":    `{"id":"X","withdrawn":"yesterday"}`,
		"too deep":        `{"id":"X","a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		"trailing text":   `{"id":"X"} {"id":"Y"}`,
		"truncated":       `{"id":"X"`,
		"an empty string": `{"id":"X","affected":[{"ranges":[{"type":"SEMVER","events":[{"introduced":""}]}]}]}`,
	} {
		if a, err := ParseOSV([]byte(text)); err == nil {
			t.Errorf("%s: %+v, want an error", name, a)
		}
	}
	for name, text := range map[string]string{
		"blanks, as Maven's": `{"id":"X","affected":[{"package":{"ecosystem":"Maven","name":"a:b "}}]}`,
		"keys of data":       `{"id":"X","database_specific":{"Severity":"x","severity":"y","affected":{"A":1,"a":2}}}`,
		"a list of one":      `{"id":"X","aliases":["id","id"],"references":[{"type":"a"},{"type":"a"}]}`,
		"commits":            `{"id":"X","affected":[{"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}],"versions":["1"]}]}`,
		"of tomorrow":        `{"id":"X","affected":[{"package":{"ecosystem":"Zweifel","name":"a"}}]}`,
		"a release":          `{"id":"X","affected":[{"package":{"ecosystem":"Ubuntu:Pro:18.04:LTS","name":"a"}}]}`,
		"a repository":       `{"id":"X","affected":[{"package":{"ecosystem":"Maven:https://repo.example/a","name":"a"}}]}`,
		"no events":          `{"id":"X","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[]}]}]}`,
		"events in one":      `{"id":"X","affected":[{"ranges":[{"type":"GIT","events":[{"introduced":"0","fixed":"1"}]}]}]}`,
		"a number":           `{"id":"X","severity":[{"type":"CVSS_V3","score":9.8}]}`,
		"a severity alone":   `{"id":"X","severity":"HIGH"}`,
	} {
		if _, err := ParseOSV([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, err := ParseOSV([]byte(`{"id":"X","new":[1],"withdrawn":"0001-01-01T00:00:00Z",
		"published":"2026-01-02T03:04:05+01:00","database_specific":[]}`))
	if err != nil || a.Withdrawn != "" || a.Published != "2026-01-02T02:04:05Z" {
		t.Errorf("%+v, %v", a, err)
	}
}

// A record is as large as engine.MaxAdvisory at most.
func TestParseOSVLimit(t *testing.T) {
	text := []byte(`{"id":"X"}`)
	fits := append(text, bytes.Repeat([]byte(" "), engine.MaxAdvisory-len(text))...)
	if _, err := ParseOSV(fits); err != nil {
		t.Error(err)
	}
	if _, err := ParseOSV(append(fits, ' ')); !errors.As(err, new(*engine.LimitError)) {
		t.Errorf("%v, want a limit", err)
	}
}

// What a record says beside who is affected: dates in UTC, words trimmed and in lower case, a bare score where there is no vector.
func TestParseOSVFields(t *testing.T) {
	a, err := ParseOSV([]byte(`{"id":"X","published":"2026-01-02T03:04:05+01:00",
		"modified":"1-01-01T00:00:00Z","withdrawn":"0001-01-01T00:00:00Z",
		"database_specific":{"severity":" HIGH ","cvss_v3":9.8,"cwe_ids":["CWE-79","CWE-22","CWE-79","CWE-","NVD-CWE-noinfo"]},
		"severity":[{"type":"CVSS_V3","score":"7.5"}],
		"affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["1"],"ecosystem_specific":{"severity":"Low","urgency":"Unimportant"}},
			{"package":{"ecosystem":"npm","name":"b"},"versions":["1"],"ecosystem_specific":{"severity":"Low","urgency":5}},
			{"package":{"ecosystem":"npm","name":"c"},"versions":["1"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Advisory{ID: "X", Published: "2026-01-02T02:04:05Z", Severity: []Rating{{"CVSS_V3", "7.5"}}, Level: "high",
		CWEs: []string{"CWE-22", "CWE-79"}, Affected: []Affected{{Ecosystem: "npm", Name: "a", Versions: []string{"1"}, Urgency: "unimportant"},
			{Ecosystem: "npm", Name: "b", Versions: []string{"1"}, Urgency: "low"}, {Ecosystem: "npm", Name: "c", Versions: []string{"1"}}}}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id, cwe := range map[string]bool{"CWE-79": true, "CWE-": false, "79": false, "CWE-x": false, "NVD-CWE-other": false, "": false} {
		if IsCWE(id) != cwe {
			t.Errorf("%q is a CWE id: %v", id, !cwe)
		}
	}
}

func TestParseFacts(t *testing.T) {
	a, err := ParseOSV([]byte(`{"id": "GO-1", "database_specific": {"cwe_ids": ["CWE-79", "CWE-22", "79", "CWE-x"], "cvss_v3": 7.5},
		"affected": [{"package": {"ecosystem": "Go", "name": "m"},
		"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
			"ecosystem_specific": {"imports": [{"path": "m/a", "symbols": ["F", "T.M"]}, {"path": "m/b"}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := a.CWEs; !slices.Equal(got, []string{"CWE-22", "CWE-79"}) {
		t.Errorf("CWEs: %q", got)
	}
	if got := a.Affected[0].Imports; len(got) != 2 || got[0].Path != "m/a" || !slices.Equal(got[0].Symbols, []string{"F", "T.M"}) ||
		got[1].Path != "m/b" {
		t.Errorf("imports: %+v", got)
	}
	if s := severitiesOfRatings(a.Severity, "a record"); len(s) != 1 || s[0].Level != engine.High || *s[0].Score != 7.5 || s[0].Vector != "" {
		t.Errorf("a score without its vector: %+v", s)
	}
	for _, odd := range []string{`[1]`, `"x"`, `{"imports": "all", "cwe_ids": 5}`} {
		if _, err := ParseOSV([]byte(`{"id": "GO-1", "database_specific": ` + odd +
			`, "affected": [{"package": {"ecosystem": "Go", "name": "m"}, "versions": ["1"], "ecosystem_specific": ` + odd + `}]}`)); err != nil {
			t.Errorf("free-form %s: %v", odd, err)
		}
	}
}
