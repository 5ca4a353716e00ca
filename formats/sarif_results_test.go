package formats

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// sarifOf is the SARIF run of one report.
func sarifOf(t *testing.T, o Options, rep engine.Report) sarifDocRun {
	t.Helper()
	runs := parseSARIF(t, render(t, "sarif", o, runOf(reportVerdict(&rep), rep))).Runs
	if len(runs) != 1 {
		t.Fatalf("%d runs", len(runs))
	}
	return runs[0]
}

// One finding that several rules name is one result. That it is denied by one of them, and not waived there, must not be lost whichever
// rule comes first.
func TestSARIFOneFindingOfManyRules(t *testing.T) {
	type says struct {
		status engine.Status
		action string
		waived bool
	}
	warn, deny := says{engine.StatusWarn, "warn", false}, says{engine.StatusDeny, "deny", false}
	waivedDeny := says{engine.StatusWaived, "deny", true}
	waivedWarn := says{engine.StatusWaived, "warn", true}
	partly := says{engine.StatusDeny, "deny", true} // the rule denies for another reason
	for _, c := range []struct {
		rules      []says
		suppressed bool
		level      string // "" is no result
		waived     bool
		policies   int
	}{
		{[]says{warn}, false, "warning", false, 1},
		{[]says{deny}, false, "error", false, 1},
		{[]says{deny, warn}, false, "error", false, 2},
		{[]says{waivedDeny}, false, "", false, 0},
		{[]says{waivedDeny}, true, "error", true, 1},
		{[]says{waivedWarn}, true, "warning", true, 1},
		{[]says{waivedWarn, waivedDeny}, true, "error", true, 2},
		{[]says{waivedDeny, warn}, true, "warning", false, 2},
		{[]says{waivedDeny, warn}, false, "warning", false, 1},
		{[]says{waivedDeny, deny}, true, "error", false, 2},
		{[]says{partly, warn}, true, "warning", false, 2},
		{[]says{partly}, true, "error", true, 1},
	} {
		for range 2 {
			rep := withFindings(debs(1)...)
			rep.Decision.Rules = nil
			for i, s := range c.rules {
				result := engine.Result{Msg: "m", Findings: []string{rep.Findings[0].Ref}}
				if s.waived {
					result.WaivedBy = "w"
				}
				rule := engine.RuleResult{ID: fmt.Sprint("r", i), Status: s.status, Action: s.action, Results: []engine.Result{result}}
				if s == partly {
					rule.Results = append(rule.Results, engine.Result{Msg: "the other reason"})
				}
				rep.Decision.Rules = append(rep.Decision.Rules, rule)
			}
			rep.Decision.Verdict = engine.VerdictOf(rep.Decision.Rules)
			run := sarifOf(t, Options{Suppressed: c.suppressed}, rep)
			i := slices.IndexFunc(run.Results, func(x sarifDocResult) bool { return strings.HasPrefix(x.RuleID, "CVE-") })
			if (i >= 0) != (c.level != "") {
				t.Errorf("%v, suppressed %v: results %+v", c.rules, c.suppressed, run.Results)
				continue
			}
			if i >= 0 {
				x := run.Results[i]
				if x.Level != c.level || len(x.Suppressions) > 0 != c.waived || len(x.Properties.Policies) != c.policies ||
					!slices.IsSorted(x.Properties.Policies) {
					t.Errorf("%v, suppressed %v: %s, waived %v, policies %v; want %s, %v, %d", c.rules, c.suppressed,
						x.Level, len(x.Suppressions) > 0, x.Properties.Policies, c.level, c.waived, c.policies)
				}
			}
			slices.Reverse(c.rules)
		}
	}
}

