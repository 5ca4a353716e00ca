package waiver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// A waiver that accepts everything has to say so, whatever it is written with: patterns of wildcards only, and the one place where all
// packages of a distribution are found.
func TestBroad(t *testing.T) {
	for match, broad := range map[string]bool{
		"path: '**'":                 true,
		"path: '*'":                  true,
		"path: '**/*'":               true,
		"path: '/**'":                true,
		"path: '**/*.*'":             true,
		"path: '?*/**'":              true,
		"path: '[a-z]*/**'":          true,
		"path: '[!x]*/**'":           true,
		"path: var/lib/dpkg/status":  true,
		"path: 'var/**'":             true,
		"path: 'lib/apk/db/*'":       true,
		"path: '**/rpmdb.sqlite'":    true,
		"path: 'srv/**'":             false,
		"path: '**/package.json'":    true,
		"path: '**/node_modules/**'": true,
		"path: '**/METADATA'":        true,
		"path: 'usr/lib/python3*/site-packages/*.dist-info/METADATA'": true,
		"path: '**/node_modules/lodash/package.json'":                 false,
		"path: '**/lodash-*.dist-info/METADATA'":                      false,
		"path: '**/*.jar'":                                            false,
		"path: 'etc/*'":                                               false,
		"purl: 'pkg:deb/*'":                                           true,
		"purl: 'pkg:npm/*'":                                           true,
		"purl: 'pkg:npm/**'":                                          true,
		"purl: 'pkg:npm/*/*'":                                         true,
		"purl: 'pkg:deb/debian/*'":                                    true,
		"purl: 'pkg:deb/debian/[a-z]*'":                               true,
		"purl: 'pkg:deb/debian/*@*'":                                  true,
		"purl: 'pkg:deb/debian/*?distro=debian-12'":                   true,
		"purl: 'pkg:apk/alpine/*'":                                    true,
		"purl: 'pkg:npm/%40babel/*'":                                  false,
		"purl: 'pkg:golang/golang.org%2Fx/*'":                         false,
		"purl: 'pkg:deb/debian/lib*'":                                 false,
		"purl: 'pkg:npm/lodash'":                                      false,
		"purl: 'pkg:deb/*', path: '**'":                               true,
		"purl: 'pkg:deb/*', path: 'srv/**'":                           false,
		"purl: 'pkg:deb/*', vuln: CVE-1":                              false,
		"path: '**', vuln: CVE-1":                                     false,
		"path: '**', fingerprint: '12345678'":                         false,
		"purl: 'pkg:npm/lodash', path: '**'":                          false,
		"purl: 'pkg:deb/debian/*', path: 'var/lib/**'":                true,
	} {
		for _, rule := range []string{"", "rule: r, "} {
			if _, err := Parse("w.yaml", []byte(entry(rule+"match: {"+match+"}"))); (err != nil) != broad {
				t.Errorf("%s%s without broad: %v, want an error: %v", rule, match, err, broad)
			}
			if _, err := Parse("w.yaml", []byte(entry(rule+"match: {"+match+"}, broad: true"))); (err != nil) != (!broad && rule == "") {
				t.Errorf("%s%s with broad: %v", rule, match, err)
			}
		}
	}
	f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"))
	m := parse(t, entry("match: {path: '**'}, broad: true")).For(engine.Identity{}, noon)
	if err := m.Mark(f); err != nil || f.Findings[0].WaivedBy == "" {
		t.Errorf("what is broad and says so accepts nothing: %v", err)
	}
}

// A reason and an owner that say nothing are none.
func TestBlankWords(t *testing.T) {
	for _, blank := range []string{`" "`, `"\t"`, `"-"`, `"..."`, `"\u200b"`, `"@"`, `"\u3164"`} {
		for _, key := range []string{"reason", "owner"} {
			keys := map[string]string{"reason": "a", "owner": "b"}
			keys[key] = blank
			text := fmt.Sprintf("version: 1\nwaivers:\n  - {match: {vuln: X}, reason: %s, owner: %s, expires: 2026-12-31}\n",
				keys["reason"], keys["owner"])
			if _, err := Parse("w.yaml", []byte(text)); !errors.As(err, new(*engine.UsageError)) || !strings.Contains(err.Error(), key) {
				t.Errorf("%s: %s: %v", key, blank, err)
			}
		}
	}
}

