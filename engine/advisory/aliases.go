package advisory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// idIndex holds every record that the loaded data has about a set of ids.
type idIndex struct {
	byID    map[string]*Advisory
	byAlias map[string][]*Advisory // records that name the id as an alias, sorted by id
}

// newIDIndex looks up the ids, aliases and upstreams of all groups at once, then those that the answers name, until nothing is new.
func newIDIndex(ctx context.Context, s Store, groups []aliasGroup) (idIndex, error) {
	x := idIndex{map[string]*Advisory{}, map[string][]*Advisory{}}
	asked, next := map[string]bool{}, map[string]bool{}
	want := func(a *Advisory) {
		for _, ids := range [][]string{{a.ID}, a.Aliases, a.Upstream} {
			for _, id := range ids {
				if !asked[id] {
					next[id] = true
				}
			}
		}
	}
	for _, g := range groups {
		for _, m := range g.matches {
			want(m.record)
		}
	}
	for len(next) > 0 {
		ids := slices.Sorted(maps.Keys(next))
		for _, id := range ids {
			asked[id] = true
		}
		clear(next)
		records, err := s.ByID(ctx, ids)
		if err != nil {
			return x, fmt.Errorf("joining severities: %w", err)
		}
		for i := range records {
			a := &records[i]
			if a.Withdrawn != "" || x.byID[a.ID] != nil {
				continue
			}
			x.byID[a.ID] = a
			for _, id := range a.Aliases {
				x.byAlias[id] = append(x.byAlias[id], a)
			}
			want(a)
		}
	}
	for id := range x.byAlias {
		slices.SortFunc(x.byAlias[id], func(a, b *Advisory) int { return strings.Compare(a.ID, b.ID) })
	}
	return x, nil
}

// withAliases returns ids and every other id of the same vulnerabilities, following aliases in both directions.
func (x idIndex) withAliases(ids []string) map[string]bool { return x.follow(ids, false) }

// withUpstreams returns ids, their aliases, and what any of these derive from. Nothing leads from an upstream back to what else derives
// from it: two notices about one CVE are two notices.
func (x idIndex) withUpstreams(ids []string) map[string]bool { return x.follow(ids, true) }

func (x idIndex) follow(ids []string, upstream bool) map[string]bool {
	seen := map[string]bool{}
	todo := slices.Clone(ids)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		if a := x.byID[id]; a != nil {
			todo = append(todo, a.Aliases...)
			if upstream {
				todo = append(todo, a.Upstream...)
			}
		}
		for _, a := range x.byAlias[id] {
			todo = append(todo, a.ID)
		}
	}
	return seen
}

func isCVE(id string) bool { return strings.HasPrefix(id, "CVE-") }

// cvesOf returns the CVEs among ids, sorted.
func cvesOf(ids map[string]bool) []string {
	cves := []string{}
	for id := range ids {
		if isCVE(id) {
			cves = append(cves, id)
		}
	}
	slices.Sort(cves)
	return cves
}

// aliasGroup is the matches of one source package that are the same vulnerability.
type aliasGroup struct {
	source  *sourcePackage
	matches []match
}

// groupByAlias puts the matches into groups that share an id or an alias, directly or through another match. Neither upstream nor related
// joins two of them.
func groupByAlias(source *sourcePackage, matches []match) []aliasGroup {
	parent := make([]int, len(matches))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := map[string]int{} // id → the first match that has it
	for i, m := range matches {
		for _, id := range append([]string{m.record.ID}, m.record.Aliases...) {
			if k, ok := first[id]; ok {
				a, b := root(k), root(i)
				parent[max(a, b)] = min(a, b)
			} else {
				first[id] = i
			}
		}
	}
	index := map[int]int{} // root → its group
	var groups []aliasGroup
	for i, m := range matches {
		r := root(i)
		k, ok := index[r]
		if !ok {
			k = len(groups)
			index[r] = k
			groups = append(groups, aliasGroup{source: source})
		}
		groups[k].matches = append(groups[k].matches, m)
	}
	return groups
}

// ids returns the ids that a group's records have for the vulnerability itself, sorted.
func (g aliasGroup) ids() []string {
	var ids []string
	for _, m := range g.matches {
		ids = append(append(ids, m.record.ID), m.record.Aliases...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// allIDs returns ids and what the records derive from.
func (g aliasGroup) allIDs() []string {
	ids := g.ids()
	for _, m := range g.matches {
		ids = append(ids, m.record.Upstream...)
	}
	return ids
}

// speaks returns the CVEs that each id of a finding of several CVEs is about: those that its own record names.
// An alias without a record here is not listed.
func (s *matchState) speaks(f *engine.Finding, g aliasGroup) map[string][]string {
	out := map[string][]string{}
	if len(f.CVEs) < 2 {
		return out
	}
	records := map[string]*Advisory{}
	for _, id := range append(slices.Clone(f.Aliases), f.ID) {
		records[id] = s.ids.byID[id]
	}
	for _, m := range g.matches {
		records[m.record.ID] = m.record
	}
	for id, a := range records {
		if a == nil || isCVE(id) {
			continue
		}
		named := map[string]bool{}
		s.ids.name(a, named, map[*Advisory]bool{})
		out[id] = cvesOf(named)
	}
	return out
}

// name adds what a record names as its vulnerability: its aliases and upstreams, and those of its upstreams, as a notice of Ubuntu's
// derives from UBUNTU-CVE-2023-1 and that from CVE-2023-1. It does not follow aliases: another record may be about more.
func (x idIndex) name(a *Advisory, named map[string]bool, seen map[*Advisory]bool) {
	if a == nil || seen[a] {
		return
	}
	seen[a] = true
	for _, id := range a.Aliases {
		named[id] = true
	}
	for _, id := range a.Upstream {
		named[id] = true
		x.name(x.byID[id], named, seen)
	}
}
