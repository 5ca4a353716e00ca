package advisory

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	record := func(f Affected) *Advisory {
		f.Ecosystem, f.Name = "npm", "x"
		return &Advisory{ID: "A", Affected: []Affected{f}}
	}
	between := record(Affected{Ranges: []Range{
		{Type: "GIT", Events: []Event{{Introduced: "0"}}},
		{Type: "SEMVER", Events: []Event{{Introduced: "1.0.0"}, {Fixed: "1.2.0"}, {Introduced: "2.0.0"}, {LastAffected: "2.1.0"}}}},
		Versions: []string{"3.0.0"}})
	withdrawn := *between
	withdrawn.Withdrawn = "2026-01-01T00:00:00Z"
	for _, c := range []struct {
		a                 *Advisory
		version           string
		affected, unknown bool
		reason, second    string // second is of the range of versions
	}{
		{between, "0.9.0", false, false, "in no range and no list of versions", "before 1.0.0, where it is introduced"},
		{between, "1.0.0", true, false, "in [1.0.0, 1.2.0)", "in [1.0.0, 1.2.0)"},
		{between, "1.2.0", false, false, "in no range and no list of versions", "1.2.0 or later, where it is fixed"},
		{between, "2.1.0", true, false, "in [2.0.0, 2.1.0]", "in [2.0.0, 2.1.0]"},
		{between, "2.1.1", false, false, "in no range and no list of versions", "after 2.1.0, the last one affected"},
		{between, "3.0.0", true, false, "listed in versions", "after 2.1.0, the last one affected"},
		{between, "latest", false, true, "", ""},
		{&withdrawn, "1.0.0", false, false, "withdrawn 2026-01-01T00:00:00Z", "in [1.0.0, 1.2.0)"},
		{record(Affected{Versions: []string{"latest"}}), "latest", true, false, "listed in versions", ""},
		{record(Affected{Ranges: []Range{{Type: "GIT"}, {Type: "SEMVER", Events: []Event{{Introduced: "0"}, {Limit: "2.0.0"}}}}}), "2.0.0", false,
			false, "in no range and no list of versions", "not below the limit 2.0.0"},
		{record(Affected{Ranges: []Range{{Type: "GIT"}, {Type: "SEMVER", Events: []Event{{Introduced: "0"}, {Fixed: "0"}}}}}),
			"2.0.0", false, true, "", ""},
		{record(Affected{}), "2.0.0", false, true, "it has neither versions nor a range of versions", ""},
		{record(Affected{Ranges: []Range{{Type: "GIT"}, {Type: "ODD", Events: []Event{{Introduced: "0"}}}}}), "2.0.0", false, true,
			`unknown type of range "ODD"`, `unknown type of range "ODD"`},
	} {
		e := Explain(c.a, "npm", "x", c.version)
		if e.Affected != c.affected || e.Unknown != c.unknown || c.reason != "" && e.Reason != c.reason || c.second != "" &&
			e.Ranges[1].Reason != c.second {
			t.Errorf("%s: %+v, want %+v", c.version, e, c)
		}
	}
	if e := Explain(between, "npm", "y", "1.0.0"); e.Affected || e.Unknown || e.Reason != "it says nothing of y in npm" {
		t.Errorf("%+v", e)
	}
}

// Explain agrees with a match: over real records, at every version that they name and near it. With -short it looks at a tenth of them.
func TestExplainAgrees(t *testing.T) {
	want := 1000
	if testing.Short() {
		want = 100
	}
	for _, ecosystem := range []string{"npm", "Debian", "PyPI", "Go", "Alpine", "AlmaLinux", "Maven"} {
		t.Run(ecosystem, func(t *testing.T) {
			t.Parallel()
			records := raw(t, ecosystem)
			explained, affected := 0, 0
			for i := 0; i < len(records) && explained < 20_000; i += 1 + len(records)/1500 {
				a, err := ParseOSV(records[i])
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range a.Affected[:min(3, len(a.Affected))] {
					for _, v := range versionsAround(f) {
						if explained++; explainAgrees(t, a, f, v) {
							affected++
						}
					}
				}
			}
			t.Logf("%d explained, %d affected", explained, affected)
			if explained < want {
				t.Errorf("only %d explained", explained)
			}
		})
	}
}

// explainAgrees compares the explanation of one record with its match, and says whether the version is affected.
func explainAgrees(t *testing.T, a *Advisory, f Affected, v string) (affected bool) {
	t.Helper()
	s := &matchState{store: newStore([]Advisory{*a}, ""), now: clock()}
	matches, err := s.matchesByName(t.Context(), f.Ecosystem, lookupName{name: f.Name, version: v})
	if err != nil {
		t.Fatal(err)
	}
	affected = len(matches) > 0
	e := Explain(a, f.Ecosystem, f.Name, v)
	if e.Affected != affected || e.Unknown != (len(s.gaps) > 0) {
		t.Fatalf("%s %s %s: %+v, a match has %d records and %+v", a.ID, f.Name, v, e, len(matches), s.gaps)
	}
	holds := slices.ContainsFunc(e.Ranges, func(r RangeExplanation) bool { return r.Holds })
	ignored := a.Withdrawn != "" || strings.HasPrefix(e.Reason, "it is about builds") || strings.HasPrefix(e.Reason, "a notice")
	if e.Affected && !holds || holds && !e.Affected && !ignored {
		t.Fatalf("%s %s %s: %+v", a.ID, f.Name, v, e)
	}
	return affected
}

// versionsAround are the versions that an entry names, and some near them.
func versionsAround(f Affected) []string {
	var out []string
	for _, r := range f.Ranges {
		for _, e := range r.Events {
			for _, v := range []string{e.Introduced, e.Fixed, e.LastAffected, e.Limit} {
				if v != "" {
					out = append(out, v, v+"1", v+"-1", strings.TrimSuffix(v, "0"))
				}
			}
		}
	}
	if len(f.Versions) > 0 {
		out = append(out, f.Versions[0], f.Versions[len(f.Versions)-1])
	}
	return out[:min(len(out), 16)]
}

func TestLook(t *testing.T) {
	affected := []Affected{{Ecosystem: "Debian:12", Name: "curl", Versions: []string{"1"}, Urgency: "not yet assigned"}}
	m := newStore([]Advisory{
		{ID: "DEBIAN-CVE-2026-0001", Upstream: []string{"CVE-2026-0001"}, Affected: affected},
		{ID: "GHSA-1", Aliases: []string{"CVE-2026-0001"}, Severity: []Rating{{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}},
	}, "")
	m.kev, m.epss = []KEVEntry{{CVE: "CVE-2026-0001", Added: "2026-02-02"}}, []EPSSScore{{"CVE-2026-0001", 0.5, 0.9}}
	d, err := DetailsOf(t.Context(), m, &m.records[0])
	if err != nil || !cmp.Equal(d.CVEs, []string{"CVE-2026-0001"}) || d.Severity.Level != "critical" || len(d.Severities) != 2 ||
		d.Exploited != "2026-02-02" || d.EPSS == nil || d.EPSS.Score != 0.5 {
		t.Errorf("%+v, %v", d, err)
	}
}
