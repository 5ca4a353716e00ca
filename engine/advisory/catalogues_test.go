package advisory

import (
	"slices"
	"testing"

	"github.com/vetoci/veto/engine"
)

// A finding has the highest score of its CVEs, null without any.
func TestScoresOfFindings(t *testing.T) {
	inv := &engine.Inventory{Packages: []engine.Package{{Name: "curl", Version: "1", Type: "deb", Ecosystem: "Debian:12",
		PURL: "pkg:deb/debian/curl@1"}}}
	affected := []Affected{{Ecosystem: "Debian:12", Name: "curl", Versions: []string{"1"}}}
	m := newStore([]Advisory{
		{ID: "DSA-1", Upstream: []string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}, Affected: affected},
		{ID: "DSA-2", Upstream: []string{"CVE-2026-0004"}, Affected: affected},
	}, "2026-11-20T00:00:00Z")
	got, err := NewMatcher(m).Match(t.Context(), inv, clock())
	if err != nil || len(got.Findings) != 2 || got.Database.EPSS != nil || got.Findings[1].EPSS != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	m.epss = []EPSSScore{{"CVE-2026-0001", 0.1, 0.5}, {"CVE-2026-0002", 0.4, 0.9}, {"CVE-2020-0001", 0.9, 0.99}}
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

// The CVE List and the NVD rate what no advisory rates, and never outweigh what an advisory says.
func TestAssessmentsOfFindings(t *testing.T) {
	inv := &engine.Inventory{Packages: []engine.Package{{Name: "curl", Version: "1", Type: "deb", Ecosystem: "Debian:12",
		PURL: "pkg:deb/debian/curl@1"}}}
	affected := func(urgency string) []Affected {
		return []Affected{{Ecosystem: "Debian:12", Name: "curl", Versions: []string{"1"}, Urgency: urgency}}
	}
	m := newStore([]Advisory{
		{ID: "DEBIAN-CVE-2026-0001", Upstream: []string{"CVE-2026-0001"}, Affected: affected("not yet assigned")},
		{ID: "DEBIAN-CVE-2026-0002", Upstream: []string{"CVE-2026-0002"}, Affected: affected("unimportant")},
		{ID: "DEBIAN-CVE-2026-0003", Upstream: []string{"CVE-2026-0003"}, CWEs: []string{"CWE-1"}, Affected: affected("")},
	}, "2026-11-20T00:00:00Z")
	high := []Rating{{"CVSS_V3", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H"}}
	critical := []Rating{{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}
	m.cveRecords = []CVERecord{
		{CVE: "CVE-2026-0001", Assessments: []Assessment{{"CNA", high, []string{"CWE-79"}}, {"NVD", critical, nil}}},
		{CVE: "CVE-2026-0002", Assessments: []Assessment{{"NVD", critical, nil}}},
		{CVE: "CVE-2026-0003", Assessments: []Assessment{{"CNA", nil, []string{"CWE-2", "CWE-1"}}}},
	}
	got, err := NewMatcher(m).Match(t.Context(), inv, clock())
	if err != nil || len(got.Findings) != 3 || len(got.Database.Shards) != 2 || got.Database.Shards[1].Ecosystem != "cve" ||
		got.Database.Shards[1].AgeDays == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []struct {
		level  engine.Level
		source engine.Maybe
		cwes   []string
	}{
		{engine.Critical, "CVE-2026-0001 (NVD)", []string{"CWE-79"}},
		{engine.Negligible, "urgency of DEBIAN-CVE-2026-0002: unimportant", nil},
		{engine.Unknown, "", []string{"CWE-1", "CWE-2"}},
	} {
		f := got.Findings[i]
		if f.Severity.Level != want.level || f.Severity.Source != want.source || !slices.Equal(f.CWEs, want.cwes) {
			t.Errorf("%s: %+v %v, want %+v", f.ID, f.Severity, f.CWEs, want)
		}
	}
	if n := len(got.Findings[0].Severities); n != 3 {
		t.Errorf("%d severities: %+v", n, got.Findings[0].Severities)
	}
}
