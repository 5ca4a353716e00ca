// Package store keeps the vulnerability data: it builds the database, opens it, looks things up in it and says how old it is.
//
// A database is a directory of immutable shards, one per ecosystem and release, each named by the sha256 of its bytes, and one
// manifest.json that lists them and is replaced in one step. Four shards are no ecosystem: "ratings" joins the ids and
// severities of all records, so that a severity can be looked up in one place, "kev" is CISA's catalogue, "epss" are FIRST's scores, "cve" is what the CVE List and the NVD say. A scan reads the
// manifest once and hashes each shard that it opens. Whatever does not match is an error: no look-up ever answers "nothing
// known" because of a fault.
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
	dir    string
	man    *manifest
	mu     sync.Mutex
	opened map[string]*opening // by ecosystem, "ratings" and "kev" too
	closed bool
}

// opening is a shard that is hashed and mapped once, by whoever needs it first.
type opening struct {
	once  sync.Once
	table table
	err   error
}

// Open opens the database in dir: a built one (with manifest.json), else a directory with OSV records as .json files at any depth, which are
// read into memory. The caller closes it. Every error carries the command that builds a database.
func Open(dir string) (*DB, error) {
	info, err := os.Stat(dir)
	if os.IsNotExist(err) {
		return nil, update(fmt.Errorf("%w: %s does not exist", ErrNone, dir), dir)
	}
	if err != nil {
		return nil, update(fmt.Errorf("opening the vulnerability database: %w", err), dir)
	}
	if !info.IsDir() {
		return nil, update(fmt.Errorf("opening the vulnerability database: %s is not a directory", dir), dir)
	}
	m, err := readManifest(dir)
	if err == nil {
		return &DB{dir: dir, man: m, opened: map[string]*opening{}}, nil
	}
	if errors.Is(err, errOtherVersion) {
		return nil, engine.Hint(err, "another version of veto wrote it: use that one, or run veto db update with another --db")
	}
	if !errors.Is(err, ErrNone) {
		return nil, update(err, dir)
	}
	return openDirectory(dir)
}

// Close unmaps the shards. The database must not be in use any more.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var errs []error
	for _, o := range d.opened {
		if o.table != nil {
			errs = append(errs, o.table.Close())
		}
	}
	d.opened = map[string]*opening{}
	return errors.Join(errs...)
}

// table opens a shard that the manifest lists, at its first use.
func (d *DB) table(ctx context.Context, info ShardInfo) (table, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, errors.New("the vulnerability database is closed")
	}
	o := d.opened[info.Ecosystem]
	if o == nil {
		o = &opening{}
		d.opened[info.Ecosystem] = o
	}
	d.mu.Unlock()
	o.once.Do(func() {
		t, err := load(d.dir, info)
		if err == nil {
			o.table = t
		}
		o.err = err
	})
	return o.table, o.err
}

// load hashes and maps one shard.
func load(dir string, info ShardInfo) (table, error) {
	path := filepath.Join(dir, info.file())
	digest, size, err := hashFile(path)
	if err == nil && (digest != info.Digest || size != info.Size) {
		err = fmt.Errorf("its bytes are not those that the manifest names (%d bytes, %s)", size, digest)
	}
	if err != nil {
		return nil, faulty(dir, info, err)
	}
	t, err := openShard(path)
	if err != nil {
		return nil, faulty(dir, info, err)
	}
	if err := checkHeader(t, info.Ecosystem); err != nil {
		return nil, faulty(dir, info, errors.Join(err, t.Close()))
	}
	return t, nil
}

// faulty is the error for anything wrong with a shard.
func faulty(dir string, info ShardInfo, err error) error {
	err = fmt.Errorf("the %s shard of the vulnerability database is damaged (%s): %w", info.Ecosystem, filepath.Join(dir, info.file()), err)
	switch info.Ecosystem {
	case ratingsName, catalogueName:
		return update(err, dir)
	case assessedName:
		return engine.Hint(err, "run: veto db update --db %s --source cve=DIR|ZIP|FILE", shellWord(dir))
	case scoresName:
		return engine.Hint(err, "run: veto db update --db %s --source epss=%s", shellWord(dir), feed.EPSSURL)
	}
	return update(err, dir, info.Ecosystem)
}