// The last day is bounded: a waiver is for a while, and one for a year is looked at never.
func TestMaxDays(t *testing.T) {
	for _, c := range []struct {
		days    int // 0 is the default
		expires string
		want    string
	}{
		{0, "2027-02-21", active}, {0, "2027-02-22", tooLong}, {30, "2026-12-23", active}, {30, "2026-12-24", tooLong},
		{365, "2027-11-23", active}, {1, "2026-11-24", active}, {1, "2026-11-22", expired},
	} {
		f := parse(t, strings.Replace(entry("match: {vuln: CVE-1}"), "2026-12-31", c.expires, 1))
		if c.days != 0 {
			f.Bound(c.days)
		}
		in := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"))
		if err := f.For(engine.Identity{}, noon).Mark(in); err != nil {
			t.Fatal(err)
		}
		if got := in.Waivers[0].State; got != c.want || (in.Findings[0].WaivedBy != "") != (c.want == active) {
			t.Errorf("%d days, %s: %s, waived by %q; want %s", c.days, c.expires, got, in.Findings[0].WaivedBy, c.want)
		}
	}
}

// found is a finding of CVE-1 in an npm package at some places.
func found(version string, paths ...string) engine.Finding {
	f := engine.Finding{Kind: "vulnerability", ID: "CVE-1", CVEs: []string{"CVE-1"}, Package: engine.FoundPackage{Name: "qs", Version: version,
		Type: "npm", Ecosystem: "npm", PURL: "pkg:npm/qs@" + version}}
	for _, p := range paths {
		f.Package.Locations = append(f.Package.Locations, engine.Location{Path: p})
	}
	return f
}

// A waiver by fingerprint accepts what it was written for: the thing at its place, whatever its version, and not a second one like it, nor
// the same one at a further place.
func TestFingerprintOfOneThing(t *testing.T) {
	of := func(fs ...engine.Finding) string { return engine.Identify(fs)[0].Fingerprint[:12] }
	first := of(found("0.6.0", "srv/v1/node_modules/qs"))
	two := of(found("0.6.0", "opt/qs", "srv/qs"))
	for name, c := range map[string]struct {
		match string
		facts []engine.Finding
		want  string // versions that are waived
		state string
	}{
		"the thing itself": {"fingerprint: '" + first + "'", []engine.Finding{found("0.6.0", "srv/v1/node_modules/qs")}, "0.6.0", active},
		"after an upgrade": {"fingerprint: '" + first + "'", []engine.Finding{found("0.7.0", "srv/v2/node_modules/qs")}, "0.7.0", active},
		"another place":    {"fingerprint: '" + first + "'", []engine.Finding{found("0.6.0", "opt/node_modules/qs")}, "", active},
		"a second place": {"fingerprint: '" + first + "'",
			[]engine.Finding{found("0.6.0", "srv/v1/node_modules/qs", "opt/qs")}, "", ambiguous},
		"a second place, before": {"fingerprint: '" + first + "'",
			[]engine.Finding{found("0.6.0", "a/qs", "srv/v1/node_modules/qs")}, "", ambiguous},
		"a second place of its class": {"fingerprint: '" + first + "'", []engine.Finding{found("0.6.0", "srv/v1/node_modules/qs",
			"srv/v2/node_modules/qs")}, "", ambiguous},
		"two versions of its class": {"fingerprint: '" + first + "'", []engine.Finding{found("0.6.0", "srv/v1/node_modules/qs"),
			found("0.5.0", "srv/v2/node_modules/qs")}, "", ambiguous},
		"two versions, one named": {"fingerprint: '" + first + "', purl: 'pkg:npm/qs@0.6.0'", []engine.Finding{
			found("0.6.0", "srv/v1/node_modules/qs"), found("0.5.0", "srv/v2/node_modules/qs")}, "0.6.0", active},
		"both places":        {"fingerprint: '" + two + "'", []engine.Finding{found("0.6.0", "opt/qs", "srv/qs")}, "0.6.0", active},
		"in another order":   {"fingerprint: '" + two + "'", []engine.Finding{found("0.6.0", "srv/qs", "opt/qs")}, "0.6.0", active},
		"one of both places": {"fingerprint: '" + two + "'", []engine.Finding{found("0.6.0", "opt/qs")}, "", active},
		"a third place":      {"fingerprint: '" + two + "'", []engine.Finding{found("0.6.0", "opt/qs", "srv/qs", "usr/qs")}, "", ambiguous},
	} {
		f := &engine.Facts{Findings: engine.Identify(c.facts)}
		if err := parse(t, entry("match: {"+c.match+"}")).For(engine.Identity{}, noon).Mark(f); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range f.Findings {
			if v.WaivedBy != "" {
				got = append(got, v.Package.Version)
			}
		}
		if strings.Join(got, " ") != c.want || f.Waivers[0].State != c.state {
			t.Errorf("%s: %q, %s; want %q, %s", name, got, f.Waivers[0].State, c.want, c.state)
		}
	}
}

