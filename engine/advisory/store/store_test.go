package store

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/advisory"
)

func clock() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// testdata is the folder of real advisories, or the test is skipped.
func testdata(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("VETO_TESTDATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "osv")); err != nil {
		t.Skip("no VETO_TESTDATA with osv/ in it")
	}
	return dir
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// record writes a small OSV record; more is JSON of further fields.
func record(id, ecosystem, name, fixed string, more ...string) string {
	extra := ""
	for _, m := range more {
		extra += "," + m
	}
	return fmt.Sprintf(`{"schema_version":"1.7.3","id":%q,"modified":"2026-01-02T03:04:05Z"%s,
		"affected":[{"package":{"ecosystem":%q,"name":%q},
		"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":%q}]}]}]}`, id, extra, ecosystem, name, fixed)
}

// mirror writes exports laid out as OSV's bucket is: ecosystem → entry name → record.
func mirror(t testing.TB, exports map[string]map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for ecosystem, records := range exports {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range slices.Sorted(maps.Keys(records)) {
			f, err := w.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, records[name]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, ecosystem, "all.zip"), b.Bytes())
	}
	return dir
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func smallExports() map[string]map[string]string {
	return map[string]map[string]string{
		"Debian": {
			"DEBIAN-CVE-2026-1001.json": record("DEBIAN-CVE-2026-1001", "Debian:12", "bash", "5.2", `"upstream":["CVE-2026-1001"]`),
			"DSA-1.json":                record("DSA-1", "Debian:11", "bash", "5.1"),
			"DSA-2.json":                record("DSA-2", "Debian", "zlib", "1.3"),
			"DSA-3.json": `{"id":"DSA-3","modified":"2026-01-01T00:00:00Z","affected":[
				{"package":{"ecosystem":"Debian:11","name":"curl"},"versions":["1"]},
				{"package":{"ecosystem":"Debian:12","name":"curl"},"versions":["2"]},
				{"package":{"ecosystem":"npm","name":"curl"},"versions":["3"]}]}`,
		},
		"PyPI": {
			"GHSA-1.json": record("GHSA-1", "PyPI", "Zope.Interface", "5", `"aliases":["CVE-2026-1001"]`,
				`"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`),
			"PYSEC-1.json": record("PYSEC-1", "PyPI", "requests", "2"),
		},
		"npm": {"GHSA-2.json": record("GHSA-2", "npm", "lodash", "4.17.21", `"aliases":["CVE-2021-23337"]`)},
	}
}

func kevFile(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "kev.json")
	write(t, path, []byte(`{"dateReleased":"2026-11-20T17:00:00.123Z","count":1,
		"vulnerabilities":[{"cveID":"CVE-2026-1001","dateAdded":"2026-11-19"}]}`))
	return path
}

func options(dir, source string, ecosystems ...string) UpdateOptions {
	return UpdateOptions{Dir: dir, Source: source, Ecosystems: ecosystems, Now: clock(), AsOf: "2026-11-22"}
}

