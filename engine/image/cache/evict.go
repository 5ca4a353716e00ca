package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"time"

	"github.com/vetoci/veto/engine"
)

// block is what the disk gives a file at least: thousands of tiny files would else look like nothing.
const block = 4096 // bytes

func space(size int64) int64 { return (size + block - 1) / block * block }

// most is what one file may take.
func (c *Cache) most() int64 { return c.limit / 4 }

// tempLife is how long a file that is being written may take; after that its process is dead.
const tempLife = 24 * time.Hour

// kept is one file of the cache.
type kept struct {
	name string
	size int64 // on disk
	used time.Time
}

// Status says what a cache holds.
type Status struct {
	Dir    string       `json:"dir"`
	Files  int          `json:"files"`
	Layers int          `json:"layers"`     // of the files, those that hold a layer's facts
	Bytes  int64        `json:"bytes"`      // on disk, in blocks of 4096
	Limit  int64        `json:"limit"`      // bytes
	Oldest engine.Maybe `json:"oldest_use"` // RFC 3339, UTC, to the hour or so; null when the cache is empty
	Newest engine.Maybe `json:"newest_use"`
}

// list returns the cache's own files, those used longest ago first. Links, folders and what other programs put there are none.
func (c *Cache) list() ([]kept, error) {
	dir, err := c.root.Open(".")
	if err != nil {
		return nil, err
	}
	var files []kept
	for err == nil {
		var names []string
		names, err = dir.Readdirnames(1024)
		for _, name := range names {
			if !own(name) {
				continue
			}
			info, err := c.root.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) { // evicted, or renamed meanwhile
				continue
			}
			if err != nil {
				return nil, errors.Join(err, dir.Close())
			}
			if info.Mode().IsRegular() {
				files = append(files, kept{name, space(info.Size()), info.ModTime()})
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	sort.Slice(files, func(i, j int) bool {
		a, b := &files[i], &files[j]
		if !a.used.Equal(b.used) {
			return a.used.Before(b.used)
		}
		return a.name < b.name
	})
	return files, nil
}

// evict makes room: over the limit it removes what was used longest ago, down to nine tenths, and files that dead processes left. It
// runs when the new file is written but not yet under its name: of several processes that write at once, whoever looks last
// sees all of it, so the cache never holds more than its limit and what is being written at that moment.
func (c *Cache) evict(writing string) error {
	files, err := c.list()
	if err != nil {
		return fmt.Errorf("looking for room: %w", err)
	}
	total := int64(0)
	for _, f := range files {
		total += f.size
	}
	over := total > c.limit
	for _, f := range files {
		dead := isTemp(f.name) && c.now().Sub(f.used) > tempLife
		if !dead && (!over || total <= c.limit/10*9 || isTemp(f.name)) || f.name == writing {
			continue
		}
		if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("making room: %w", err)
		}
		total -= f.size
	}
	return nil
}

// Status looks at every file of the cache.
func (c *Cache) Status() (Status, error) {
	if c == nil {
		return Status{}, nil
	}
	files, err := c.list()
	if err != nil {
		return Status{}, fmt.Errorf("listing the layer cache: %w", err)
	}
	return c.summary(files), nil
}

func (c *Cache) summary(files []kept) Status {
	s := Status{Dir: c.dir, Limit: c.limit, Files: len(files)}
	for _, f := range files {
		s.Bytes += f.size
		if len(f.name) == 2*keySize+len(layerSuffix) && f.name[2*keySize:] == layerSuffix {
			s.Layers++
		}
	}
	if len(files) > 0 {
		s.Oldest, s.Newest = stamp(files[0].used), stamp(files[len(files)-1].used)
	}
	return s
}

func stamp(t time.Time) engine.Maybe { return engine.Maybe(t.UTC().Format(time.RFC3339)) }

// Clean removes every file of the cache's own and says what they were. Whatever else stands in the folder stays, and so does the folder.
func (c *Cache) Clean() (Status, error) {
	if c == nil {
		return Status{}, nil
	}
	files, err := c.list()
	if err != nil {
		return Status{}, fmt.Errorf("listing the layer cache: %w", err)
	}
	for i, f := range files {
		if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c.summary(files[:i]), fmt.Errorf("cleaning the layer cache: %w", err)
		}
	}
	return c.summary(files), nil
}