// The same for secrets and gaps: a value in the place of another, a second file of one class, and the same thing in two layers.
func TestFingerprintOfSecretsAndGaps(t *testing.T) {
	secret := func(path, hash, layer string, line int) engine.Secret {
		return engine.Secret{Rule: "aws", Path: engine.Maybe(path), Hash: hash, Layer: engine.Maybe(layer), Line: line, Redacted: "AKIA********"}
	}
	gap := func(path string) engine.Gap {
		return engine.Gap{Kind: engine.GapUnsupported, Path: engine.Maybe(path), Subject: "java"}
	}
	key := engine.IdentifySecrets([]engine.Secret{secret("srv/a1.ini", "0000", "l", 1)})[0].Fingerprint[:12]
	jar := engine.IdentifyGaps([]engine.Gap{gap("srv/lib/a-1.jar")})[0].Fingerprint[:12]
	for name, c := range map[string]struct {
		print   string
		secrets []engine.Secret
		gaps    []engine.Gap
		want    int
	}{
		"the secret":                {key, []engine.Secret{secret("srv/a1.ini", "0000", "l", 1)}, nil, 1},
		"in another line and layer": {key, []engine.Secret{secret("srv/a1.ini", "0000", "m", 7)}, nil, 1},
		"in two layers":             {key, []engine.Secret{secret("srv/a1.ini", "0000", "l", 1), secret("srv/a1.ini", "0000", "m", 1)}, nil, 2},
		"another value":             {key, []engine.Secret{secret("srv/a1.ini", "0001", "l", 1)}, nil, 0},
		"a further value":           {key, []engine.Secret{secret("srv/a1.ini", "0000", "l", 1), secret("srv/a1.ini", "0001", "l", 2)}, nil, 1},
		"a second file":             {key, []engine.Secret{secret("srv/a1.ini", "0000", "l", 1), secret("srv/a2.ini", "0000", "l", 1)}, nil, 0},
		"the gap":                   {jar, nil, []engine.Gap{gap("srv/lib/a-2.jar")}, 1},
		"another gap":               {jar, nil, []engine.Gap{gap("srv/lib/a-2.jar"), gap("srv/lib/b-1.jar")}, 1},
		"two gaps of one class":     {jar, nil, []engine.Gap{gap("srv/lib/a-2.jar"), gap("srv/lib/a-3.jar")}, 0},
	} {
		f := &engine.Facts{Secrets: engine.IdentifySecrets(c.secrets), Gaps: engine.IdentifyGaps(c.gaps)}
		if err := parse(t, entry("match: {fingerprint: '"+c.print+"'}")).For(engine.Identity{}, noon).Mark(f); err != nil {
			t.Fatal(err)
		}
		if got := f.Waivers[0].Used; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Results of one rule at two places of one class are two.
func TestFingerprintOfResults(t *testing.T) {
	print1 := engine.Fingerprint("r1")
	a, b := engine.Result{Msg: "a", Path: "srv/1/x", Fingerprint: print1}, engine.Result{Msg: "b", Path: "srv/2/x", Fingerprint: print1}
	text := entry("rule: r, match: {fingerprint: " + print1 + "}")
	if waived, state := outcome(t, text, facts(), a); waived != "a" || state != active {
		t.Errorf("one: %q, %s", waived, state)
	}
	if waived, state := outcome(t, text, facts(), a, b); waived != "" || state != ambiguous {
		t.Errorf("two: %q, %s", waived, state)
	}
	if waived, _ := outcome(t, entry("rule: r, match: {fingerprint: "+print1+", path: srv/1/x}"), facts(), a, b); waived != "a" {
		t.Errorf("one named: %q", waived)
	}
}

// An alias speaks for the CVEs that its own record names, and one without a record for none.
func TestAliasesOfSeveralCVEs(t *testing.T) {
	cves := []string{"CVE-1", "CVE-2", "CVE-3"}
	for _, c := range []struct {
		ids  []string
		want bool
	}{
		{[]string{"GO-1"}, true},
		{[]string{"GHSA-1"}, false},
		{[]string{"GHSA-unknown"}, false},
		{[]string{"CVE-1", "CVE-2"}, false},
		{[]string{"CVE-1", "CVE-2", "CVE-3"}, true},
		{[]string{"GHSA-1", "CVE-2", "CVE-3"}, true},
		{[]string{"GHSA-1", "GHSA-23"}, true},
		{[]string{"GHSA-unknown", "CVE-2", "CVE-3"}, false},
		{[]string{"PYSEC-1"}, true},
	} {
		f := facts(engine.Finding{Ref: "v1", ID: "GO-1", CVEs: cves,
			Aliases: append([]string{"GHSA-1", "GHSA-23", "GHSA-unknown", "PYSEC-1"}, cves...),
			Speaks:  map[string][]string{"GO-1": cves, "GHSA-1": {"CVE-1"}, "GHSA-23": {"CVE-2", "CVE-3"}, "PYSEC-1": cves}})
		text := "version: 1\nwaivers:\n"
		for _, id := range c.ids {
			text += more("match: {vuln: " + id + "}")
		}
		if err := parse(t, text).For(engine.Identity{}, noon).Mark(f); err != nil {
			t.Fatal(err)
		}
		if got := f.Findings[0].WaivedBy != ""; got != c.want {
			t.Errorf("%v: waived %v, want %v", c.ids, got, c.want)
		}
	}
	// Of one CVE, every alias names it.
	f := facts(engine.Finding{Ref: "v1", ID: "CVE-1", CVEs: []string{"CVE-1"}, Aliases: []string{"GHSA-1"}})
	if err := parse(t, entry("match: {vuln: GHSA-1}")).For(engine.Identity{}, noon).Mark(f); err != nil || f.Findings[0].WaivedBy == "" {
		t.Errorf("an alias of one CVE: %v", err)
	}
}

// A package URL with a subpath names a part of a package.
func TestSubpath(t *testing.T) {
	f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"))
	text := entry("match: {purl: 'pkg:deb/debian/nginx#lib/other'}")
	if err := parse(t, text).For(engine.Identity{}, noon).Mark(f); err != nil || f.Findings[0].WaivedBy != "" {
		t.Errorf("%v, waived by %q", err, f.Findings[0].WaivedBy)
	}
}

// A baseline accepts all that it was made of, also where several things share a fingerprint: there it names a version or a path too.
func TestBaselineOfTwins(t *testing.T) {
	gap := func(path engine.Maybe) engine.Gap { return engine.Gap{Kind: engine.GapUnsupported, Path: path} }
	f := &engine.Facts{Gaps: engine.IdentifyGaps([]engine.Gap{gap("srv/a[1].jar"), gap("srv/a[2].jar")}),
		Findings: engine.Identify([]engine.Finding{found("0.6.0", "srv/v1/qs"), found("0.5.0", "srv/v2/qs"), found("1.0.0", "a/qs", "b/qs")})}
	rule := engine.RuleResult{ID: "r", Status: engine.StatusDeny, Waivable: true}
	add := func(ref, fingerprint string) {
		rule.Results = append(rule.Results, engine.Result{Findings: []string{ref}, Fingerprint: engine.Fingerprint("r", fingerprint)})
	}
	for _, v := range f.Findings {
		add(v.Ref, v.Fingerprint)
	}
	for _, g := range f.Gaps {
		add(g.Ref, g.Fingerprint)
	}
	for _, p := range []engine.Maybe{"srv/1", "srv/2"} {
		rule.Results = append(rule.Results, engine.Result{Path: p, Fingerprint: engine.Fingerprint("r", "path", "srv/*")})
	}
	run := &engine.Run{Reports: []engine.Report{{Facts: *f, Decision: engine.Decision{Rules: []engine.RuleResult{rule}}}}}
	drafts := Baseline(run, Draft{Reason: "r", Owner: "o", Expires: "2026-12-31"})
	text, err := Append(nil, drafts)
	if err != nil {
		t.Fatal(err)
	}
	rs := []engine.RuleResult{rule}
	m := parse(t, string(text)).For(engine.Identity{}, noon)
	if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
		t.Fatal(err)
	}
	if rs[0].Status != engine.StatusWaived || slices.ContainsFunc(f.Waivers, func(w engine.Waiver) bool { return w.State != active }) {
		t.Errorf("%s: %+v\n%s", rs[0].Status, f.Waivers, text)
	}
}
