package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/advisory"
)

// fullDatabase has npm and every catalogue.
func fullDatabase(t testing.TB) (dir string, o UpdateOptions) {
	t.Helper()
	dir = t.TempDir()
	o = options(dir, mirror(t, smallExports()), "npm")
	o.KEV, o.EPSS, o.CVE, o.AsOf = kevFile(t), scoresFile(t), cveFile(t), ""
	mustUpdate(t, o)
	return dir, o
}

func cveFile(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "CVE-2026-1001.json")
	write(t, path, []byte(`{"cveMetadata":{"cveId":"CVE-2026-1001","state":"PUBLISHED","datePublished":"2026-01-02T03:04:05Z"},
		"containers":{"cna":{"problemTypes":[{"descriptions":[{"cweId":"CWE-79"}]}]}}}`))
	return path
}

// askCatalogues looks one CVE up in every catalogue, and returns the errors by catalogue.
func askCatalogues(t *testing.T, dir string) map[string]error {
	t.Helper()
	d := mustOpen(t, dir)
	errs := map[string]error{}
	_, _, _, errs[kevName] = d.KEV(t.Context(), []string{"CVE-2026-1001"})
	_, _, _, errs[epssName] = d.EPSS(t.Context(), []string{"CVE-2026-1001"})
	_, _, _, errs[cveName] = d.CVERecords(t.Context(), []string{"CVE-2026-1001"})
	return errs
}

// A catalogue whose file is damaged, or whose entries are, is an error of its look-up with the command that mends it, and of no other's.
func TestDamagedCatalogues(t *testing.T) {
	good, _ := fullDatabase(t)
	for catalogue, err := range askCatalogues(t, good) {
		if err != nil {
			t.Fatalf("%s: %v", catalogue, err)
		}
	}
	hints := map[string]string{kevName: "veto db update --db ", epssName: "--source epss=https://", cveName: "--source cve=DIR|ZIP|FILE"}
	keys := map[string]string{kevName: keyCVE + "CVE-2026-1001", epssName: keyScores + "2026-1", cveName: keyCVE + "CVE-2026-1001"}
	for name, hint := range hints {
		for what, damage := range map[string]func(dir string, info *ShardInfo){
			"a file that is cut": func(dir string, info *ShardInfo) {
				if err := os.Truncate(filepath.Join(dir, info.file()), info.Size-1); err != nil {
					t.Fatal(err)
				}
			},
			"an entry that is cut": func(dir string, info *ShardInfo) {
				path := filepath.Join(dir, "new")
				pairs := []pair{headerPair(name), {keys[name], []byte{5}}}
				sortPairs(pairs)
				err := writeShardFile(path, pairs)
				if err == nil {
					info.Digest, info.Size, err = hashFile(path)
				}
				if err == nil {
					err = os.Rename(path, filepath.Join(dir, info.file()))
				}
				if err != nil {
					t.Fatal(err)
				}
			},
		} {
			dir := copyDir(t, good)
			m, err := readManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			damage(dir, map[string]*ShardInfo{kevName: m.KEV, epssName: m.EPSS, cveName: m.CVE}[name])
			if err := writeManifest(dir, m); err != nil {
				t.Fatal(err)
			}
			for catalogue, err := range askCatalogues(t, dir) {
				switch {
				case catalogue != name && err != nil:
					t.Errorf("%s of %s: %s fails too: %v", what, name, catalogue, err)
				case catalogue == name && (err == nil || !strings.Contains(err.Error(), "the "+name+" shard") || !strings.Contains(hintOf(err), hint)):
					t.Errorf("%s of %s: %v, hint %q", what, name, err, hintOf(err))
				}
			}
		}
	}
}

