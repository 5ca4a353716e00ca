package advisory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// join is everything that the loaded data says about a set of ids.
type join struct {
	byID    map[string]*Advisory
	byAlias map[string][]*Advisory // records that name the id as an alias, sorted by id
}

// joinIDs looks up the ids, aliases and upstreams of all groups at once, then those that the answers name, until nothing is new.
func joinIDs(ctx context.Context, s Store, groups []group) (join, error) {
	j := join{map[string]*Advisory{}, map[string][]*Advisory{}}
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
		for _, h := range g.hits {
			want(h.record)
		}
	}
	for len(next) > 0 {
		ids := slices.Sorted(maps.Keys(next))
		for _, id := range ids {
			asked[id] = true
		}
		clear(next)
		records, err := s.Rated(ctx, ids)
		if err != nil {
			return j, fmt.Errorf("joining severities: %w", err)
		}
		for i := range records {
			a := &records[i]
			if a.Withdrawn != "" || j.byID[a.ID] != nil {
				continue
			}
			j.byID[a.ID] = a
			for _, id := range a.Aliases {
				j.byAlias[id] = append(j.byAlias[id], a)
			}
			want(a)
		}
	}
	for id := range j.byAlias {
		slices.SortFunc(j.byAlias[id], func(a, b *Advisory) int { return strings.Compare(a.ID, b.ID) })
	}
	return j, nil
}

// reach follows from ids to every id that is the same vulnerability (aliases, in both directions) and, when upstream is set, to what those
// derive from. Nothing is followed from an upstream back to what else derives from it.
func (j join) reach(ids []string, upstream bool) map[string]bool {
	seen := map[string]bool{}
	todo := slices.Clone(ids)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		if a := j.byID[id]; a != nil {
			todo = append(todo, a.Aliases...)
			if upstream {
				todo = append(todo, a.Upstream...)
			}
		}
		for _, a := range j.byAlias[id] {
			todo = append(todo, a.ID)
		}
	}
	return seen
}

func cvesOf(ids map[string]bool) []string {
	cves := []string{}
	for id := range ids {
		if strings.HasPrefix(id, "CVE-") {
			cves = append(cves, id)
		}
	}
	slices.Sort(cves)
	return cves
}

// merge makes groups of the hits that share an id or alias, directly or through another hit. upstream and related never merge.
func merge(u *unit, hits []hit) []group {
	parent := make([]int, len(hits))
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
	first := map[string]int{}
	for i, h := range hits {
		for _, id := range append([]string{h.record.ID}, h.record.Aliases...) {
			if k, ok := first[id]; ok {
				a, b := root(k), root(i)
				parent[max(a, b)] = min(a, b)
			} else {
				first[id] = i
			}
		}
	}
	at := map[int]int{}
	var groups []group
	for i, h := range hits {
		r := root(i)
		k, ok := at[r]
		if !ok {
			k = len(groups)
			at[r] = k
			groups = append(groups, group{unit: u})
		}
		groups[k].hits = append(groups[k].hits, h)
	}
	return groups
}
