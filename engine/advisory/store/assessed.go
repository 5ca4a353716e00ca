package store

import (
	"context"

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

func assessedPairs(list []advisory.CVERecord) ([]pair, error) {
	pairs, err := headerPairs(assessedName)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		pairs = append(pairs, pair{keyCVE + a.CVE, appendList(appendString(nil, a.Published), a.Assessments, appendAssessment)})
	}
	sortPairs(pairs)
	return pairs, nil
}

func decodeAssessed(cve string, value []byte) (advisory.CVERecord, error) {
	r := &reader{rest: string(value)}
	a := advisory.CVERecord{CVE: cve, Published: r.string(), Assessments: readList(r, (*reader).assessment)}
	return a, r.end()
}

// CVERecords looks CVEs up in the records of the CVE List and the NVD; entries are sorted by CVE. ok is false when the database has none.
func (d *DB) CVERecords(ctx context.Context, cves []string) (entries []advisory.CVERecord, records advisory.Shard, ok bool, err error) {
	return lookUp(ctx, d, d.man.CVE, cves, func(get getter, cve string) (a advisory.CVERecord, known bool, err error) {
		if value := get(keyCVE + cve); value != nil {
			a, err = decodeAssessed(cve, value)
			return a, true, err
		}
		return a, false, nil
	})
}

// assessed updates the shard of CVE records.
func (b *build) assessed(ctx context.Context) error {
	c, err := feed.ReadCVEs(ctx, b.o.CVE, b.feedOptions())
	if err != nil {
		return err
	}
	asOf, err := b.asOf(c.AsOf, assessedName)
	if err != nil {
		return err
	}
	pairs, err := assessedPairs(c.Records)
	if err != nil {
		return err
	}
	info, err := b.write(assessedName, pairs)
	if err != nil {
		return err
	}
	info.Advisories, info.AsOf, info.Source = len(c.Records), asOf, c.Name
	b.next.CVE, b.sum.CVE = &info, &info
	return nil
}
