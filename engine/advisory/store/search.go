package store

import (
	"context"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// Hit is a record that a search has found in one shard.
type Hit struct {
	Ecosystem string            // of the shard, with its release
	Shard     advisory.Shard    // that has the record
	Advisory  advisory.Advisory // with the affected entries of that shard; of that package only when a name was searched for
}

// Search finds records by an id (their own, an alias or an upstream one, in any letter case) or by the exact name of a package. It searches
// all shards, or those of an ecosystem ("Debian" for all of its releases). Hits are sorted by ecosystem and id. It is no error to find
// none.
func (d *DB) Search(ctx context.Context, query, ecosystem string) ([]Hit, error) {
	var hits []Hit
	for _, info := range d.shardsOf(ecosystem) {
		t, err := d.table(ctx, info)
		if err != nil {
			return nil, err
		}
		found, err := d.searchShard(t, info, query)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			hits = append(hits, Hit{info.Ecosystem, info.describe(), a})
		}
	}
	return hits, nil
}

// searchShard searches one shard: by id, and where that finds nothing, by name.
func (d *DB) searchShard(t table, info ShardInfo, query string) ([]advisory.Advisory, error) {
	key, byName := advisory.PackageKey(info.Ecosystem, query), false
	records, err := d.readRecords(t, info, func(get getter) (ids []string, err error) {
		for _, id := range []string{query, strings.ToUpper(query)} {
			if get(keyRecord+id) != nil {
				ids = append(ids, id)
			}
			others, err := idsAt(get, keyOther+id)
			if err != nil {
				return nil, err
			}
			ids = append(ids, others...)
		}
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) > 0 {
			return ids, nil
		}
		byName = true
		return idsAt(get, keyPackage+key)
	}, decodeAny)
	if byName {
		for i := range records {
			records[i].Affected = slices.DeleteFunc(records[i].Affected, func(f advisory.Affected) bool {
				return advisory.PackageKey(info.Ecosystem, f.Name) != key
			})
		}
	}
	return records, err
}

// shardsOf lists the shards of an ecosystem, with or without a release; of all ecosystems for "".
func (d *DB) shardsOf(ecosystem string) []ShardInfo {
	if info, ok := d.shardFor(ecosystem); ok && strings.Contains(ecosystem, ":") {
		return []ShardInfo{info}
	}
	var out []ShardInfo
	for _, s := range d.manifest.Shards {
		if base, _ := engine.SplitEcosystem(s.Ecosystem); ecosystem == "" || base == ecosystem {
			out = append(out, s)
		}
	}
	return out
}

// Has says whether there is a shard of an ecosystem, with or without a release.
func (d *DB) Has(ecosystem string) bool { return len(d.shardsOf(ecosystem)) > 0 }

// SimilarNames lists at most limit names of packages that look like one that may be mistyped: first those that differ only in letter case
// or in what stands before "/" or ":", then those that begin alike and differ in a few letters. Each part is sorted.
func (d *DB) SimilarNames(ctx context.Context, name, ecosystem string, limit int) ([]string, error) {
	wanted := strings.ToLower(name)
	if len(wanted) < 2 {
		return nil, nil
	}
	var same, nearby []string
	for _, info := range d.shardsOf(ecosystem) {
		t, err := d.table(ctx, info)
		if err != nil {
			return nil, err
		}
		err = t.each(keyPackage, func(key string, _ []byte) error {
			found := key[len(keyPackage):]
			lower := strings.ToLower(found)
			difference := max(len(lower)-len(wanted), len(wanted)-len(lower))
			switch {
			case lower == wanted, strings.HasSuffix(lower, "/"+wanted), strings.HasSuffix(lower, ":"+wanted):
				same = append(same, found)
			case strings.HasPrefix(lower, wanted[:2]) && difference <= 2 && engine.Nearest(wanted, []string{lower}) != "":
				nearby = append(nearby, found)
			}
			return nil
		})
		if err != nil {
			return nil, shardError(d.dir, info, err)
		}
	}
	slices.Sort(same)
	slices.Sort(nearby)
	names := slices.Concat(slices.Compact(same), slices.Compact(nearby))
	return names[:min(len(names), limit)], nil
}
