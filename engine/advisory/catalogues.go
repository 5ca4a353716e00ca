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
