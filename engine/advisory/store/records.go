package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/purl"
)

// Names of the two tables that are no ecosystem's. OSV's ecosystems never look like this.
const (
	ratingsName   = "ratings"
	catalogueName = "kev"
)

// gathering collects records by shard.
type gathering struct {
	shards map[string]map[string]advisory.Advisory // ecosystem with release → id → record with that shard's affected entries
}

func newGathering() *gathering { return &gathering{shards: map[string]map[string]advisory.Advisory{}} }

// add files a record under each ecosystem and release that it speaks of; base, when not "", takes only that ecosystem's. Ranges of type
// GIT without a package belong to no ecosystem and are left out.
func (g *gathering) add(a *advisory.Advisory, base string) error {
	by := map[string][]advisory.Affected{}
	for _, affected := range a.Affected {
		if b, _ := engine.SplitEcosystem(affected.Ecosystem); b == "" || base != "" && b != base {
			continue
		}
		by[affected.Ecosystem] = append(by[affected.Ecosystem], affected)
	}
	for ecosystem, entries := range by {
		shard := g.shards[ecosystem]
		if shard == nil {
			shard = map[string]advisory.Advisory{}
			g.shards[ecosystem] = shard
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

// spread copies what speaks of an ecosystem without a release ("Debian") into the shard of each of its releases ("Debian:12"), so that a
// release's shard is complete by itself.
func (g *gathering) spread() {
	for _, ecosystem := range slices.Sorted(maps.Keys(g.shards)) {
		base, release := engine.SplitEcosystem(ecosystem)
		if release == "" {
			continue
		}
		for id, a := range g.shards[base] {
			if own, ok := g.shards[ecosystem][id]; ok {
				own.Affected = append(slices.Clone(own.Affected), a.Affected...)
				a = own
			}
			g.shards[ecosystem][id] = a
		}
	}
}

// ecosystems lists the shards, sorted.
func (g *gathering) ecosystems() []string { return slices.Sorted(maps.Keys(g.shards)) }

// packageKey is how a package's name is looked up: in the ecosystem's own equality of names where it has one.
func packageKey(ecosystem, name string) string {
	switch base, _ := engine.SplitEcosystem(ecosystem); base {
	case "PyPI":
		return purl.NormalPython(name)
	case "Packagist", "NuGet", "GitHub Actions":
		return strings.ToLower(name)
	}
	return name
}

// index is a multimap that becomes pairs.
type index map[string]map[string]bool

func (x index) add(key, id string) {
	if x[key] == nil {
		x[key] = map[string]bool{}
	}
	x[key][id] = true
}

func (x index) pairs(into []pair) []pair {
	for key, ids := range x {
		into = append(into, pair{key, appendStrings(nil, slices.Sorted(maps.Keys(ids)))})
	}
	return into
}

// recordPairs makes an ecosystem's shard. It also counts the packages.
func recordPairs(ecosystem string, records map[string]advisory.Advisory) (pairs []pair, packages int, err error) {
	if pairs, err = headerPairs(ecosystem); err != nil {
		return nil, 0, err
	}
	names, others := index{}, index{}
	for id, a := range records {
		pairs = append(pairs, pair{keyRecord + id, encodeRecord(a)})
		for _, affected := range a.Affected {
			names.add(keyPackage+packageKey(ecosystem, affected.Name), id)
		}
		for _, other := range slices.Concat(a.Aliases, a.Upstream) {
			others.add(keyOther+other, id)
		}
	}
	pairs = others.pairs(names.pairs(pairs))
	sortPairs(pairs)
	return pairs, len(names), nil
}

func headerPairs(ecosystem string) ([]pair, error) {
	value, err := json.Marshal(header{schemaVersion, ecosystem})
	return []pair{{keyHeader, value}}, err
}

// cataloguePairs makes the shard of the catalogue of known exploited vulnerabilities.
func cataloguePairs(entries []advisory.KEVEntry) ([]pair, error) {
	pairs, err := headerPairs(catalogueName)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pairs = append(pairs, pair{keyCVE + e.CVE, encodeExploited(e)})
	}
	sortPairs(pairs)
	return pairs, nil
}

// ratings joins the severities and ids of every shard, so that a look-up reads one table whatever the number of shards is, and its answer
// does not depend on which shards a scan has opened before.
type ratings struct {
	records map[string]advisory.Advisory
}

func newRatings() *ratings { return &ratings{map[string]advisory.Advisory{}} }

// add takes from a record what can be joined: its ids, its ratings, and whether it is withdrawn. A record of several shards is one
// again; the shards' copies come in the order of their names, so that the result is always the same.
func (r *ratings) add(a advisory.Advisory) {
	slim := advisory.Advisory{ID: a.ID, Aliases: a.Aliases, Upstream: a.Upstream, Modified: a.Modified, Withdrawn: a.Withdrawn, Severity: a.Severity, Level: a.Level, CWEs: a.CWEs}
	for _, f := range a.Affected {
		if len(f.Severity) > 0 || f.Urgency != "" {
			slim.Affected = append(slim.Affected, advisory.Affected{Ecosystem: f.Ecosystem, Name: f.Name, Severity: f.Severity, Urgency: f.Urgency})
		}
	}
	if len(slim.Aliases)+len(slim.Upstream)+len(slim.Severity)+len(slim.CWEs)+len(slim.Affected) == 0 && slim.Level == "" {
		return // nothing to join: a malicious package's record, for one
	}
	old, twice := r.records[a.ID]
	if !twice {
		r.records[a.ID] = slim
		return
	}
	if slim.Modified < old.Modified { // RFC 3339 in UTC sorts as text; the newer copy speaks for the record
		slim, old = old, slim
	}
	slim.Aliases, slim.Upstream = union(slim.Aliases, old.Aliases), union(slim.Upstream, old.Upstream)
	for _, f := range old.Affected {
		if !slices.ContainsFunc(slim.Affected, func(g advisory.Affected) bool { return g.Ecosystem == f.Ecosystem && g.Name == f.Name }) {
			slim.Affected = append(slim.Affected, f)
		}
	}
	slices.SortStableFunc(slim.Affected, func(a, b advisory.Affected) int {
		return strings.Compare(a.Ecosystem+"\x00"+a.Name, b.Ecosystem+"\x00"+b.Name)
	})
	r.records[a.ID] = slim
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *ratings) pairs() ([]pair, error) {
	pairs, err := headerPairs(ratingsName)
	if err != nil {
		return nil, err
	}
	aliases := index{}
	for id, a := range r.records {
		pairs = append(pairs, pair{keyRecord + id, encodeRecord(a)})
		for _, alias := range a.Aliases {
			aliases.add(keyAlias+alias, id)
		}
	}
	pairs = aliases.pairs(pairs)
	sortPairs(pairs)
	return pairs, nil
}
