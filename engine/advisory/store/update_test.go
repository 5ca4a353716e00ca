package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// listing is the names in a directory, so that a test sees what is left behind.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestUpdateAddsAndRefreshes(t *testing.T) {
	dir, exports := t.TempDir(), smallExports()
	var steps []string
	o := options(dir, mirror(t, exports), "npm", "Debian:12")
	o.Progress = func(p feed.Progress) {
		if s := p.Step + " " + p.What; !slices.Contains(steps, s) {
			steps = append(steps, s)
		}
	}
	s := mustUpdate(t, o)
	if got := strings.Join(mustOpen(t, dir).Ecosystems(), " "); got != "Debian:12 npm" || len(s.Updated) != 2 || s.Shards != 2 {
		t.Errorf("shards %q, %+v", got, s)
	}
	if want := []string{"read Debian", "write Debian:12", "read npm", "write npm", "write ratings"}; !cmp.Equal(steps, want) {
		t.Errorf("progress %q", steps)
	}
	mustUpdate(t, options(dir, mirror(t, exports), "Debian", "PyPI"))
	if got := strings.Join(mustOpen(t, dir).Ecosystems(), " "); got != "Debian Debian:11 Debian:12 PyPI npm" {
		t.Errorf("shards %q", got)
	}
	before := mustOpen(t, dir)
	exports["Debian"]["DSA-4.json"] = record("DSA-4", "Debian:12", "vim", "9")
	delete(exports["Debian"], "DSA-1.json")
	s = mustUpdate(t, options(dir, mirror(t, exports))) // no name: what is there
	after := mustOpen(t, dir)
	if !cmp.Equal(s.Removed, []string(nil)) || len(s.Updated) != 5 {
		t.Errorf("%+v", s)
	}
	records, err := after.Affecting(context.Background(), "Debian:12", "vim")
	if got := ids(t, records, err); got != "DSA-4" {
		t.Errorf("vim: %q", got)
	}
	records, err = before.Affecting(context.Background(), "Debian:12", "vim") // opened before: the old generation is still there
	if got := ids(t, records, err); got != "" {
		t.Errorf("vim in the old generation: %q", got)
	}
	records, err = before.Affecting(context.Background(), "Debian:11", "bash")
	if got := ids(t, records, err); got != "DSA-1" {
		t.Errorf("bash in the old generation: %q", got)
	}
	rated, err := after.ByID(context.Background(), []string{"CVE-2026-1001", "CVE-2021-23337"})
	if got := ids(t, rated, err); got != "GHSA-1 GHSA-2" {
		t.Errorf("ratings %q", got)
	}
}

// A release that the export no longer has is removed: nothing is known of it any more.
func TestUpdateRemoves(t *testing.T) {
	dir, exports := buildSmall(t), smallExports()
	exports["Debian"] = map[string]string{"A.json": record("A", "Debian:12", "bash", "1")}
	s := mustUpdate(t, options(dir, mirror(t, exports), "Debian"))
	if want := []string{"Debian", "Debian:11"}; !cmp.Equal(s.Removed, want) {
		t.Errorf("removed %q", s.Removed)
	}
	if _, ok, err := mustOpen(t, dir).Shard(context.Background(), "Debian:11"); ok || err != nil {
		t.Errorf("Debian:11 is %v, %v", ok, err)
	}
}

