package advisory

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vetoci/veto/engine/version"
)

// A range says what the pseudo-code of the OSV schema's section "Evaluation" says, and its interval is the one that the version is in.
func TestRangeAgainstPseudoCode(t *testing.T) {
	rounds := 20_000
	if testing.Short() {
		rounds = 4000
	}
	r := rand.New(rand.NewPCG(9, 10))
	places := []string{"1", "2", "3", "4", "5"} // at most one event at each, so that the order of events is certain
	asked := []string{"0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5", "9"}
	for range rounds {
		list := events("i", "0")
		for _, at := range places {
			if kind := r.IntN(4); kind > 0 {
				list = append(list, events([]string{"i", "f", "l"}[kind-1], at)...)
			}
		}
		var limits []string
		for range max(0, r.IntN(5)-2) {
			limits = append(limits, places[r.IntN(len(places))])
		}
		if r.IntN(20) == 0 {
			limits = append(limits, "*")
		}
		shuffled := slices.Clone(list)
		for _, l := range limits {
			shuffled = append(shuffled, Event{Limit: l})
		}
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, text := range asked {
			want, fixes := pseudoCode(list, limits, text)
			v, err := version.Parse("PyPI", text)
			if err != nil {
				t.Fatal(err)
			}
			got, fixed, err := Range{"ECOSYSTEM", shuffled}.evaluate("PyPI", v)
			if err != nil || got != want || !slices.Equal(fixed, fixes) {
				t.Fatalf("%+v at %s: %q, fixed in %q, %v; want %q, %q", shuffled, text, got, fixed, err, want, fixes)
			}
		}
	}
}

// pseudoCode evaluates sorted events; versions of one digit sort as text.
func pseudoCode(list []Event, limits []string, v string) (interval string, fixes []string) {
	lower, upper := "", "*)"
	for _, e := range list {
		switch {
		case e.Introduced != "" && (e.Introduced == "0" || v >= e.Introduced):
			lower = cmp.Or(lower, e.Introduced)
		case e.Fixed != "" && v >= e.Fixed, e.LastAffected != "" && v > e.LastAffected:
			lower = ""
		}
	}
	for _, e := range slices.Backward(list) {
		switch {
		case e.Fixed > v:
			upper = e.Fixed + ")"
			fixes = slices.Insert(fixes, 0, e.Fixed)
		case e.LastAffected >= v && e.LastAffected != "":
			upper = e.LastAffected + "]"
		}
	}
	if len(limits) > 0 && !slices.Contains(limits, "*") && v >= slices.Max(limits) {
		lower = ""
	}
	if lower == "" {
		return "", fixes
	}
	return "[" + lower + ", " + upper, fixes
}

// Events at one version: what ends there and begins there again goes on, and a fix is only one for older versions.
func TestEventsAtOneVersion(t *testing.T) {
	for _, c := range []struct {
		events      []Event
		version     string
		want        string
		fixes       []string
		explanation string
	}{
		{events("i", "0", "f", "2", "i", "2", "f", "3"), "2", "[0, 3)", []string{"3"}, "in [0, 3)"},
		{events("i", "0", "f", "2", "i", "2", "f", "3"), "1", "[0, 2)", []string{"2", "3"}, "in [0, 2)"},
		{events("i", "0", "f", "2", "i", "2", "f", "3"), "3", "", nil, "3 or later, where it is fixed"},
		{events("i", "0", "l", "2", "i", "5", "f", "6"), "2", "[0, 2]", []string{"6"}, "in [0, 2]"},
		{events("i", "0", "l", "2", "i", "2"), "2", "[0, 2]", nil, "in [0, 2]"},
		{events("i", "0", "l", "2", "i", "2"), "3", "[0, *)", nil, "in [0, *)"},
		{events("i", "2", "l", "2", "i", "3", "l", "3"), "3", "[3, 3]", nil, "in [3, 3]"},
		{events("i", "1", "f", "1"), "1", "", nil, "1 or later, where it is fixed"},
		{events("i", "2", "f", "3"), "1", "", []string{"3"}, "before 2, where it is introduced"},
		{events("i", "1", "f", "2", "i", "4"), "3", "", nil, "2 or later, where it is fixed"},
		{events("i", "0", "limit", "2"), "2", "", nil, "not below the limit 2"},
		{events("i", "1", "limit", "2"), "0.5", "", nil, "before 1, where it is introduced"},
	} {
		v, err := version.Parse("PyPI", c.version)
		if err != nil {
			t.Fatal(err)
		}
		r := Range{"ECOSYSTEM", c.events}
		got, fixes, err := r.evaluate("PyPI", v)
		if err != nil || got != c.want || !slices.Equal(fixes, c.fixes) {
			t.Errorf("%s at %s: %q, fixed in %q, %v; want %q, %q", r, c.version, got, fixes, err, c.want, c.fixes)
		}
		if holds, reason := r.explain("PyPI", v); holds != (c.want != "") || reason != c.explanation {
			t.Errorf("%s at %s: %v, %q; want %q", r, c.version, holds, reason, c.explanation)
		}
	}
}

// A range is compared in its ecosystem's order, or in that of semantic versions, and what has no place there is an error.
func TestRangeSchemes(t *testing.T) {
	for _, c := range []struct {
		typ, ecosystem, fixed, version string
		want                           string // "error" when it cannot be told
	}{
		{"ECOSYSTEM", "PyPI", "1.0", "1.0rc1", "[0, 1.0)"},
		{"SEMVER", "npm", "1.0.0", "1.0.0-rc.1", "[0, 1.0.0)"},
		{"SEMVER", "PyPI", "1.0.0", "1.0.0", ""},
		{"SEMVER", "PyPI", "1.0.0", "1.0", "error"}, // no semantic version
		{"SEMVER", "Go", "1.22.0", "1.21", "[0, 1.22.0)"},
		{"SEMVER", "Bitnami", "1.2.3", "1.2.2.1", "[0, 1.2.3)"},
		{"ECOSYSTEM", "FreeBSD", "1", "1", "error"},
		{"MOON", "PyPI", "1", "0", "error"},
		{"", "PyPI", "1", "0", "error"},
	} {
		v, err := version.ParseAs(version.Loose, c.version)
		if scheme, e := version.Scheme(c.ecosystem); e == nil {
			v, err = version.ParseAs(scheme, c.version)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Range{c.typ, events("i", "0", "f", c.fixed)}.evaluate(c.ecosystem, v)
		if c.want == "error" && err == nil || c.want != "error" && (err != nil || got != c.want) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

// A range is written as its events stand.
func TestRangeString(t *testing.T) {
	r := Range{"SEMVER", events("f", "2", "i", "0", "l", "3", "limit", "4")}
	if got, want := r.String(), "SEMVER: fixed 2, introduced 0, last affected 3, limit 4"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
