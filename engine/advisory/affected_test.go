package advisory

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vetoci/veto/engine/version"
)

func events(pairs ...string) []Event {
	var out []Event
	for i := 0; i < len(pairs); i += 2 {
		var e Event
		switch pairs[i] {
		case "i":
			e.Introduced = pairs[i+1]
		case "f":
			e.Fixed = pairs[i+1]
		case "l":
			e.LastAffected = pairs[i+1]
		case "limit":
			e.Limit = pairs[i+1]
		}
		out = append(out, e)
	}
	return out
}

// The section "Evaluation" of the OSV schema, with the corners that scanners get wrong.
func TestJudge(t *testing.T) {
	eco := func(pairs ...string) []Range { return []Range{{"ECOSYSTEM", events(pairs...)}} }
	for _, c := range []struct {
		name    string
		f       Affected
		version string
		want    string // the reason, "" not affected, "error"
	}{
		{"below the fix", Affected{Ranges: eco("i", "0", "f", "2")}, "1", "[0, 2)"},
		{"at the fix", Affected{Ranges: eco("i", "0", "f", "2")}, "2.0", ""},
		{"before the beginning", Affected{Ranges: eco("i", "1", "f", "2")}, "0.9", ""},
		{"at the beginning", Affected{Ranges: eco("i", "1", "f", "2")}, "1.0", "[1, 2)"},
		{"no end", Affected{Ranges: eco("i", "0")}, "9", "[0, *)"},
		{"unsorted, the beginning last", Affected{Ranges: eco("f", "4", "f", "2", "i", "3", "i", "0")}, "3.1", "[3, 4)"},
		{"between two intervals", Affected{Ranges: eco("f", "4", "f", "2", "i", "3", "i", "0")}, "2.5", ""},
		{"last affected, at it", Affected{Ranges: eco("i", "0", "l", "2")}, "2.0", "[0, 2]"},
		{"last affected, below", Affected{Ranges: eco("i", "0", "l", "2")}, "1", "[0, 2]"},
		{"last affected, after", Affected{Ranges: eco("i", "0", "l", "2")}, "2.0.1", ""},
		{"one version", Affected{Ranges: eco("i", "2", "l", "2")}, "2", "[2, 2]"},
		{"one version, after", Affected{Ranges: eco("i", "2", "l", "2")}, "3", ""},
		{"never affected", Affected{Ranges: eco("i", "0", "f", "0")}, "1", ""},
		{"closed and opened again", Affected{Ranges: eco("i", "0", "f", "2", "i", "2")}, "3", "[0, *)"},
		{"inside the limit", Affected{Ranges: eco("i", "0", "limit", "2")}, "1", "[0, *)"},
		{"at the limit", Affected{Ranges: eco("i", "0", "limit", "2")}, "2", ""},
		{"the greater of two limits counts", Affected{Ranges: eco("i", "0", "limit", "2", "limit", "4")}, "3", "[0, *)"},
		{"no limit", Affected{Ranges: eco("i", "0", "limit", "*")}, "9", "[0, *)"},
		{"a first GIT range ends nothing", Affected{Ranges: append([]Range{{"GIT", events("i", "0", "f", "abcdef")}},
			eco("i", "0", "f", "2")...)}, "1", "[0, 2)"},
		{"GIT alone tells nothing", Affected{Ranges: []Range{{"GIT", events("i", "0")}}}, "1", "error"},
		{"GIT and versions", Affected{Ranges: []Range{{"GIT", events("i", "0")}}, Versions: []string{"2"}}, "1", ""},
		{"versions alone, spelled otherwise", Affected{Versions: []string{"1.0"}}, "1.0.0", "listed in versions"},
		{"versions beside ranges", Affected{Versions: []string{"5"}, Ranges: eco("i", "0", "f", "2")}, "5", "listed in versions"},
		{"neither", Affected{}, "1", "error"},
		{"an unknown type", Affected{Ranges: []Range{{"MOON", events("i", "0")}}}, "1", "error"},
		{"an unknown type beside one that matches", Affected{Ranges: append([]Range{{"MOON", events("i", "0")}}, eco("i", "0")...)}, "1",
			"[0, *)"},
		{"a fix that is no version", Affected{Ranges: eco("i", "0", "f", "soon")}, "1", "error"},
		{"no beginning", Affected{Ranges: eco("f", "2")}, "1", "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.Ecosystem, c.f.Name = "PyPI", "p"
			a := Advisory{ID: "X", Affected: []Affected{c.f}}
			v, err := version.Parse("PyPI", c.version)
			if err != nil {
				t.Fatal(err)
			}
			got, err := a.evaluate("PyPI", "p", v)
			switch {
			case c.want == "error" && err == nil:
				t.Errorf("affected %v, want an error", got.affected)
			case c.want != "error" && (err != nil || got.reason != c.want || got.affected != (c.want != "")):
				t.Errorf("%v %q, %v; want %q", got.affected, got.reason, err, c.want)
			}
		})
	}
}