// What is no finding is a result of its own: messages, gaps, failed rules, errors, and a denial or verdict that nothing accounts for.
func TestSARIFOtherResults(t *testing.T) {
	gap := engine.Gap{Kind: engine.GapMalformed, Path: "opt/a b", Ref: "g1", Layer: engine.Maybe(diffID(1))}
	rule := func(status engine.Status, results ...engine.Result) engine.Report {
		rep := bareReport(status, results...)
		rep.Gaps, rep.Image.Name = []engine.Gap{gap}, "x.test/team/app:1"
		rep.Decision.Rules[0].Note = "a note"
		return rep
	}
	errors := rule(engine.StatusPass)
	errors.Errors = []engine.Problem{{What: "broken", Hint: "mend it"}}
	unaccounted := rule(engine.StatusPass)
	unaccounted.Decision.Verdict = engine.Denied
	undecided := rule(engine.StatusPass)
	undecided.Decision.Verdict = engine.Undecided
	for name, c := range map[string]struct {
		rep                     engine.Report
		rule, level, text, path string
		successful              bool
		notifications           int
	}{
		"message": {rule(engine.StatusDeny, engine.Result{Msg: "bad."}), "a-rule", "error", "bad, in x.test/team/app:1.", "team/app", true,
			0},
		"warning": {rule(engine.StatusWarn, engine.Result{Msg: "odd", Path: "etc/x"}), "a-rule", "warning", "odd, in x.test/team/app:1.",
			"team/app/etc/x", true, 0},
		"gap": {rule(engine.StatusDeny, engine.Result{Msg: "gap", Findings: []string{"g1"}}), "a-rule", "error",
			"gap, in x.test/team/app:1.", "team/app/opt/a%20b", true, 0},
		"own path": {rule(engine.StatusDeny, engine.Result{Msg: "gap", Path: "p", Findings: []string{"g1"}}), "a-rule", "error",
			"gap, in x.test/team/app:1.", "team/app/p", true, 0},
		"denial": {rule(engine.StatusDeny), "a-rule", "error", "A rule, in x.test/team/app:1.", "team/app", true, 0},
		"failed": {rule(engine.StatusError), "a-rule", "error", "rule a-rule: error: a note, in x.test/team/app:1.", "team/app", false, 1},
		"no data": {rule(engine.StatusNoData), "a-rule", "error", "rule a-rule: no data: a note, in x.test/team/app:1.", "team/app", false,
			1},
		"novel":       {rule("novel"), "a-rule", "error", "rule a-rule: error: a note, in x.test/team/app:1.", "team/app", false, 1},
		"error":       {errors, "veto-undecided", "error", "broken (hint: mend it), in x.test/team/app:1.", "team/app", false, 1},
		"unaccounted": {unaccounted, "veto-denied", "error", "the verdict is denied, in x.test/team/app:1.", "team/app", true, 0},
		"undecided":   {undecided, "veto-undecided", "error", "the verdict is undecided, in x.test/team/app:1.", "team/app", false, 0},
	} {
		run := sarifOf(t, Options{}, c.rep)
		if len(run.Results) != 1 {
			t.Errorf("%s: %d results", name, len(run.Results))
			continue
		}
		x := run.Results[0]
		path := x.Locations[0].PhysicalLocation.ArtifactLocation.URI
		if x.RuleID != c.rule || x.Level != c.level || x.Message.Text != c.text || path != c.path {
			t.Errorf("%s: %s %s %q %s; want %s %s %q %s", name, x.RuleID, x.Level, x.Message.Text, path, c.rule, c.level, c.text, c.path)
		}
		if got := run.Invocations[0]; got.ExecutionSuccessful != c.successful || len(got.ToolExecutionNotifications) != c.notifications {
			t.Errorf("%s: successful %v with %d notifications; want %v, %d", name, got.ExecutionSuccessful,
				len(got.ToolExecutionNotifications), c.successful, c.notifications)
		}
	}
	for _, status := range []engine.Status{engine.StatusPass, engine.StatusInfo, engine.StatusNotApplicable, engine.StatusWaived} {
		if run := sarifOf(t, Options{}, rule(status, engine.Result{Msg: "m", WaivedBy: "w"})); len(run.Results) > 0 ||
			!run.Invocations[0].ExecutionSuccessful {
			t.Errorf("%s: %+v", status, run)
		}
	}
}

// The message of a result is all that many readers show: it names the finding, the image, and the layer that brought it.
func TestSARIFMessage(t *testing.T) {
	rep := withFindings(debs(1)...)
	rep.Layers = []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1))}}
	digest := "sha256:" + strings.Repeat("ab", 32)
	rep.Image.Digest, rep.Platform = engine.Digest(digest), engine.Platform{OS: "linux", Architecture: "arm64"}
	message := func() string { return sarifOf(t, Options{}, rep).Results[0].Message.Text }
	if got, want := message(), "CVE-2026-1000 in liba, in app@"+digest+" (linux/arm64). A flaw in liba. Brought by layer 1."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	rep.Image.Name, rep.Findings[0].Summary, rep.Findings[0].Layer = "app@"+digest, "", ""
	if got, want := message(), "CVE-2026-1000 in liba, in app@"+digest+" (linux/arm64)."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for n, want := range map[int]string{1000: "xxx", 1001: "In app@sha256:ab"} {
		rep.Decision.Rules[0].Results[0].Msg = strings.Repeat("x", n)
		if got := message(); !strings.HasPrefix(got, want) || !strings.Contains(got, digest) {
			t.Errorf("a message of %d characters: %.40s…, want %s", n, got, want)
		}
	}
}

