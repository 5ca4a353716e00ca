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

// names calls do for every name of the cache's own. Links, folders and what other programs put there may be among them.
func (c *Cache) names(do func(name string) error) error {
	dir, err := c.root.Open(".")
	if err != nil {
		return err
	}
	for err == nil {
		var names []string
		names, err = dir.Readdirnames(1024)
		for _, name := range names {
			if !own(name) {
				continue
			}
			if err := do(name); err != nil {
				return errors.Join(err, dir.Close())
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// look describes one file; false is what has been evicted or renamed meanwhile, and what is no regular file.
func (c *Cache) look(name string) (kept, bool, error) {
	info, err := c.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, false, nil
	}
	if err != nil {
		return kept{}, false, err
	}
	return kept{name, space(info.Size()), info.ModTime()}, info.Mode().IsRegular(), nil
}

// list returns the cache's own files, those used longest ago first.
func (c *Cache) list() ([]kept, error) {
	var files []kept
	err := c.names(func(name string) error {
		f, ok, err := c.look(name)
		if ok {
			files = append(files, f)
		}
		return err
	})
	sort.Slice(files, func(i, j int) bool {
		a, b := &files[i], &files[j]
		if !a.used.Equal(b.used) {
			return a.used.Before(b.used)
		}
		return a.name < b.name
	})
	return files, err
}

// full says whether the cache is over its limit or holds what a dead process left. Asking the system for the size of each file takes
// ten times as long as reading the names, so the sizes of layers and states, which never change, are asked for once.
func (c *Cache) full() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sizes := make(map[string]int64, len(c.sizes))
	total, dead := int64(0), false
	err := c.names(func(name string) error {
		size, known := c.sizes[name]
		if !known {
			f, ok, err := c.look(name)
			if err != nil || !ok {
				return err
			}
			size = f.size
			dead = dead || c.dead(f)
		}
		if total += size; !isTemp(name) {
			sizes[name] = size
		}
		return nil
	})
	c.sizes = sizes
	return dead || total > c.limit, err
}

func (c *Cache) dead(f kept) bool { return isTemp(f.name) && c.now().Sub(f.used) > tempLife }

// evict makes room: over the limit it removes what was used longest ago, down to nine tenths, and files that dead processes left. It
// runs when a new file is written but not yet under its name: of several processes that write at once, whoever looks last
// sees all of it, so the cache never holds more than its limit and what is being written at that moment.
func (c *Cache) evict() error {
	if full, err := c.full(); err != nil || !full {
		return err
	}
	files, err := c.list()
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		total += f.size
	}
	goal := total
	if total > c.limit {
		goal = c.limit / 10 * 9
	}
	for _, f := range files {
		if !c.dead(f) && (total <= goal || isTemp(f.name)) {
			continue
		}
		if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
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
