// Package store keeps the vulnerability data: it builds the database, opens it, looks things up in it and says how old it is.
//
// A database is a directory of immutable shards, one per ecosystem and release, each named by the SHA-256 of its bytes, and one
// manifest.json that lists them and is replaced in one step. Four shards are no ecosystem's, and no ecosystem of OSV's has such a name:
// "ratings" joins the ids and severities of all records, so that they are looked up in one place; "kev" is CISA's catalogue; "epss" are
// FIRST's scores; "cve" is what the CVE List and the NVD say. A scan reads the manifest once and hashes each shard that it opens. Whatever
// does not match is an error: no look-up ever answers "nothing known" because of a fault.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

var _ advisory.Store = (*DB)(nil)

// DB is an opened database: a built one, or a directory of OSV files that was read into memory. Safe for concurrent use.
type DB struct {
	dir      string
	manifest *manifest
	mu       sync.Mutex
	handles  map[string]*shardHandle // by ShardInfo.Ecosystem
	closed   bool
}

// shardHandle is a shard that is hashed and mapped at its first use.
type shardHandle struct {
	once  sync.Once
	table table
	err   error
	large largeRecords
}

// Open opens the database in dir: a built one (with manifest.json), else a directory with OSV records as .json files at any depth, which
// are read into memory. The caller closes it. The error is ErrNone when there is no database; every error has a hint with the command that
// builds one.
func Open(dir string) (*DB, error) {
	info, err := os.Stat(dir)
	if os.IsNotExist(err) {
		return nil, hintUpdate(fmt.Errorf("%w: %s does not exist", ErrNone, dir), dir)
	}
	if err != nil {
		return nil, hintUpdate(fmt.Errorf("opening the vulnerability database: %w", err), dir)
	}
	if !info.IsDir() {
		return nil, hintUpdate(fmt.Errorf("opening the vulnerability database: %s is not a directory", dir), dir)
	}
	m, err := readManifest(dir)
	if err == nil {
		return &DB{dir: dir, manifest: m, handles: map[string]*shardHandle{}}, nil
	}
	if errors.Is(err, errOtherVersion) {
		return nil, engine.Hint(err, "another version of veto wrote it: use that one, or run veto db update with another --db")
	}
	if !errors.Is(err, ErrNone) {
		return nil, hintUpdate(err, dir)
	}
	return openDirectory(dir)
}

// Close unmaps the shards. The database must not be in use any more.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var errs []error
	for _, h := range d.handles {
		if h.table != nil {
			errs = append(errs, h.table.Close())
		}
	}
	d.handles = map[string]*shardHandle{}
	return errors.Join(errs...)
}

// table returns a shard that the manifest lists; its first use opens it.
func (d *DB) table(ctx context.Context, info ShardInfo) (table, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, errors.New("the vulnerability database is closed")
	}
	h := d.handles[info.Ecosystem]
	if h == nil {
		h = &shardHandle{}
		d.handles[info.Ecosystem] = h
	}
	d.mu.Unlock()
	h.once.Do(func() { h.table, h.err = openVerified(d.dir, info) })
	return h.table, h.err
}

// openVerified hashes one shard, compares it with the manifest, and maps it. The caller closes it.
func openVerified(dir string, info ShardInfo) (table, error) {
	path := filepath.Join(dir, info.file())
	digest, size, err := hashFile(path)
	if err == nil && (digest != info.Digest || size != info.Size) {
		err = fmt.Errorf("its bytes are not those that the manifest names (%d bytes, %s)", size, digest)
	}
	if err != nil {
		return nil, shardError(dir, info, err)
	}
	t, err := openShard(path)
	if err != nil {
		return nil, shardError(dir, info, err)
	}
	if err := checkHeader(t, info.Ecosystem); err != nil {
		return nil, shardError(dir, info, errors.Join(err, t.Close()))
	}
	return t, nil
}

// shardError describes a fault of a shard, with the command that mends it.
func shardError(dir string, info ShardInfo, err error) error {
	err = fmt.Errorf("the %s shard of the vulnerability database is damaged (%s): %w", info.Ecosystem, filepath.Join(dir, info.file()), err)
	switch info.Ecosystem {
	case ratingsName, kevName:
		return hintUpdate(err, dir)
	case cveName:
		return engine.Hint(err, "run: veto db update --db %s --source cve=DIR|ZIP|FILE", shellWord(dir))
	case epssName:
		return engine.Hint(err, "run: veto db update --db %s --source epss=%s", shellWord(dir), feed.EPSSURL)
	}
	return hintUpdate(err, dir, info.Ecosystem)
}

