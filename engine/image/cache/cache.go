// Package cache keeps what was learned from layers that veto has hashed, and which unchanged files it has hashed, in a folder of small files.
//
// There is no lock and no index: a file is written under another name and then renamed, so that any number of processes may read, write and
// evict at once, and may be killed at any time. Whatever a file does not say in full, under its own checksum and its own name, it does not
// say at all: it is then as if it were not there.
package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/vetoci/veto/engine"
)

// Cache is an opened folder. It is safe for concurrent use; a nil Cache holds nothing and keeps nothing. It implements engine.LayerCache.
type Cache struct {
	dir   string
	root  *os.Root
	limit int64
	now   func() time.Time
	mu    sync.Mutex
	sizes map[string]int64 // on disk, of the files that were there when this process looked last
}

var _ engine.LayerCache = (*Cache)(nil)

// Open opens the cache in dir, and makes the folder (mode 0700) when there is none. Limit is in bytes, as Status counts them; now is the
// clock that says what was used last. A folder that others than this user own or can write is a usage error, because whoever writes
// it can say what an image contains. The caller closes the cache.
func Open(dir string, limit int64, now func() time.Time) (*Cache, error) {
	made, err := makeFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("making the layer cache: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the layer cache: %w", err)
	}
	if err := trusted(dir, info); err != nil && made {
		// Some file systems know one owner and mode for everything (CIFS, FAT): that is nobody's mistake, and no place for a cache.
		return nil, errors.Join(fmt.Errorf("making the layer cache: the file system does not keep %s for its user alone", dir), os.Remove(dir))
	} else if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the layer cache: %w", err)
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(info, opened) {
		err = fmt.Errorf("the layer cache %s was replaced while it was opened", dir)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Cache{dir: dir, root: root, limit: limit, now: now}, nil
}

// makeFolder makes dir and what is above it; false is a dir that is there already, whatever it is.
func makeFolder(dir string) (made bool, err error) {
	if _, err := os.Lstat(dir); err == nil {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return false, err
	}
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) { // another process made it
		return false, nil
	}
	return err == nil, err
}

// looseBits are the permissions to write that nobody but the owner may have.
const looseBits = 0o022

func trusted(dir string, info fs.FileInfo) error {
	unsafe := func(why string) error {
		return engine.Hint(engine.Usage("the layer cache %s %s: whoever can write it can say what an image contains", dir, why),
			"chmod 700 a folder of your own, set VETO_CACHE to another one, or scan with --no-cache")
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return unsafe("is a symbolic link")
	case !info.IsDir():
		return fmt.Errorf("opening the layer cache: %w", &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR})
	case !mine(info):
		return unsafe("belongs to another user")
	case loose(info):
		return unsafe(fmt.Sprintf("can be written by others (mode %04o)", info.Mode().Perm()))
	}
	return nil
}

// Close ends the use of the cache.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	return c.root.Close()
}

// Has says whether there is a file for key; Load says whether it is any good.
func (c *Cache) Has(key string) bool {
	if c == nil || !isKey(key) {
		return false
	}
	_, ok := c.find(key + layerSuffix)
	return ok
}

// Load returns what was stored under key. Whatever is missing, damaged, another user's, of another version of veto or of another key is false.
func (c *Cache) Load(key string) (*engine.LayerFacts, bool) {
	if c == nil || !isKey(key) {
		return nil, false
	}
	payload, ok := c.read(key+layerSuffix, key)
	if !ok {
		return nil, false
	}
	lf, err := decode(payload)
	return lf, err == nil
}

// Store keeps lf under key, 64 lower-case hex digits. After an error nothing has changed.
func (c *Cache) Store(key string, lf *engine.LayerFacts) error {
	if c == nil {
		return nil
	}
	if !isKey(key) {
		return fmt.Errorf("keeping a layer: %q is no key", key)
	}
	payload, err := encode(lf)
	if err == nil {
		err = c.write(key+layerSuffix, key, payload)
	}
	if err != nil {
		return fmt.Errorf("keeping a layer: %w", err)
	}
	return nil
}

// Hashed returns the digest of a file whose state was recorded. State is whatever its caller tells states apart by; it must hold all
// that changes when the content does.
func (c *Cache) Hashed(state string) (engine.Digest, bool) {
	if c == nil {
		return "", false
	}
	key := engine.Fingerprint("state", state)
	payload, ok := c.read(key+stateSuffix, key)
	if !ok {
		return "", false
	}
	r := newReader(payload)
	recorded, digest := r.string(), engine.Digest(r.string())
	return digest, r.end() == nil && recorded == state && digest != ""
}

// Record keeps that a file in this state was hashed to d.
func (c *Cache) Record(state string, d engine.Digest) error {
	if c == nil {
		return nil
	}
	w := newWriter()
	w.string(state)
	w.string(string(d))
	payload, err := w.payload()
	if err == nil {
		key := engine.Fingerprint("state", state)
		err = c.write(key+stateSuffix, key, payload)
	}
	if err != nil {
		return fmt.Errorf("recording a hash: %w", err)
	}
	return nil
}

// write makes a file under its final name: whole, or not at all.
func (c *Cache) write(name, key string, payload [][]byte) error {
	data := seal(name, key, payload)
	if size := int64(sizeOf(data)); size > engine.MaxCacheFile || space(size) > c.most() {
		return &engine.LimitError{What: "size in the cache", Limit: min(engine.MaxCacheFile, c.most())}
	}
	temp := tempPrefix + rand.Text()
	err := c.fill(temp, data)
	if err == nil {
		if err = c.evict(); err != nil {
			err = fmt.Errorf("making room: %w", err)
		}
	}
	if err == nil {
		err = c.root.Rename(temp, name)
	}
	if err != nil {
		if gone := c.root.Remove(temp); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (c *Cache) fill(name string, data [][]byte) error {
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for _, part := range data {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	return errors.Join(err, f.Close())
}

func isKey(s string) bool { return len(s) == 2*keySize && isLowerHex(s) }
