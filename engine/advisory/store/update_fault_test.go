package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/advisory/feed"
)

// An update whose manifest cannot be put in its place made no database: it says so, and leaves no shards behind.
func TestUpdateWithoutManifest(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, mirror(t, smallExports()), "npm")
	block := filepath.Join(dir, manifestName, "in the way")
	o.Progress = func(feed.Progress) { // after the old manifest was looked for
		if err := os.MkdirAll(block, 0o755); err != nil {
			t.Error(err)
		}
	}
	if s, err := Update(context.Background(), o); err == nil || !strings.Contains(err.Error(), "writing the database's manifest") {
		t.Errorf("%v, %v", s, err)
	}
	for _, name := range listing(t, dir) {
		if strings.HasSuffix(name, shardSuffix) {
			t.Errorf("%s is still there", name)
		}
	}
}

// An update that cannot write its ratings names them and changes nothing.
func TestUpdateWithoutRatings(t *testing.T) {
	source := mirror(t, smallExports())
	built := t.TempDir()
	mustUpdate(t, options(built, source, "npm"))
	m, err := readManifest(built)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	block := filepath.Join(dir, m.Ratings.file(), "in the way") // the same input gives the same name
	if err := os.MkdirAll(block, 0o755); err != nil {
		t.Fatal(err)
	}
	if s, err := Update(context.Background(), options(dir, source, "npm")); err == nil ||
		!strings.Contains(err.Error(), "writing the ratings shard") {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, manifestName)); !os.IsNotExist(err) {
		t.Errorf("a manifest was written: %v", err)
	}
}

// A source that names an ecosystem and does not have its export is an error that names it.
func TestUpdateWithoutExport(t *testing.T) {
	source := mirror(t, smallExports())
	write(t, filepath.Join(source, "ecosystems.txt"), []byte("Go\nnpm\n"))
	if s, err := Update(context.Background(), options(t.TempDir(), source, "npm", "Go")); err == nil ||
		!strings.Contains(err.Error(), "opening the Go advisories") {
		t.Errorf("%v, %v", s, err)
	}
}

// A database whose directory vanishes under its update is an error that says which step found out.
func TestUpdateLosesItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	o := options(dir, mirror(t, smallExports()), "npm")
	o.Progress = func(p feed.Progress) {
		if p.Step == "write" && p.What == ratingsName { // the last shard
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	}
	if s, err := Update(context.Background(), o); err == nil || !strings.Contains(err.Error(), "reading the database's directory") {
		t.Errorf("%v, %v", s, err)
	}
}
