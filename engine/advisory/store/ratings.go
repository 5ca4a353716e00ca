package store

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine/advisory"
)

// ratingsName is the shard of the ratings of all records.
const ratingsName = "ratings"

// ratingsTable joins the ids and severities of all shards, so that a look-up reads one table and its answer does not depend on the shards
// that a scan has opened before.
type ratingsTable struct {
	records map[string]advisory.Advisory // by id
}

func newRatingsTable() *ratingsTable { return &ratingsTable{map[string]advisory.Advisory{}} }

// add takes from a record what can be joined: its ids, ratings and CWEs, and whether it is withdrawn. The copies of a record from several
// shards become one record again. The caller adds shards in the order of their names, so that the result is always the same.
func (r *ratingsTable) add(a advisory.Advisory) {
	reduced := advisory.Advisory{ID: a.ID, Aliases: a.Aliases, Upstream: a.Upstream, Modified: a.Modified, Withdrawn: a.Withdrawn,
		Severity: a.Severity, Level: a.Level, CWEs: a.CWEs}
	for _, f := range a.Affected {
		if len(f.Severity) > 0 || f.Urgency != "" {
			reduced.Affected = append(reduced.Affected,
				advisory.Affected{Ecosystem: f.Ecosystem, Name: f.Name, Severity: f.Severity, Urgency: f.Urgency})
		}
	}
	if len(reduced.Aliases)+len(reduced.Upstream)+len(reduced.Severity)+len(reduced.CWEs)+len(reduced.Affected) == 0 && reduced.Level == "" {
		return // nothing to join, as in most records of malicious packages
	}
	old, twice := r.records[a.ID]
	if !twice {
		r.records[a.ID] = reduced
		return
	}
	newer, older := reduced, old
	if newer.Modified < older.Modified { // RFC 3339 in UTC sorts as text
		newer, older = older, newer
	}
	newer.Aliases, newer.Upstream = union(newer.Aliases, older.Aliases), union(newer.Upstream, older.Upstream)
	for _, f := range older.Affected {
		same := func(g advisory.Affected) bool { return g.Ecosystem == f.Ecosystem && g.Name == f.Name }
		if !slices.ContainsFunc(newer.Affected, same) {
			newer.Affected = append(newer.Affected, f)
		}
	}
	slices.SortStableFunc(newer.Affected, func(a, b advisory.Affected) int {
		return strings.Compare(a.Ecosystem+"\x00"+a.Name, b.Ecosystem+"\x00"+b.Name)
	})
	r.records[a.ID] = newer
}

// union returns the strings of both lists, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// pairs makes the shard.
func (r *ratingsTable) pairs() []pair {
	pairs := []pair{headerPair(ratingsName)}
	aliases := idLists{}
	for id, a := range r.records {
		pairs = append(pairs, pair{keyRecord + id, encodeRecord(a)})
		for _, alias := range a.Aliases {
			aliases.add(keyAlias+alias, id)
		}
	}
	pairs = aliases.appendTo(pairs)
	sortPairs(pairs)
	return pairs
}
