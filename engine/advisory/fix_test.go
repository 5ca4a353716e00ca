package advisory

import (
	"testing"

	"github.com/vetoci/veto/engine"
)

// A fix is dated by the earliest notice that announced it, and "wont_fix" is only what a distribution says.
func TestFix(t *testing.T) {
	fixed := func(id, published, version string) match {
		return match{record: &Advisory{ID: id, Published: published}, evaluation: evaluation{fixed: []string{version}}}
	}
	urgent := func(urgency string) match {
		return match{record: &Advisory{ID: "DEBIAN-CVE-1"}, evaluation: evaluation{urgency: []string{urgency}}}
	}
	for name, c := range map[string]struct {
		matches  []match
		released bool
		state    string
		since    engine.Maybe
	}{
		"a notice": {[]match{fixed("DSA-1-1", "2026-01-02T00:00:00Z", "2")}, true, "released", "2026-01-02T00:00:00Z"},
		"the earlier of two": {[]match{fixed("DSA-2-1", "2026-03-02T00:00:00Z", "3"), fixed("DSA-1-1", "2026-01-02T00:00:00Z", "2")},
			true, "released", "2026-01-02T00:00:00Z"},
		"about the flaw itself": {[]match{fixed("GHSA-a", "2026-01-02T00:00:00Z", "2")}, true, "released", ""},
		"none":                  {[]match{urgent("low")}, false, "none", ""},
		"never":                 {[]match{urgent("end-of-life")}, false, "wont_fix", ""},
	} {
		if state, since := (aliasGroup{matches: c.matches}).fix(c.released); state != c.state || since != c.since {
			t.Errorf("%s: %s since %q, want %s since %q", name, state, since, c.state, c.since)
		}
	}
}
