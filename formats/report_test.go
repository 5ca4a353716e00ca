package formats

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// names are the packages of rows, in their order.
func names(rows []*resultRow) (out []string) {
	for _, r := range rows {
		out = append(out, r.name)
	}
	return out
}

// Packages with most findings come first; then the more severe ones, then by name. Readers start at the top.
func TestRowOrder(t *testing.T) {
	var findings []engine.Finding
	add := func(n int, eco, name, version string, level engine.Level) {
		for range n {
			findings = append(findings, vuln(fmt.Sprintf("CVE-2026-%d", len(findings)), "deb", eco, name, version, "9", level, 1, "p"))
		}
	}
	add(1, "Debian:12", "b", "2", engine.Low)
	add(1, "Debian:12", "b", "1", engine.Low)
	add(1, "Debian:12", "a", "1", engine.Low)
	add(1, "Alpine:v3.20", "z", "1", engine.Low)
	add(1, "Debian:12", "severe", "1", engine.Critical)
	add(1, "Debian:12", "odd", "1", "novel")
	add(2, "Debian:12", "most", "1", engine.Unknown)
	rep := withFindings(findings...)
	packages, messages := indexReport(&rep).rows(&rep.Decision.Rules[0])
	var got []string
	for _, r := range packages {
		got = append(got, r.name+" "+r.installed)
	}
	want := []string{"most 1", "severe 1", "z 1", "a 1", "b 1", "b 2", "odd 1"}
	if diff := cmp.Diff(want, got); diff != "" || len(messages) > 0 {
		t.Errorf("-want +got, %d messages:\n%s", len(messages), diff)
	}
}

// One row per package, version, layer and, of a language, path; a finding that several results name counts once.
func TestRowsOfOnePackage(t *testing.T) {
	one := func(typ, version, path string, layer int) engine.Finding {
		return vuln("CVE-2026-1", typ, "X", "p", version, "9", engine.High, layer, path)
	}
	for _, c := range []struct {
		a, b engine.Finding
		rows int
	}{
		{one("deb", "1", "a", 1), one("deb", "1", "b", 1), 1}, // dpkg's status file says nothing about where a package is
		{one("apk", "1", "a", 1), one("apk", "1", "b", 1), 1},
		{one("rpm", "1", "a", 1), one("rpm", "1", "b", 1), 1},
		{one("alpm", "1", "a", 1), one("alpm", "1", "b", 1), 1},
		{one("npm", "1", "a", 1), one("npm", "1", "b", 1), 2},
		{one("golang", "1", "a", 1), one("golang", "1", "b", 1), 2},
		{one("npm", "1", "a", 1), one("npm", "2", "a", 1), 2},
		{one("deb", "1", "a", 1), one("deb", "1", "a", 2), 2},
		{one("deb", "1", "a", 1), one("apk", "1", "a", 1), 2},
	} {
		c.b.ID = "CVE-2026-2"
		rep := withFindings(c.a, c.b)
		rule := &rep.Decision.Rules[0]
		rule.Results = append(rule.Results, rule.Results...)
		rows, _ := indexReport(&rep).rows(rule)
		findings := 0
		for _, r := range rows {
			findings += len(r.findings)
			if (r.path == "") != engine.OfDistribution(c.a.Package.Type) {
				t.Errorf("%s: path %q", c.a.Package.Type, r.path)
			}
		}
		if len(rows) != c.rows || findings != 2 {
			t.Errorf("%s %s and %s %s: %d rows of %d findings, want %d of 2",
				c.a.Package.Type, c.a.Package.Version, c.b.Package.Type, c.b.Package.Version, len(rows), findings, c.rows)
		}
	}
	rep := withFindings(one("npm", "1", "", 1))
	rep.Findings[0].Package.Locations = nil
	if rows, _ := indexReport(&rep).rows(&rep.Decision.Rules[0]); len(rows) != 1 || rows[0].path != "" {
		t.Errorf("a package without a location: %+v", rows)
	}
}

