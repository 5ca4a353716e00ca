package advisory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// Scores are those of the calculators of FIRST and the NVD, and levels the scales of the CVSS specifications: v3.1, section 5; v4.0,
// section 6; NVD's for v2. A policy denies by level, so that a boundary that is off by one lets a vulnerability pass.
func TestScores(t *testing.T) {
	for _, c := range []struct {
		typ, vector string
		score       float64
		level       engine.Level
	}{
		{"CVSS_V2", "AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5, engine.High},
		{"CVSS_V2", "(AV:N/AC:L/Au:N/C:P/I:P/A:P)", 7.5, engine.High},
		{"CVSS_V2", "AV:L/AC:L/Au:N/C:C/I:C/A:C", 7.2, engine.High},
		{"CVSS_V2", "AV:N/AC:L/Au:S/C:P/I:N/A:N", 4.0, engine.Medium},
		{"CVSS_V2", "AV:L/AC:L/Au:N/C:P/I:N/A:N", 2.1, engine.Low},
		{"CVSS_V2", "AV:N/AC:L/Au:N/C:N/I:N/A:N", 0, engine.Low},
		{"CVSS_V3", "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, engine.Critical},
		{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, engine.Critical},
		{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10, engine.Critical},
		{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, engine.High},
		{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, engine.Medium},
		{"CVSS_V3", "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N", 2.5, engine.Low},
		{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0, engine.Negligible},
		{"CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3, engine.Critical},
		{"CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0, engine.Negligible},
		{"CVSS_V3", "10", 10, engine.Critical}, {"CVSS_V3", "9.0", 9, engine.Critical}, {"CVSS_V3", "8.9", 8.9, engine.High},
		{"CVSS_V3", "7.0", 7, engine.High}, {"CVSS_V3", "6.9", 6.9, engine.Medium}, {"CVSS_V3", "4.0", 4, engine.Medium},
		{"CVSS_V3", "3.9", 3.9, engine.Low}, {"CVSS_V3", "0.1", 0.1, engine.Low}, {"CVSS_V3", "0", 0, engine.Negligible},
		{"CVSS_V4", "9.0", 9, engine.Critical}, {"CVSS_V4", "8.9", 8.9, engine.High},
		{"CVSS_V2", "10", 10, engine.High}, {"CVSS_V2", "7.0", 7, engine.High}, {"CVSS_V2", "6.9", 6.9, engine.Medium},
		{"CVSS_V2", "4.0", 4, engine.Medium}, {"CVSS_V2", "3.9", 3.9, engine.Low},
	} {
		got := severitiesOfRatings([]Rating{{c.typ, c.vector}}, "a record")
		if len(got) != 1 || got[0].Score == nil || *got[0].Score != c.score || got[0].Level != c.level || got[0].Source != "a record" {
			t.Errorf("%s %s: %+v, want %v, %s", c.typ, c.vector, got, c.score, c.level)
		}
		if vector := strings.Contains(c.vector, ":"); (got[0].Vector != "") != vector {
			t.Errorf("%s %s has the vector %q", c.typ, c.vector, got[0].Vector)
		}
	}
}

// A vector that does not parse is kept, with an unknown level: neither lost nor taken for no impact.
func TestInvalidVectors(t *testing.T) {
	for _, r := range []Rating{{"CVSS_V2", "AV:N"}, {"CVSS_V3", "CVSS:3.0/AV:N"}, {"CVSS_V3", "CVSS:3.1/AV:N"}, {"CVSS_V3", ""},
		{"CVSS_V3", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, {"CVSS_V4", "CVSS:4.0/AV:N"}, {"CVSS_V5", "CVSS:5.0/AV:N"},
		{"CVSS_V3", "10.1"}, {"CVSS_V3", "-1"}, {"CVSS_V3", "NaN"}} {
		got := severitiesOfRatings([]Rating{r}, "a record")
		if len(got) != 1 || got[0].Level != engine.Unknown || got[0].Score != nil || string(got[0].Vector) != r.Score ||
			got[0].Source != "a record: the vector is not valid" {
			t.Errorf("%+v: %+v", r, got)
		}
	}
}

// The words of databases and distributions, in any letter case. "Not yet assigned" and the like are no level.
func TestWords(t *testing.T) {
	for level, words := range map[engine.Level]string{
		engine.Critical:   "critical Critical CRITICAL",
		engine.High:       "high important High*",
		engine.Medium:     "medium moderate medium**",
		engine.Low:        "low minor",
		engine.Negligible: "negligible unimportant none",
		engine.Unknown:    "untriaged pending highest urgent *",
	} {
		for word := range strings.FieldsSeq(words) {
			if got := levelOfWord(" " + word + " "); got != level {
				t.Errorf("%q is %s, want %s", word, got, level)
			}
		}
	}
	if got := levelOfWord("not yet assigned"); got != engine.Unknown {
		t.Errorf("not yet assigned is %s", got)
	}
	got := severitiesOfRatings([]Rating{{"Ubuntu", "medium"}}, "USN-1")
	if want := []engine.Severity{{Level: engine.Medium, Source: "Ubuntu word in USN-1"}}; !cmp.Equal(want, got) {
		t.Errorf("%+v", got)
	}
}

// Of one record the newest CVSS counts, before it the distribution's own word; of one step the worst record; of the steps the first that
// knows a level: the records themselves, their urgency, aliases, upstreams, CVE records.
func TestSeveritySteps(t *testing.T) {
	const v2, v3, v4 = "AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
		"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N" // high, medium, critical
	rated := func(a Advisory, ratings ...Rating) Advisory {
		a.Severity = ratings
		return a
	}
	notice := func(urgency string, ratings ...Rating) Advisory {
		a := debian("DSA-1", Affected{Urgency: urgency})
		a.Aliases, a.Upstream, a.Severity = []string{"GHSA-1"}, []string{"CVE-2026-1"}, ratings
		return a
	}
	alias := func(ratings ...Rating) Advisory { return rated(Advisory{ID: "GHSA-1"}, ratings...) }
	upstream := func(ratings ...Rating) Advisory { return rated(Advisory{ID: "CVE-2026-1"}, ratings...) }
	worded := func(a Advisory, level string) Advisory {
		a.Level = level
		return a
	}
	withdrawn := func(a Advisory) Advisory {
		a.Withdrawn = "2026-01-01T00:00:00Z"
		return a
	}
	for name, c := range map[string]struct {
		records []Advisory
		cve     []Rating
		want    string // the level and its source
		listed  int
	}{
		"nothing": {[]Advisory{notice("")}, nil, "unknown ", 0},
		"the newest CVSS": {[]Advisory{notice("low", Rating{"CVSS_V2", v2}, Rating{"CVSS_V4", v4}, Rating{"CVSS_V3", v3})},
			nil, "critical DSA-1", 4},
		"the word before it":    {[]Advisory{notice("", Rating{"CVSS_V3", v3}, Rating{"Ubuntu", "low"})}, nil, "low Ubuntu word in DSA-1", 2},
		"an unknown word":       {[]Advisory{notice("", Rating{"CVSS_V3", v3}, Rating{"Ubuntu", "pending"})}, nil, "medium DSA-1", 2},
		"the database's word":   {[]Advisory{worded(notice(""), "high")}, nil, "high DSA-1: high", 1},
		"CVSS before that word": {[]Advisory{worded(notice("", Rating{"CVSS_V3", v3}), "high")}, nil, "medium DSA-1", 2},
		"the urgency":           {[]Advisory{notice("low"), alias(Rating{"CVSS_V4", v4})}, nil, "low urgency of DSA-1: low", 2},
		"no urgency yet":        {[]Advisory{notice("not yet assigned"), alias(Rating{"CVSS_V3", v3})}, nil, "medium GHSA-1 (alias)", 2},
		"a withdrawn alias": {[]Advisory{notice(""), withdrawn(alias(Rating{"CVSS_V4", v4})), upstream(Rating{"CVSS_V3", v3})}, nil,
			"medium CVE-2026-1 (upstream)", 1},
		"an alias": {[]Advisory{notice(""), alias(Rating{"CVSS_V3", v3}), upstream(Rating{"CVSS_V4", v4})}, nil,
			"medium GHSA-1 (alias)", 2},
		"an upstream": {[]Advisory{notice(""), upstream(Rating{"CVSS_V3", v3})}, []Rating{{"CVSS_V4", v4}},
			"medium CVE-2026-1 (upstream)", 2},
		"an invalid alias": {[]Advisory{notice(""), alias(Rating{"CVSS_V3", "x"}), upstream(Rating{"CVSS_V3", v3})}, nil,
			"medium CVE-2026-1 (upstream)", 2},
		"a CVE record":           {[]Advisory{notice("")}, []Rating{{"CVSS_V3", v3}}, "medium CVE-2026-1 (NVD)", 1},
		"only an invalid one":    {[]Advisory{notice("", Rating{"CVSS_V3", "x"})}, nil, "unknown DSA-1: the vector is not valid", 1},
		"a CVE record's is none": {[]Advisory{notice("")}, []Rating{}, "unknown ", 0},
	} {
		m := newStore(c.records, "")
		m.cveRecords = []CVERecord{{CVE: "CVE-2026-1", Assessments: []Assessment{{By: "NVD", Ratings: c.cve}}}}
		got, err := NewMatcher(m).Match(t.Context(), &engine.Inventory{Packages: []engine.Package{binary("openssl", "")}}, clock())
		if err != nil || len(got.Findings) != 1 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		f := got.Findings[0]
		if s := fmt.Sprint(f.Severity.Level, " ", f.Severity.Source); s != c.want || len(f.Severities) != c.listed {
			t.Errorf("%s: %q, %d listed, want %q, %d: %+v", name, s, len(f.Severities), c.want, c.listed, f.Severities)
		}
	}
}

// The worst record of a step speaks for it: by level, then by score, and one with a score before one without.
func TestWorstRecord(t *testing.T) {
	score := func(n float64) *float64 { return &n }
	low, medium := engine.Severity{Level: engine.Low}, engine.Severity{Level: engine.Medium, Score: score(5)}
	high7, high8, bare := engine.Severity{Level: engine.High, Score: score(7)}, engine.Severity{Level: engine.High, Score: score(8)},
		engine.Severity{Level: engine.High, Source: "a word"}
	ordered := []engine.Severity{{Level: engine.Critical}, high8, high7, bare, medium, low, {Level: engine.Negligible}}
	for i := range ordered {
		for j := range ordered {
			best, all := resolveSeverity([][][]engine.Severity{{{ordered[i]}, {ordered[j]}}, {{{Level: engine.Critical, Source: "later"}}}})
			if want := ordered[min(i, j)]; !cmp.Equal(best, want) || len(all) != 3 {
				t.Errorf("of %+v and %+v: %+v", ordered[i], ordered[j], best)
			}
		}
	}
	levels := engine.Levels()
	if rank(levels[0]) != 0 || !slices.IsSortedFunc(levels, func(a, b engine.Level) int { return rank(a) - rank(b) }) {
		t.Errorf("levels are not ranked in the order of %v", levels)
	}
}
