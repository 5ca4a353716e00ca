package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// shardRecords collects records by the shard that they go into.
type shardRecords struct {
	byShard map[string]map[string]advisory.Advisory // ecosystem with release → id → record with that shard's affected entries
}

func newShardRecords() *shardRecords {
	return &shardRecords{byShard: map[string]map[string]advisory.Advisory{}}
}

// add puts a record into the shard of each ecosystem and release that it is about; when base is not "", only into those of that ecosystem.
// Entries without a package, as ranges of type GIT have them, belong to no ecosystem and are left out.
func (g *shardRecords) add(a *advisory.Advisory, base string) error {
	if len(a.Affected) == 0 && a.Withdrawn == "" {
		return fmt.Errorf("the record %.80q is about no package (affected), and is not withdrawn", a.ID)
	}
	byEcosystem := map[string][]advisory.Affected{}
	for _, affected := range a.Affected {
		if b, _ := engine.SplitEcosystem(affected.Ecosystem); b == "" || base != "" && b != base {
			continue
		}
		byEcosystem[affected.Ecosystem] = append(byEcosystem[affected.Ecosystem], affected)
	}
	for ecosystem, entries := range byEcosystem {
		shard := g.byShard[ecosystem]
		if shard == nil {
			shard = map[string]advisory.Advisory{}
			g.byShard[ecosystem] = shard
		}
		if _, twice := shard[a.ID]; twice {
			return fmt.Errorf("the record %q is there twice", a.ID)
		}
		own := *a
		own.Affected = entries
		shard[a.ID] = own
	}
	return nil
}

// copyToReleases copies the records of an ecosystem without a release ("Debian") into the shard of each of its releases ("Debian:12"), so
// that a release's shard is complete by itself.
func (g *shardRecords) copyToReleases() {
	for _, ecosystem := range slices.Sorted(maps.Keys(g.byShard)) {
		base, release := engine.SplitEcosystem(ecosystem)
		if release == "" {
			continue
		}
		for id, a := range g.byShard[base] {
			if own, ok := g.byShard[ecosystem][id]; ok {
				own.Affected = append(slices.Clone(own.Affected), a.Affected...)
				a = own
			}
			g.byShard[ecosystem][id] = a
		}
	}
}

// ecosystems lists the shards, sorted.
func (g *shardRecords) ecosystems() []string { return slices.Sorted(maps.Keys(g.byShard)) }

// idLists maps keys to sets of ids.
type idLists map[string]map[string]bool

func (x idLists) add(key, id string) {
	if x[key] == nil {
		x[key] = map[string]bool{}
	}
	x[key][id] = true
}

// appendTo adds a pair for each key, whose value is the sorted list of its ids.
func (x idLists) appendTo(pairs []pair) []pair {
	for key, ids := range x {
		pairs = append(pairs, pair{key, appendStrings(nil, slices.Sorted(maps.Keys(ids)))})
	}
	return pairs
}

// recordPairs makes the shard of an ecosystem, and counts its packages.
func recordPairs(ecosystem string, records map[string]advisory.Advisory) (pairs []pair, packages int) {
	pairs = []pair{headerPair(ecosystem)}
	names, others := idLists{}, idLists{}
	for id, a := range records {
		pairs = append(pairs, pair{keyRecord + id, encodeRecord(a)})
		for _, affected := range a.Affected {
			names.add(keyPackage+advisory.PackageKey(ecosystem, affected.Name), id)
		}
		for _, other := range slices.Concat(a.Aliases, a.Upstream) {
			others.add(keyOther+other, id)
		}
	}
	pairs = others.appendTo(names.appendTo(pairs))
	sortPairs(pairs)
	return pairs, len(names)
}

// headerPair returns the pair with which every shard says what it is.
func headerPair(ecosystem string) pair {
	value, _ := json.Marshal(header{schemaVersion, ecosystem}) // a number and a string always marshal
	return pair{keyHeader, value}
}
