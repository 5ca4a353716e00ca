package cache

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

func TestOpenRefusesWhatOthersCanWrite(t *testing.T) {
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	for name, prepare := range map[string]func(dir string) error{
		"group can write":  func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o770)) },
		"others can write": func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o702)) },
		"a link":           func(dir string) error { return errors.Join(os.Mkdir(dir+"-real", 0o700), os.Symlink(dir+"-real", dir)) },
		"another user's": func(dir string) error {
			if os.Geteuid() != 0 {
				return os.Symlink("/", dir) // only root can give folders away
			}
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 65534, 65534))
		},
	} {
		if err := prepare(at(name)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(at(name), 1<<30, time.Now)
		var usage *engine.UsageError
		var hint *engine.HintError
		if !errors.As(err, &usage) || !errors.As(err, &hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenWhereNothingCanBe(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(base, "nowhere"), filepath.Join(base, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "layers"), filepath.Join(base, "dangling", "layers")} {
		c, err := Open(dir, 1<<30, time.Now)
		var usage *engine.UsageError
		if err == nil || errors.As(err, &usage) {
			t.Errorf("%s: %v, %v", dir, c, err)
		}
	}
}

// A folder that others may read is fine, and one that is there already stays as it is.
func TestOpenTakesAReadableFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layers")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir, 1<<30, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A folder that takes the place of the one that was checked is refused: nobody has checked whose it is.
func TestOpenRefusesAReplacedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layers")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	checked, err := os.Lstat(dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := openSame(dir, checked)
	if err != nil {
		t.Fatal(err)
	}
	// The first folder stays, under another name, so that the second cannot be given its number.
	if err := errors.Join(root.Close(), os.Rename(dir, dir+"-before"), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if root, err := openSame(dir, checked); err == nil {
		t.Error("another folder was opened", root.Close())
	}
}

// A nil cache is one that keeps nothing.
func TestNilCache(t *testing.T) {
	var c *Cache
	if err := errors.Join(c.Store(keyOf("a"), small()), c.Record("s", "sha256:00"), c.Close()); err != nil {
		t.Error(err)
	}
	_, loaded := c.Load(keyOf("a"))
	_, hashed := c.Hashed("s")
	status, err := c.Stats()
	cleaned, cerr := c.Clean()
	if loaded || hashed || c.Has(keyOf("a")) || status != (Stats{}) || cleaned != (Stats{}) || err != nil || cerr != nil {
		t.Error("a nil cache holds something")
	}
}

// What is in the cache's place but not the cache's file is a miss, and reading it neither follows a link nor waits.
func TestStrangeFilesAreMisses(t *testing.T) {
	c, dir := open(t, 1<<30)
	elsewhere, outside := open(t, 1<<30)
	key := keyOf("one")
	for _, c := range []*Cache{c, elsewhere} {
		if err := c.Store(key, small()); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, key+layerSuffix)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]func() error{
		"a link to a sound file": func() error { return os.Symlink(filepath.Join(outside, key+layerSuffix), path) },
		"a link inside": func() error {
			return errors.Join(os.WriteFile(path+"x", whole, 0o600), os.Symlink(key+layerSuffix+"x", path))
		},
		"a folder":              func() error { return os.Mkdir(path, 0o700) },
		"writable by the group": func() error { return errors.Join(os.WriteFile(path, whole, 0o600), os.Chmod(path, 0o620)) },
		"a pipe":                func() error { return pipe(path) },
		"empty":                 func() error { return os.WriteFile(path, nil, 0o600) },
	}
	if os.Geteuid() == 0 {
		cases["another user's"] = func() error { return errors.Join(os.WriteFile(path, whole, 0o600), os.Chown(path, 65534, 0)) }
	}
	for name, put := range cases {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Load(key); ok {
			t.Errorf("%s: loaded", name)
		}
		if name != "empty" && c.Has(key) {
			t.Errorf("%s: is said to be there", name)
		}
		// Storing mends it, but for a folder, which is not the cache's to remove.
		if err := c.Store(key, small()); (err != nil) != (name == "a folder") {
			t.Errorf("%s: storing over it: %v", name, err)
		}
		if _, ok := c.Load(key); ok == (name == "a folder") {
			t.Errorf("%s: after storing: %v", name, ok)
		}
	}
	if _, ok := elsewhere.Load(key); !ok {
		t.Error("the file outside was changed through the link")
	}
	if left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

// A disk that is full or read-only makes an error, and leaves nothing behind.
func TestStoreWhereNothingCanBeWritten(t *testing.T) {
	for name, mount := range map[string]string{"full": "size=16k", "read-only": "ro"} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			unmount, err := mountTemp(base, mount)
			if err != nil {
				t.Skip("cannot mount:", err)
			}
			defer unmount()
			c, err := Open(base, 1<<30, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Store(keyOf("large"), distribution(3000, 30)); err == nil {
				t.Error("stored")
			}
			if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
				t.Errorf("left %v (%v)", left, err)
			}
			if _, ok := c.Load(keyOf("large")); ok {
				t.Error("loaded")
			}
			status, err := c.Stats()
			if err != nil || status.Files != 0 {
				t.Errorf("status %+v, %v", status, err)
			}
		})
	}
}
