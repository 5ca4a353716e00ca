package store

import (
	"context"

	"github.com/vetoci/veto/engine/advisory"
)

// kevName is the shard of CISA's catalogue of known exploited vulnerabilities.
const kevName = "kev"

func kevPairs(entries []advisory.KEVEntry) []pair {
	return pairsByCVE(kevName, entries, func(e advisory.KEVEntry) (string, []byte) {
		return e.CVE, appendString(appendString(nil, e.CVE), e.Added)
	})
}

func decodeKEVEntry(_ string, value []byte) (advisory.KEVEntry, error) {
	d := &decoder{rest: string(value)}
	e := advisory.KEVEntry{CVE: d.string(), Added: d.string()}
	return e, d.end()
}

// KEV looks CVEs up in CISA's catalogue; entries are sorted by CVE. ok is false when the database has no catalogue.
func (d *DB) KEV(ctx context.Context, cves []string) (entries []advisory.KEVEntry, catalogue advisory.Shard, ok bool, err error) {
	return lookUpCVEs(ctx, d, d.manifest.KEV, cves, findByCVE(decodeKEVEntry))
}
