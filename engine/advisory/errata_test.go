package advisory

import (
	"slices"
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
		"a stream that nobody says": {rpm("nodejs", "1:16.20.2-3.module_el8.8.0+3613+ff", "", "nodejs",
			"1:16.20.2-3.module_el8.8.0+3613+ff"), []string{"ALSA-2024:1"}},
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