// The rule of a vulnerability says what to do, and how severe GitHub has to take it.
func TestSARIFRule(t *testing.T) {
	high, low := vuln("CVE-1", "deb", "Debian:12", "x", "1", "2", engine.High, 1, "p"),
		vuln("CVE-1", "deb", "Debian:12", "x", "3", "", engine.Low, 1, "p")
	high.Severity.Score, high.KnownExploited, high.Malicious = score(7.25), true, true
	high.FixedVersions = []string{"2", "3", "4", "5", "6", "7"}
	rep := withFindings(high, low)
	rules := sarifOf(t, Options{}, rep).Tool.Driver.Rules
	if len(rules) != 1 {
		t.Fatalf("%d rules for one vulnerability in two versions", len(rules))
	}
	r := rules[0]
	want := "CVE-1 in x. A flaw in x\n\nUpgrade x to 2, 3, 4, 5, 6."
	if r.ID != "CVE-1/deb/x" || r.ShortDescription.Text != "CVE-1 in x" || r.FullDescription.Text != "A flaw in x" || r.Help.Text != want ||
		r.HelpURI != "https://osv.dev/vulnerability/CVE-1" {
		t.Errorf("%+v", r)
	}
	props := map[string]any{"precision": "high", "problem.severity": "error", "security-severity": "7.2",
		"tags": []any{"vulnerability", "deb", "known-exploited", "malicious", "CVE-1"}}
	if diff := cmp.Diff(props, r.Properties); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rep = withFindings(low)
	rep.Findings[0].Severity.Level, rep.Findings[0].Summary = engine.Unknown, ""
	rep.Decision.Rules[0].Status, rep.Decision.Verdict = engine.StatusWarn, engine.Pass
	r = sarifOf(t, Options{}, rep).Tool.Driver.Rules[0]
	props = map[string]any{"precision": "high", "problem.severity": "warning", "tags": []any{"vulnerability", "deb", "CVE-1"}}
	if diff := cmp.Diff(props, r.Properties); diff != "" || r.Help.Text != "CVE-1 in x. CVE-1 in x\n\nNo fix is released yet." ||
		r.DefaultConfiguration.Level != "warning" {
		t.Errorf("%+v\n%s", r, diff)
	}
	rep = bareReport(engine.StatusDeny, engine.Result{Msg: "m"})
	rule := &rep.Decision.Rules[0]
	for _, c := range []struct{ description, remediation, url, full, help, uri string }{
		{"", "", "", "A rule", "A rule", ""},
		{"why", "", "https://x.test/a", "why", "why", "https://x.test/a"},
		{"why", "how", "http://x.test", "why", "how", "http://x.test"},
		{"", "how", "ftp://x.test", "A rule", "how", ""},
		{"", "", "https:///path", "A rule", "A rule", ""},
		{"", "", "/relative", "A rule", "A rule", ""},
		{"", "", "https://x.test/%zz", "A rule", "A rule", ""},
		{"", "", "https://x.test/" + strings.Repeat("a", 1985), "A rule", "A rule", "https://x.test/" + strings.Repeat("a", 1985)},
		{"", "", "https://x.test/" + strings.Repeat("a", 1986), "A rule", "A rule", ""},
	} {
		rule.Description, rule.Remediation, rule.URL = engine.Maybe(c.description), engine.Maybe(c.remediation), engine.Maybe(c.url)
		r := sarifOf(t, Options{}, rep).Tool.Driver.Rules[0]
		if r.ShortDescription.Text != "A rule" || r.FullDescription.Text != c.full || r.Help.Text != c.help || r.HelpURI != c.uri {
			t.Errorf("%+v: %+v", c, r)
		}
	}
	rule.Categories = []string{"a", "policy", "", "b", "a"}
	if got := sarifOf(t, Options{}, rep).Tool.Driver.Rules[0].Properties["tags"]; fmt.Sprint(got) != "[policy a b]" {
		t.Errorf("tags %v", got)
	}
}