// A row names the version of the plan; without a plan the fixes of the advisories, as many as can be read.
func TestRowFix(t *testing.T) {
	finding := func(id string, fixes ...string) engine.Finding {
		f := vuln(id, "deb", "Debian:12", "libx", "1", "", engine.High, 1, "p")
		f.Package.Binaries, f.FixedVersions = []string{"libx1", "libx-dev"}, fixes
		return f
	}
	upgrade := func(pkg, from string) []engine.Upgrade { return []engine.Upgrade{{Package: pkg, From: from, To: "9"}} }
	for _, c := range []struct {
		findings []engine.Finding
		upgrades []engine.Upgrade
		want     string
	}{
		{[]engine.Finding{finding("CVE-1")}, nil, ""},
		{[]engine.Finding{finding("CVE-1", "2", "3")}, nil, "2"},
		{[]engine.Finding{finding("CVE-1", "2"), finding("CVE-2", "2")}, nil, "2"},
		{[]engine.Finding{finding("CVE-1", "2"), finding("CVE-2"), finding("CVE-3", "3")}, nil, "2, 3"},
		{[]engine.Finding{finding("CVE-1", "2"), finding("CVE-2", "3"), finding("CVE-3", "4")}, nil, "3 different fixes"},
		{[]engine.Finding{finding("CVE-1", "2")}, upgrade("libx", "1"), "9"},
		{[]engine.Finding{finding("CVE-1", "2")}, upgrade("libx-dev", "1"), "9"},
		{[]engine.Finding{finding("CVE-1", "2")}, upgrade("other", "1"), "2"},
		{[]engine.Finding{finding("CVE-1", "2")}, upgrade("libx", "0"), "2"},
		{[]engine.Finding{finding("CVE-1", "2")}, append(upgrade("other", "1"), upgrade("libx", "1")...), "9"},
	} {
		rep := withFindings(c.findings...)
		if c.upgrades != nil {
			rep.Decision.Plan.Changes = []engine.Change{{Upgrades: c.upgrades, Findings: []string{rep.Findings[len(rep.Findings)-1].Ref}}}
		}
		rows, _ := indexReport(&rep).rows(&rep.Decision.Rules[0])
		if rows[0].fixed != c.want {
			t.Errorf("%d findings, upgrades %v: %q, want %q", len(c.findings), c.upgrades, rows[0].fixed, c.want)
		}
	}
	// The first change that clears a finding is the one that counts.
	rep := withFindings(finding("CVE-1", "2"))
	ref := []string{rep.Findings[0].Ref}
	rep.Decision.Plan.Changes = []engine.Change{{Findings: ref, Upgrades: upgrade("libx", "1")},
		{Findings: ref, Upgrades: []engine.Upgrade{{Package: "libx", From: "1", To: "8"}}}}
	if rows, _ := indexReport(&rep).rows(&rep.Decision.Rules[0]); rows[0].fixed != "9" {
		t.Errorf("fixed in %q, want 9", rows[0].fixed)
	}
}

// A message that is about one gap has that gap's layer and fingerprint, which is what `veto waive` takes.
func TestMessageRow(t *testing.T) {
	gap := func(layer int) engine.Gap {
		g := engine.Gap{Kind: engine.GapMalformed, Path: "a", Ref: "g1", Fingerprint: "0123456789"}
		if layer > 0 {
			g.Layer = engine.Maybe(diffID(layer))
		}
		return g
	}
	for _, c := range []struct {
		result      engine.Result
		gapLayer    int
		layer       int
		fingerprint string
	}{
		{engine.Result{Msg: "m"}, 1, 0, ""},
		{engine.Result{Msg: "m", Layer: engine.Maybe(diffID(2))}, 1, 2, ""},
		{engine.Result{Msg: "m", Findings: []string{"g1"}}, 1, 1, "01234567"},
		{engine.Result{Msg: "m", Findings: []string{"g1"}, Layer: engine.Maybe(diffID(2))}, 1, 2, "01234567"},
		{engine.Result{Msg: "m", Findings: []string{"g1"}}, 0, 0, "01234567"},
		{engine.Result{Msg: "m", Findings: []string{"g1", "g2"}}, 1, 0, ""},
		{engine.Result{Msg: "m", Findings: []string{"unknown"}}, 1, 0, ""},
	} {
		rep := bareReport(engine.StatusDeny, c.result)
		rep.Layers = []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1))}, {DiffID: engine.Digest(diffID(2))}, {}}
		rep.Gaps = []engine.Gap{gap(c.gapLayer), {Ref: "g2"}}
		packages, messages := indexReport(&rep).rows(&rep.Decision.Rules[0])
		if len(packages) > 0 || len(messages) != 1 || messages[0].layer != c.layer || messages[0].fingerprint != c.fingerprint {
			t.Errorf("%+v of a gap in layer %d: %+v, want layer %d, fingerprint %q", c.result, c.gapLayer, messages[0], c.layer, c.fingerprint)
		}
	}
}