// The order in which a record lists events changes nothing (OSV schema, "Evaluation": sort them).
func TestEventOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []string{"1", "2", "3", "4"}
	for range 2000 {
		pairs := []string{"i", "0"}
		for range r.IntN(5) {
			pairs = append(pairs, []string{"i", "f", "l"}[r.IntN(3)], letters[r.IntN(4)])
		}
		one := Range{"SEMVER", events(pairs...)}
		other := Range{"SEMVER", slices.Clone(one.Events)}
		r.Shuffle(len(other.Events), func(i, j int) { other.Events[i], other.Events[j] = other.Events[j], other.Events[i] })
		for _, text := range []string{"0.5", "1", "1.5", "2", "2.5", "3", "4", "9"} {
			v, err := version.Parse("PyPI", text)
			if err != nil {
				t.Fatal(err)
			}
			a, _, e1 := Range{"ECOSYSTEM", one.Events}.evaluate("PyPI", v)
			b, _, e2 := Range{"ECOSYSTEM", other.Events}.evaluate("PyPI", v)
			if e1 != nil || e2 != nil || (a == "") != (b == "") {
				t.Fatalf("%v at %s: %q and, shuffled, %q (%v, %v)", pairs, text, a, b, e1, e2)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		entry, ecosystem string
		want             bool
	}{
		{"Debian", "Debian:12", true}, {"Debian:12", "Debian:12", true}, {"Debian:11", "Debian:12", false}, {"AlmaLinux:9", "AlmaLinux:9", true},
		{"AlmaLinux", "AlmaLinux:9", true}, {"Debian:12", "Debian", false}, {"npm", "PyPI", false},
	} {
		if got := (Affected{Ecosystem: c.entry, Name: "p"}).isAbout(c.ecosystem, "p"); got != c.want {
			t.Errorf("%s speaks of %s: %v", c.entry, c.ecosystem, got)
		}
	}
}

// A record is found by every spelling that its ecosystem takes for the same name, and by no other.
func TestPackageKey(t *testing.T) {
	for _, c := range []struct {
		ecosystem, a, b string
		same            bool
	}{
		{"PyPI", "Foo._Bar", "foo-bar", true}, {"PyPI", "foobar", "foo-bar", false},
		{"Packagist", "Symfony/HTTP", "symfony/http", true}, {"NuGet", "Newtonsoft.Json", "newtonsoft.json", true},
		{"GitHub Actions", "Actions/Checkout", "actions/checkout", true},
		{"Packagist:https://packages.drupal.org/8", "Drupal/A", "drupal/a", true},
		{"NuGet", "a_b", "a-b", false}, {"npm", "Lodash", "lodash", false}, {"Go", "github.com/A/b", "github.com/a/b", false},
		{"Debian:12", "libA", "liba", false},
	} {
		f := Affected{Ecosystem: c.ecosystem, Name: c.a}
		if same := PackageKey(c.ecosystem, c.a) == PackageKey(c.ecosystem, c.b); same != c.same || f.isAbout(c.ecosystem, c.b) != c.same {
			t.Errorf("%s: %s and %s are the same: %v", c.ecosystem, c.a, c.b, same)
		}
	}
}

// An event that is no version makes the record a gap: it says neither that the package is affected nor that it is not.
func TestEventsWithoutAnOrder(t *testing.T) {
	v, err := version.Parse("npm", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{{Fixed: "latest"}, {LastAffected: "latest"}, {Introduced: "latest"}, {Limit: "latest"}} {
		a := Advisory{ID: "A", Affected: []Affected{{Ecosystem: "npm", Name: "x",
			Ranges: []Range{{Type: "SEMVER", Events: []Event{{Introduced: "0"}, e}}}}}}
		if got, err := a.evaluate("npm", "x", v); err == nil {
			t.Errorf("%+v: %+v, want an error", e, got)
		}
	}
}
