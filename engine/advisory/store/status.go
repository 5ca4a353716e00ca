package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine/advisory"
)

// Status is what a database holds and how old it is.
type Status struct {
	Dir    string        `json:"dir"`
	Built  bool          `json:"built"`  // false: a directory of OSV files that is read into memory
	Shards []ShardStatus `json:"shards"` // sorted by ecosystem
	KEV    *ShardStatus  `json:"kev"`    // null when the catalogue is not loaded
	EPSS   *ShardStatus  `json:"epss"`   // null when the scores are not
	Bytes  int64         `json:"bytes"`
}

// ShardStatus is a shard with its age.
type ShardStatus struct {
	ShardInfo
	Age *int64 `json:"age"` // seconds from the date of the data to now; null when the date is unknown
}

// StatusOf opens the database in dir and checks every byte of it: a shard that is missing or damaged is an error.
func StatusOf(ctx context.Context, dir string, now time.Time) (s *Status, err error) {
	d, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.verify(ctx); err != nil {
		return nil, err
	}
	_, statErr := os.Stat(filepath.Join(dir, manifestName))
	s = &Status{Dir: dir, Built: statErr == nil, Shards: []ShardStatus{}}
	for _, i := range d.man.Shards {
		s.Shards = append(s.Shards, aged(i, now))
	}
	if d.man.KEV != nil {
		k := aged(*d.man.KEV, now)
		s.KEV = &k
	}
	if d.man.EPSS != nil {
		e := aged(*d.man.EPSS, now)
		s.EPSS = &e
	}
	for _, i := range d.man.all() {
		s.Bytes += i.Size
	}
	return s, nil
}

func aged(i ShardInfo, now time.Time) ShardStatus {
	s := ShardStatus{ShardInfo: i}
	if at, err := time.Parse(time.RFC3339, i.AsOf); err == nil {
		age := int64(now.Sub(at) / time.Second)
		s.Age = &age
	}
	return s
}

// Ecosystems lists the shards, sorted: "Debian:12", "npm".
func (d *DB) Ecosystems() []string {
	var names []string
	for _, s := range d.man.Shards {
		names = append(names, s.Ecosystem)
	}
	return names
}

// verify opens every shard.
func (d *DB) verify(ctx context.Context) error {
	for _, i := range d.man.all() {
		if _, err := d.table(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// Hit is a record that a search found, as one shard has it.
type Hit struct {
	Ecosystem string            `json:"ecosystem"` // of the shard, with its release
	Advisory  advisory.Advisory `json:"advisory"`  // with the affected entries of that shard; of that package only when a name was searched for
	Exploited string            `json:"exploited"` // the day CISA's catalogue added one of its CVEs; ""
}

// Search finds records by an id (their own, an alias or an upstream one, in any letter case) or by the exact name of a package, in every
// shard. Hits are sorted by ecosystem and id. Nothing found is no error.
func (d *DB) Search(ctx context.Context, query string) ([]Hit, error) {
	var hits []Hit
	for _, info := range d.man.Shards {
		t, err := d.table(ctx, info)
		if err != nil {
			return nil, err
		}
		found, err := d.searchShard(t, info, query)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			h := Hit{Ecosystem: info.Ecosystem, Advisory: a}
			if h.Exploited, err = d.exploitedSince(ctx, a); err != nil {
				return nil, err
			}
			hits = append(hits, h)
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

func (d *DB) exploitedSince(ctx context.Context, a advisory.Advisory) (string, error) {
	var cves []string
	for _, id := range slices.Concat([]string{a.ID}, a.Aliases, a.Upstream) {
		if strings.HasPrefix(id, "CVE-") {
			cves = append(cves, id)
		}
	}
	entries, _, _, err := d.Exploited(ctx, cves)
	if err != nil {
		return "", fmt.Errorf("looking %s up in the catalogue: %w", a.ID, err)
	}
	since := ""
	for _, e := range entries {
		if since == "" || e.Added < since {
			since = e.Added
		}
	}
	return since, nil
}
