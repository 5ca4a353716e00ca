package advisory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// find matches packages against records of Debian 12 and returns the findings.
func find(t *testing.T, records []Advisory, packages ...engine.Package) []engine.Finding {
	t.Helper()
	got, err := NewMatcher(newStore(records, "")).Match(t.Context(), &engine.Inventory{Packages: packages}, clock())
	if err != nil {
		t.Fatal(err)
	}
	return got.Findings
}

func debian(id string, f Affected) Advisory {
	f.Ecosystem, f.Name = "Debian:12", "openssl"
	if len(f.Ranges) == 0 {
		f.Ranges = []Range{{"ECOSYSTEM", events("i", "0")}}
	}
	return Advisory{ID: id, Affected: []Affected{f}}
}

// binary is an installed package of the source package openssl 3.
func binary(name, layer string, paths ...string) engine.Package {
	p := engine.Package{Name: name, Version: "3", Type: "deb", Ecosystem: "Debian:12", PURL: "pkg:deb/debian/" + name + "@3",
		Source: engine.Source{Name: "openssl", Version: "3"}, Layer: engine.Maybe(layer)}
	for _, path := range paths {
		p.Locations = append(p.Locations, engine.Location{Path: path, Layer: engine.Maybe(layer)})
	}
	return p
}

// A finding shows the package URL and the layer of the package with the source's own name, else of the first by name, package URL, path and
// layer: a report that showed another package, or another one each time, could not be compared with the last one.
func TestFindingShowsOnePackage(t *testing.T) {
	withPURL := func(p engine.Package, purl string) engine.Package {
		p.PURL = purl
		return p
	}
	for name, c := range map[string]struct {
		packages    []engine.Package
		purl, layer string
	}{
		"the one with the source's name": {[]engine.Package{binary("libssl3", "sha256:1"), binary("openssl", "sha256:2")},
			"pkg:deb/debian/openssl@3", "sha256:2"},
		"that one before names that sort first": {[]engine.Package{binary("openssl", "sha256:2"), binary("aaa", "sha256:1")},
			"pkg:deb/debian/openssl@3", "sha256:2"},
		"without it, the first by name": {[]engine.Package{binary("libssl3", "sha256:1"), binary("libssl-dev", "sha256:2")},
			"pkg:deb/debian/libssl-dev@3", "sha256:2"},
		"by package URL": {[]engine.Package{withPURL(binary("libssl3", "sha256:1"), "pkg:deb/debian/libssl3@3?arch=i386"),
			withPURL(binary("libssl3", "sha256:2"), "pkg:deb/debian/libssl3@3?arch=amd64")},
			"pkg:deb/debian/libssl3@3?arch=amd64", "sha256:2"},
		"by the first of its paths": {[]engine.Package{binary("libssl3", "sha256:1", "c", "b"), binary("libssl3", "sha256:2", "d", "a")},
			"pkg:deb/debian/libssl3@3", "sha256:2"},
		"one without a path first": {[]engine.Package{binary("libssl3", "sha256:1", "a"), binary("libssl3", "sha256:2")},
			"pkg:deb/debian/libssl3@3", "sha256:2"},
		"by layer": {[]engine.Package{binary("libssl3", "sha256:2", "a"), binary("libssl3", "sha256:1", "a")},
			"pkg:deb/debian/libssl3@3", "sha256:1"},
	} {
		for range 2 {
			f := find(t, []Advisory{debian("CVE-2026-1", Affected{})}, c.packages...)
			if len(f) != 1 || f[0].Package.PURL != c.purl || string(f[0].Layer) != c.layer {
				t.Errorf("%s: %+v", name, f)
			}
			c.packages[0], c.packages[1] = c.packages[1], c.packages[0]
		}
	}
}

