package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/advisory"
)

const scoresText = "#model_version:v2025.03.14,score_date:2026-11-22T12:55:00Z\ncve,epss,percentile\n" +
	"CVE-2026-1001,0.00043,0.12345\nCVE-2026-10010,1,0.99999\nCVE-1999-0001,0.123456789,0\n"

func scoresFile(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "epss.csv")
	write(t, path, []byte(scoresText))
	return path
}

func TestEPSS(t *testing.T) {
	dir := buildSmall(t)
	if _, _, ok, err := mustOpen(t, dir).EPSS(t.Context(), []string{"CVE-2026-1001"}); ok || err != nil {
		t.Errorf("scores that were never loaded: %v, %v", ok, err)
	}
	before, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil || strings.Contains(string(before), "epss") {
		t.Errorf("the manifest speaks of scores: %v", err)
	}
	o := options(dir, "")
	o.CataloguesOnly, o.EPSS, o.AsOf = true, scoresFile(t), ""
	if s := mustUpdate(t, o); s.EPSS == nil || s.EPSS.AsOf != "2026-11-22T12:55:00Z" || s.EPSS.Advisories != 3 || s.Shards != 5 {
		t.Errorf("%+v", s)
	}
	files := t.TempDir()
	write(t, filepath.Join(files, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
	write(t, filepath.Join(files, "epss.csv"), []byte(scoresText))
	for _, d := range []*DB{mustOpen(t, dir), mustOpen(t, files)} {
		entries, shard, ok, err := d.EPSS(t.Context(), []string{"CVE-2026-10010", "CVE-2026-1001", "CVE-2026-1001", "CVE-2026-1002",
			"CVE-1999-0001", "CVE-1999-00001", "CVE-1999-1", "GHSA-1", ""})
		want := []advisory.EPSSScore{{CVE: "CVE-1999-0001", Score: 0.123456789}, {CVE: "CVE-2026-1001", Score: 0.00043, Percentile: 0.12345},
			{CVE: "CVE-2026-10010", Score: 1, Percentile: 0.99999}}
		if diff := cmp.Diff(want, entries); diff != "" || !ok || err != nil || shard.AsOf != "2026-11-22T12:55:00Z" {
			t.Errorf("%v %+v %v\n%s", ok, shard, err, diff)
		}
	}
	status, err := ContentsOf(context.Background(), dir, clock())
	if err != nil || status.EPSS == nil || status.EPSS.Advisories != 3 {
		t.Errorf("%+v, %v", status, err)
	}
	info := *mustOpen(t, dir).manifest.EPSS
	if err := os.Remove(filepath.Join(dir, info.file())); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := mustOpen(t, dir).EPSS(t.Context(), nil); err == nil || !strings.Contains(hintOf(err), "--source epss=") {
		t.Errorf("a shard that is gone: %v", err)
	}
	if _, err := Update(t.Context(), o); err != nil {
		t.Errorf("an update does not mend it: %v", err)
	}
}

func TestEPSSFails(t *testing.T) {
	dir := buildSmall(t)
	before := snapshot(t, dir)
	o := options(dir, "")
	o.CataloguesOnly, o.EPSS = true, scoresFile(t)
	write(t, o.EPSS, []byte(strings.Replace(scoresText, "CVE-2026-1001,", "CVE-2026-01001,", 1)))
	if _, err := Update(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no CVE id") {
		t.Errorf("a number with a zero before it: %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Error(diff)
	}
	files := t.TempDir()
	write(t, filepath.Join(files, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
	write(t, filepath.Join(files, "epss.csv"), []byte("nothing"))
	if d, err := Open(files); err == nil || d != nil {
		t.Errorf("scores that are none: %v", err)
	}
	for name, table := range map[string][]byte{"cut": make([]byte, 9), "more than all": {3, 233, 255, 255, 255, 255, 0, 0, 0, 0}} {
		if _, _, err := findScore(func(string) []byte { return table }, "CVE-2026-2001"); err == nil && name == "cut" {
			t.Errorf("%s: no error", name)
		}
	}
	over := []byte{0, 1, 255, 255, 255, 255, 0, 0, 0, 0}
	if _, _, err := findScore(func(string) []byte { return over }, "CVE-2026-2001"); err == nil {
		t.Error("a score above 1 is no error")
	}
}

// BenchmarkEPSS is the cost of a scan that looks up a thousand CVEs among 300,000: opening, hashing, finding.
func BenchmarkEPSS(b *testing.B) {
	var scores []advisory.EPSSScore
	var asked []string
	for i := range 300_000 {
		cve := fmt.Sprintf("CVE-%d-%04d", 2000+i%25, i/25+1)
		scores = append(scores, advisory.EPSSScore{CVE: cve, Score: float64(i%100_000) / 1e5, Percentile: float64(i) / 300_000})
		if i%300 == 0 {
			asked = append(asked, cve)
		}
	}
	pairs, err := epssPairs(scores)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := writeShardFile(filepath.Join(dir, "x"), pairs); err != nil {
		b.Fatal(err)
	}
	info := ShardInfo{Ecosystem: epssName}
	if info.Digest, info.Size, err = hashFile(filepath.Join(dir, "x")); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, info.file())); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size), "bytes")
	for b.Loop() {
		d := &DB{dir: dir, manifest: &manifest{EPSS: &info}, handles: map[string]*shardHandle{}}
		entries, _, _, err := d.EPSS(b.Context(), asked)
		if err != nil || len(entries) != len(asked) {
			b.Fatal(len(entries), err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