func mustUpdate(t testing.TB, o UpdateOptions) *Summary {
	t.Helper()
	s, err := Update(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustOpen(t testing.TB, dir string) *DB {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func buildSmall(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	o := options(dir, mirror(t, smallExports()), "Debian", "PyPI", "npm")
	o.KEV, o.AsOf = kevFile(t), ""
	mustUpdate(t, o)
	return dir
}

func ids(t testing.TB, records []advisory.Advisory, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, a := range records {
		all = append(all, a.ID)
	}
	return strings.Join(all, " ")
}

// A built database and a directory with the same records answer alike.
func TestLookUps(t *testing.T) {
	files := t.TempDir()
	for ecosystem, records := range smallExports() {
		for name, r := range records {
			write(t, filepath.Join(files, ecosystem, name), []byte(r))
		}
	}
	kev, err := os.ReadFile(kevFile(t))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(files, "kev.json"), kev)
	for name, dir := range map[string]string{"built": buildSmall(t), "directory": files} {
		t.Run(name, func(t *testing.T) { lookUps(t, mustOpen(t, dir)) })
	}
}

func lookUps(t *testing.T, d *DB) {
	ctx := context.Background()
	for _, c := range []struct{ ecosystem, name, want string }{
		{"Debian:12", "bash", "DEBIAN-CVE-2026-1001"},
		{"Debian:11", "bash", "DSA-1"},
		{"Debian:12", "zlib", "DSA-2"}, // said of every release
		{"Debian:11", "zlib", "DSA-2"},
		{"Debian:12", "curl", "DSA-3"},
		{"Debian:13", "zlib", ""}, // a release of its own that nothing is known of
		{"Debian:12", "nothing", ""},
		{"PyPI", "zope-interface", "GHSA-1"}, // PEP 503
		{"PyPI", "zope_Interface", "GHSA-1"},
		{"npm", "lodash", "GHSA-2"},
		{"npm", "Lodash", ""},
		{"Go", "lodash", ""},
	} {
		records, err := d.Affecting(ctx, c.ecosystem, c.name)
		if got := ids(t, records, err); got != c.want {
			t.Errorf("Affecting(%s, %s) = %q, want %q", c.ecosystem, c.name, got, c.want)
		}
	}
	for ecosystem, want := range map[string]bool{"Debian:12": true, "Debian:13": false, "Debian": true, "npm": true, "npm:1": true,
		"Go": false, "kev": false, "ratings": false} {
		if _, ok, err := d.Shard(ctx, ecosystem); err != nil || ok != want {
			t.Errorf("Shard(%s) = %v, %v, want %v", ecosystem, ok, err, want)
		}
	}
	records, err := d.Affecting(ctx, "Debian:12", "curl")
	if err != nil || len(records) != 1 || len(records[0].Affected) != 1 || records[0].Affected[0].Ecosystem != "Debian:12" {
		t.Errorf("the record of two releases has foreign entries: %+v, %v", records, err)
	}
	rated, err := d.ByID(ctx, []string{"CVE-2026-1001", "DEBIAN-CVE-2026-1001", "CVE-1"})
	if got := ids(t, rated, err); got != "DEBIAN-CVE-2026-1001 GHSA-1" {
		t.Errorf("Rated = %q", got)
	}
	if len(rated[1].Severity) != 1 {
		t.Errorf("the joined record has no severity: %+v", rated[1])
	}
	entries, shard, ok, err := d.KEV(ctx, []string{"CVE-2026-1002", "CVE-2026-1001", "CVE-2026-1001"})
	if want := []advisory.KEVEntry{{CVE: "CVE-2026-1001", Added: "2026-11-19"}}; err != nil || !ok || !cmp.Equal(entries, want) ||
		shard.AsOf != "2026-11-20T17:00:00Z" || shard.Ecosystem != "kev" {
		t.Errorf("Exploited = %v %+v %v %v", entries, shard, ok, err)
	}
	for query, want := range map[string]string{
		"cve-2026-1001": "Debian:12/DEBIAN-CVE-2026-1001 PyPI/GHSA-1", "bash": "Debian:11/DSA-1 Debian:12/DEBIAN-CVE-2026-1001",
		"zope.interface": "PyPI/GHSA-1", "lodash": "npm/GHSA-2", "nil": "", "": "",
	} {
		hits, err := d.Search(ctx, query, "")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, h.Ecosystem+"/"+h.Advisory.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("Search(%s) = %q, want %q", query, got, want)
		}
	}
}

// A directory may be a link, and its files may be links into a hidden folder, as a mounted ConfigMap has them.
func TestLinkedDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real", "..data", "a.json"), []byte(record("A", "npm", "a", "1")))
	for link, to := range map[string]string{"real/a.json": "..data/a.json", "link": "real"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	records, err := mustOpen(t, filepath.Join(dir, "link")).Affecting(context.Background(), "npm", "a")
	if got := ids(t, records, err); got != "A" {
		t.Errorf("records %q", got)
	}
}
