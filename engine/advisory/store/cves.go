package store

import (
	"context"

	"github.com/vetoci/veto/engine/advisory"
)

// cveName is the shard of what the CVE List and the NVD say of CVEs.
const cveName = "cve"

func cvePairs(records []advisory.CVERecord) []pair {
	return pairsByCVE(cveName, records, func(r advisory.CVERecord) (string, []byte) {
		return r.CVE, appendList(appendString(nil, r.Published), r.Assessments, appendAssessment)
	})
}

func decodeCVERecord(cve string, value []byte) (advisory.CVERecord, error) {
	d := &decoder{rest: string(value)}
	r := advisory.CVERecord{CVE: cve, Published: d.string(), Assessments: readList(d, (*decoder).assessment)}
	return r, d.end()
}

func appendAssessment(b []byte, a advisory.Assessment) []byte {
	return appendStrings(appendList(appendString(b, a.By), a.Ratings, appendRating), a.CWEs)
}

func (d *decoder) assessment() advisory.Assessment {
	return advisory.Assessment{By: d.string(), Ratings: readList(d, (*decoder).rating), CWEs: d.strings()}
}

// CVERecords looks CVEs up in the records of the CVE List and the NVD; they are sorted by CVE. ok is false when the database has none.
func (d *DB) CVERecords(ctx context.Context, cves []string) (records []advisory.CVERecord, shard advisory.Shard, ok bool, err error) {
	return lookUpCVEs(ctx, d, d.manifest.CVE, cves, findByCVE(decodeCVERecord))
}
