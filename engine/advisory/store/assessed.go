package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// assessedName is the shard of what the CVE List and the NVD say of CVEs.
const assessedName = "cve"

func appendAssessment(b []byte, a advisory.Assessment) []byte {
	return appendStrings(appendList(appendString(b, a.By), a.Ratings, appendRating), a.CWEs)
}

func (r *reader) assessment() advisory.Assessment {
	return advisory.Assessment{By: r.string(), Ratings: readList(r, (*reader).rating), CWEs: r.strings()}
}

func assessedPairs(list []advisory.Assessed) ([]pair, error) {
	pairs, err := headerPairs(assessedName)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		pairs = append(pairs, pair{keyCVE + a.CVE, appendList(appendString(nil, a.Published), a.By, appendAssessment)})
	}
	sortPairs(pairs)
	return pairs, nil
}

func decodeAssessed(cve string, value []byte) (advisory.Assessed, error) {
	r := &reader{rest: string(value)}
	a := advisory.Assessed{CVE: cve, Published: r.string(), By: readList(r, (*reader).assessment)}
	return a, r.end()
}

// Assessed looks CVEs up in the records of the CVE List and the NVD; entries are sorted by CVE. ok is false when the database has none.
func (d *DB) Assessed(ctx context.Context, cves []string) (entries []advisory.Assessed, records advisory.Shard, ok bool, err error) {
	if d.man.CVE == nil {
		return nil, advisory.Shard{}, false, nil
	}
	t, err := d.table(ctx, *d.man.CVE)
	if err != nil {
		return nil, advisory.Shard{}, false, err
	}
	cves = slices.Clone(cves)
	slices.Sort(cves)
	err = t.view(func(get getter) error {
		for _, cve := range slices.Compact(cves) {
			value := get(keyCVE + cve)
			if value == nil {
				continue
			}
			a, err := decodeAssessed(cve, value)
			if err != nil {
				return fmt.Errorf("%.80q: %w", cve, err)
			}
			entries = append(entries, a)
		}
		return nil
	})
	if err != nil {
		return nil, advisory.Shard{}, false, faulty(d.dir, *d.man.CVE, err)
	}
	return entries, d.man.CVE.describe(), true, nil
}

// assessed updates the shard of CVE records.
func (b *build) assessed(ctx context.Context) error {
	c, err := feed.Assessments(ctx, b.o.CVE, b.feedOptions())
	if err != nil {
		return err
	}
	asOf, err := b.asOf(c.AsOf, assessedName)
	if err != nil {
		return err
	}
	pairs, err := assessedPairs(c.Assessed)
	if err != nil {
		return err
	}
	info, err := b.write(assessedName, pairs)
	if err != nil {
		return err
	}
	info.Advisories, info.AsOf, info.Source = len(c.Assessed), asOf, c.Name
	b.next.CVE, b.sum.CVE = &info, &info
	return nil
}
