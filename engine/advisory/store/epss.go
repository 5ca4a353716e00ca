package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine/advisory"
)

// The shard of FIRST's scores is packed, because it has hundreds of thousands of CVEs and every scan hashes it. Under keyScores, a year and
// the thousand that a CVE's number is in ("2026-1") stands a sorted table with 10 bytes for each CVE: the rest of the number in two, then
// the score and the percentile in billionths in four each, all big-endian.
const (
	epssName  = "epss"
	scoreSize = 10
	scoreUnit = 1e9
)

// scoreKey returns where the score of a CVE stands: its key, and the rest of its number. ok is false for what is no CVE id, as a number
// with needless leading zeros is none.
func scoreKey(cve string) (key string, rest uint16, ok bool) {
	year, number, found := strings.Cut(strings.TrimPrefix(cve, "CVE-"), "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if !found || err != nil || cve != fmt.Sprintf("CVE-%s-%04d", year, n) {
		return "", 0, false
	}
	return keyScores + year + "-" + strconv.FormatUint(n/1000, 10), uint16(n % 1000), true
}

func epssPairs(scores []advisory.EPSSScore) ([]pair, error) {
	type row struct {
		rest  uint16
		score advisory.EPSSScore
	}
	tables := map[string][]row{}
	for _, s := range scores {
		key, rest, ok := scoreKey(s.CVE)
		if !ok {
			return nil, fmt.Errorf("%.40q is no CVE id", s.CVE)
		}
		tables[key] = append(tables[key], row{rest, s})
	}
	pairs := []pair{headerPair(epssName)}
	for key, rows := range tables {
		slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.rest, b.rest) })
		value := make([]byte, 0, len(rows)*scoreSize)
		for _, r := range rows {
			value = binary.BigEndian.AppendUint16(value, r.rest)
			value = binary.BigEndian.AppendUint32(value, uint32(math.Round(r.score.Score*scoreUnit)))
			value = binary.BigEndian.AppendUint32(value, uint32(math.Round(r.score.Percentile*scoreUnit)))
		}
		pairs = append(pairs, pair{key, value})
	}
	sortPairs(pairs)
	return pairs, nil
}

// findScore finds the score of a CVE.
func findScore(get getter, cve string) (s advisory.EPSSScore, ok bool, err error) {
	key, rest, valid := scoreKey(cve)
	if !valid {
		return s, false, nil
	}
	table := get(key)
	if len(table)%scoreSize != 0 {
		return s, false, errValue
	}
	row := func(i int) []byte { return table[i*scoreSize : (i+1)*scoreSize] }
	n := len(table) / scoreSize
	i := sort.Search(n, func(i int) bool { return binary.BigEndian.Uint16(row(i)) >= rest })
	if i == n || binary.BigEndian.Uint16(row(i)) != rest {
		return s, false, nil
	}
	score, percentile := binary.BigEndian.Uint32(row(i)[2:]), binary.BigEndian.Uint32(row(i)[6:])
	if max(score, percentile) > scoreUnit {
		return s, false, errValue
	}
	return advisory.EPSSScore{CVE: cve, Score: float64(score) / scoreUnit, Percentile: float64(percentile) / scoreUnit}, true, nil
}

// EPSS looks CVEs up in FIRST's scores; entries are sorted by CVE. ok is false when the database has none.
func (d *DB) EPSS(ctx context.Context, cves []string) (entries []advisory.EPSSScore, scores advisory.Shard, ok bool, err error) {
	return lookUpCVEs(ctx, d, d.manifest.EPSS, cves, findScore)
}
