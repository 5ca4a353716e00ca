package store

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func realEcosystems() []string { return []string{"Debian", "Alpine", "npm", "PyPI", "Go"} }

func realOptions(t testing.TB, dir, source string) UpdateOptions {
	o := options(dir, source, realEcosystems()...)
	o.KEV = filepath.Join(testdata(t), "kev", "known_exploited_vulnerabilities.json")
	return o
}

// realExports is a folder with real exports; with -short they have one in 25 of their records.
func realExports(t testing.TB) string {
	t.Helper()
	all := filepath.Join(testdata(t), "osv")
	if !testing.Short() {
		return all
	}
	dir := t.TempDir()
	for _, base := range realEcosystems() {
		z, err := zip.OpenReader(filepath.Join(all, base, "all.zip"))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i := 0; i < len(z.File); i += 25 {
			err = errors.Join(err, w.Copy(z.File[i]))
		}
		if err = errors.Join(err, w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, base, "all.zip"), b.Bytes())
	}
	return dir
}

// pairsOf reads an export with nothing of ours: ecosystem with release → package → ids.
func pairsOf(t testing.TB, path, base string) map[string]map[string][]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string]map[string][]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var rec struct {
			ID       string
			Affected []struct {
				Package struct{ Ecosystem, Name string }
			}
		}
		if err := json.NewDecoder(r).Decode(&rec); err != nil {
			t.Fatal(err)
		}
		r.Close()
		for _, a := range rec.Affected {
			if e := a.Package.Ecosystem; e == base || strings.HasPrefix(e, base+":") {
				name := a.Package.Name
				if base == "PyPI" {
					name = strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
				}
				if all[e] == nil {
					all[e] = map[string][]string{}
				}
				if !slices.Contains(all[e][name], rec.ID) {
					all[e][name] = append(all[e][name], rec.ID)
				}
			}
		}
	}
	return all
}

// Every package of every ecosystem has the records that a plain reading of the exports finds, and no others: a record that an update loses
// is a vulnerability that no scan finds.
func TestRealExports(t *testing.T) {
	dir := t.TempDir()
	source := realExports(t)
	sum := mustUpdate(t, realOptions(t, dir, source))
	d := mustOpen(t, dir)
	ctx := context.Background()
	packages, pairs := 0, 0
	var listed []string
	for _, base := range realEcosystems() {
		for ecosystem, want := range pairsOf(t, filepath.Join(source, base, "all.zip"), base) {
			listed = append(listed, ecosystem)
			s, ok, err := d.Shard(ctx, ecosystem)
			if err != nil || !ok || s.AsOf != "2026-11-22T00:00:00Z" {
				t.Fatalf("Shard(%s) = %+v, %v, %v", ecosystem, s, ok, err)
			}
			for name, ids := range want {
				records, err := d.Affecting(ctx, ecosystem, name)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, r := range records {
					got = append(got, r.ID)
				}
				slices.Sort(ids)
				if diff := cmp.Diff(ids, got); diff != "" {
					t.Fatalf("%s %s: %s", ecosystem, name, diff)
				}
				packages++
				pairs += len(ids)
			}
			if i, _ := d.manifest.find(ecosystem); i.Packages != len(want) {
				t.Errorf("%s says %d packages, has %d", ecosystem, i.Packages, len(want))
			}
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(listed, d.Ecosystems()); diff != "" {
		t.Error(diff)
	}
	if want := 20_000; pairs < want && !testing.Short() || pairs < want/50 {
		t.Errorf("only %d pairs were compared", pairs)
	}
	for _, s := range append(sum.Updated, *sum.KEV, *d.manifest.Ratings) {
		t.Logf("%-14s %6d records %6d packages %8.1f KiB", s.Ecosystem, s.Advisories, s.Packages, float64(s.Size)/1024)
	}
	t.Logf("%d packages, %d pairs, %d shards, %.1f MiB", packages, pairs, sum.Shards, float64(sum.Bytes)/(1<<20))
}

// Building in another order, in steps and in another directory gives the same bytes: the digests of a report name the data.
func TestRealDeterminism(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	source := realExports(t)
	mustUpdate(t, realOptions(t, one, source))
	all := realOptions(t, two, source)
	for _, e := range []string{"PyPI", "Alpine:v3.11", "Go", "Debian", "npm", "Alpine"} {
		o := all
		o.Ecosystems, o.KEV = []string{e}, ""
		mustUpdate(t, o)
	}
	o := all
	o.Ecosystems, o.CataloguesOnly = nil, true
	mustUpdate(t, o)
	a, b := mustOpen(t, one).manifest.all(), mustOpen(t, two).manifest.all()
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for b.Loop() {
		mustUpdate(b, realOptions(b, b.TempDir(), realExports(b)))
	}
}

// BenchmarkLookUps is what a scan of a Debian image asks: 754 packages, their severities, and the catalogue.
func BenchmarkLookUps(b *testing.B) {
	dir := b.TempDir()
	mustUpdate(b, realOptions(b, dir, realExports(b)))
	names := slices.Sorted(maps.Keys(pairsOf(b, filepath.Join(testdata(b), "osv", "Debian", "all.zip"), "Debian")["Debian:12"]))
	for i := 0; len(names) < 754; i++ {
		names = append(names, "absent"+strings.Repeat("x", i%30))
	}
	ctx := context.Background()
	records := 0
	for b.Loop() {
		records = 0
		d, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range names[:754] {
			found, err := d.Affecting(ctx, "Debian:12", n)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range found {
				if _, err := d.ByID(ctx, r.Upstream); err != nil {
					b.Fatal(err)
				}
				if _, _, _, err := d.KEV(ctx, r.Upstream); err != nil {
					b.Fatal(err)
				}
			}
			records += len(found)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records), "records/op")
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	mustUpdate(b, realOptions(b, dir, realExports(b)))
	for b.Loop() {
		d, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := d.Shard(context.Background(), "Debian:12"); err != nil {
			b.Fatal(err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
