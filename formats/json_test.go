package formats

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// What json writes is read back as the same run.
func TestReadRunRoundTrip(t *testing.T) {
	t.Parallel()
	for name, r := range samples() {
		data := render(t, "json", Options{}, r)
		back, err := ReadRun(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Errorf("%s does not survive a round trip (-written +read):\n%s", name, diff)
		}
	}
}

// Whatever is not exactly a run of this version is refused, with a word that says what is wrong. Each of these rendered as a run would
// be a report that says something else than its file.
func TestReadRunRefuses(t *testing.T) {
	good := string(render(t, "json", Options{}, undecidedRun()))
	denied := string(render(t, "json", Options{}, deniedRun()))
	replace := func(s, old, with string) string {
		t.Helper()
		if !strings.Contains(s, old) {
			t.Fatalf("no %s to replace", old)
		}
		return strings.Replace(s, old, with, 1)
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":         {"", "unexpected end of JSON"},
		"null":          {"null", "no schema_version"},
		"list":          {"[]", "cannot unmarshal"},
		"no version":    {`{"reports":[]}`, "no schema_version"},
		"truncated":     {good[:len(good)/2], "unexpected end of JSON"},
		"twice":         {good + good, "after top-level value"},
		"other version": {replace(good, `"schema_version": "1"`, `"schema_version": "9"`), `schema version "9" is not known`},
		"unknown field": {replace(good, `"tool":`, `"tol": 1, "tool":`), `unknown key "tol"`},
		"older report":  {replace(good, `"gaps":`, `"coverage":`), `the section "coverage" of a report is called "gaps" now`},
		"wrong type":    {replace(good, `"reports": [`, `"reports": [1, `), "cannot unmarshal"},
		"deep":          {strings.Repeat("[", 200), "128"},
		"passes over denial": {replace(denied, `"verdict": "denied"`, `"verdict": "pass"`),
			`the verdict is "pass", but that of its reports is "denied"`},
		"undecided over denial": {replace(denied, `"verdict": "denied"`, `"verdict": "undecided"`),
			`the verdict is "undecided", but that of its reports is "denied"`},
		"report passes over denial": {strings.ReplaceAll(denied, `"verdict": "denied"`, `"verdict": "pass"`),
			"reports[0].decision.verdict is pass, but its rules or errors say otherwise"},
		"report passes over error": {strings.ReplaceAll(good, `"verdict": "undecided"`, `"verdict": "pass"`),
			"reports[0].decision.verdict is pass, but its rules or errors say otherwise"},
		"run without a report passes": {`{"schema_version":"1","verdict":"pass","reports":[]}`, `that of its reports is "undecided"`},
		"unknown verdict": {replace(good, `"decision": {
        "verdict": "undecided"`, `"decision": {
        "verdict": "fine"`), `reports[0].decision.verdict: unknown verdict "fine"`},
		"unknown verdict of the run": {replace(good, `"verdict": "undecided"`, `"verdict": "fine"`), `verdict: unknown verdict "fine"`},
	} {
		run, err := ReadRun(strings.NewReader(c.text))
		if err == nil || run != nil || !strings.HasPrefix(err.Error(), "reading a run: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		var hint *engine.HintError
		if name == "null" || name == "other version" || name == "older report" {
			if !errors.As(err, &hint) || hint.Hint == "" {
				t.Errorf("%s: no word on what to do", name)
			}
		}
	}
	if _, err := ReadRun(broken{}); err == nil || !strings.Contains(err.Error(), "torn") {
		t.Errorf("a reader that fails: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("torn") }

// A run may be worse than its reports: something went wrong beside them. It may also deny without a rule that does.
func TestReadRunAccepts(t *testing.T) {
	for name, r := range map[string]*engine.Run{
		"undecided, though its report passes": runOf(engine.Undecided, bareReport(engine.StatusPass)),
		"undecided without a report":          runOf(engine.Undecided),
		"passes":                              runOf(engine.Pass, bareReport(engine.StatusPass), bareReport(engine.StatusWarn)),
		"denied and undecided":                runOf(engine.Denied, bareReport(engine.StatusDeny), bareReport(engine.StatusError)),
	} {
		back, err := ReadRun(bytes.NewReader(render(t, "json", Options{}, r)))
		if err != nil || back.Verdict != r.Verdict {
			t.Errorf("%s: %v", name, err)
		}
	}
	back, err := ReadRun(strings.NewReader(`{"schema_version":"1","verdict":"undecided","reports":[{"decision":{"verdict":"undecided"}}]}`))
	if err != nil || back.Reports[0].Findings == nil || back.Reports[0].Decision.Rules == nil {
		t.Errorf("lists that a file leaves out are not empty lists: %v, %+v", err, back)
	}
}
