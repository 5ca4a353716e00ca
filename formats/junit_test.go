package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// junitOf is the JUnit document of one report.
func junitOf(t *testing.T, rep engine.Report) []junitSuite {
	t.Helper()
	return parseJUnit(t, render(t, "junit", Options{}, runOf(reportVerdict(&rep), rep))).Suites
}

// What becomes of each status: CI systems show failures, errors and skipped cases apart, and count them.
func TestJUnitCases(t *testing.T) {
	for status, want := range map[engine.Status]string{
		engine.StatusPass: "pass", engine.StatusWarn: "pass", engine.StatusInfo: "pass", engine.StatusDeny: "failure",
		engine.StatusWaived: "skipped", engine.StatusNotApplicable: "skipped", engine.StatusNoData: "error", engine.StatusError: "error",
		"novel": "error",
	} {
		rep := bareReport(status, engine.Result{Msg: "said", WaivedBy: map[bool]engine.Maybe{true: "w"}[status == engine.StatusWaived]})
		rep.Decision.Rules[0].Note = "a note"
		suites := junitOf(t, rep)
		if len(suites) != 1 || len(suites[0].Cases) != 1 {
			t.Errorf("%s: %+v", status, suites)
			continue
		}
		s, c := suites[0], suites[0].Cases[0]
		got, text := "pass", ""
		switch {
		case c.Failure != nil:
			got, text = "failure", c.Failure.Text
		case c.Error != nil:
			got, text = "error", c.Error.Text
		case c.Skipped != nil:
			got, text = "skipped", c.Skipped.Text
		}
		count := map[string][3]int{"pass": {0, 0, 0}, "failure": {1, 0, 0}, "error": {0, 1, 0}, "skipped": {0, 0, 1}}[want]
		if got != want || s.Tests != 1 || [3]int{s.Failures, s.Errors, s.Skipped} != count {
			t.Errorf("%s: %s, counted %d of %d, %d, %d; want %s", status, got, s.Tests, s.Failures, s.Errors, s.Skipped, want)
		}
		says := map[engine.Status]string{engine.StatusDeny: "said", engine.StatusWaived: "said — accepted by waiver w",
			engine.StatusNotApplicable: "a note", engine.StatusNoData: "a-rule: no data\na note", engine.StatusError: "a-rule: error\na note"}
		if !strings.Contains(text, says[status]) {
			t.Errorf("%s says %q, want %q", status, text, says[status])
		}
		out := map[engine.Status]string{engine.StatusWarn: "warn a-rule: A rule\n  said", engine.StatusInfo: "info a-rule: A rule\n  said"}
		if s.Out != out[status] {
			t.Errorf("%s: system-out %q, want %q", status, s.Out, out[status])
		}
	}
}

