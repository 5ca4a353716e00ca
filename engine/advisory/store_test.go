package advisory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// memoryStore is a Store over records in memory. A catalogue that is nil is not loaded. Package store has a test that its own stores answer
// alike.
type memoryStore struct {
	records    []Advisory // sorted by id
	shards     map[string]Shard
	kev        []KEVEntry
	epss       []EPSSScore
	cveRecords []CVERecord
	asOf       string // of everything, RFC 3339; "" unknown
}

var _ Store = (*memoryStore)(nil)

// newStore makes a store of records with a shard for each ecosystem that they name.
func newStore(records []Advisory, asOf string) *memoryStore {
	m := &memoryStore{records: slices.Clone(records), shards: map[string]Shard{}, asOf: asOf}
	slices.SortStableFunc(m.records, func(a, b Advisory) int { return strings.Compare(a.ID, b.ID) })
	for _, a := range m.records {
		counted := map[string]bool{}
		for _, f := range a.Affected {
			if f.Ecosystem != "" && !counted[f.Ecosystem] {
				counted[f.Ecosystem] = true
				m.shards[f.Ecosystem] = m.shard(f.Ecosystem, m.shards[f.Ecosystem].Advisories+1)
			}
		}
	}
	return m
}

func (m *memoryStore) shard(name string, n int) Shard {
	return Shard{Ecosystem: name, Digest: "sha256:" + name, Advisories: n, AsOf: m.asOf}
}

// Shard lets records without a release serve every release only when no record names any.
func (m *memoryStore) Shard(ctx context.Context, ecosystem string) (Shard, bool, error) {
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

func (m *memoryStore) Ecosystems() []string { return slices.Sorted(maps.Keys(m.shards)) }

func (m *memoryStore) Names(_ context.Context, ecosystem string) ([]string, error) {
	var names []string
	for _, a := range m.records {
		for _, f := range a.Affected {
			if f.Ecosystem == ecosystem {
				names = append(names, PackageKey(ecosystem, f.Name))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (m *memoryStore) Affecting(ctx context.Context, ecosystem, name string) ([]Advisory, error) {
	return filter(m.records, func(a Advisory) bool {
		return slices.ContainsFunc(a.Affected, func(f Affected) bool { return f.isAbout(ecosystem, name) })
	}), ctx.Err()
}

func (m *memoryStore) ByID(ctx context.Context, ids []string) ([]Advisory, error) {
	wanted := func(id string) bool { return slices.Contains(ids, id) }
	return filter(m.records, func(a Advisory) bool { return wanted(a.ID) || slices.ContainsFunc(a.Aliases, wanted) }), ctx.Err()
}

func (m *memoryStore) KEV(ctx context.Context, cves []string) ([]KEVEntry, Shard, bool, error) {
	found := filter(m.kev, func(e KEVEntry) bool { return slices.Contains(cves, e.CVE) })
	return found, m.shard("kev", len(m.kev)), m.kev != nil, ctx.Err()
}

func (m *memoryStore) EPSS(ctx context.Context, cves []string) ([]EPSSScore, Shard, bool, error) {
	found := filter(m.epss, func(e EPSSScore) bool { return slices.Contains(cves, e.CVE) })
	return found, m.shard("epss", len(m.epss)), m.epss != nil, ctx.Err()
}

func (m *memoryStore) CVERecords(ctx context.Context, cves []string) ([]CVERecord, Shard, bool, error) {
	found := filter(m.cveRecords, func(r CVERecord) bool { return slices.Contains(cves, r.CVE) })
	return found, m.shard("cve", len(m.cveRecords)), m.cveRecords != nil, ctx.Err()
}

func filter[T any](list []T, keep func(T) bool) (out []T) {
	for _, x := range list {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}
