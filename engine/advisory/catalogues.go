package advisory

import (
	"context"
	"fmt"

	"github.com/vetoci/veto/engine"
)

// cvesOfFindings returns the CVEs of all findings.
func cvesOfFindings(findings []engine.Finding) []string {
	var cves []string
	for _, f := range findings {
		cves = append(cves, f.CVEs...)
	}
	return cves
}

// addKEV marks the findings that CISA's catalogue lists, with the earliest day of their CVEs. It returns the catalogue, nil when the
// database has none.
func (s *matchState) addKEV(ctx context.Context, findings []engine.Finding) (*engine.Shard, error) {
	entries, catalogue, ok, err := s.store.KEV(ctx, cvesOfFindings(findings))
	if err != nil {
		return nil, fmt.Errorf("looking up known exploited vulnerabilities: %w", err)
	}
	if !ok {
		return nil, nil
	}
	since := map[string]string{}
	for _, e := range entries {
		since[e.CVE] = e.Added
	}
	for i := range findings {
		f := &findings[i]
		for _, cve := range f.CVEs {
			if added, listed := since[cve]; listed {
				f.KnownExploited = true
				if f.ExploitedSince == "" || engine.Maybe(added) < f.ExploitedSince {
					f.ExploitedSince = engine.Maybe(added)
				}
			}
		}
	}
	d, err := s.shardWithAge(catalogue)
	return &d, err
}

// addEPSS gives each finding the highest score of its CVEs. It returns the list of scores, nil when the database has none.
func (s *matchState) addEPSS(ctx context.Context, findings []engine.Finding) (*engine.Shard, error) {
	entries, scores, ok, err := s.store.EPSS(ctx, cvesOfFindings(findings))
	if err != nil {
		return nil, fmt.Errorf("looking up EPSS scores: %w", err)
	}
	if !ok {
		return nil, nil
	}
	byCVE := make(map[string]engine.EPSS, len(entries))
	for _, e := range entries {
		byCVE[e.CVE] = engine.EPSS{Score: e.Score, Percentile: e.Percentile}
	}
	for i := range findings {
		for _, cve := range findings[i].CVEs {
			if e, known := byCVE[cve]; known && (findings[i].EPSS == nil || e.Score > findings[i].EPSS.Score) {
				findings[i].EPSS = &e
			}
		}
	}
	d, err := s.shardWithAge(scores)
	return &d, err
}

// loadCVERecords looks up the records of every CVE that the groups lead to. Their shard becomes one of those that the answer depends on.
func (s *matchState) loadCVERecords(ctx context.Context, groups []aliasGroup) error {
	var cves []string
	for _, g := range groups {
		cves = append(cves, cvesOf(s.ids.withUpstreams(g.allIDs()))...)
	}
	if len(cves) == 0 {
		return nil
	}
	records, shard, ok, err := s.store.CVERecords(ctx, cves)
	if err != nil {
		return fmt.Errorf("looking up CVE records: %w", err)
	}
	if !ok {
		return nil
	}
	s.shards[shard.Ecosystem] = &shard
	s.cveRecords = make(map[string]CVERecord, len(records))
	for _, r := range records {
		s.cveRecords[r.CVE] = r
	}
	return nil
}

// cveSeverities returns the severities of CVEs by their records, one list for each assessment.
func (s *matchState) cveSeverities(cves []string) (out [][]engine.Severity) {
	for _, cve := range cves {
		for _, a := range s.cveRecords[cve].Assessments {
			if len(a.Ratings) > 0 {
				out = append(out, severitiesOfRatings(a.Ratings, cve+" ("+a.By+")"))
			}
		}
	}
	return out
}
