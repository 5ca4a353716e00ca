package advisory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Memory is a Store over records that are held in memory. Safe for concurrent use: it never changes.
type Memory struct {
	records   []Advisory
	shards    map[string]Shard
	catalogue *Shard
	exploited []Exploited
	scores    *Shard
	scored    []Scored
	cves      *Shard
	assessed  []Assessed
}

var _ Store = (*Memory)(nil)

// NewMemory makes a store of parsed records with a shard for each ecosystem that they name, as of asOf (RFC 3339, "" unknown). A nil
// exploited is a catalogue that is not loaded.
func NewMemory(records []Advisory, exploited []Exploited, asOf string) (*Memory, error) {
	m := &Memory{records: slices.Clone(records), shards: map[string]Shard{}, exploited: exploited}
	slices.SortStableFunc(m.records, func(a, b Advisory) int { return strings.Compare(a.ID, b.ID) })
	data, err := json.Marshal(m.records)
	if err != nil {
		return nil, err
	}
	for _, a := range m.records {
		counted := map[string]bool{}
		for _, f := range a.Affected {
			if f.Ecosystem == "" || counted[f.Ecosystem] {
				continue
			}
			counted[f.Ecosystem] = true
			s := m.shards[f.Ecosystem]
			m.shards[f.Ecosystem] = Shard{Ecosystem: f.Ecosystem, Digest: digest(append([]byte(f.Ecosystem+"\n"), data...)), Advisories: s.Advisories + 1, AsOf: asOf}
		}
	}
	if exploited != nil {
		list, err := json.Marshal(exploited)
		if err != nil {
			return nil, err
		}
		m.catalogue = &Shard{Ecosystem: "kev", Digest: digest(list), Advisories: len(exploited), AsOf: asOf}
	}
	return m, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Shard describes the records of an ecosystem. Those without a release serve every release only when no record names any release.
func (m *Memory) Shard(ctx context.Context, ecosystem string) (Shard, bool, error) {
	s, ok := m.shards[ecosystem]
	if base, _ := engine.SplitEcosystem(ecosystem); !ok {
		s, ok = m.shards[base]
		for other := range m.shards {
			if strings.HasPrefix(other, base+":") {
				return Shard{}, false, ctx.Err()
			}
		}
	}
	return s, ok, ctx.Err()
}

// Affecting returns the records that name the package, sorted by id.
func (m *Memory) Affecting(ctx context.Context, ecosystem, name string) ([]Advisory, error) {
	var out []Advisory
	for _, a := range m.records {
		if slices.ContainsFunc(a.Affected, func(f Affected) bool { return f.names(ecosystem, name) }) {
			out = append(out, a)
		}
	}
	return out, ctx.Err()
}

// Rated returns the records that have one of ids as their id or alias, sorted by id.
func (m *Memory) Rated(ctx context.Context, ids []string) ([]Advisory, error) {
	var out []Advisory
	for _, a := range m.records {
		if slices.Contains(ids, a.ID) || slices.ContainsFunc(a.Aliases, func(id string) bool { return slices.Contains(ids, id) }) {
			out = append(out, a)
		}
	}
	return out, ctx.Err()
}

// Exploited looks CVEs up.
func (m *Memory) Exploited(ctx context.Context, cves []string) ([]Exploited, Shard, bool, error) {
	if m.catalogue == nil {
		return nil, Shard{}, false, ctx.Err()
	}
	var out []Exploited
	for _, e := range m.exploited {
		if slices.Contains(cves, e.CVE) {
			out = append(out, e)
		}
	}
	return out, *m.catalogue, true, ctx.Err()
}

// WithScores is m with FIRST's scores as of asOf.
func (m *Memory) WithScores(scored []Scored, asOf string) (*Memory, error) {
	list, err := json.Marshal(scored)
	if err != nil {
		return nil, err
	}
	out := *m
	out.scored, out.scores = scored, &Shard{Ecosystem: "epss", Digest: digest(list), Advisories: len(scored), AsOf: asOf}
	return &out, nil
}

// Scored looks CVEs up.
func (m *Memory) Scored(ctx context.Context, cves []string) ([]Scored, Shard, bool, error) {
	if m.scores == nil {
		return nil, Shard{}, false, ctx.Err()
	}
	var out []Scored
	for _, e := range m.scored {
		if slices.Contains(cves, e.CVE) {
			out = append(out, e)
		}
	}
	return out, *m.scores, true, ctx.Err()
}

// WithAssessed is m with records of CVEs as of asOf.
func (m *Memory) WithAssessed(assessed []Assessed, asOf string) (*Memory, error) {
	list, err := json.Marshal(assessed)
	if err != nil {
		return nil, err
	}
	out := *m
	out.assessed, out.cves = assessed, &Shard{Ecosystem: "cve", Digest: digest(list), Advisories: len(assessed), AsOf: asOf}
	return &out, nil
}

// Assessed looks CVEs up.
func (m *Memory) Assessed(ctx context.Context, cves []string) ([]Assessed, Shard, bool, error) {
	if m.cves == nil {
		return nil, Shard{}, false, ctx.Err()
	}
	var out []Assessed
	for _, e := range m.assessed {
		if slices.Contains(cves, e.CVE) {
			out = append(out, e)
		}
	}
	return out, *m.cves, true, ctx.Err()
}
