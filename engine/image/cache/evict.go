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

// diskBlock is the smallest number of bytes that a file takes on disk, so that thousands of tiny files count for what they take.
const diskBlock = 4096

// diskSpace is how many bytes a file of size bytes takes on disk.
func diskSpace(size int64) int64 { return (size + diskBlock - 1) / diskBlock * diskBlock }

// fileLimit is how many bytes one file may take on disk.
func (c *Cache) fileLimit() int64 { return c.limit / 4 }

// tempLifetime is how old a temporary file may become; the process that wrote an older one is dead.
const tempLifetime = 24 * time.Hour

// cacheFile is one file of the cache.
type cacheFile struct {
	name string
	size int64     // bytes on disk
	used time.Time // when it was last used, or a little before
}

// Stats says what a cache holds.
type Stats struct {
	Dir    string       `json:"dir"`
	Files  int          `json:"files"`
	Layers int          `json:"layers"`     // how many of the files hold the facts of a layer
	Bytes  int64        `json:"bytes"`      // on disk, in blocks of 4096
	Limit  int64        `json:"limit"`      // bytes
	Oldest engine.Maybe `json:"oldest_use"` // RFC 3339, UTC, to the hour or so; null when the cache is empty
	Newest engine.Maybe `json:"newest_use"`
}

// eachName calls visit for every name in the folder that the cache would give a file. Links and folders may have such names too.
func (c *Cache) eachName(visit func(name string) error) error {
	dir, err := c.root.Open(".")
	if err != nil {
		return err
	}
	for err == nil {
		var names []string
		names, err = dir.Readdirnames(1024)
		for _, name := range names {
			if !isOwnName(name) {
				continue
			}
			if err := visit(name); err != nil {
				return errors.Join(err, dir.Close())
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// stat describes one file. It returns false for one that has been evicted or renamed meanwhile, and for what is no regular file.
func (c *Cache) stat(name string) (cacheFile, bool, error) {
	info, err := c.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return cacheFile{}, false, nil
	}
	if err != nil {
		return cacheFile{}, false, err
	}
	return cacheFile{name, diskSpace(info.Size()), info.ModTime()}, info.Mode().IsRegular(), nil
}

// list returns the cache's own files, those used longest ago first.
func (c *Cache) list() ([]cacheFile, error) {
	var files []cacheFile
	err := c.eachName(func(name string) error {
		f, ok, err := c.stat(name)
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

// needsEviction reports whether the cache is over its limit, or holds what a dead process left. Asking the system for the size of each file
// takes ten times as long as reading the names, so it asks once for the sizes of layers and states, which never change.
func (c *Cache) needsEviction() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sizes := make(map[string]int64, len(c.sizes))
	total, abandoned := int64(0), false
	err := c.eachName(func(name string) error {
		size, known := c.sizes[name]
		if !known {
			f, ok, err := c.stat(name)
			if err != nil || !ok {
				return err
			}
			size = f.size
			abandoned = abandoned || c.isAbandoned(f)
		}
		if total += size; !isTemp(name) {
			sizes[name] = size
		}
		return nil
	})
	c.sizes = sizes
	return abandoned || total > c.limit, err
}

// isAbandoned reports whether a file is what a dead process left.
func (c *Cache) isAbandoned(f cacheFile) bool {
	return isTemp(f.name) && c.now().Sub(f.used) > tempLifetime
}

// evict removes files that dead processes left and, when the cache is over its limit, the files that were used longest ago, until nine
// tenths of the limit are left. It runs when a new file has been written but not yet renamed: of several processes that write at the same
// time, the last one to look sees all of their files, so the cache never holds more than its limit and what is being written at that
// moment.
func (c *Cache) evict() error {
	if full, err := c.needsEviction(); err != nil || !full {
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
		if !c.isAbandoned(f) && (total <= goal || isTemp(f.name)) {
			continue
		}
		if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= f.size
	}
	return nil
}

// Stats describes what the cache holds; of a nil Cache that is the zero Stats.
func (c *Cache) Stats() (Stats, error) {
	if c == nil {
		return Stats{}, nil
	}
	files, err := c.list()
	if err != nil {
		return Stats{}, fmt.Errorf("listing the layer cache: %w", err)
	}
	return c.stats(files), nil
}

func (c *Cache) stats(files []cacheFile) Stats {
	s := Stats{Dir: c.dir, Limit: c.limit, Files: len(files)}
	for _, f := range files {
		s.Bytes += f.size
		if len(f.name) == 2*keySize+len(layerSuffix) && f.name[2*keySize:] == layerSuffix {
			s.Layers++
		}
	}
	if len(files) > 0 {
		s.Oldest, s.Newest = timestamp(files[0].used), timestamp(files[len(files)-1].used)
	}
	return s
}

func timestamp(t time.Time) engine.Maybe { return engine.Maybe(t.UTC().Format(time.RFC3339)) }

// Clean removes every file of the cache, and describes what it has removed. The folder stays, with whatever else is in it.
func (c *Cache) Clean() (Stats, error) {
	if c == nil {
		return Stats{}, nil
	}
	files, err := c.list()
	if err != nil {
		return Stats{}, fmt.Errorf("listing the layer cache: %w", err)
	}
	for i, f := range files {
		if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c.stats(files[:i]), fmt.Errorf("cleaning the layer cache: %w", err)
		}
	}
	return c.stats(files), nil
}