// serving finds the shard that serves an ecosystem with its release. A shard without a release serves every release of its ecosystem
// only when the ecosystem's data knows no releases at all: else a release without a shard is one that nothing is known about.
func (d *DB) serving(ecosystem string) (ShardInfo, bool) {
	if s, ok := d.man.find(ecosystem); ok {
		return s, true
	}
	base, release := engine.SplitEcosystem(ecosystem)
	if release == "" || slices.ContainsFunc(d.man.Shards, func(s ShardInfo) bool { return strings.HasPrefix(s.Ecosystem, base+":") }) {
		return ShardInfo{}, false
	}
	return d.man.find(base)
}

// Shard describes the shard of an ecosystem with its release, after checking its bytes.
func (d *DB) Shard(ctx context.Context, ecosystem string) (advisory.Shard, bool, error) {
	info, ok := d.serving(ecosystem)
	if !ok {
		return advisory.Shard{}, false, nil
	}
	if _, err := d.table(ctx, info); err != nil {
		return advisory.Shard{}, false, err
	}
	return info.describe(), true, nil
}

// Affecting returns the records with an affected entry for the package, sorted by id, withdrawn ones too. Their affected entries are
// those of that ecosystem and release, for whatever package.
func (d *DB) Affecting(ctx context.Context, ecosystem, name string) ([]advisory.Advisory, error) {
	info, ok := d.serving(ecosystem)
	if !ok {
		return nil, nil
	}
	t, err := d.table(ctx, info)
	if err != nil {
		return nil, err
	}
	return d.read(t, info, func(get getter) ([]string, error) { return listed(get, keyPackage+packageKey(ecosystem, name)) })
}

// ByID returns, sorted by id, the records of every shard whose id is one of ids or that name one of them as an alias, reduced to
// ids, ratings and withdrawal. A record that has neither a rating nor another id is left out: there is nothing to join.
func (d *DB) ByID(ctx context.Context, ids []string) ([]advisory.Advisory, error) {
	if d.man.Ratings == nil {
		return nil, nil
	}
	t, err := d.table(ctx, *d.man.Ratings)
	if err != nil {
		return nil, err
	}
	return d.read(t, *d.man.Ratings, func(get getter) ([]string, error) {
		var found []string
		for _, id := range ids {
			if get(keyRecord+id) != nil {
				found = append(found, id)
			}
			more, err := listed(get, keyAlias+id)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		slices.Sort(found)
		return slices.Compact(found), nil
	})
}

// KEV looks CVEs up in CISA's catalogue; entries are sorted by CVE. ok is false when the database has no catalogue.
func (d *DB) KEV(ctx context.Context, cves []string) (entries []advisory.KEVEntry, catalogue advisory.Shard, ok bool, err error) {
	return lookUp(ctx, d, d.man.KEV, cves, func(get getter, cve string) (e advisory.KEVEntry, known bool, err error) {
		if value := get(keyCVE + cve); value != nil {
			e, err = decodeExploited(value)
			return e, true, err
		}
		return e, false, nil
	})
}

// lookUp finds CVEs in a shard that is by them, in order, each once. ok is false when the database has no such shard.
func lookUp[T any](ctx context.Context, d *DB, info *ShardInfo, cves []string, one func(get getter, cve string) (T, bool, error)) (entries []T, from advisory.Shard, ok bool, err error) {
	if info == nil {
		return nil, advisory.Shard{}, false, nil
	}
	t, err := d.table(ctx, *info)
	if err != nil {
		return nil, advisory.Shard{}, false, err
	}
	cves = slices.Clone(cves)
	slices.Sort(cves)
	err = t.view(func(get getter) error {
		for _, cve := range slices.Compact(cves) {
			entry, known, err := one(get, cve)
			if err != nil {
				return fmt.Errorf("%.80q: %w", cve, err)
			}
			if known {
				entries = append(entries, entry)
			}
		}
		return nil
	})
	if err != nil {
		return nil, advisory.Shard{}, false, faulty(d.dir, *info, err)
	}
	return entries, info.describe(), true, nil
}

// read returns the records of a table whose ids choose names.
func (d *DB) read(t table, info ShardInfo, choose func(get getter) ([]string, error)) (all []advisory.Advisory, err error) {
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
			a, err := decodeRecord(value)
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
		return nil, faulty(d.dir, info, err)
	}
	return all, nil
}

// listed reads a list of ids; an absent key is an empty list.
func listed(get getter, key string) ([]string, error) {
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
