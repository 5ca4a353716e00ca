package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// pairsByCVE makes the shard of a catalogue: a pair for each of its entries, under keyCVE and the CVE.
func pairsByCVE[T any](name string, entries []T, encode func(T) (cve string, value []byte)) []pair {
	pairs := []pair{headerPair(name)}
	for _, e := range entries {
		cve, value := encode(e)
		pairs = append(pairs, pair{keyCVE + cve, value})
	}
	sortPairs(pairs)
	return pairs
}

// findByCVE returns a function that finds what pairsByCVE has stored of a CVE.
func findByCVE[T any](decode func(cve string, value []byte) (T, error)) func(get getter, cve string) (T, bool, error) {
	return func(get getter, cve string) (entry T, known bool, err error) {
		value := get(keyCVE + cve)
		if value == nil {
			return entry, false, nil
		}
		entry, err = decode(cve, value)
		return entry, true, err
	}
}

// lookUpCVEs finds CVEs in the shard of a catalogue. The entries are sorted by CVE, each once; ok is false when the database has no such
// shard.
func lookUpCVEs[T any](ctx context.Context, d *DB, info *ShardInfo, cves []string, find func(get getter, cve string) (T, bool, error)) (
	entries []T, shard advisory.Shard, ok bool, err error) {
	if info == nil {
		return nil, advisory.Shard{}, false, nil
	}
	t, err := d.table(ctx, *info)
	if err != nil {
		return nil, advisory.Shard{}, false, err
	}
	cves = slices.Clone(cves)
	slices.Sort(cves)
	err = t.view(func(get getter) error {
		for _, cve := range slices.Compact(cves) {
			entry, known, err := find(get, cve)
			if err != nil {
				return fmt.Errorf("%.80q: %w", cve, err)
			}
			if known {
				entries = append(entries, entry)
			}
		}
		return nil
	})
	if err != nil {
		return nil, advisory.Shard{}, false, shardError(d.dir, *info, err)
	}
	return entries, info.describe(), true, nil
}

// updateCatalogues updates the shards that are no ecosystem's.
func (u *updater) updateCatalogues(ctx context.Context) error {
	if u.options.RefreshCatalogues && u.options.EPSS == "" && u.old.EPSS != nil {
		u.options.EPSS = feed.EPSSURL
	}
	for _, c := range []struct {
		location string
		update   func(ctx context.Context) error
	}{{u.options.KEV, u.updateKEV}, {u.options.EPSS, u.updateEPSS}, {u.options.CVE, u.updateCVEs}} {
		if c.location == "" {
			continue
		}
		if err := c.update(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (u *updater) updateKEV(ctx context.Context) error {
	k, err := feed.FetchKEV(ctx, u.options.KEV, u.feedOptions())
	if err != nil {
		return err
	}
	info, err := u.writeCatalogue(kevName, kevPairs(k.Entries), ShardInfo{Advisories: len(k.Entries), AsOf: k.AsOf, Source: k.Name})
	u.next.KEV, u.summary.KEV = info, info
	return err
}

func (u *updater) updateEPSS(ctx context.Context) error {
	e, err := feed.FetchEPSS(ctx, u.options.EPSS, u.feedOptions())
	if err != nil {
		return err
	}
	pairs, err := epssPairs(e.Scores)
	if err != nil {
		return err
	}
	info, err := u.writeCatalogue(epssName, pairs, ShardInfo{Advisories: len(e.Scores), AsOf: e.AsOf, Source: e.Name})
	u.next.EPSS, u.summary.EPSS = info, info
	return err
}

func (u *updater) updateCVEs(ctx context.Context) error {
	c, err := feed.ReadCVEs(ctx, u.options.CVE, u.feedOptions())
	if err != nil {
		return err
	}
	info, err := u.writeCatalogue(cveName, cvePairs(c.Records), ShardInfo{Advisories: len(c.Records), AsOf: c.AsOf, Source: c.Name})
	u.next.CVE, u.summary.CVE = info, info
	return err
}

// writeCatalogue writes the shard of a catalogue. fetched has what the feed says of it: the number of entries, the date and where it is
// from.
func (u *updater) writeCatalogue(name string, pairs []pair, fetched ShardInfo) (*ShardInfo, error) {
	asOf, err := u.dateOf(fetched.AsOf, name)
	if err != nil {
		return nil, err
	}
	info, err := u.writeShard(name, pairs)
	if err != nil {
		return nil, err
	}
	info.Advisories, info.AsOf, info.Source = fetched.Advisories, asOf, fetched.Source
	return &info, nil
}
