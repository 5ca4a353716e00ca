package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// pair is a key of a shard with its value. A shard is a sorted list of pairs, in a bbolt file or in memory.
type pair struct {
	key   string
	value []byte
}

// The kinds of keys, told by their first byte. The header's value is JSON, the others are encoded as codec.go says.
const (
	keyHeader  = "h" // header
	keyRecord  = "a" // + id → advisory.Advisory, with this shard's affected entries only
	keyPackage = "n" // + advisory.PackageKey → ids of the records with an affected entry for it, sorted
	keyOther   = "o" // + alias or upstream id → ids of the records that name it, sorted
	keyAlias   = "l" // + alias → ids of the records that name it, sorted; in ratings only
	keyCVE     = "k" // + CVE → advisory.Exploited; in the catalogue only
	keyScores  = "e" // + year and thousand of CVEs → their scores, as epss.go says; in the shard of scores only
)

// header says inside a shard what it holds, so that no shard can be taken for another.
type header struct {
	SchemaVersion int    `json:"schema_version"`
	Ecosystem     string `json:"ecosystem"`
}

// getter returns the value of a key, nil when the key is absent. The value is valid until the view ends.
type getter func(key string) []byte

// table is an opened shard. Safe for concurrent use.
type table interface {
	view(read func(get getter) error) error
	each(prefix string, visit func(key string, value []byte) error) error // in the order of keys; value is valid during the call
	Close() error
}

func sortPairs(pairs []pair) {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
}

// memoryTable is a table in memory, of a directory of OSV files.
type memoryTable struct {
	pairs []pair // sorted
}

func (m *memoryTable) find(key string) (int, bool) {
	return slices.BinarySearchFunc(m.pairs, key, func(p pair, key string) int { return cmp.Compare(p.key, key) })
}

func (m *memoryTable) view(read func(getter) error) error {
	return read(func(key string) []byte {
		if i, ok := m.find(key); ok {
			return m.pairs[i].value
		}
		return nil
	})
}

func (m *memoryTable) each(prefix string, visit func(string, []byte) error) error {
	for i, _ := m.find(prefix); i < len(m.pairs) && strings.HasPrefix(m.pairs[i].key, prefix); i++ {
		if err := visit(m.pairs[i].key, m.pairs[i].value); err != nil {
			return err
		}
	}
	return nil
}

func (m *memoryTable) Close() error { return nil }

// digest names the content of a table in memory, which has no file to hash.
func (m *memoryTable) digest() string {
	h := sha256.New()
	for _, p := range m.pairs {
		fmt.Fprintf(h, "%d %d\n%s%s", len(p.key), len(p.value), p.key, p.value)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

const (
	pageSize   = 4096 // the same on every machine, so that the same input gives the same bytes
	bucketName = "veto"
)

// writeShardFile writes sorted pairs to a new file, whose bytes depend on the pairs alone: it has one bucket (bbolt writes several in the
// order of a Go map), one transaction, ascending keys and no freelist, and it ends with its last page in use, because bbolt grows files in
// steps.
func writeShardFile(path string, pairs []pair) error {
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{PageSize: pageSize, NoFreelistSync: true, NoGrowSync: true, NoSync: true,
		FreelistType: bbolt.FreelistArrayType, NoStatistics: true, Timeout: lockTimeout})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucketName))
		if err != nil {
			return err
		}
		b.FillPercent = 1
		for _, p := range pairs {
			if err := b.Put([]byte(p.key), p.value); err != nil {
				return fmt.Errorf("%.80q: %w", p.key, err)
			}
		}
		return nil
	})
	var size int64
	if err == nil {
		err = db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return truncateFile(path, size)
}

// truncateFile cuts a file to size bytes and syncs it.
func truncateFile(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// hashFile returns the digest ("sha256:…") and the size of a file.
func hashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), n, errors.Join(err, f.Close())
}

// boltTable is a file that bbolt maps read-only.
type boltTable struct{ db *bbolt.DB }

// lockTimeout bounds one wait for bbolt's file lock. Shards are immutable: nobody holds a shard's lock for long.
const lockTimeout = time.Second

// openShard maps a file whose bytes have been hashed already.
func openShard(path string) (*boltTable, error) {
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout, PageSize: pageSize, NoStatistics: true})
	if err != nil {
		return nil, err
	}
	return &boltTable{db}, nil
}

// withBucket runs fn on the shard's one bucket. On pages that lie, bbolt panics or reads beyond its mapping; both become errors.
func (s *boltTable) withBucket(fn func(b *bbolt.Bucket) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its pages are damaged: %v", p)
		}
	}()
	tx, err := s.db.Begin(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	b := tx.Bucket([]byte(bucketName))
	if b == nil {
		return bolterrors.ErrBucketNotFound
	}
	return fn(b)
}

func (s *boltTable) view(read func(getter) error) error {
	return s.withBucket(func(b *bbolt.Bucket) error {
		return read(func(key string) []byte { return b.Get([]byte(key)) })
	})
}

func (s *boltTable) each(prefix string, visit func(string, []byte) error) error {
	return s.withBucket(func(b *bbolt.Bucket) error {
		c := b.Cursor()
		for k, v := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			if err := visit(string(k), v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *boltTable) Close() error { return s.db.Close() }

// decodeJSON reads JSON that this package has written: an unknown key is damage.
func decodeJSON(value []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// checkHeader makes sure that a table holds what the manifest says it does.
func checkHeader(t table, ecosystem string) error {
	var h header
	err := t.view(func(get getter) error {
		value := get(keyHeader)
		if value == nil {
			return errors.New("it does not say what it holds")
		}
		return decodeJSON(value, &h)
	})
	if err != nil {
		return err
	}
	if h.SchemaVersion != schemaVersion || h.Ecosystem != ecosystem {
		return fmt.Errorf("it holds %q in schema version %d, expected %q in version %d", h.Ecosystem, h.SchemaVersion, ecosystem, schemaVersion)
	}
	return nil
}
