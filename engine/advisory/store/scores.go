package store

import (
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

// The shard of FIRST's scores. It has hundreds of thousands of CVEs, and every scan hashes it, so that it is packed: under keyScores + a year and
// the thousand that a CVE's number is in stands a table of 10 bytes for each CVE, sorted: the rest of the number in two, then score and
// percentile as billionths in four each, all big-endian.
const (
	scoresName = "epss"
	scoreSize  = 10
	scoreUnit  = 1e9
)

// scorePlace is where the score of a CVE stands. A number with zeros before it that need not be there is no CVE's.
func scorePlace(cve string) (key string, rest uint16, ok bool) {
	year, number, found := strings.Cut(strings.TrimPrefix(cve, "CVE-"), "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if !found || err != nil || cve != fmt.Sprintf("CVE-%s-%04d", year, n) {
		return "", 0, false
	}
	return keyScores + year + "-" + strconv.FormatUint(n/1000, 10), uint16(n % 1000), true
}

func scorePairs(scores []advisory.EPSSScore) ([]pair, error) {
	pairs, err := headerPairs(scoresName)
	if err != nil {
		return nil, err
	}
	type entry struct {
		rest uint16
		s    advisory.EPSSScore
	}
	tables := map[string][]entry{}
	for _, s := range scores {
		key, rest, ok := scorePlace(s.CVE)
		if !ok {
			return nil, fmt.Errorf("%.40q is no CVE id", s.CVE)
		}
		tables[key] = append(tables[key], entry{rest, s})
	}
	for key, entries := range tables {
		slices.SortFunc(entries, func(a, b entry) int { return int(a.rest) - int(b.rest) })
		value := make([]byte, 0, len(entries)*scoreSize)
		for _, e := range entries {
			value = binary.BigEndian.AppendUint16(value, e.rest)
			value = binary.BigEndian.AppendUint32(value, uint32(math.Round(e.s.Score*scoreUnit)))
			value = binary.BigEndian.AppendUint32(value, uint32(math.Round(e.s.Percentile*scoreUnit)))
		}
		pairs = append(pairs, pair{key, value})
	}
	sortPairs(pairs)
	return pairs, nil
}

// scoreOf looks a CVE up.
func scoreOf(get getter, cve string) (s advisory.EPSSScore, ok bool, err error) {
	key, rest, valid := scorePlace(cve)
	if !valid {
		return s, false, nil
	}
	table := get(key)
	if len(table)%scoreSize != 0 {
		return s, false, errValue
	}
	at := func(i int) []byte { return table[i*scoreSize : (i+1)*scoreSize] }
	n := len(table) / scoreSize
	i := sort.Search(n, func(i int) bool { return binary.BigEndian.Uint16(at(i)) >= rest })
	if i == n || binary.BigEndian.Uint16(at(i)) != rest {
		return s, false, nil
	}
	score, percentile := binary.BigEndian.Uint32(at(i)[2:]), binary.BigEndian.Uint32(at(i)[6:])
	if max(score, percentile) > scoreUnit {
		return s, false, errValue
	}
	return advisory.EPSSScore{CVE: cve, Score: float64(score) / scoreUnit, Percentile: float64(percentile) / scoreUnit}, true, nil
}

// EPSS looks CVEs up in FIRST's scores; entries are sorted by CVE. ok is false when the database has none.
func (d *DB) EPSS(ctx context.Context, cves []string) (entries []advisory.EPSSScore, scores advisory.Shard, ok bool, err error) {
	return lookUp(ctx, d, d.man.EPSS, cves, scoreOf)
}