// An update refreshes the catalogues that it is told to, and keeps the others; one that fails keeps all.
func TestUpdateCatalogues(t *testing.T) {
	dir, o := fullDatabase(t)
	before, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if before.KEV.AsOf != "2026-11-20T17:00:00Z" || before.EPSS.AsOf != "2026-11-22T12:55:00Z" || before.CVE.AsOf != "" ||
		before.KEV.Source != o.KEV || before.EPSS.Source != o.EPSS || before.CVE.Source != o.CVE {
		t.Errorf("%+v %+v %+v", before.KEV, before.EPSS, before.CVE)
	}
	for name, c := range map[string]struct {
		change              func(o *UpdateOptions)
		kev, epss, cve, npm bool // updated
	}{
		"none": {func(o *UpdateOptions) { o.KEV, o.EPSS, o.CVE = "", "", "" }, false, false, false, true},
		"all":  {func(*UpdateOptions) {}, true, true, true, true},
		"the catalogue": {func(o *UpdateOptions) { o.EPSS, o.CVE, o.CataloguesOnly, o.Ecosystems = "", "", true, nil },
			true, false, false, false},
		"the scores": {func(o *UpdateOptions) { o.KEV, o.CVE, o.CataloguesOnly, o.Ecosystems = "", "", true, nil }, false, true, false, false},
		"CVE records": {func(o *UpdateOptions) { o.KEV, o.EPSS, o.CataloguesOnly, o.Ecosystems = "", "", true, nil },
			false, false, true, false},
	} {
		o := o
		o.AsOf = "2026-11-21"
		c.change(&o)
		s := mustUpdate(t, o)
		if (s.KEV != nil) != c.kev || (s.EPSS != nil) != c.epss || (s.CVE != nil) != c.cve || (len(s.Updated) > 0) != c.npm {
			t.Errorf("%s: %+v", name, s)
		}
		for _, info := range []*ShardInfo{s.KEV, s.EPSS, s.CVE} {
			if info != nil && (info.AsOf != "2026-11-21T00:00:00Z" || info.Advisories == 0) {
				t.Errorf("%s: %+v", name, info)
			}
		}
		m, err := readManifest(dir)
		if err != nil || m.KEV == nil || m.EPSS == nil || m.CVE == nil || len(m.Shards) != 1 {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	kept := snapshot(t, dir)
	for name, change := range map[string]func(o *UpdateOptions){
		"the catalogue":          func(o *UpdateOptions) { o.KEV += "x" },
		"the scores":             func(o *UpdateOptions) { o.EPSS += "x" },
		"CVE records":            func(o *UpdateOptions) { o.CVE += "x" },
		"a date in the future":   func(o *UpdateOptions) { o.Now = clock().AddDate(-1, 0, 0) },
		"alone, with ecosystems": func(o *UpdateOptions) { o.CataloguesOnly = true },
		"alone, without any":     func(o *UpdateOptions) { o.CataloguesOnly, o.Ecosystems, o.KEV, o.EPSS, o.CVE = true, nil, "", "", "" },
	} {
		o := o
		change(&o)
		if s, err := Update(t.Context(), o); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
		if diff := cmp.Diff(kept, snapshot(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A built database and a directory of files answer alike about KEV; each CVE once, in order, whatever was asked.
func TestKEV(t *testing.T) {
	files := t.TempDir()
	write(t, filepath.Join(files, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
	kev, err := os.ReadFile(kevFile(t))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(files, "deep", "known_exploited_vulnerabilities.json"), kev)
	built, _ := fullDatabase(t)
	for _, d := range []*DB{mustOpen(t, built), mustOpen(t, files)} {
		asked := []string{"CVE-2026-1001", "CVE-2026-0001", "CVE-2026-1001", ""}
		entries, shard, ok, err := d.KEV(t.Context(), asked)
		if want := []advisory.KEVEntry{{CVE: "CVE-2026-1001", Added: "2026-11-19"}}; err != nil || !ok || !cmp.Equal(want, entries) ||
			shard.Advisories != 1 || asked[0] != "CVE-2026-1001" || asked[1] != "CVE-2026-0001" {
			t.Errorf("%+v %+v %v %v, asked %q", entries, shard, ok, err, asked)
		}
	}
}

// A database that has scores can have them refreshed without naming where they are from; one that has none stays without.
func TestRefreshCatalogues(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so that nothing is fetched: a fetch fails
	for _, c := range []struct{ refresh, has, named, want bool }{
		{true, true, false, true}, {true, false, false, false}, {false, true, false, false}, {false, false, true, true},
	} {
		u := &updater{options: UpdateOptions{RefreshCatalogues: c.refresh, Now: clock()}, old: &manifest{},
			next: &manifest{}, summary: &Summary{}}
		if c.has {
			u.old.EPSS = &ShardInfo{}
		}
		if c.named {
			u.options.EPSS = "https://example.test/"
		}
		if err := u.updateCatalogues(ctx); (err != nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