// Files of old shards stay for a day, for scans that read the old manifest, and no other files stay.
func TestUpdateRetires(t *testing.T) {
	dir, exports := t.TempDir(), smallExports()
	o := options(dir, mirror(t, exports), "npm")
	mustUpdate(t, o)
	first := shardFiles(t, dir)
	exports["npm"]["GHSA-2.json"] = record("GHSA-2", "npm", "lodash", "5", `"aliases":["CVE-2021-23338"]`)
	o.Source = mirror(t, exports)
	for _, c := range []struct {
		later time.Duration
		files int
	}{{0, 5}, {time.Hour, 5}, {24 * time.Hour, 5}, {24*time.Hour + time.Second, 3}} {
		o.Now = clock().Add(c.later)
		mustUpdate(t, o)
		if got := listing(t, dir); len(got) != c.files {
			t.Errorf("after %s: %q", c.later, got)
		}
	}
	if _, err := os.Stat(first["npm"]); !os.IsNotExist(err) {
		t.Error("the first generation is still there")
	}
	o.Source = mirror(t, smallExports()) // back to the first data: a retired digest is in use again
	mustUpdate(t, o)
	if err := askEverything(dir); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, tempPrefix+"died"), []byte("x"))
	write(t, filepath.Join(dir, downloadPrefix+"died"), []byte("x"))
	mustUpdate(t, o)
	if got := listing(t, dir); len(got) != 5 {
		t.Errorf("left %q", got)
	}
}

