package advisory

import (
	"context"
	"fmt"
	"slices"

	"github.com/vetoci/veto/engine"
)

// cvesIn lists the CVEs of all findings, each once.
func cvesIn(findings []engine.Finding) []string {
	var cves []string
	for _, f := range findings {
		cves = append(cves, f.CVEs...)
	}
	slices.Sort(cves)
	return slices.Compact(cves)
}

func (s *matching) exploited(ctx context.Context, findings []engine.Finding) (*engine.Shard, error) {
	entries, catalogue, ok, err := s.store.Exploited(ctx, cvesIn(findings))
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
	d, err := s.describe(catalogue)
	return &d, err
}

// scored gives each finding the highest score of its CVEs.
func (s *matching) scored(ctx context.Context, findings []engine.Finding) (*engine.Shard, error) {
	entries, scores, ok, err := s.store.Scored(ctx, cvesIn(findings))
	if err != nil {
		return nil, fmt.Errorf("looking up EPSS scores: %w", err)
	}
	if !ok {
		return nil, nil
	}
	of := make(map[string]engine.EPSS, len(entries))
	for _, e := range entries {
		of[e.CVE] = engine.EPSS{Score: e.Score, Percentile: e.Percentile}
	}
	for i := range findings {
		for _, cve := range findings[i].CVEs {
			if e, known := of[cve]; known && (findings[i].EPSS == nil || e.Score > findings[i].EPSS.Score) {
				findings[i].EPSS = &e
			}
		}
	}
	d, err := s.describe(scores)
	return &d, err
}

// assess looks up what the CVE List and the NVD say of every CVE that the groups reach. Their records become one of the shards that the answer depends on.
func (s *matching) assess(ctx context.Context, groups []group) error {
	var cves []string
	for _, g := range groups {
		cves = append(cves, cvesOf(s.joined.reach(append(g.ids(), g.upstream()...), true))...)
	}
	if len(cves) == 0 {
		return nil
	}
	slices.Sort(cves)
	entries, records, ok, err := s.store.Assessed(ctx, slices.Compact(cves))
	if err != nil {
		return fmt.Errorf("looking up CVE records: %w", err)
	}
	if !ok {
		return nil
	}
	s.shards[records.Ecosystem] = &records
	s.assessed = make(map[string]Assessed, len(entries))
	for _, e := range entries {
		s.assessed[e.CVE] = e
	}
	return nil
}

// assessments are the severities that are said of CVEs, per CVE and source.
func (s *matching) assessments(cves []string) (out [][]engine.Severity) {
	for _, cve := range cves {
		for _, by := range s.assessed[cve].By {
			if len(by.Ratings) > 0 {
				out = append(out, ratingsOf(by.Ratings, cve+" ("+by.By+")"))
			}
		}
	}
	return out
}
