package store

import (
	"context"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// Hit is a record that a search found, as one shard has it.
type Hit struct {
	Ecosystem string            // of the shard, with its release
	Shard     advisory.Shard    // where it stands
	Advisory  advisory.Advisory // with the affected entries of that shard; of that package only when a name was searched for
}

// Search finds records by an id (their own, an alias or an upstream one, in any letter case) or by the exact name of a package, in every
// shard, or in those of an ecosystem ("Debian" for all of its releases). Hits are sorted by ecosystem and id. Nothing found is no error.
func (d *DB) Search(ctx context.Context, query, ecosystem string) ([]Hit, error) {
	var hits []Hit
	for _, info := range d.within(ecosystem) {
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

func (d *DB) searchShard(t table, info ShardInfo, query string) ([]advisory.Advisory, error) {
	key, byName := packageKey(info.Ecosystem, query), false
	records, err := d.read(t, info, func(get getter) (ids []string, err error) {
		for _, spelled := range []string{query, strings.ToUpper(query)} {
			if get(keyRecord+spelled) != nil {
				ids = append(ids, spelled)
			}
			others, err := listed(get, keyOther+spelled)
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
		return listed(get, keyPackage+key)
	})
	if byName {
		for i := range records {
			records[i].Affected = slices.DeleteFunc(records[i].Affected, func(f advisory.Affected) bool { return packageKey(info.Ecosystem, f.Name) != key })
		}
	}
	return records, err
}

// within lists the shards of an ecosystem, with or without a release; "" is all.
func (d *DB) within(ecosystem string) []ShardInfo {
	if own, ok := d.serving(ecosystem); ok && strings.Contains(ecosystem, ":") {
		return []ShardInfo{own}
	}
	var out []ShardInfo
	for _, s := range d.man.Shards {
		if base, _ := engine.SplitEcosystem(s.Ecosystem); ecosystem == "" || base == ecosystem {
			out = append(out, s)
		}
	}
	return out
}

// Has says whether there is a shard of an ecosystem, with or without a release.
func (d *DB) Has(ecosystem string) bool { return len(d.within(ecosystem)) > 0 }

// Near lists, sorted, at most most names of packages that look like one, for who has mistyped it: those that differ in letter case or hold it, then those
// that begin alike and are a few letters away.
func (d *DB) Near(ctx context.Context, name, ecosystem string, most int) ([]string, error) {
	wanted := strings.ToLower(name)
	if len(wanted) < 2 {
		return nil, nil
	}
	var same, alike []string
	for _, info := range d.within(ecosystem) {
		t, err := d.table(ctx, info)
		if err != nil {
			return nil, err
		}
		err = t.each(keyPackage, func(key string, _ []byte) error {
			switch n := strings.ToLower(key[len(keyPackage):]); {
			case n == wanted, strings.HasSuffix(n, "/"+wanted), strings.HasSuffix(n, ":"+wanted):
				same = append(same, key[len(keyPackage):])
			case strings.HasPrefix(n, wanted[:2]) && max(len(n)-len(wanted), len(wanted)-len(n)) <= 2 && engine.Nearest(wanted, []string{n}) != "":
				alike = append(alike, key[len(keyPackage):])
			}
			return nil
		})
		if err != nil {
			return nil, faulty(d.dir, info, err)
		}
	}
	slices.Sort(same)
	slices.Sort(alike)
	near := slices.Concat(slices.Compact(same), slices.Compact(alike))
	return near[:min(len(near), most)], nil
}
