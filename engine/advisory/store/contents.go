package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Contents is what a database holds and how old it is.
type Contents struct {
	Dir    string     `json:"dir"`
	Built  bool       `json:"built"`  // false for a directory of OSV files, which is read into memory
	Shards []ShardAge `json:"shards"` // sorted by ecosystem
	KEV    *ShardAge  `json:"kev"`    // null when the catalogue is not loaded
	EPSS   *ShardAge  `json:"epss"`   // null when the scores are not loaded
	CVE    *ShardAge  `json:"cve"`    // null when CVE records are not loaded
	Bytes  int64      `json:"bytes"`  // of all shards
}

// ShardAge is a shard with its age.
type ShardAge struct {
	ShardInfo
	Age *int64 `json:"age"` // seconds from the date of the data to now; null when the date is unknown
}

// ContentsOf opens the database in dir and hashes every shard: one that is missing or damaged is an error.
func ContentsOf(ctx context.Context, dir string, now time.Time) (c *Contents, err error) {
	d, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.verify(ctx); err != nil {
		return nil, err
	}
	_, statErr := os.Stat(filepath.Join(dir, manifestName))
	c = &Contents{Dir: dir, Built: statErr == nil, Shards: []ShardAge{}}
	for _, info := range d.manifest.Shards {
		c.Shards = append(c.Shards, *withAge(&info, now))
	}
	c.KEV, c.EPSS, c.CVE = withAge(d.manifest.KEV, now), withAge(d.manifest.EPSS, now), withAge(d.manifest.CVE, now)
	for _, info := range d.manifest.all() {
		c.Bytes += info.Size
	}
	return c, nil
}

// withAge adds a shard's age. It returns nil for no shard.
func withAge(info *ShardInfo, now time.Time) *ShardAge {
	if info == nil {
		return nil
	}
	s := &ShardAge{ShardInfo: *info}
	if at, err := time.Parse(time.RFC3339, info.AsOf); err == nil {
		age := int64(now.Sub(at) / time.Second)
		s.Age = &age
	}
	return s
}

// Ecosystems lists the shards, sorted: "Debian:12", "npm".
func (d *DB) Ecosystems() []string {
	var names []string
	for _, s := range d.manifest.Shards {
		names = append(names, s.Ecosystem)
	}
	return names
}

// verify opens every shard.
func (d *DB) verify(ctx context.Context) error {
	for _, info := range d.manifest.all() {
		if _, err := d.table(ctx, info); err != nil {
			return err
		}
	}
	return nil
}
