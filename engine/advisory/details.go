package advisory

import (
	"context"
	"slices"

	"github.com/vetoci/veto/engine"
)

// Details are what all of the data says of an advisory, joined by its ids.
type Details struct {
	CVEs       []string          `json:"cves"`
	Severity   engine.Severity   `json:"severity"`
	Severities []engine.Severity `json:"severities"`
	Exploited  engine.Maybe      `json:"exploited_since"` // the first day on which CISA's catalogue had one of the CVEs
	EPSS       *engine.EPSS      `json:"epss"`
}

// DetailsOf returns what a finding by an advisory would carry, whatever package it is about.
func DetailsOf(ctx context.Context, store Store, a *Advisory) (*Details, error) {
	m := match{record: a}
	for _, f := range a.Affected {
		if m.ratings = append(m.ratings, f.Severity...); f.Urgency != "" && !slices.Contains(m.urgency, f.Urgency) {
			m.urgency = append(m.urgency, f.Urgency)
		}
	}
	g := aliasGroup{source: &sourcePackage{}, matches: []match{m}}
	s := &matchState{store: store, shards: map[string]*Shard{}}
	var err error
	if s.ids, err = newIDIndex(ctx, store, []aliasGroup{g}); err != nil {
		return nil, err
	}
	if err := s.loadCVERecords(ctx, []aliasGroup{g}); err != nil {
		return nil, err
	}
	d := &Details{CVEs: cvesOf(s.ids.withUpstreams(g.allIDs()))}
	d.Severity, d.Severities = s.severity(g)
	findings := []engine.Finding{{CVEs: d.CVEs}}
	if _, err := s.addKEV(ctx, findings); err != nil {
		return nil, err
	}
	if _, err := s.addEPSS(ctx, findings); err != nil {
		return nil, err
	}
	d.Exploited, d.EPSS = findings[0].ExploitedSince, findings[0].EPSS
	return d, nil
}
