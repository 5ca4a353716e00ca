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

// pair is one key of a shard with its value. A shard is a sorted list of pairs, in a bbolt file or in memory. A key's first byte
// says what it is.
type pair struct {
	key   string
	value []byte
}

// The kinds of keys. The header's value is JSON, the others are as codec.go says.
const (
	keyHeader  = "h" // header
	keyRecord  = "a" // + id → advisory.Advisory, with this shard's affected entries only
	keyPackage = "n" // + package's key → ids of the records with an affected entry for it, sorted
	keyOther   = "o" // + alias or upstream id → ids of the records that name it, sorted
	keyAlias   = "l" // + alias → ids of the records that name it; in ratings only
	keyCVE     = "k" // + CVE → advisory.Exploited; in the catalogue only
	keyScores  = "e" // + year and thousand of CVEs → their scores, as scores.go says; in the shard of scores only
)

// header says inside a shard what it is, so that no shard can stand in for another.
type header struct {
	SchemaVersion int    `json:"schema_version"`
	Ecosystem     string `json:"ecosystem"`
}

// getter returns a key's value, nil when the key is absent; the value is valid during the view.
type getter func(key string) []byte

// table is an opened shard. Safe for concurrent use.
type table interface {
	view(read func(get getter) error) error
	each(prefix string, visit func(key string, v []byte) error) error // in key order; v is valid during the call
	Close() error
}

func sortPairs(pairs []pair) {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
}

// memory is a table of a directory of OSV files.
type memory struct {
	pairs []pair // sorted
}

func (m *memory) find(key string) (int, bool) {
	return slices.BinarySearchFunc(m.pairs, key, func(p pair, key string) int { return cmp.Compare(p.key, key) })
}

func (m *memory) view(read func(getter) error) error {
	return read(func(key string) []byte {
		if i, ok := m.find(key); ok {
			return m.pairs[i].value
		}
		return nil
	})
}

func (m *memory) each(prefix string, visit func(string, []byte) error) error {
	for i, _ := m.find(prefix); i < len(m.pairs) && strings.HasPrefix(m.pairs[i].key, prefix); i++ {
		if err := visit(m.pairs[i].key, m.pairs[i].value); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Close() error { return nil }

// digest names the content of a table in memory, which has no file to hash.
func (m *memory) digest() string {
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

// writeShard writes sorted pairs to a new file. The bytes depend on the pairs alone: one bucket (bbolt writes several in the order of a Go
// map), one transaction, ascending keys, no freelist, and the file ends with its last page in use, because bbolt grows files in steps.
func writeShard(path string, pairs []pair) error {
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{PageSize: pageSize, NoFreelistSync: true, NoGrowSync: true, NoSync: true, FreelistType: bbolt.FreelistArrayType, NoStatistics: true, Timeout: lockTimeout})
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
	if e := db.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return trim(path, size)
}

func trim(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// hashFile returns the digest and size of a file.
func hashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if e := f.Close(); err == nil {
		err = e
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), n, err
}

// shardFile is a table that bbolt maps read-only.
type shardFile struct{ db *bbolt.DB }

// lockTimeout bounds the wait for bbolt's file lock; shards are immutable, so that nobody holds it for long.
const lockTimeout = time.Second

// openShard maps a file whose bytes have been hashed already.
func openShard(path string) (*shardFile, error) {
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout, PageSize: pageSize, NoStatistics: true})
	if err != nil {
		return nil, err
	}
	return &shardFile{db}, nil
}

// bucket runs fn on the shard's one bucket. bbolt trusts its pages and panics, or reads beyond its mapping, on pages that lie; both become
// errors.
func (s *shardFile) bucket(fn func(b *bbolt.Bucket) error) (err error) {
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
	defer func() {
		if e := tx.Rollback(); err == nil {
			err = e
		}
	}()
	b := tx.Bucket([]byte(bucketName))
	if b == nil {
		return bolterrors.ErrBucketNotFound
	}
	return fn(b)
}

func (s *shardFile) view(read func(getter) error) error {
	return s.bucket(func(b *bbolt.Bucket) error {
		return read(func(key string) []byte { return b.Get([]byte(key)) })
	})
}

func (s *shardFile) each(prefix string, visit func(string, []byte) error) error {
	return s.bucket(func(b *bbolt.Bucket) error {
		c := b.Cursor()
		for k, v := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			if err := visit(string(k), v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *shardFile) Close() error { return s.db.Close() }

// decode reads JSON that this package wrote: a key that it does not know is damage.
func decode(value []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// checkHeader makes sure that a table holds what the manifest says.
func checkHeader(t table, ecosystem string) error {
	var h header
	err := t.view(func(get getter) error {
		value := get(keyHeader)
		if value == nil {
			return errors.New("it does not say what it holds")
		}
		return decode(value, &h)
	})
	if err != nil {
		return err
	}
	if h.SchemaVersion != schemaVersion || h.Ecosystem != ecosystem {
		return fmt.Errorf("it holds %q in schema version %d, expected %q in version %d", h.Ecosystem, h.SchemaVersion, ecosystem, schemaVersion)
	}
	return nil
}
