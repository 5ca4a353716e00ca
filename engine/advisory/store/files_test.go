package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// Waiting for the lock ends with the context, and a folder that is not there is no reason to wait.
func TestLock(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if unlock, err := lock(ctx, t.TempDir(), time.Minute); !errors.Is(err, context.Canceled) || unlock != nil {
		t.Errorf("cancelled: %v", err)
	}
	start := time.Now()
	if unlock, err := lock(t.Context(), filepath.Join(t.TempDir(), "absent"), time.Minute); err == nil || unlock != nil ||
		!strings.Contains(err.Error(), "locking the database") || time.Since(start) > 30*time.Second {
		t.Errorf("no folder: %v after %s", err, time.Since(start))
	}
}

// An update touches its own files only: what else lies in the folder stays.
func TestUpdateLeavesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	others := []string{"notes.txt", "short.shard", strings.Repeat("z", 64) + shardSuffix, ".veto", "download-1"}
	for _, name := range others {
		write(t, filepath.Join(dir, name), []byte("x"))
	}
	if err := os.MkdirAll(filepath.Join(dir, tempPrefix+"folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := options(dir, mirror(t, smallExports()), "npm")
	mustUpdate(t, o)
	o.Now = clock().Add(100 * retiredFor)
	o.AsOf = ""
	mustUpdate(t, o)
	for _, name := range append(others, tempPrefix+"folder") {
		if !slices.Contains(listing(t, dir), name) {
			t.Errorf("%s is gone", name)
		}
	}
}

// A manifest is replaced whole or not at all, and nothing else is left.
func TestWriteManifest(t *testing.T) {
	dir := buildSmall(t)
	before := snapshot(t, dir)
	m, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Shards[0].Digest = "none"
	if err := writeManifest(dir, m); err == nil {
		t.Error("a manifest that no reader accepts is written")
	}
	if err := writeManifest(filepath.Join(dir, "absent"), m); err == nil {
		t.Error("no folder, and no error")
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Error(diff)
	}
	large := t.TempDir()
	write(t, filepath.Join(large, manifestName), make([]byte, engine.MaxShardList+1))
	if _, err := readManifest(large); !errors.As(err, new(*engine.LimitError)) {
		t.Errorf("a manifest above the limit: %v", err)
	}
}

// What no manifest of veto's says is refused at its edges, too.
func TestManifestEdges(t *testing.T) {
	good := ShardInfo{Ecosystem: "npm", Digest: "sha256:" + strings.Repeat("a", 64), Size: engine.MaxShard, AsOf: "2026-11-22T00:00:00Z"}
	manifestOf := func(info ShardInfo) *manifest {
		return &manifest{SchemaVersion: schemaVersion, Shards: []ShardInfo{info}, Ratings: &good}
	}
	if err := manifestOf(good).check(); err != nil {
		t.Error(err)
	}
	empty := good
	empty.Size, empty.AsOf = 0, ""
	if err := manifestOf(empty).check(); err != nil {
		t.Error(err)
	}
	if err := (&manifest{}).check(); err != nil {
		t.Errorf("an empty database: %v", err)
	}
	for what, change := range map[string]func(info *ShardInfo){
		"too large":      func(info *ShardInfo) { info.Size++ },
		"short digest":   func(info *ShardInfo) { info.Digest = info.Digest[:70] },
		"upper case":     func(info *ShardInfo) { info.Digest = strings.ReplaceAll(info.Digest, "a", "A") },
		"a day for time": func(info *ShardInfo) { info.AsOf = "2026-11-22" },
	} {
		bad := good
		change(&bad)
		for name, m := range map[string]*manifest{"shard": manifestOf(bad), "ratings": {Ratings: &bad}, "kev": {KEV: &bad},
			"epss": {EPSS: &bad}, "cve": {CVE: &bad}} {
			if m.check() == nil {
				t.Errorf("%s of %s is no error", what, name)
			}
		}
	}
	for _, r := range []retired{{good.Digest, "2026-11-22"}, {"x", "2026-11-22T00:00:00Z"}} {
		if (&manifest{Retired: []retired{r}}).check() == nil {
			t.Errorf("%+v is no error", r)
		}
	}
	ok := &manifest{Retired: []retired{{good.Digest, "2026-11-22T00:00:00Z"}}}
	if err := ok.check(); err != nil {
		t.Error(err)
	}
}

// Commands in hints can be pasted into a shell.
func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{"/var/db": "/var/db", "a-b_c.d+e:f,g@h%i": "a-b_c.d+e:f,g@h%i", "": "''",
		"a b": "'a b'", "a'b": `'a'\''b'`,
		"$(x)": "'$(x)'", "a;b": "'a;b'", "~": "'~'", "ä": "'ä'", "AZaz09": "AZaz09"} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

// A value is read back as it was written, and one that is not whole, or claims more than there is, is an error and never a crash.
func TestValues(t *testing.T) {
	long := strings.Repeat("x", 300)
	a := advisory.Advisory{ID: "A", Aliases: []string{"", "B"}, Upstream: []string{"C"}, Related: []string{"D"}, Summary: long, Published: "P",
		Modified: "M", Withdrawn: "W", Level: "high", CWEs: []string{"CWE-79"}, Severity: []advisory.Rating{{Type: "CVSS_V3", Score: "9.8"}},
		Affected: []advisory.Affected{{Ecosystem: "Go", Name: "m", Versions: []string{"1"}, Urgency: "low",
			Severity: []advisory.Rating{{Type: "Ubuntu", Score: "low"}}, Imports: []advisory.Import{{Path: "m/a", Symbols: []string{"F", "T.M"}}},
			Ranges: []advisory.Range{{Type: "SEMVER", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "1"},
				{LastAffected: "2"}, {Limit: "3"}}}}}}}
	whole := encodeRecord(a)
	got, err := decodeRecord(whole)
	if diff := cmp.Diff(a, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for n := range whole {
		if got, err := decodeRecord(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes: %+v", n, len(whole), got)
		}
	}
	for name, value := range map[string][]byte{"more than there is": {2, 1, 'a'}, "without an end": {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
		"2^35": {0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, "2^32": {0x80, 0x80, 0x80, 0x80, 0x10}, "a byte too many": {0, 0}} {
		if got, err := decodeStrings(value); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	many := make([]string, 200)
	if got, err := decodeStrings(appendStrings(nil, many)); err != nil || len(got) != len(many) {
		t.Errorf("%d strings, %v", len(got), err)
	}
}

// Walking a table visits the keys of one kind in their order, and stops at the first error, in a file as in memory.
func TestTablesWalk(t *testing.T) {
	pairs := []pair{headerPair("npm"), {"a", nil}, {"n1", []byte("1")}, {"n2", []byte("2")}, {"n3", []byte("3")}, {"o", []byte("x")}}
	sortPairs(pairs)
	path := filepath.Join(t.TempDir(), "x")
	if err := writeShardFile(path, pairs); err != nil {
		t.Fatal(err)
	}
	file, err := openShard(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, table := range map[string]table{"file": file, "memory": &memoryTable{pairs}} {
		var got []string
		err := table.each("n", func(key string, value []byte) error { got = append(got, key+"="+string(value)); return nil })
		if want := []string{"n1=1", "n2=2", "n3=3"}; err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		broken, visited := errors.New("enough"), 0
		if err := table.each("n", func(string, []byte) error { visited++; return broken }); !errors.Is(err, broken) || visited != 1 {
			t.Errorf("%s: %v after %d", name, err, visited)
		}
		err = table.view(func(get getter) error {
			if get("n2") == nil || get("n") != nil || get("") != nil || get("z") != nil {
				t.Errorf("%s finds other keys than it has", name)
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The date of an update is the feed's, but no later than a day from now, which is more than clocks differ.
func TestDateOf(t *testing.T) {
	u := &updater{options: UpdateOptions{Now: clock()}}
	for own, ok := range map[string]bool{"": true, "2026-11-24T12:00:00Z": true, "2026-11-24T12:00:01Z": false,
		"2020-01-01T00:00:00Z": true, "today": false} {
		if got, err := u.dateOf(own, "npm"); (err == nil) != ok || ok && got != own {
			t.Errorf("%q: %q, %v", own, got, err)
		}
	}
	u.options.AsOf = "2026-11-01T00:00:00Z"
	if got, err := u.dateOf("2026-11-02T00:00:00Z", "npm"); err != nil || got != u.options.AsOf {
		t.Errorf("the user's date does not count: %q, %v", got, err)
	}
}

// An ecosystem named as a whole is updated as a whole, whatever releases are named too; without names, what the database has is refreshed.
func TestWanted(t *testing.T) {
	for _, c := range []struct {
		names, has []string
		want       map[string][]string
	}{
		{[]string{"Debian:12", "Debian:11", "Debian:12", "npm"}, nil, map[string][]string{"Debian": {"Debian:12", "Debian:11"}, "npm": nil}},
		{[]string{"Debian:12", "Debian"}, nil, map[string][]string{"Debian": nil}},
		{[]string{"Debian", "Debian:12"}, nil, map[string][]string{"Debian": nil}},
		{nil, []string{"Debian:11", "PyPI"}, map[string][]string{"Debian": {"Debian:11"}, "PyPI": nil}},
		{[]string{"npm"}, []string{"PyPI"}, map[string][]string{"npm": nil}},
	} {
		u := &updater{options: UpdateOptions{Ecosystems: c.names}, old: &manifest{}}
		for _, e := range c.has {
			u.old.Shards = append(u.old.Shards, ShardInfo{Ecosystem: e})
		}
		got, err := u.wanted()
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%q of %q: %v %s", c.names, c.has, err, diff)
		}
	}
}

// An update says how far it is also while it writes.
func TestUpdateProgress(t *testing.T) {
	o := options(t.TempDir(), mirror(t, smallExports()), "npm")
	var last feed.Progress
	o.Progress = func(p feed.Progress) { last = p }
	mustUpdate(t, o)
	if last.Step != "write" || last.What != ratingsName || last.Done == 0 || last.Done != last.Total {
		t.Errorf("%+v", last)
	}
	o.Progress = nil
	mustUpdate(t, o)
	if _, err := Update(t.Context(), UpdateOptions{Dir: filepath.Join(os.DevNull, "db"), Now: clock()}); err == nil {
		t.Error("a folder that cannot be made is no error")
	}
}
