package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory/feed"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	tempPrefix     = ".veto-"
	downloadPrefix = ".download-" // package feed's
	lockName       = "update.lock"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// lock lets one update at a time work on dir. It is bbolt's file lock, which every system that veto runs on has and which ends with the
// process, so that a crash leaves no lock behind. Readers take no part in it.
func lock(ctx context.Context, dir string, wait time.Duration) (unlock func() error, err error) {
	if wait == 0 {
		wait = 2 * time.Minute
	}
	path := filepath.Join(dir, lockName)
	for ; ; wait -= lockTimeout {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		db, err := bbolt.Open(path, 0o644, &bbolt.Options{Timeout: min(lockTimeout, max(wait, time.Millisecond)), PageSize: pageSize, NoStatistics: true})
		if err == nil {
			return db.Close, nil
		}
		if !errors.Is(err, bolterrors.ErrTimeout) {
			return nil, fmt.Errorf("locking the database %s: %w", dir, err)
		}
		if wait <= lockTimeout {
			return nil, engine.Hint(fmt.Errorf("another update of the database %s is still at work", dir), "wait for it, or stop it; its lock is %s", path)
		}
	}
}

// sweep removes what an update that died left behind. It runs under the lock, so that nobody is writing these files.
func (b *build) sweep() error {
	entries, err := os.ReadDir(b.o.Dir)
	if err != nil {
		return fmt.Errorf("reading the database's directory: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && (strings.HasPrefix(e.Name(), tempPrefix) || strings.HasPrefix(e.Name(), downloadPrefix)) {
			if err := os.Remove(filepath.Join(b.o.Dir, e.Name())); err != nil {
				return fmt.Errorf("removing what an earlier update left: %w", err)
			}
		}
	}
	return nil
}

// write makes the file of a shard under its final name.
func (b *build) write(ecosystem string, pairs []pair) (ShardInfo, error) {
	info, err := b.writeFile(ecosystem, pairs)
	if err != nil {
		return ShardInfo{}, fmt.Errorf("writing the %s shard: %w", ecosystem, err)
	}
	if b.o.Progress != nil {
		b.o.Progress(feed.Progress{Step: "write", What: ecosystem, Done: info.Size, Total: info.Size})
	}
	return info, nil
}

func (b *build) writeFile(ecosystem string, pairs []pair) (ShardInfo, error) {
	f, err := os.CreateTemp(b.o.Dir, tempPrefix+"*")
	if err != nil {
		return ShardInfo{}, err
	}
	temp := f.Name()
	b.files = append(b.files, temp)
	err = f.Chmod(0o644)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = writeShard(temp, pairs)
	}
	if err != nil {
		return ShardInfo{}, err
	}
	info := ShardInfo{Ecosystem: ecosystem, Updated: b.o.Now.UTC().Format(time.RFC3339)}
	if info.Digest, info.Size, err = hashFile(temp); err != nil {
		return ShardInfo{}, err
	}
	final := filepath.Join(b.o.Dir, info.file())
	if _, err := os.Lstat(final); os.IsNotExist(err) {
		b.files = append(b.files, final)
	}
	// Also over a file of that name: it has these bytes, or it is damaged and this mends it.
	return info, os.Rename(temp, final)
}

// retire lists the shards that the next manifest does not need, and returns the files whose day has passed. A shard file that no manifest
// remembers starts its day now.
func (b *build) retire() (expired []string, err error) {
	needed := map[string]bool{}
	for _, s := range b.next.all() {
		needed[s.Digest] = true
	}
	since := map[string]string{}
	for _, r := range b.old.Retired {
		since[r.Digest] = r.Since
	}
	entries, err := os.ReadDir(b.o.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading the database's directory: %w", err)
	}
	b.next.Retired = nil
	for _, e := range entries {
		digest := "sha256:" + strings.TrimSuffix(e.Name(), shardSuffix)
		if !strings.HasSuffix(e.Name(), shardSuffix) || !digestForm.MatchString(digest) || needed[digest] {
			continue
		}
		at, err := time.Parse(time.RFC3339, since[digest])
		if err != nil { // not listed: in use until now
			since[digest] = b.o.Now.UTC().Format(time.RFC3339)
		} else if b.o.Now.Sub(at) > keepRetired {
			expired = append(expired, e.Name())
			continue
		}
		b.next.Retired = append(b.next.Retired, retired{digest, since[digest]})
	}
	return expired, nil
}
