package advisory

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// What cannot be judged is a gap with the number of packages, by why it cannot be: each of these would otherwise look like a package
// without vulnerabilities.
func TestGaps(t *testing.T) {
	m := newStore([]Advisory{
		{ID: "A", Affected: []Affected{{Ecosystem: "npm", Name: "bad", Ranges: []Range{{"SEMVER", events("i", "0", "f", "soon")}}}}},
		{ID: "B", Affected: []Affected{{Ecosystem: "npm", Name: "main", Versions: []string{"1.0.0"}}}},
		{ID: "C", Affected: []Affected{{Ecosystem: "npm", Name: "main", Versions: []string{"2.0.0"}}}},
		{ID: "D", Withdrawn: "2026-01-01T00:00:00Z", Affected: []Affected{{Ecosystem: "npm", Name: "main", Versions: []string{"3.0.0"}}}},
		{ID: "E", Affected: []Affected{{Ecosystem: "Debian:12", Name: "x", Versions: []string{"1"}}}},
	}, "")
	p := func(typ, name, version, ecosystem string) engine.Package {
		return engine.Package{Type: typ, Name: name, Version: version, Ecosystem: engine.Maybe(ecosystem)}
	}
	foreign := p("deb", "x", "2", "Debian:12")
	foreign.ThirdParty, foreign.Origin.Unjudged = true, true
	judged := p("deb", "y", "2", "Debian:12") // whose programs other ecosystems judge
	judged.ThirdParty = true
	got, err := NewMatcher(m).Match(t.Context(), &engine.Inventory{Packages: []engine.Package{
		p("generic", "nginx", "1", ""), p("generic", "redis", "1", ""), p("conda", "a", "1", ""), p("cargo", "a", "1",
			""), p("deb", "a", "1", ""),
		p("deb", "a", "1", "Debian:13"), p("deb", "b", "1", "Debian:13"), p("gem", "a", "1", "RubyGems"), foreign, judged,
		p("npm", "bad", "1.0.0", "npm"), p("npm", "main", "latest", "npm"), p("npm", "fine", "latest", "npm"),
	}}, clock())
	if err != nil || len(got.Findings) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	var gaps []string
	for _, g := range got.Gaps {
		gaps = append(gaps, fmt.Sprintf("%s|%s|%d|%s", g.Kind, g.Subject, g.Count, g.Detail))
	}
	want := []string{
		`malformed|A/bad|1|"soon" is no semver version: it has not three numbers`,
		"malformed|npm/main|2|2 advisories could not be compared with the installed version: " +
			`"latest" is no semver version: it has not three numbers`,
		"no_advisories|Debian:13|2|the database has no advisories for Debian:13",
		"no_advisories|RubyGems|1|the database has no advisories for RubyGems",
		"no_advisories|type cargo|1|these crates are not from crates.io, whose advisories speak of no others",
		"no_advisories|type conda|1|no feed has advisories for packages of conda",
		"no_advisories|type deb, unknown release|1|the release that these packages are from is unknown, so no advisories can be chosen",
		"no_advisories|type generic|2|no feed has advisories for these programs by their own versions",
		"third_party|Debian:12|1|these packages are not from Debian:12's own repositories: its advisories were asked, " +
			"but may say nothing of them, or the wrong thing",
	}
	if diff := cmp.Diff(want, gaps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A file that a distribution's package owns is judged by the distribution's advisories alone, but only when there are any and the owner is
// installed: else by its own ecosystem's.
func TestOwners(t *testing.T) {
	m := newStore([]Advisory{
		{ID: "CVE-2026-1", Affected: []Affected{{Ecosystem: "PyPI", Name: "django", Versions: []string{"4.2"}}}},
		{ID: "DSA-1", Affected: []Affected{{Ecosystem: "Debian:12", Name: "other", Versions: []string{"1"}}}},
	}, "")
	django := engine.Package{Type: "pypi", Name: "django", Version: "4.2", Ecosystem: "PyPI", OwnedBy: "deb/python3-django"}
	owner := func(name, ecosystem string) engine.Package {
		return engine.Package{Type: "deb", Name: name, Version: "4.2-1", Ecosystem: engine.Maybe(ecosystem),
			Origin: engine.PackageOrigin{Own: true}}
	}
	plausible := func(name string) engine.Package {
		return engine.Package{Type: "deb", Name: "python3-django", Version: "4.2-1", Ecosystem: "Debian:12",
			Source: engine.Source{Name: name, Version: "4.2-1"}, Origin: engine.PackageOrigin{Plausible: true}}
	}
	for name, c := range map[string]struct {
		packages []engine.Package
		findings int
	}{
		"its owner is judged":                                           {[]engine.Package{django, owner("python3-django", "Debian:12")}, 0},
		"its owner is of an unknown release":                            {[]engine.Package{django, owner("python3-django", "")}, 1},
		"its owner has no advisories":                                   {[]engine.Package{django, owner("python3-django", "Debian:13")}, 1},
		"its owner is no distribution's":                                {[]engine.Package{django, owner("python3-django", "npm")}, 1},
		"its owner is not installed":                                    {[]engine.Package{django, owner("python3-other", "Debian:12")}, 1},
		"its owner may be the distribution's, whose advisories know it": {[]engine.Package{django, plausible("other")}, 0},
		"its owner may be the distribution's, whose advisories do not":  {[]engine.Package{django, plausible("unknown")}, 1},
		"two owners of one name, of which one only may be": {[]engine.Package{django, owner("python3-django", "Debian:12"),
			plausible("unknown")}, 1},
		"its owner is of another type": {[]engine.Package{django,
			{Type: "rpm", Name: "python3-django", Version: "1", Ecosystem: "Debian:12"}}, 1},
		"nobody owns it, and a nameless does": {[]engine.Package{{Type: "pypi", Name: "django", Version: "4.2", Ecosystem: "PyPI"},
			owner("", "Debian:12")}, 1},
	} {
		got, err := NewMatcher(m).Match(t.Context(), &engine.Inventory{Packages: c.packages}, clock())
		if err != nil || len(got.Findings) != c.findings {
			t.Errorf("%s: %+v, %v; want %d findings", name, got.Findings, err, c.findings)
		}
	}
}
