package advisory

import (
	"testing"

	"github.com/vetoci/veto/engine"
)

// A finding has the highest score of its CVEs, null without any.
func TestScoresOfFindings(t *testing.T) {
	inv := &engine.Inventory{Packages: []engine.Package{{Name: "curl", Version: "1", Type: "deb", Ecosystem: "Debian:12", PURL: "pkg:deb/debian/curl@1"}}}
	affected := []Affected{{Ecosystem: "Debian:12", Name: "curl", Versions: []string{"1"}}}
	m, err := NewMemory([]Advisory{
		{ID: "DSA-1", Upstream: []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, Affected: affected},
		{ID: "DSA-2", Upstream: []string{"CVE-2026-0004"}, Affected: affected},
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewMatcher(m).Match(t.Context(), inv, clock())
	if err != nil || len(got.Findings) != 2 || got.Database.EPSS != nil || got.Findings[1].EPSS != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	m, err = m.WithScores([]Scored{{"CVE-2026-0001", 0.1, 0.5}, {"CVE-2026-0002", 0.4, 0.9}, {"CVE-2020-0001", 0.9, 0.99}}, "2026-11-20T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	got, err = NewMatcher(m).Match(t.Context(), inv, clock())
	if err != nil || got.Database.EPSS == nil || got.Database.EPSS.AgeDays == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, f := range got.Findings {
		switch {
		case f.ID == "DSA-1" && (f.EPSS == nil || *f.EPSS != engine.EPSS{Score: 0.4, Percentile: 0.9}), f.ID != "DSA-1" && f.EPSS != nil:
			t.Errorf("%s: %+v", f.ID, f.EPSS)
		}
	}
}
