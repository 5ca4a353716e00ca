package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// used gives a file the time of its last use.
func used(t testing.TB, dir, name string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
		t.Fatal(err)
	}
}

func onDisk(t testing.TB, dir string) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // it may be gone already
			total += diskSpace(info.Size())
		}
	}
	return total
}

func TestLimitHoldsAndTheOldestGo(t *testing.T) {
	const limit = 40 * diskBlock
	c, dir := open(t, limit)
	start := c.now()
	var names []string
	for i := range 60 {
		key := keyOf(fmt.Sprint(i))
		if err := c.Store(key, small()); err != nil {
			t.Fatal(err)
		}
		names = append(names, key+layerSuffix)
		used(t, dir, names[i], start.Add(time.Duration(i-100)*time.Minute))
		if total := onDisk(t, dir); total > limit {
			t.Fatalf("after %d files %d bytes are held, more than %d", i+1, total, limit)
		}
		for old := range 3 { // the first three are used all the time
			if !c.Has(keyOf(fmt.Sprint(old))) && i >= old {
				t.Fatalf("after %d files number %d, used just now, is gone", i+1, old)
			}
			if i >= old {
				used(t, dir, names[old], start)
			}
		}
	}
	var left []string
	for i, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			left = append(left, fmt.Sprint(i))
		}
	}
	if n := len(left); n < 36 || !slices.Equal(left[:3], []string{"0", "1", "2"}) || left[3] != fmt.Sprint(60-n+3) {
		t.Errorf("left are %v: not the youngest", left)
	}
}

func TestRecordsAreBoundedToo(t *testing.T) {
	const limit = 40 * diskBlock
	c, dir := open(t, limit)
	for i := range 100 {
		if err := c.Record(fmt.Sprint("state ", i), "sha256:00"); err != nil {
			t.Fatal(err)
		}
		if total := onDisk(t, dir); total > limit {
			t.Fatalf("after %d records %d bytes are held, more than %d", i+1, total, limit)
		}
	}
	if d, ok := c.Hashed("state 99"); !ok || d != "sha256:00" {
		t.Error("the last record is gone")
	}
}

// What would push out much of everything else is not kept.
func TestTooLargeIsNotKept(t *testing.T) {
	c, dir := open(t, 16*diskBlock)
	lf := distribution(3000, 30)
	err := c.Store(keyOf("large"), lf)
	var limit *engine.LimitError
	if !errors.As(err, &limit) || onDisk(t, dir) != 0 {
		t.Errorf("%v, and %d bytes are held", err, onDisk(t, dir))
	}
}

func TestUseIsNotedOnceAnHour(t *testing.T) {
	c, dir := open(t, 1<<30)
	key := keyOf("one")
	if err := c.Store(key, small()); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return now }
	for _, tc := range []struct {
		age   time.Duration
		noted bool
	}{{2 * time.Hour, true}, {30 * time.Minute, false}, {-2 * time.Hour, true}, {0, false}} {
		used(t, dir, key+layerSuffix, now.Add(-tc.age))
		if _, ok := c.Load(key); !ok {
			t.Fatal("missed")
		}
		info, err := os.Stat(filepath.Join(dir, key+layerSuffix))
		if err != nil {
			t.Fatal(err)
		}
		if noted := info.ModTime().Equal(now); noted != (tc.noted || tc.age == 0) {
			t.Errorf("used %v ago: noted is %v", tc.age, noted)
		}
	}
}

// What killed processes left goes after a day, whether there is room or not; what may still be written stays.
func TestDeadFilesGo(t *testing.T) {
	c, dir := open(t, 1<<30)
	now := c.now()
	dead, busy, foreign := tempPrefix+"AAAAAAAAAAAAAAAAAAAAAAAAAA", tempPrefix+"BBBBBBBBBBBBBBBBBBBBBBBBBB", tempPrefix+"x"
	for name, age := range map[string]time.Duration{dead: 25 * time.Hour, busy: 23 * time.Hour, foreign: 100 * time.Hour} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		used(t, dir, name, now.Add(-age))
	}
	if err := c.Store(keyOf("one"), small()); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{dead: false, busy: true, foreign: true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusAndClean(t *testing.T) {
	c, dir := open(t, 1<<20)
	clock := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for i := range 3 {
		key := keyOf(fmt.Sprint(i))
		if err := c.Store(key, small()); err != nil {
			t.Fatal(err)
		}
		used(t, dir, key+layerSuffix, clock.Add(time.Duration(i)*time.Hour))
	}
	if err := c.Record("state", "sha256:00"); err != nil {
		t.Fatal(err)
	}
	used(t, dir, engine.Fingerprint("state", "state")+stateSuffix, clock)
	foreign := []string{"README", keyOf("x"), keyOf("x") + ".txt", "x" + layerSuffix, keyOf("y")[1:] + "G" + layerSuffix}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, link := keyOf("folder")+layerSuffix, keyOf("link")+layerSuffix
	if err := errors.Join(os.Mkdir(filepath.Join(dir, folder), 0o700), os.Symlink("README", filepath.Join(dir, link))); err != nil {
		t.Fatal(err)
	}
	want := Stats{Dir: dir, Files: 4, Layers: 3, Bytes: 4 * diskBlock, Limit: 1 << 20, Oldest: "2026-11-23T10:00:00Z",
		Newest: "2026-11-23T12:00:00Z"}
	got, err := c.Stats()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("status: %v (-want +got)\n%s", err, diff)
	}
	got, err = c.Clean()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("clean: %v (-want +got)\n%s", err, diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	stays := append(append([]string{}, foreign...), folder, link)
	slices.Sort(stays)
	if diff := cmp.Diff(stays, left); diff != "" {
		t.Errorf("what others put there (-before +after)\n%s", diff)
	}
	empty, err := c.Stats()
	if diff := cmp.Diff(Stats{Dir: dir, Limit: 1 << 20}, empty); diff != "" || err != nil {
		t.Errorf("empty: %v\n%s", err, diff)
	}
}
