package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// lock waits until no other update works on dir. It uses bbolt's file lock, which exists on every system that veto runs on and ends with
// the process, so that a crash leaves no lock behind. Readers need no lock.
func lock(ctx context.Context, dir string, wait time.Duration) (unlock func() error, err error) {
	if wait == 0 {
		wait = 2 * time.Minute
	}
	path := filepath.Join(dir, lockName)
	for ; ; wait -= lockTimeout {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		timeout := min(lockTimeout, max(wait, time.Millisecond)) // 0 would wait for ever
		db, err := bbolt.Open(path, 0o644, &bbolt.Options{Timeout: timeout, PageSize: pageSize, NoStatistics: true})
		if err == nil {
			return db.Close, nil
		}
		if !errors.Is(err, bolterrors.ErrTimeout) {
			return nil, fmt.Errorf("locking the database %s: %w", dir, err)
		}
		if wait <= lockTimeout {
			return nil, engine.Hint(fmt.Errorf("another update of the database %s is still at work", dir),
				"wait for it, or stop it; its lock is %s", path)
		}
	}
}

// removeLeftovers removes what an update that died has left. It runs under the lock, so that nobody is writing these files.
func (u *updater) removeLeftovers() error {
	entries, err := os.ReadDir(u.options.Dir)
	if err != nil {
		return fmt.Errorf("reading the database's directory: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), tempPrefix) && !strings.HasPrefix(e.Name(), downloadPrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(u.options.Dir, e.Name())); err != nil {
			return fmt.Errorf("removing what an earlier update left: %w", err)
		}
	}
	return nil
}

// writeShard writes the file of a shard under its final name, and describes it.
func (u *updater) writeShard(ecosystem string, pairs []pair) (ShardInfo, error) {
	info, err := u.writeNamedFile(ecosystem, pairs)
	if err != nil {
		return ShardInfo{}, fmt.Errorf("writing the %s shard: %w", ecosystem, err)
	}
	if u.options.Progress != nil {
		u.options.Progress(feed.Progress{Step: "write", What: ecosystem, Done: info.Size, Total: info.Size})
	}
	return info, nil
}

// writeNamedFile writes a temporary file and renames it by its digest. It notes both, to be undone.
func (u *updater) writeNamedFile(ecosystem string, pairs []pair) (ShardInfo, error) {
	f, err := os.CreateTemp(u.options.Dir, tempPrefix+"*")
	if err != nil {
		return ShardInfo{}, err
	}
	temp := f.Name()
	u.made = append(u.made, temp)
	err = errors.Join(f.Chmod(0o644), f.Close())
	if err == nil {
		err = writeShardFile(temp, pairs)
	}
	if err != nil {
		return ShardInfo{}, err
	}
	info := ShardInfo{Ecosystem: ecosystem, Updated: u.options.Now.UTC().Format(time.RFC3339)}
	if info.Digest, info.Size, err = hashFile(temp); err != nil {
		return ShardInfo{}, err
	}
	final := filepath.Join(u.options.Dir, info.file())
	if _, err := os.Lstat(final); os.IsNotExist(err) {
		u.made = append(u.made, final)
	}
	// A file of that name has these bytes, or is damaged, and then this mends it.
	return info, os.Rename(temp, final)
}

// retireShards lists in the next manifest the shards that it does not need, and returns the files that have been listed so for longer than
// retiredFor. A shard file that the old manifest does not list as retired is retired now.
func (u *updater) retireShards() (expired []string, err error) {
	needed := map[string]bool{}
	for _, s := range u.next.all() {
		needed[s.Digest] = true
	}
	since := map[string]string{}
	for _, r := range u.old.Retired {
		since[r.Digest] = r.Since
	}
	entries, err := os.ReadDir(u.options.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading the database's directory: %w", err)
	}
	u.next.Retired = nil
	for _, e := range entries {
		digest := "sha256:" + strings.TrimSuffix(e.Name(), shardSuffix)
		if !strings.HasSuffix(e.Name(), shardSuffix) || !digestPattern.MatchString(digest) || needed[digest] {
			continue
		}
		at, err := time.Parse(time.RFC3339, since[digest])
		if err != nil { // not listed: in use until now
			since[digest] = u.options.Now.UTC().Format(time.RFC3339)
		} else if u.options.Now.Sub(at) > retiredFor {
			expired = append(expired, e.Name())
			continue
		}
		u.next.Retired = append(u.next.Retired, retired{digest, since[digest]})
	}
	return expired, nil
}