// Everything around the cases: what a reader needs to find the image, and what weakens the gate.
func TestJUnitSuite(t *testing.T) {
	rep := bareReport(engine.StatusDeny)
	rep.Platform = engine.Platform{OS: "linux", Architecture: "amd64"}
	rep.Image.Digest = engine.Digest(diffID(1))
	rep.Decision.Weakened = []engine.Relaxation{{What: "--db none", Where: "flag"}}
	rep.Decision.Rules[0].Remediation = "Mend it."
	s := junitOf(t, rep)[0]
	want := junitSuite{Name: "app linux/amd64", Package: "veto", Hostname: "localhost", Timestamp: "2026-11-23T11:00:00", Time: "0", Tests: 1,
		Failures: 1, Out: "weakened --db none (flag)",
		Properties: []junitProperty{{"verdict", "denied"}, {"image", "app"}, {"digest", diffID(1)}, {"platform", "linux/amd64"}},
		Cases: []junitCase{{Name: "A rule", Class: "own", Time: "0", Failure: &junitFault{Message: "0 violations of a-rule", Type: "deny",
			Text: "0 violations of a-rule\n\nTo mend it: Mend it."}}}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rep.Now = "yesterday"
	if got := junitOf(t, rep)[0].Timestamp; got != "1970-01-01T00:00:00" {
		t.Errorf("the timestamp of a run without a time is %q", got)
	}
	rep.Decision.Rules[0].Status, rep.Decision.Verdict = engine.StatusNotApplicable, engine.Pass
	if c := junitOf(t, rep)[0].Cases[0]; c.Skipped == nil || c.Skipped.Text != "the rule does not apply" {
		t.Errorf("a rule that is skipped without a note: %+v", c.Skipped)
	}
	suites := parseJUnit(t, render(t, "junit", Options{}, runOf(engine.Denied, rep, bareReport(engine.StatusDeny)))).Suites
	if len(suites) != 2 || suites[0].ID != 0 || suites[1].ID != 1 {
		t.Errorf("suites of two reports: %+v", suites)
	}
}

// CI systems tell cases apart by class and name: two rules of one title must stay two cases.
func TestJUnitNames(t *testing.T) {
	rep := bareReport(engine.StatusPass)
	rule := rep.Decision.Rules[0]
	same, other := rule, rule
	same.ID, other.ID, other.Package = "b-rule", "c-rule", "elsewhere"
	untitled := engine.RuleResult{ID: "d-rule", Status: engine.StatusPass, Package: "own"}
	rep.Decision.Rules = append(rep.Decision.Rules, same, other, untitled)
	rep.Errors = []engine.Problem{{What: "first", Hint: "do this"}, {What: "second"}}
	var got []string
	for _, c := range junitOf(t, rep)[0].Cases {
		got = append(got, c.Class+": "+c.Name)
		if c.Error != nil {
			got = append(got, c.Error.Type+" "+strings.ReplaceAll(c.Error.Text, "\n", "; "))
		}
	}
	want := []string{"own: A rule", "own: A rule (b-rule)", "elsewhere: A rule", "own: d-rule",
		"veto: veto reached a verdict", "undecided first; hint: do this", "veto: veto reached a verdict (2)", "undecided second"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for in, want := range map[string]string{
		"": "unnamed", "  ": "unnamed", " a  b ": "a b", "a\tb\nc": "a b c", strings.Repeat("é", 250): strings.Repeat("é", 250),
		strings.Repeat("é", 251): strings.Repeat("é", 249) + "…",
	} {
		if got := xmlToken(in); got != want {
			t.Errorf("xmlToken(%q) = %q, want %q", in, got, want)
		}
	}
}

// Texts and attributes are cut where readers would cut them, so that the cut is marked.
func TestJUnitLimits(t *testing.T) {
	long := strings.Repeat("x", junitTextLimit)
	rep := bareReport(engine.StatusDeny, engine.Result{Msg: long}, engine.Result{Msg: long})
	warn := rep.Decision.Rules[0]
	warn.ID, warn.Status = "b-rule", engine.StatusWarn
	waived := engine.RuleResult{ID: "c-rule", Status: engine.StatusWaived, Results: []engine.Result{{Msg: long, WaivedBy: "w"}}}
	skipped := engine.RuleResult{ID: "d-rule", Status: engine.StatusNotApplicable, Note: engine.Maybe(long + long)}
	rep.Decision.Rules = append(rep.Decision.Rules, warn, waived, skipped)
	rep.Image.Name = long
	rep.Errors = []engine.Problem{{What: long}}
	s := junitOf(t, rep)[0]
	lengths := []int{len(s.Out), len(s.Cases[0].Failure.Text), len(s.Cases[2].Skipped.Text), len(s.Cases[3].Skipped.Text),
		len(s.Properties[1].Value), len(s.Cases[3].Skipped.Message), len(s.Cases[4].Error.Message)}
	want := []int{junitTextLimit, junitTextLimit, junitTextLimit, junitTextLimit, junitAttributeLimit, junitAttributeLimit,
		junitAttributeLimit}
	if fmt.Sprint(lengths) != fmt.Sprint(want) {
		t.Errorf("lengths %v, want %v", lengths, want)
	}
}
