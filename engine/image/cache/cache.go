// Package cache keeps, in a folder of small files, the facts of layers that veto has hashed, and the digests of local files that it has
// hashed.
//
// There is no lock and no index: a file is written under another name and then renamed, so that any number of processes may read, write and
// evict at the same time, and may be killed at any time. A file that is not whole, or whose checksum or name does not fit its content,
// counts as absent.
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

// Cache is an opened folder. It is safe for concurrent use. A nil Cache is empty and keeps nothing. It implements engine.LayerCache and
// image.Hashes.
type Cache struct {
	dir   string
	root  *os.Root
	limit int64 // bytes on disk
	now   func() time.Time
	mu    sync.Mutex
	sizes map[string]int64 // bytes on disk by name, of the files that were there when this process last looked
}

var _ engine.LayerCache = (*Cache)(nil)

// Open opens the cache in dir, and makes the folder (mode 0700) when there is none. The cache holds at most limit bytes on disk, as Stats
// counts them; now is the clock for times of use. A folder that is not this user's, or that others can write, is an engine.UsageError:
// whoever writes it decides what veto believes an image to contain. The caller closes the cache.
func Open(dir string, limit int64, now func() time.Time) (*Cache, error) {
	made, err := makeFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("making the layer cache: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the layer cache: %w", err)
	}
	if err := checkFolder(dir, info); err != nil && made {
		// Some file systems know one owner and mode for everything (CIFS, FAT). A cache cannot be there, but that is no usage error.
		err := fmt.Errorf("making the layer cache: the file system does not keep %s for its user alone", dir)
		return nil, errors.Join(err, os.Remove(dir))
	} else if err != nil {
		return nil, err
	}
	root, err := openSame(dir, info)
	if err != nil {
		return nil, err
	}
	return &Cache{dir: dir, root: root, limit: limit, now: now}, nil
}

// openSame opens the folder that was checked, and nothing that has taken its place since.
func openSame(dir string, checked fs.FileInfo) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the layer cache: %w", err)
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(checked, opened) {
		err = fmt.Errorf("the layer cache %s was replaced while it was opened", dir)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// makeFolder makes dir and its parents. made is false when something of that name exists, whatever it is.
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

// writeBits are the write permissions that nobody but the owner may have.
const writeBits = 0o022

// checkFolder returns an error when others than this user can change what is in the folder.
func checkFolder(dir string, info fs.FileInfo) error {
	unsafe := func(why string) error {
		return engine.Hint(engine.Usage("the layer cache %s %s: whoever can write it can say what an image contains", dir, why),
			"chmod 700 a folder of your own, set VETO_CACHE to another one, or scan with --no-cache")
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return unsafe("is a symbolic link")
	case !info.IsDir():
		return fmt.Errorf("opening the layer cache: %w", &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR})
	case !ownedByUser(info):
		return unsafe("belongs to another user")
	case writableByOthers(info):
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

// Has reports whether there is a file for key. Whether the file is sound, only Load finds out.
func (c *Cache) Has(key string) bool {
	if c == nil || !isKey(key) {
		return false
	}
	_, ok := c.statTrusted(key + layerSuffix)
	return ok
}

// Load returns the facts that were stored under key. It returns false when there are none, and when the file is damaged, another user's,
// writable by others, of another key or of another version of veto.
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

// Store keeps lf under key, which is 64 lower-case hex digits. It evicts other files to make room. Facts over a limit are an
// engine.LimitError. After an error, what was stored under key is unchanged.
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

// Hashed returns the digest that was recorded for a file in this state. A state is an opaque string that names the file and changes
// whenever the file's content does.
func (c *Cache) Hashed(state string) (engine.Digest, bool) {
	if c == nil {
		return "", false
	}
	key := engine.Fingerprint("state", state)
	payload, ok := c.read(key+stateSuffix, key)
	if !ok {
		return "", false
	}
	r := newPayloadReader(payload)
	recorded, digest := r.string(), engine.Digest(r.string())
	return digest, r.finish() == nil && recorded == state && digest != ""
}

// Record notes that a file in this state has the digest d.
func (c *Cache) Record(state string, d engine.Digest) error {
	if c == nil {
		return nil
	}
	w := newPayloadWriter()
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

// write writes a file: whole, or not at all.
func (c *Cache) write(name, key string, payload [][]byte) error {
	data := seal(name, key, payload)
	if size := int64(sizeOf(data)); size > engine.MaxCacheFile || diskSpace(size) > c.fileLimit() {
		return &engine.LimitError{What: "size in the cache", Limit: min(engine.MaxCacheFile, c.fileLimit())}
	}
	temp := tempPrefix + rand.Text()
	err := c.writeTemp(temp, data)
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

// writeTemp writes the parts of a file under a temporary name.
func (c *Cache) writeTemp(name string, data [][]byte) error {
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