// shardFor finds the shard of an ecosystem with its release. A shard without a release serves every release only when the ecosystem's data
// has no releases at all: else nothing is known about a release that has no shard.
func (d *DB) shardFor(ecosystem string) (ShardInfo, bool) {
	if s, ok := d.manifest.find(ecosystem); ok {
		return s, true
	}
	base, release := engine.SplitEcosystem(ecosystem)
	hasRelease := func(s ShardInfo) bool { return strings.HasPrefix(s.Ecosystem, base+":") }
	if release == "" || slices.ContainsFunc(d.manifest.Shards, hasRelease) {
		return ShardInfo{}, false
	}
	return d.manifest.find(base)
}

// Shard describes the shard of an ecosystem with its release, after checking its bytes.
func (d *DB) Shard(ctx context.Context, ecosystem string) (advisory.Shard, bool, error) {
	info, ok := d.shardFor(ecosystem)
	if !ok {
		return advisory.Shard{}, false, nil
	}
	if _, err := d.table(ctx, info); err != nil {
		return advisory.Shard{}, false, err
	}
	return info.describe(), true, nil
}

// Affecting returns the records with an affected entry for the package, sorted by id, withdrawn ones too. They have the affected entries of
// that ecosystem and release only, also those of other packages, unless a record is large: then those of this package alone.
func (d *DB) Affecting(ctx context.Context, ecosystem, name string) ([]advisory.Advisory, error) {
	info, ok := d.shardFor(ecosystem)
	if !ok {
		return nil, nil
	}
	t, err := d.table(ctx, info)
	if err != nil {
		return nil, err
	}
	key := advisory.PackageKey(ecosystem, name)
	large := d.largeRecords(info)
	return d.readRecords(t, info, func(get getter) ([]string, error) {
		return idsAt(get, keyPackage+key)
	}, func(id string, value []byte) (advisory.Advisory, error) {
		if len(value) < manyPackages {
			return decodeRecord(value)
		}
		return large.about(ecosystem, key, id, value)
	})
}

// Names returns the names of all packages that records of an ecosystem are about, as advisory.PackageKey writes them, sorted.
func (d *DB) Names(ctx context.Context, ecosystem string) ([]string, error) {
	info, ok := d.shardFor(ecosystem)
	if !ok {
		return nil, nil
	}
	t, err := d.table(ctx, info)
	if err != nil {
		return nil, err
	}
	var names []string
	err = t.each(keyPackage, func(key string, _ []byte) error {
		names = append(names, key[len(keyPackage):])
		return ctx.Err()
	})
	if err != nil {
		return nil, shardError(d.dir, info, err)
	}
	slices.Sort(names)
	return names, nil
}

// ByID returns, sorted by id, the records of all shards that have one of ids as their id or name it as an alias, reduced to their ids,
// ratings, CWEs and withdrawal. It leaves out records that have none of these, by which nothing can be joined.
func (d *DB) ByID(ctx context.Context, ids []string) ([]advisory.Advisory, error) {
	if d.manifest.Ratings == nil {
		return nil, nil
	}
	t, err := d.table(ctx, *d.manifest.Ratings)
	if err != nil {
		return nil, err
	}
	return d.readRecords(t, *d.manifest.Ratings, func(get getter) ([]string, error) {
		var found []string
		for _, id := range ids {
			if get(keyRecord+id) != nil {
				found = append(found, id)
			}
			more, err := idsAt(get, keyAlias+id)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		slices.Sort(found)
		return slices.Compact(found), nil
	}, decodeAny)
}

func decodeAny(_ string, value []byte) (advisory.Advisory, error) { return decodeRecord(value) }

// readRecords returns the records whose ids choose returns.
func (d *DB) readRecords(t table, info ShardInfo, choose func(get getter) ([]string, error),
	decode func(id string, value []byte) (advisory.Advisory, error)) (all []advisory.Advisory, err error) {
	err = t.view(func(get getter) error {
		ids, err := choose(get)
		if err != nil {
			return err
		}
		for _, id := range ids {
			value := get(keyRecord + id)
			if value == nil {
				return fmt.Errorf("it lists %.80q and does not have it", id)
			}
			a, err := decode(id, value)
			if err == nil && a.ID != id {
				err = fmt.Errorf("it holds %.80q there", a.ID)
			}
			if err != nil {
				return fmt.Errorf("%.80q: %w", id, err)
			}
			all = append(all, a)
		}
		return nil
	})
	if err != nil {
		return nil, shardError(d.dir, info, err)
	}
	return all, nil
}

// idsAt reads the list of ids under a key, none for an absent key.
func idsAt(get getter, key string) ([]string, error) {
	value := get(key)
	if value == nil {
		return nil, nil
	}
	ids, err := decodeStrings(value)
	if err != nil {
		return nil, fmt.Errorf("%.80q: %w", key, err)
	}
	return ids, nil
}
