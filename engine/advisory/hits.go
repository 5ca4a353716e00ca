package advisory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/vetoci/veto/engine/version"
)

// called is a name and version by which advisories may know a unit, and the module that it is from.
type called struct{ name, version, module string }

// names are those of the unit itself and, in a distribution, those of its binary packages that are called otherwise. Most distributions
// speak of sources (ossf.github.io/osv-schema, "Defined Ecosystems"), but AlmaLinux, Red Hat and Wolfi of what is installed, and a record
// that does so elsewhere must not be missed: of Debian 12's 63,436 binaries, 14 are called like a source that they are not built from.
func (u *unit) names() []called {
	names := []called{{u.name, u.version, string(u.packages[0].Module)}}
	if !distributed(u.ecosystem) {
		return names
	}
	binary := namesBinaries(u.ecosystem)
	if binary {
		names = names[:0]
	}
	for _, p := range u.packages {
		if c := (called{p.Name, p.Version, string(p.Module)}); (binary || p.Name != u.name) && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	first := 1
	if binary {
		first = 0
	}
	slices.SortFunc(names[first:], func(a, b called) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version)) })
	return names
}

// hits evaluates every record that names the unit, each record once. What cannot be evaluated becomes a gap.
func (s *matching) hits(ctx context.Context, u *unit) ([]hit, error) {
	var hits []hit
	at := map[string]int{} // by the record's id
	for i, c := range u.names() {
		found, err := s.naming(ctx, u.ecosystem, c)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			if i > 0 || namesBinaries(u.ecosystem) {
				h.binaries = []string{c.name}
			}
			k, known := at[h.record.ID]
			switch {
			case !known:
				at[h.record.ID] = len(hits)
				hits = append(hits, h)
			case len(hits[k].binaries) > 0:
				hits[k].binaries = append(hits[k].binaries, c.name)
				hits[k].fixed = append(hits[k].fixed, h.fixed...)
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.record.ID, b.record.ID) })
	return hits, ctx.Err()
}

// naming evaluates every record that names c.
func (s *matching) naming(ctx context.Context, ecosystem string, c called) ([]hit, error) {
	records, err := s.store.Affecting(ctx, ecosystem, c.name)
	if err != nil {
		return nil, fmt.Errorf("looking up %s in the advisories of %s: %w", c.name, ecosystem, err)
	}
	records = slices.DeleteFunc(slices.Clone(records), func(a Advisory) bool { return a.Withdrawn != "" || a.harmless() || !a.streams(ecosystem, c) })
	slices.SortStableFunc(records, func(a, b Advisory) int { return cmp.Compare(a.ID, b.ID) })
	v, invalid := version.Parse(ecosystem, c.version)
	var hits []hit
	unjudged := 0
	for i := range records {
		a := &records[i]
		if invalid != nil {
			if a.listsText(ecosystem, c) {
				hits = append(hits, hit{record: a, verdict: verdict{affected: true, reason: "listed in versions"}, installed: c.version})
			} else {
				unjudged++
			}
			continue
		}
		got, err := a.judge(ecosystem, c.name, v)
		switch {
		case err != nil:
			s.malformed(a.ID+"/"+c.name, 1, err)
		case got.affected:
			hits = append(hits, hit{record: a, verdict: got, installed: c.version})
		}
	}
	if unjudged > 0 {
		s.malformed(ecosystem+"/"+c.name, unjudged, fmt.Errorf("%d advisories could not be compared with the installed version: %w", unjudged, invalid))
	}
	return hits, ctx.Err()
}

func (a *Advisory) listsText(ecosystem string, c called) bool {
	return slices.ContainsFunc(a.Affected, func(f Affected) bool {
		return f.names(ecosystem, c.name) && slices.Contains(f.Versions, c.version)
	})
}