// Rules are in the order in which they concern a reader; among equals the most severe first.
func TestRuleOrder(t *testing.T) {
	rep := &engine.Report{}
	add := func(id string, s engine.Status, severity engine.Maybe) {
		rep.Decision.Rules = append(rep.Decision.Rules, engine.RuleResult{ID: id, Status: s, Severity: severity})
	}
	for i, s := range []engine.Status{engine.StatusPass, engine.StatusNotApplicable, engine.StatusWaived, engine.StatusInfo, engine.StatusWarn,
		engine.StatusNoData, engine.StatusError, engine.StatusDeny} {
		add(fmt.Sprint(i), s, "")
	}
	add("b", engine.StatusDeny, "high")
	add("a", engine.StatusDeny, "high")
	add("c", engine.StatusDeny, "critical")
	add("novel", "novel", "critical")
	var ids []string
	for _, r := range indexReport(rep).rulesByRank() {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != "c a b 7 novel 6 5 4 3 2 1 0" {
		t.Errorf("order %s", got)
	}
	ids = nil
	for _, r := range indexReport(rep).noteworthyRules() {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != "c a b 7 novel 6 5 4" {
		t.Errorf("noteworthy: %s", got)
	}
}

// Lines of JUnit and GitHub say all that is known of a row, and nothing of what is not.
func TestResultLines(t *testing.T) {
	deb := vuln("CVE-2026-2", "deb", "Debian:12", "libx", "1", "2", engine.Low, 1, "p")
	worse := vuln("CVE-2026-1", "deb", "Debian:12", "libx", "1", "2", engine.Critical, 1, "p")
	npm := vuln("GHSA-1", "npm", "npm", "left-pad", "1", "", engine.Unknown, 0, "app/package.json")
	rep := withFindings(deb, worse, npm)
	rep.Layers = []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1))}}
	rule := &rep.Decision.Rules[0]
	rule.Results = append(rule.Results, engine.Result{Msg: "a message"}, engine.Result{Msg: "accepted", WaivedBy: "w"},
		engine.Result{Msg: "accepted by nobody knows whom", WaivedBy: "v"})
	rep.Waivers = []engine.Waiver{{ID: "w", Expires: "2027-01-01", Owner: "@a", Reason: "r", Where: "w.yaml:1"}}
	fingerprint := rep.Findings[slices.IndexFunc(rep.Findings, func(f engine.Finding) bool { return f.ID == "GHSA-1" })].Fingerprint[:8]
	v := indexReport(&rep)
	want := []string{
		"libx 1 → 2: CVE-2026-1, CVE-2026-2 (critical), layer 1",
		"left-pad 1 (no fix yet) in /app/package.json: GHSA-1 (unknown) [" + fingerprint + "]",
		"a message",
	}
	if diff := cmp.Diff(want, v.resultLines(rule)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = []string{"accepted — accepted until 2027-01-01 by @a: r (w.yaml:1)", "accepted by nobody knows whom — accepted by waiver v"}
	if diff := cmp.Diff(want, v.waivedLines(rule)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if packages, messages := v.rows(rule); len(packages) != 2 || len(messages) != 1 || names(packages)[0] != "libx" {
		t.Errorf("asked again, the rows differ: %v, %d messages", names(packages), len(messages))
	}
}
