package store

import (
	"sync"

	"github.com/vetoci/veto/engine/advisory"
)

// manyPackages is from how many bytes on a record is decoded once and not anew for each package that it names: some name thousands, and an
// image may have all of them.
const manyPackages = 32 << 10

// largeRecords are records of one shard that have been decoded, with their affected entries by package. Safe for concurrent use.
type largeRecords struct {
	mu   sync.Mutex
	byID map[string]*largeRecord
}

type largeRecord struct {
	record advisory.Advisory // without affected entries
	byKey  map[string][]advisory.Affected
}

// largeRecords returns those of a shard that has been opened.
func (d *DB) largeRecords(info ShardInfo) *largeRecords {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &d.handles[info.Ecosystem].large
}

// about returns a record with the entries of the package that has this key.
func (l *largeRecords) about(ecosystem, key, id string, value []byte) (advisory.Advisory, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.byID[id]
	if r == nil {
		a, err := decodeRecord(value)
		if err != nil {
			return a, err
		}
		r = &largeRecord{record: a, byKey: map[string][]advisory.Affected{}}
		for _, f := range a.Affected {
			k := advisory.PackageKey(ecosystem, f.Name)
			r.byKey[k] = append(r.byKey[k], f)
		}
		r.record.Affected = nil
		if l.byID == nil {
			l.byID = map[string]*largeRecord{}
		}
		l.byID[id] = r
	}
	a := r.record
	a.Affected = r.byKey[key]
	return a, nil
}
