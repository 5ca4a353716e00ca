package advisory

import (
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

const streamed = `{"id":"ALSA-2024:1","summary":"Important: nodejs:18 security update","published":"2024-02-01T00:00:00Z",
	"related":["CVE-2024-1","CVE-2024-2"],
	"affected":[
	{"package":{"ecosystem":"AlmaLinux:8","name":"nodejs"},
		"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:18.19.1-1.module_el8.9.0+3700+aa"}]}]}]}`

const plain = `{"id":"ALSA-2024:2","summary":"Moderate: perl security update","related":["CVE-2024-3"],"affected":[
	{"package":{"ecosystem":"AlmaLinux:8","name":"perl"},
		"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"4:5.26.3-422.el8"}]}]},
	{"package":{"ecosystem":"AlmaLinux:8","name":"perl-Errno"},
		"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.28-422.el8"}]}]}]}`

const bugs = `{"id":"ALBA-2024:3","summary":"perl bug fix update","affected":[{"package":{"ecosystem":"AlmaLinux:8","name":"perl-Errno"},
	"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"9-1.el8"}]}]}]}`

// Each stream of a module has its own fixes, and so have packages outside modules. A source package's version has no epoch, so that
// comparing binaries by it would call every one of them affected.
func TestModulesAndEpochs(t *testing.T) {
	var records []Advisory
	for _, text := range []string{streamed, plain, bugs} {
		a, err := ParseOSV([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, *a)
	}
	rpm := func(name, version, module, source, sourceVersion string) engine.Package {
		return engine.Package{Name: name, Version: version, Type: "rpm", Module: engine.Maybe(module), Ecosystem: "AlmaLinux:8",
			Source: engine.Source{Name: source, Version: sourceVersion}}
	}
	for name, c := range map[string]struct {
		p    engine.Package
		want []string
	}{
		"the stream, before the fix": {rpm("nodejs", "1:18.9.1-1.module_el8.7.0+3343+ea", "nodejs:18", "nodejs",
			"1:18.9.1-1.module_el8.7.0+3343+ea"), []string{"ALSA-2024:1"}},
		"the stream, with the fix": {rpm("nodejs", "1:18.19.1-1.module_el8.9.0+3700+aa", "nodejs:18", "nodejs",
			"1:18.19.1-1.module_el8.9.0+3700+aa"), nil},
		"another stream": {rpm("nodejs", "1:16.20.2-3.module_el8.8.0+3613+ff", "nodejs:16", "nodejs",
			"1:16.20.2-3.module_el8.8.0+3613+ff"), nil},
		"a stream that nobody says": {rpm("nodejs", "1:18.9.1-1.module_el8.7.0+3343+ea", "", "nodejs",
			"1:18.9.1-1.module_el8.7.0+3343+ea"), []string{"ALSA-2024:1"}},
		"another that nobody says": {rpm("nodejs", "1:16.20.2-3.module_el8.8.0+3613+ff", "", "nodejs",
			"1:16.20.2-3.module_el8.8.0+3613+ff"), nil},
		"outside modules":                {rpm("nodejs", "1:10.0-1.el8", "", "nodejs", "1:10.0-1.el8"), nil},
		"a binary older than its source": {rpm("perl-Errno", "1.28-421.el8", "", "perl", "5.26.3-421.el8"), []string{"ALSA-2024:2"}},
		"a binary with the fix":          {rpm("perl-Errno", "1.28-422.el8", "", "perl", "5.26.3-422.el8"), nil},
		"with an epoch":                  {rpm("perl", "4:5.26.3-421.el8", "", "perl", "4:5.26.3-421.el8"), []string{"ALSA-2024:2"}},
		"with an epoch and the fix":      {rpm("perl", "4:5.26.3-422.el8", "", "perl", "4:5.26.3-422.el8"), nil},
	} {
		got, err := NewMatcher(newStore(records, "")).Match(t.Context(), &engine.Inventory{Packages: []engine.Package{c.p}}, clock())
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, f := range got.Findings {
			ids = append(ids, f.Evidence.Records...)
			if f.Evidence.Advisory == "ALSA-2024:1" && (!slices.Equal(f.CVEs, []string{"CVE-2024-1", "CVE-2024-2"}) ||
				f.Severity.Level != engine.High || f.FixSince == "") {
				t.Errorf("%s: %q, %s, since %q", name, f.CVEs, f.Severity.Level, f.FixSince)
			}
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("%s: %q, want %q", name, ids, c.want)
		}
	}
}

// A notice without a vulnerability is no finding, but one that names a CVE is, whatever its kind.
func TestNoticesWithoutVulnerability(t *testing.T) {
	for _, kind := range []string{"ALBA", "ALEA", "RLBA", "RLEA", "RHBA", "RHEA", "ALSA", "RLSA", "RHSA", "RXSA", "DSA", "GHSA"} {
		none := kind[len(kind)-2:] == "BA" || kind[len(kind)-2:] == "EA"
		for _, a := range []Advisory{{}, {Related: []string{"ALSA-1"}}, {Aliases: []string{"CVE-2026-1"}}, {Upstream: []string{"CVE-2026-1"}},
			{Related: []string{"X", "CVE-2026-1"}}} {
			a.ID = kind + "-2026:1"
			names := len(a.Aliases)+len(a.Upstream)+len(a.Related) > 0 && !slices.Equal(a.Related, []string{"ALSA-1"})
			if got := a.isNoVulnerability(); got != (none && !names) {
				t.Errorf("%+v: %v", a, got)
			}
		}
	}
}

// The CVEs that a notice lists as related are those that it fixes, unless it names them elsewhere. Other feeds mean something else by it.
func TestRelatedCVEs(t *testing.T) {
	for _, kind := range []string{"ALSA", "ALBA", "ALEA", "RLSA", "RLBA", "RLEA", "RXSA", "RHSA"} {
		a := &Advisory{ID: kind + "-2026:1", Related: []string{"CVE-2026-1", "ALSA-2", "CVE-2026-2"}}
		if got := relatedCVEs(a); !slices.Equal(got, []string{"CVE-2026-1", "CVE-2026-2"}) {
			t.Errorf("%s: %q", kind, got)
		}
		for _, other := range []*Advisory{{Aliases: []string{"CVE-2026-3"}}, {Upstream: []string{"CVE-2026-3"}}} {
			other.ID, other.Related = a.ID, a.Related
			if got := relatedCVEs(other); got != nil {
				t.Errorf("%+v: %q", other, got)
			}
		}
	}
	if got := relatedCVEs(&Advisory{ID: "GHSA-1", Related: []string{"CVE-2026-1"}}); got != nil {
		t.Errorf("GHSA-1: %q", got)
	}
}

// A security notice of a distribution with rpm begins its summary with its severity, which is its urgency where it has no other.
func TestSeverityPrefix(t *testing.T) {
	for _, kind := range []string{"ALSA", "RLSA", "RHSA", "RXSA"} {
		for summary, want := range map[string]string{"Critical: a": "critical", "Important: a": "important", "Moderate: a": "moderate",
			"Low: a": "low", "Low": "", "Severe: a": "", "low: a": "", "": ""} {
			if got := severityPrefix(kind+"-2026:1", summary); got != want {
				t.Errorf("%s %q: %q, want %q", kind, summary, got, want)
			}
		}
	}
	for _, id := range []string{"ALBA-2026:1", "GHSA-1", "DSA-1"} {
		if got := severityPrefix(id, "Important: a"); got != "" {
			t.Errorf("%s: %q", id, got)
		}
	}
	for urgency, want := range map[string]string{"": "important", `,"ecosystem_specific":{"urgency":"low"}`: "low"} {
		a, err := ParseOSV([]byte(`{"id":"ALSA-2026:1","summary":"Important: x","affected":[{"package":{"ecosystem":"AlmaLinux:9","name":"x"},
			"versions":["1"]` + urgency + `}]}`))
		if err != nil || a.Affected[0].Urgency != want {
			t.Errorf("%+v, %v; want %q", a, err, want)
		}
	}
}

// Explanations name why a match leaves a notice out.
func TestExplainErrata(t *testing.T) {
	for text, c := range map[string]struct{ name, version, want string }{
		bugs:     {"perl-Errno", "1-1.el8", "a notice of mended bugs or new features, which names no vulnerability"},
		streamed: {"nodejs", "1:10.0-1.el8", "it is about builds of another stream of the module, or of a module at all"},
		plain:    {"perl", "4:5.26.3-421.el8", "in [0, 4:5.26.3-422.el8)"},
	} {
		a, err := ParseOSV([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		e := Explain(a, "AlmaLinux:8", c.name, c.version)
		if e.Reason != c.want || e.Affected != (text == plain) || e.Unknown || e.Comparator != "rpm" {
			t.Errorf("%+v, want %q", e, c.want)
		}
	}
	if e := Explain(&Advisory{}, "FreeBSD", "x", "1"); e.Comparator != "" || e.Affected || e.Ranges == nil {
		t.Errorf("an ecosystem without an order: %+v", e)
	}
}

// Where nobody labelled a package of a module, the version of the module's own package in the same build says of which stream it is, if
// the module's streams are called by versions.
func TestStreamsWithoutLabels(t *testing.T) {
	const build = "-1.module_el8.10.0+3980+4b"
	for name, c := range map[string]struct {
		packages map[string]string
		summary  string
		fixes    string // of the record, of the first package
		other    bool
	}{
		"a fix of the stream":         {map[string]string{"nodejs": "1:18.20.8"}, "x", "1:18.20.9", false},
		"a fix of another":            {map[string]string{"nodejs": "1:18.20.8"}, "x", "1:20.19.2", true},
		"a summary of the stream":     {map[string]string{"nodejs": "1:18.20.8"}, "Important: nodejs:18 security update", "", false},
		"a summary of another":        {map[string]string{"nodejs": "1:18.20.8"}, "Important: nodejs:20 security update", "", true},
		"two parts":                   {map[string]string{"mariadb": "3:10.5.27"}, "x", "3:10.5.28", false},
		"two parts, another":          {map[string]string{"mariadb": "3:10.5.27"}, "x", "3:10.11.10", true},
		"a stream that rolls on":      {map[string]string{"podman": "4:4.9.4"}, "x", "4:5.2.0", false},
		"nothing of the module's":     {map[string]string{"npm": "1:10.8.2"}, "Important: nodejs:20 security update", "1:11.0.0", false},
		"the module's beside it":      {map[string]string{"npm": "1:10.8.2", "nodejs": "1:18.20.8"}, "Important: nodejs:20 update", "", true},
		"a summary of something else": {map[string]string{"nodejs": "1:18.20.8"}, "Important: python39:3.9 security update", "", false},
	} {
		inv := &engine.Inventory{}
		for p, v := range c.packages {
			inv.Packages = append(inv.Packages, engine.Package{Name: p, Version: v + build, Type: "rpm"})
		}
		a := Advisory{Summary: c.summary}
		if c.fixes != "" {
			a.Affected = []Affected{{Name: inv.Packages[0].Name, Ranges: []Range{{Events: []Event{{Fixed: c.fixes + build}}}}}}
		}
		builds := moduleBuilds(inv)
		if got := a.isOfOtherStream(builds[buildOf(build)]); got != c.other {
			t.Errorf("%s: %v, want %v", name, got, c.other)
		}
	}
}

// What Ubuntu publishes for its subscribers decides about a package of theirs; about one of the regular archive it says something once that
// one's support has ended.
func TestUbuntuPro(t *testing.T) {
	const text = `{"id":"UBUNTU-CVE-2025-1","upstream":["CVE-2025-1"],"affected":[
		{"package":{"ecosystem":"Ubuntu:22.04:LTS","name":"vips"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]},
		{"package":{"ecosystem":"Ubuntu:Pro:22.04:LTS","name":"vips"},
			"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.12.1-1ubuntu0.1~esm2"}]}]}]}`
	const regular = `{"id":"UBUNTU-CVE-2025-2","upstream":["CVE-2025-2"],"affected":[{"package":{"ecosystem":"Ubuntu:22.04:LTS","name":"vips"},
		"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.13"}]}]}]}`
	var records []Advisory
	for _, text := range []string{text, regular} {
		a, err := ParseOSV([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, ecosystem := range []string{"Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS"} { // as a database keeps them, a shard for each
			one := *a
			one.Affected = slices.DeleteFunc(slices.Clone(a.Affected), func(f Affected) bool { return f.Ecosystem != ecosystem })
			if len(one.Affected) > 0 {
				records = append(records, one)
			}
		}
	}
	for _, c := range []struct{ version, ends, want string }{
		{"8.12.1-1ubuntu0.1~esm1", "", "CVE-2025-1 8.12.1-1ubuntu0.1~esm2, CVE-2025-2 8.13"},
		{"8.12.1-1ubuntu0.1~esm2", "", "CVE-2025-2 8.13"},
		{"8.12.1-1", "", "CVE-2025-1 , CVE-2025-2 8.13"},
		{"8.12.1-1", "2026-01-01", "CVE-2025-1 8.12.1-1ubuntu0.1~esm2, CVE-2025-2 8.13"},
		{"8.12.1-1", "2027-01-01", "CVE-2025-1 , CVE-2025-2 8.13"},
	} {
		p := engine.Package{Name: "vips", Version: c.version, Type: "deb", Ecosystem: "Ubuntu:22.04:LTS",
			Source: engine.Source{Name: "vips", Version: c.version}}
		inv := &engine.Inventory{OS: &engine.OS{ID: "ubuntu", SupportEnds: engine.Maybe(c.ends)}, Packages: []engine.Package{p}}
		got, err := NewMatcher(newStore(records, "")).Match(t.Context(), inv, clock())
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range got.Findings {
			said = append(said, f.ID+" "+strings.Join(f.FixedVersions, " "))
		}
		if s := strings.Join(said, ", "); s != c.want {
			t.Errorf("%s, support until %q: %s, want %s", c.version, c.ends, s, c.want)
		}
	}
}
