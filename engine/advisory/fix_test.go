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
		"a notice without the fix, earlier": {[]match{{record: &Advisory{ID: "DSA-1-1", Published: "2026-01-02T00:00:00Z"}},
			fixed("DSA-2-1", "2026-03-02T00:00:00Z", "3")}, true, "released", "2026-03-02T00:00:00Z"},
		"a notice without a date": {[]match{fixed("DSA-1-1", "", "2"), fixed("DSA-2-1", "2026-03-02T00:00:00Z", "3")}, true, "released",
			"2026-03-02T00:00:00Z"},
		"about the flaw itself": {[]match{fixed("GHSA-a", "2026-01-02T00:00:00Z", "2")}, true, "released", ""},
		"none":                  {[]match{urgent("low")}, false, "none", ""},
		"never":                 {[]match{urgent("end-of-life")}, false, "wont_fix", ""},
	} {
		if state, since := (aliasGroup{matches: c.matches}).fix(c.released); state != c.state || since != c.since {
			t.Errorf("%s: %s since %q, want %s since %q", name, state, since, c.state, c.since)
		}
	}
}

// The words with which distributions give up a fix, and the ids of their notices, in which the date of a fix is.
func TestFixWords(t *testing.T) {
	for word, want := range map[string]bool{"end-of-life": true, "End-of-Life": true, "ignored": true, "wont-fix": true, "wontfix": true,
		"won't fix": true, "will not fix": true, "out of support scope": true, "low": false, "postponed": false, "": false} {
		if isWontFix(word) != want {
			t.Errorf("%q: %v", word, !want)
		}
	}
	for id, want := range map[string]bool{"DSA-1-1": true, "DLA-1-1": true, "USN-1-1": true, "LSN-1-1": true, "ALSA-1": true, "ALBA-1": true,
		"ALEA-1": true, "RLSA-1": true, "RXSA-1": true, "RHSA-1": true, "RHBA-1": true, "SUSE-SU-1": true, "SUSE-RU-1": true,
		"openSUSE-SU-1": true, "MGASA-1": true, "OESA-1": true, "DEBIAN-CVE-1": false, "UBUNTU-CVE-1": false, "GHSA-1": false, "CVE-1": false} {
		if isNotice(id) != want {
			t.Errorf("%s is a notice: %v", id, !want)
		}
	}
}
