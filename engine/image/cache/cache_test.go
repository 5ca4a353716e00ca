package cache

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// open opens a cache in a new folder.
func open(t testing.TB, limit int64) (*Cache, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layers")
	c, err := Open(dir, limit, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, dir
}

func keyOf(s string) string { return engine.Fingerprint(s) }

func small() *engine.LayerFacts {
	return &engine.LayerFacts{
		Info: engine.LayerInfo{Index: 1, Digest: "sha256:aa", DiffID: "sha256:bb", Verified: engine.VerifiedContent, Size: 5},
		Entries: []engine.Entry{{Path: "etc", Type: engine.TypeDir, Mode: 0o755},
			{Path: "etc/passwd", Type: engine.TypeFile, Mode: 0o644, Size: 10}},
		Evidence: []engine.Evidence{{Inspector: "dpkg/1", Path: "var/lib/dpkg/status",
			Packages: []engine.Package{{Name: "openssl", Version: "3.0.1", Type: "deb"}}}},
	}
}

func TestStoreThenLoad(t *testing.T) {
	c, dir := open(t, 1<<30)
	key := keyOf("one")
	if _, ok := c.Load(key); ok || c.Has(key) {
		t.Fatal("an empty cache has it")
	}
	if err := c.Store(key, small()); err != nil {
		t.Fatal(err)
	}
	got, ok := c.Load(key)
	if !ok || !c.Has(key) || !reflect.DeepEqual(got, small()) {
		t.Fatalf("stored %+v, loaded %+v (%v)", small(), got, ok)
	}
	if _, ok := c.Load(keyOf("two")); ok {
		t.Error("another key has it too")
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v (%v)", info.Mode(), err)
	}
}
