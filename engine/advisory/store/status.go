package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Status is what a database holds and how old it is.
type Status struct {
	Dir    string        `json:"dir"`
	Built  bool          `json:"built"`  // false: a directory of OSV files that is read into memory
	Shards []ShardStatus `json:"shards"` // sorted by ecosystem
	KEV    *ShardStatus  `json:"kev"`    // null when the catalogue is not loaded
	EPSS   *ShardStatus  `json:"epss"`   // null when the scores are not
	CVE    *ShardStatus  `json:"cve"`    // null when CVE records are not
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
	if d.man.CVE != nil {
		c := aged(*d.man.CVE, now)
		s.CVE = &c
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