// An update that fails, for any reason, leaves the database as it was and no other files.
func TestUpdateFails(t *testing.T) {
	dir := buildSmall(t)
	bad := smallExports()
	bad["npm"]["bad.json"] = "{"
	foreign := smallExports()
	foreign["npm"] = map[string]string{"A.json": record("A", "Debian:12", "x", "1")}
	badCatalogue := filepath.Join(t.TempDir(), "kev.json")
	write(t, badCatalogue, []byte(`{"vulnerabilities":[{}]}`))
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	good := mirror(t, smallExports())
	before := snapshot(t, dir)
	for what, c := range map[string]struct {
		change func(o *UpdateOptions)
		want   string
		usage  bool
	}{
		"bad record": {func(o *UpdateOptions) { o.Source = mirror(t, bad); o.Ecosystems = []string{"Debian", "npm"} }, `"bad.json"`,
			false},
		"unknown ecosystem": {func(o *UpdateOptions) { o.Ecosystems = []string{"npn"} }, `unknown ecosystem "npn"`, true},
		"unknown release":   {func(o *UpdateOptions) { o.Ecosystems = []string{"Debian:21"} }, `unknown release "Debian:21"`, true},
		"reserved":          {func(o *UpdateOptions) { o.Ecosystems = []string{"kev"} }, "unknown ecosystem", true},
		"not of it":         {func(o *UpdateOptions) { o.Source = mirror(t, foreign) }, "no record of it", false},
		"no source":         {func(o *UpdateOptions) { o.Source = filepath.Join(dir, "absent") }, "opening the advisory source", true},
		"empty source":      {func(o *UpdateOptions) { o.Source = t.TempDir() }, "has no ecosystem", false},
		"server":            {func(o *UpdateOptions) { o.Source = server.URL }, "404", false},
		"plain http":        {func(o *UpdateOptions) { o.Source = "http://example.test" }, "plain http", true},
		"bad date":          {func(o *UpdateOptions) { o.AsOf = "now" }, "is no date", true},
		"future":            {func(o *UpdateOptions) { o.AsOf = "2026-11-25" }, "in the future", true},
		"bad catalogue":     {func(o *UpdateOptions) { o.KEV = badCatalogue }, "no CVE id", false},
		"no catalogue":      {func(o *UpdateOptions) { o.KEV = badCatalogue + "x" }, "fetching the catalogue", false},
		"catalogue alone":   {func(o *UpdateOptions) { o.CataloguesOnly = true }, "takes its source", true},
	} {
		t.Run(what, func(t *testing.T) {
			o := options(dir, good, "npm")
			c.change(&o)
			_, err := Update(context.Background(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if errors.As(err, new(*engine.UsageError)) != c.usage {
				t.Errorf("usage error: %v of %v", !c.usage, err)
			}
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := options(dir, good, "npm", "PyPI")
	o.Progress = func(feed.Progress) { cancel() }
	if _, err := Update(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Error(diff)
	}
	if _, err := Update(context.Background(), options(t.TempDir(), good)); err == nil ||
		!strings.Contains(err.Error(), "no ecosystem to update") {
		t.Errorf("nothing to update: %v", err)
	}
}

// snapshot is every file of a directory but the lock, with its bytes.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range listing(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

// The command in a fault's hint mends the fault.
func TestUpdateMends(t *testing.T) {
	for what, damage := range map[string]func(t *testing.T, dir string){
		"manifest": func(t *testing.T, dir string) { write(t, filepath.Join(dir, manifestName), []byte("{")) },
		"shard flipped": func(t *testing.T, dir string) {
			path := shardFiles(t, dir)["npm"]
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[100] ^= 1
			write(t, path, data)
		},
		"shard missing": func(t *testing.T, dir string) {
			if err := os.Remove(shardFiles(t, dir)["npm"]); err != nil {
				t.Fatal(err)
			}
		},
		"ratings": func(t *testing.T, dir string) { write(t, shardFiles(t, dir)["ratings"], nil) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := buildSmall(t)
			damage(t, dir)
			o := options(dir, mirror(t, smallExports()), "npm")
			s := mustUpdate(t, o)
			if (s.Restarted != "") != (what == "manifest") {
				t.Errorf("restarted: %q", s.Restarted)
			}
			if err := askEverything(dir); err != nil {
				t.Error(err)
			}
		})
	}
	dir := buildSmall(t)
	write(t, shardFiles(t, dir)["npm"], nil)
	if _, err := Update(context.Background(), options(dir, mirror(t, smallExports()), "PyPI")); err == nil ||
		!strings.Contains(err.Error(), "npm shard") {
		t.Errorf("another ecosystem's damage: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, manifestName), []byte(strings.Replace(string(data), `"schema_version": 2`, `"schema_version": 9`, 1)))
	if _, err := Update(context.Background(), options(dir, mirror(t, smallExports()), "npm")); !errors.Is(err, errOtherVersion) {
		t.Errorf("a newer veto's database: %v", err)
	}
	write(t, filepath.Join(dir, manifestName), []byte(`{"schema_version": 1}`))
	if _, err := Open(dir); !errors.Is(err, errOlderVersion) || !strings.Contains(hintOf(err), "db update") {
		t.Errorf("opening an older veto's database: %v", err)
	}
	if s := mustUpdate(t, options(dir, mirror(t, smallExports()), "npm")); !strings.Contains(s.Restarted, "older") {
		t.Errorf("an older veto's database: %+v", s)
	}
}

func hintOf(err error) string {
	if h := (*engine.HintError)(nil); errors.As(err, &h) {
		return h.Hint
	}
	return ""
}

// Scans may read while updates replace the data, and each sees one generation only. Updates of one database wait for each other.
func TestConcurrency(t *testing.T) {
	dir := t.TempDir()
	generation := func(n int) string {
		v := fmt.Sprint(n)
		return mirror(t, map[string]map[string]string{
			"npm":  {"A.json": record("A-"+v, "npm", "a", v, `"aliases":["CVE-2026-1001"]`)},
			"PyPI": {"B.json": record("B-"+v, "PyPI", "a", v, `"aliases":["CVE-2026-1001"]`)},
		})
	}
	mustUpdate(t, options(dir, generation(0), "npm", "PyPI"))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					if n < 3 {
						t.Errorf("only %d scans", n)
					}
					return
				default:
				}
				scanOnce(t, dir)
			}
		})
	}
	updatesEach := 6
	if testing.Short() {
		updatesEach = 2
	}
	var updates sync.WaitGroup
	for writer := range 2 {
		updates.Go(func() {
			for n := range updatesEach {
				if _, err := Update(context.Background(), options(dir, generation(10*writer+n), "npm", "PyPI")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	updates.Wait()
	close(stop)
	wg.Wait()
	if err := askEverything(dir); err != nil {
		t.Error(err)
	}
}

func scanOnce(t *testing.T, dir string) {
	d, err := Open(dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer d.Close()
	ctx := context.Background()
	a, err1 := d.Affecting(ctx, "npm", "a")
	b, err2 := d.Affecting(ctx, "PyPI", "a")
	r, err3 := d.ByID(ctx, []string{"CVE-2026-1001"})
	if err := errors.Join(err1, err2, err3); err != nil || len(a) != 1 || len(b) != 1 || len(r) != 2 {
		t.Errorf("%v %v %v %v", a, b, r, err)
		return
	}
	if a[0].ID[2:] != b[0].ID[2:] || r[0].ID != a[0].ID || r[1].ID != b[0].ID {
		t.Errorf("generations mixed: %s %s %s %s", a[0].ID, b[0].ID, r[0].ID, r[1].ID)
	}
}

func TestUpdateWaits(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(context.Background(), dir, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	o := options(dir, mirror(t, smallExports()), "npm")
	o.Wait = 50 * time.Millisecond
	if _, err := Update(context.Background(), o); err == nil || !strings.Contains(err.Error(), "another update") {
		t.Errorf("error %v", err)
	}
	done := make(chan error)
	go func() {
		o.Wait = 0
		_, err := Update(context.Background(), o)
		done <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The date of a download is its Last-Modified, unless the user gives one.
func TestUpdateFromServer(t *testing.T) {
	source := mirror(t, smallExports())
	write(t, filepath.Join(source, "ecosystems.txt"), []byte("npm\nDebian\nDebian:12\n"))
	server := httptest.NewServer(http.FileServer(http.Dir(source)))
	defer server.Close()
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(source, "npm", "all.zip"), at, at); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := options(dir, server.URL, "npm")
	for asOf, want := range map[string]string{"": "2026-11-20T10:00:00Z", "2026-11-01": "2026-11-01T00:00:00Z"} {
		o.AsOf = asOf
		if s := mustUpdate(t, o); s.Updated[0].AsOf != want || s.Updated[0].Source != server.URL+"/npm/all.zip" {
			t.Errorf("--as-of %q: %+v", asOf, s.Updated[0])
		}
	}
	o.Source, o.AsOf = source, ""
	if s := mustUpdate(t, o); s.Updated[0].AsOf != "" {
		t.Errorf("a file's time became the date of the data: %+v", s.Updated[0])
	}
	if got := listing(t, dir); len(got) != 3 {
		t.Errorf("left %q", got)
	}
}

func TestContents(t *testing.T) {
	dir := buildSmall(t)
	s, err := ContentsOf(context.Background(), dir, clock())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Shards) != 5 || !s.Built || s.Shards[0].Age != nil || s.KEV == nil ||
		*s.KEV.Age != int64(67*time.Hour/time.Second) || s.Bytes == 0 {
		t.Errorf("%+v", s)
	}
	bytes := int64(0)
	for _, path := range shardFiles(t, dir) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	if s.Bytes != bytes || s.EPSS != nil || s.CVE != nil || s.Dir != dir {
		t.Errorf("%+v, the files have %d bytes", s, bytes)
	}
	for name, mode := range modes(t, dir) {
		if mode.Perm()&0o444 != 0o444 {
			t.Errorf("%s cannot be read by others: %s", name, mode)
		}
	}
	q, err := ContentsOf(context.Background(), quickstart(t), clock())
	if err != nil || q.Built || *q.Shards[0].Age != int64(12*time.Hour/time.Second) {
		t.Errorf("%+v, %v", q, err)
	}
	if err := os.Remove(slices.Sorted(maps.Values(shardFiles(t, dir)))[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := ContentsOf(context.Background(), dir, clock()); err == nil {
		t.Error("a missing shard is no error")
	}
}

func modes(t testing.TB, dir string) map[string]fs.FileMode {
	t.Helper()
	all := map[string]fs.FileMode{}
	for _, name := range listing(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = info.Mode()
	}
	return all
}