func TestSecuritySeverity(t *testing.T) {
	for _, c := range []struct {
		level engine.Level
		score *float64
		want  float64
	}{
		{engine.Critical, nil, 9.5}, {engine.High, nil, 8}, {engine.Medium, nil, 5.5}, {engine.Low, nil, 2}, {engine.Negligible, nil, 2},
		{engine.Unknown, nil, 0}, {"novel", nil, 0}, {engine.Low, score(9.9), 9.9}, {engine.Low, score(10), 10}, {engine.Low, score(0.04), 0.1},
		{engine.Low, score(0), 2}, {engine.Low, score(-1), 2}, {engine.Low, score(10.1), 2}, {engine.Unknown, score(0), 0},
	} {
		if got := securitySeverity(engine.Severity{Level: c.level, Score: c.score}); got != c.want {
			t.Errorf("%s with score %v: %v, want %v", c.level, c.score, got, c.want)
		}
	}
}

// The category of an upload stays the same from build to build: another one would leave all old alerts open beside the new ones.
func TestSARIFNames(t *testing.T) {
	for in, want := range map[string]string{
		"nginx": "nginx", "nginx:1.27": "nginx", "team/app:1@sha256:ab": "team/app", "ghcr.io/x/y:1": "x/y", "localhost/x": "x",
		"localhost:5000/x:1": "x", "x.test/y": "y", "team/a.b:1": "team/a.b", "app.tar": "app.tar", "./a/b": "./a/b", "../a": "../a",
		"": "image", "./": "image", "  ": "image", "@sha256:ab": "image", ":tag": "image", "localhost": "localhost", "x.test": "x.test",
	} {
		if got := repositoryName(in); got != want {
			t.Errorf("repositoryName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "image", "/": "image", "../../x": "x", "a/./b//c": "a/b/c", "/etc/passwd": "etc/passwd", "a:b": "a%3Ab", "a b?#": "a%20b%3F%23",
		"\xff": "_", strings.Repeat("a", 201): strings.Repeat("a", 199) + "%E2%80%A6",
		strings.Repeat("a/", 61): strings.TrimSuffix(strings.Repeat("a/", 60), "/"),
	} {
		if got := relativeURI(in); got != want {
			t.Errorf("relativeURI(%q) = %q, want %q", in, got, want)
		}
	}
	long, spaces := strings.Repeat("r", 256), "   "
	for in, want := range map[string]string{
		"a-rule": "a-rule", strings.Repeat("r", 255): strings.Repeat("r", 255),
		long:   truncateBytes(long, 200) + "~" + engine.Fingerprint(long)[:12],
		"a\nb": `a\nb~` + engine.Fingerprint("a\nb")[:12],
		spaces: "unnamed~" + engine.Fingerprint(spaces)[:12],
		"":     "unnamed~" + engine.Fingerprint("")[:12],
	} {
		if got := safeRuleID(in); got != want {
			t.Errorf("safeRuleID(%.20q) = %q, want %q", in, got, want)
		}
	}
	rep := bareReport(engine.StatusPass)
	if got := sarifOf(t, Options{}, rep).AutomationDetails.ID; got != "veto/app/unknown/" {
		t.Errorf("category %s", got)
	}
	runs := parseSARIF(t, render(t, "sarif", Options{}, runOf(engine.Pass, rep, rep, rep))).Runs
	for i, want := range []string{"veto/app/unknown/", "veto/app/unknown/2/", "veto/app/unknown/3/"} {
		if got := runs[i].AutomationDetails.ID; got != want {
			t.Errorf("category of report %d of one image: %s, want %s", i, got, want)
		}
	}
}

// A file has 20 runs at most. Of more reports those that deny are kept, and the file says how many are missing.
func TestSARIFRunLimit(t *testing.T) {
	pass, denied, undecided := bareReport(engine.StatusPass), bareReport(engine.StatusDeny), bareReport(engine.StatusError)
	for n, left := range map[int]int{17: 0, 18: 1, 30: 13} {
		reports := append(slices.Repeat([]engine.Report{pass}, n), undecided, denied, denied)
		runs := parseSARIF(t, render(t, "sarif", Options{}, runOf(engine.Denied, reports...))).Runs
		kept := map[string]int{}
		notes := 0
		for _, run := range runs {
			kept[run.Properties.Verdict]++
			for _, note := range run.Invocations[0].ToolExecutionNotifications {
				if strings.Contains(note.Message.Text, "reports were left out") {
					notes++
					if want := fmt.Sprintf("%d reports were left out: a file may have 20 runs", left); note.Message.Text != want || note.Level != "error" {
						t.Errorf("%s: %q, want %q", note.Level, note.Message.Text, want)
					}
				}
			}
		}
		if len(runs) != 20 || kept["denied"] != 2 || kept["undecided"] != 1 || (notes == 1) != (left > 0) {
			t.Errorf("%d reports: %d runs, %v, %d notes", len(reports), len(runs), kept, notes)
		}
	}
	// A denial that no report accounts for has a run of its own, within the limit.
	runs := parseSARIF(t, render(t, "sarif", Options{}, runOf(engine.Denied, slices.Repeat([]engine.Report{pass}, 20)...))).Runs
	if last := runs[len(runs)-1]; len(runs) != 20 || last.AutomationDetails.ID != "veto/run/" || len(last.Results) != 1 ||
		last.Results[0].Level != "error" {
		t.Errorf("%d runs, the last is %+v", len(runs), last)
	}
}

// Of too many results the least severe are left out: waived ones, warnings, then by severity.
func TestSARIFDropsTheLeastSevere(t *testing.T) {
	t.Parallel()
	s := &sarifRun{report: indexReport(&engine.Report{})}
	add := func(n int, rule, level, waiver string, severity engine.Level) {
		for range n {
			r := &sarifResult{rule: rule, level: level, waiver: waiver}
			if severity != "" {
				r.finding = &engine.Finding{Severity: engine.Severity{Level: severity}}
			}
			s.results = append(s.results, r)
		}
	}
	add(1, "waived", "error", "w", engine.Critical)
	add(1, "warning", "warning", "", engine.Critical)
	add(1, "low", "error", "", engine.Low)
	add(sarifResultLimit-2, "high", "error", "", engine.High)
	add(1, "critical", "error", "", engine.Critical)
	add(1, "own", "error", "", "")
	s.dropLeastSevere()
	count := map[string]int{}
	for _, r := range s.results {
		count[r.rule]++
	}
	if diff := cmp.Diff(map[string]int{"own": 1, "critical": 1, "high": sarifResultLimit - 2}, count); diff != "" ||
		s.results[0].rule != "own" ||
		s.results[1].rule != "critical" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(s.notifications) != 1 || !strings.HasPrefix(*s.notifications[0].Message.Text, "3 of 25003 results were left out") {
		t.Errorf("notifications %v", s.notifications)
	}
	before := slices.Clone(s.results)
	s.dropLeastSevere()
	if len(s.notifications) != 1 || !slices.Equal(before, s.results) {
		t.Error("as many results as a file may have are touched")
	}
}

// What a waived result shows: who accepted it, until when, and why.
func TestSARIFSuppression(t *testing.T) {
	rep := bareReport(engine.StatusWaived, engine.Result{Msg: "m", WaivedBy: "w", Path: "etc/x"}, engine.Result{Msg: "n", WaivedBy: "v"})
	rep.Waivers = []engine.Waiver{{ID: "w", Reason: "r", Owner: "@a", Expires: "2027-01-01", Where: "w.yaml:1"}}
	var got []string
	for _, x := range sarifOf(t, Options{Suppressed: true}, rep).Results {
		b, err := json.Marshal(x.Suppressions)
		if err != nil || len(x.Suppressions) != 1 {
			t.Fatal(err, x.Suppressions)
		}
		s := x.Suppressions[0].(map[string]any)
		got = append(got, fmt.Sprint(s["kind"], " ", s["status"], " ", s["justification"]))
		if !strings.Contains(string(b), `"uri":"app`) {
			t.Errorf("no location in %s", b)
		}
	}
	want := []string{"external accepted r (accepted by @a until 2027-01-01, w.yaml:1)", "external accepted accepted by waiver v"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What the run as a whole says besides its results.
func TestSARIFRunProperties(t *testing.T) {
	rep := bareReport(engine.StatusPass)
	rep.Image.Digest, rep.Platform = "sha256:00", engine.Platform{OS: "linux", Architecture: "amd64"}
	run := sarifOf(t, Options{}, rep)
	if p := run.Properties; p.Verdict != "pass" || p.Image != "app" || p.Digest != "sha256:00" || p.Platform != "linux/amd64" ||
		p.Now != rep.Now || p.Weakened != nil {
		t.Errorf("%+v", p)
	}
	if run.Tool.Driver.Version != "0.1.0" {
		t.Errorf("version %q", run.Tool.Driver.Version)
	}
	rep.Decision.Weakened = []engine.Relaxation{{What: "--now", Where: "flag"}}
	if got := sarifOf(t, Options{}, rep).Properties.Weakened; len(got) != 1 || got[0] != "--now (flag)" {
		t.Errorf("weakened %q", got)
	}
	r := runOf(engine.Pass, rep)
	r.Tool.Version = ""
	if out := string(render(t, "sarif", Options{}, r)); strings.Contains(out, `"version": ""`) {
		t.Error("a version that is not known is written")
	}
}