// What several records say of one vulnerability is joined: the first summary, the earliest publication, the latest change, all fixes in the
// ecosystem's order, each once, and every place of the packages.
func TestFindingJoinsRecords(t *testing.T) {
	a := debian("DSA-1", Affected{Ranges: []Range{{"ECOSYSTEM", events("i", "0", "f", "3.10")}}})
	b := debian("DSA-2", Affected{Ranges: []Range{{"ECOSYSTEM", events("i", "0", "f", "3.9", "i", "3.9.5", "f", "3.10")}}})
	a.Aliases, b.Aliases = []string{"CVE-2026-1"}, []string{"CVE-2026-1"}
	a.Summary, b.Summary = "", "two"
	a.Published, b.Published = "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"
	a.Modified, b.Modified = "2026-05-01T00:00:00Z", "2026-04-01T00:00:00Z"
	a.CWEs, b.CWEs = []string{"CWE-79"}, []string{"CWE-22", "CWE-79"}
	p := binary("openssl", "sha256:1", "z", "a", "z")
	got := find(t, []Advisory{a, b}, p, binary("libssl3", "sha256:1", "m"))
	if len(got) != 1 {
		t.Fatalf("%d findings", len(got))
	}
	f := got[0]
	var paths []string
	for _, l := range f.Package.Locations {
		paths = append(paths, l.Path)
	}
	for what, pair := range map[string][2]any{
		"id":        {f.ID, "CVE-2026-1"},
		"aliases":   {f.Aliases, []string{"DSA-1", "DSA-2"}},
		"summary":   {string(f.Summary), "two"},
		"published": {string(f.Published), "2026-02-01T00:00:00Z"},
		"modified":  {string(f.Modified), "2026-05-01T00:00:00Z"},
		"fixes":     {f.FixedVersions, []string{"3.9", "3.10"}},
		"since":     {string(f.FixSince), "2026-02-01T00:00:00Z"},
		"CWEs":      {f.CWEs, []string{"CWE-22", "CWE-79"}},
		"records":   {f.Evidence.Records, []string{"DSA-1", "DSA-2"}},
		"range":     {f.Evidence.Range, "[0, 3.10)"},
		"binaries":  {f.Package.Binaries, []string{"libssl3", "openssl"}},
		"places":    {paths, []string{"a", "m", "z"}},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// "No code" and "kernel" hold for a finding only when they hold for all of its packages: one that has code, or runs, is enough to be
// attacked. "Third party" holds as soon as one is.
func TestFindingOfSeveralPackages(t *testing.T) {
	one, other := binary("openssl", ""), binary("libssl3", "")
	for _, c := range []struct{ first, second, noCode, kernel, thirdParty bool }{
		{false, false, false, false, false}, {true, false, false, false, true}, {false, true, false, false, true}, {true, true, true, true, true},
	} {
		for p, set := range map[*engine.Package]bool{&one: c.first, &other: c.second} {
			p.NoCode, p.Kernel, p.ThirdParty = "", set, set
			if set {
				p.NoCode = "docs"
			}
		}
		f := find(t, []Advisory{debian("CVE-2026-1", Affected{})}, one, other)[0].Package
		if f.NoCode != c.noCode || f.Kernel != c.kernel || f.ThirdParty != c.thirdParty {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

// Of several CVEs, each id is about those that its own record names, and not about what another record adds to them.
func TestSpeaks(t *testing.T) {
	with := func(id, aliases, upstream string) Advisory {
		a := debian(id, Affected{})
		a.Aliases, a.Upstream = strings.Fields(aliases), strings.Fields(upstream)
		return a
	}
	both := []string{"CVE-2026-1", "CVE-2026-2"}
	for _, c := range []struct {
		records []Advisory
		want    map[string][]string
	}{
		{[]Advisory{with("GO-1", "CVE-2026-1 CVE-2026-2 GHSA-1 GHSA-2", "")}, map[string][]string{"GO-1": both}},
		{[]Advisory{with("GO-1", "CVE-2026-1 CVE-2026-2 GHSA-1", ""), with("GHSA-1", "CVE-2026-1", "")},
			map[string][]string{"GO-1": both, "GHSA-1": {"CVE-2026-1"}}},
		{[]Advisory{with("GO-1", "CVE-2026-1 CVE-2026-2", ""), with("GHSA-1", "CVE-2026-1 GO-1", "")},
			map[string][]string{"GO-1": both, "GHSA-1": {"CVE-2026-1"}}},
		{[]Advisory{with("DSA-1", "", "CVE-2026-1 CVE-2026-2")}, map[string][]string{"DSA-1": both}},
		{[]Advisory{with("GHSA-1", "CVE-2026-1", "")}, map[string][]string{}},
	} {
		for _, f := range find(t, c.records, binary("openssl", "")) {
			if diff := cmp.Diff(c.want, f.Speaks); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.ID, diff)
			}
		}
	}
}

// A finding has the id of the vulnerability, so that it is the same whichever feed knows it; an advisory of several CVEs is none of them.
func TestFindingID(t *testing.T) {
	with := func(id string, aliases, upstream string) Advisory {
		a := debian(id, Affected{})
		a.Aliases, a.Upstream = strings.Fields(aliases), strings.Fields(upstream)
		return a
	}
	for _, c := range []struct {
		records []Advisory
		want    string // of each finding: its id, then its CVEs
	}{
		{[]Advisory{with("CVE-2026-1", "", "")}, "CVE-2026-1 CVE-2026-1"},
		{[]Advisory{with("GHSA-1", "CVE-2026-1", "")}, "CVE-2026-1 CVE-2026-1"},
		{[]Advisory{with("GHSA-1", "CVE-2026-1 CVE-2026-2", "CVE-2026-3")}, "GHSA-1 CVE-2026-1 CVE-2026-2 CVE-2026-3"},
		{[]Advisory{with("DSA-1", "", "CVE-2026-1")}, "CVE-2026-1 CVE-2026-1"},
		{[]Advisory{with("DSA-1", "", "CVE-2026-1 CVE-2026-2")}, "DSA-1 CVE-2026-1 CVE-2026-2"},
		{[]Advisory{with("GHSA-1", "CVE-2026-1", "CVE-2026-2")}, "CVE-2026-1 CVE-2026-1 CVE-2026-2"},
		{[]Advisory{with("B-1", "A-1", "")}, "B-1"},
		{[]Advisory{with("B-1", "X-1", ""), with("A-1", "X-1", "")}, "A-1"},
		{[]Advisory{with("DSA-1", "", "CVE-2026-1"), with("DEBIAN-CVE-2026-1", "", "CVE-2026-1")}, "CVE-2026-1 CVE-2026-1"},
		{[]Advisory{with("DSA-1", "", "A-1"), with("DSA-2", "", "A-1")}, "DSA-1, DSA-2"},
	} {
		var got []string
		for _, f := range find(t, c.records, binary("openssl", "")) {
			got = append(got, strings.Join(append([]string{f.ID}, f.CVEs...), " "))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%+v: %q, want %q", c.records, got, c.want)
		}
	}
}
