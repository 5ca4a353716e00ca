package formats

import (
	"bytes"
	"encoding/xml"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// shown reads the verdict out of a format as its consumer does. JUnit and SARIF only know whether something failed.
func shown(t testing.TB, format string, r *engine.Run) (verdict engine.Verdict, onlyFails bool) {
	t.Helper()
	out := render(t, format, Options{Suppressed: true}, r)
	first, _, _ := strings.Cut(string(out), "\n")
	failed := map[bool]engine.Verdict{true: engine.Denied, false: engine.Pass}
	last := string(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:])
	switch format {
	case "text":
		word, rest, _ := strings.Cut(strings.TrimPrefix(last, "WOULD BE "), " ")
		want := map[string]string{"PASS": "exit 0", "DENIED": "exit 1", "UNDECIDED": "exit 3"}[word]
		if want == "" || !strings.Contains(rest, want) {
			t.Errorf("the last line of text says one verdict and the exit code of another: %q", last)
		}
		return engine.Verdict(strings.ToLower(word)), false
	case "markdown":
		for icon, v := range map[string]engine.Verdict{"## ✅ ": engine.Pass, "## ⛔ ": engine.Denied, "## ⚠️ ": engine.Undecided} {
			if strings.HasPrefix(first, icon) && strings.Contains(first, strings.ToUpper(string(v))) {
				return v, false
			}
		}
		t.Errorf("the heading of markdown has the icon of one verdict and the word of another: %.80q", first)
	case "github":
		m := regexp.MustCompile(`(?m)^::notice title=veto%3A [A-Z]+::.*; verdict (\w+)$`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("no notice of the verdict in %.200q", out)
		}
		if errors := bytes.Contains(out, []byte("::error ")); errors != (string(m[1]) != "pass") {
			t.Errorf("GitHub's notice says %s, and that there is an error is %v", m[1], errors)
		}
		return engine.Verdict(m[1]), false
	case "junit":
		return failed[junitFailures(t, out) > 0], true
	case "sarif":
		return failed[sarifErrors(t, out) > 0], true
	case "json":
		if read, err := ReadRun(bytes.NewReader(out)); err == nil {
			return read.Verdict, false
		}
		return engine.Undecided, true // whoever reads it refuses it
	default:
		t.Fatalf("no check of what %s shows", format)
	}
	return "", false
}

func junitFailures(t testing.TB, out []byte) (failures int) {
	t.Helper()
	for _, s := range parseJUnit(t, out).Suites {
		failures += s.Failures + s.Errors
		if len(s.Cases) == 0 || s.Tests != len(s.Cases) {
			t.Errorf("a suite of %d cases says %d", len(s.Cases), s.Tests)
		}
	}
	return failures
}

func sarifErrors(t testing.TB, out []byte) (errors int) {
	t.Helper()
	for _, run := range parseSARIF(t, out).Runs {
		for _, x := range run.Results {
			if x.Level == "error" && len(x.Suppressions) == 0 {
				errors++
			}
		}
	}
	return errors
}

func parseJUnit(t testing.TB, b []byte) junitSuites {
	t.Helper()
	var d junitSuites
	if err := xml.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// checkVerdict fails when a format shows another verdict than want: a milder one would let an image through, a worse one stop it.
func checkVerdict(t testing.TB, name string, r *engine.Run, want engine.Verdict) {
	t.Helper()
	for _, format := range Names() {
		got, onlyFails := shown(t, format, r)
		if onlyFails && (got == engine.Pass) == (want == engine.Pass) {
			continue
		}
		if got != want {
			t.Errorf("%s: %s shows %s, want %s", name, format, got, want)
		}
	}
}

// Whatever a run says, every format shows the worst of it. Without this a run whose verdict was lost, edited or forgotten on the way
// would be shown as one that passes, and CI would let the image through.
func TestVerdictInEveryFormat(t *testing.T) {
	t.Parallel()
	report := func(v engine.Verdict, errors ...engine.Problem) engine.Report {
		r := passRun().Reports[0]
		r.Decision.Verdict, r.Errors = v, errors
		return r
	}
	problem := engine.Problem{What: "the layer could not be read"}
	for name, c := range map[string]struct {
		verdict engine.Verdict
		reports []engine.Report
		want    engine.Verdict
	}{
		"pass":                      {engine.Pass, []engine.Report{report(engine.Pass)}, engine.Pass},
		"pass twice":                {engine.Pass, []engine.Report{report(engine.Pass), report(engine.Pass)}, engine.Pass},
		"pass with an error":        {engine.Pass, []engine.Report{report(engine.Pass, problem)}, engine.Undecided},
		"second has an error":       {engine.Pass, []engine.Report{report(engine.Pass), report(engine.Pass, problem)}, engine.Undecided},
		"denied with an error":      {engine.Denied, []engine.Report{report(engine.Denied, problem)}, engine.Denied},
		"undecided without reason":  {engine.Undecided, []engine.Report{report(engine.Undecided)}, engine.Undecided},
		"denied without reason":     {engine.Denied, []engine.Report{report(engine.Denied)}, engine.Denied},
		"no report":                 {engine.Pass, nil, engine.Undecided},
		"no report, denied":         {engine.Denied, nil, engine.Denied},
		"no verdict":                {"", []engine.Report{report("")}, engine.Undecided},
		"unknown verdict":           {"fine", []engine.Report{report("fine")}, engine.Undecided},
		"unknown verdict of run":    {"fine", []engine.Report{report(engine.Pass)}, engine.Undecided},
		"unknown verdict of report": {engine.Pass, []engine.Report{report("fine"), report(engine.Pass)}, engine.Undecided},
		"report denies, run passes": {engine.Pass, []engine.Report{report(engine.Pass), report(engine.Denied)}, engine.Denied},
		"report undecided":          {engine.Pass, []engine.Report{report(engine.Undecided), report(engine.Pass)}, engine.Undecided},
		"run denied, report passes": {engine.Denied, []engine.Report{report(engine.Pass)}, engine.Denied},
		"run undecided":             {engine.Undecided, []engine.Report{report(engine.Pass)}, engine.Undecided},
		"deny and undecided":        {engine.Denied, []engine.Report{report(engine.Undecided), report(engine.Denied)}, engine.Denied},
	} {
		checkVerdict(t, name, runOf(c.verdict, c.reports...), c.want)
	}
	for name, r := range everyRun() {
		want := engine.Denied
		switch name {
		case "pass":
			want = engine.Pass
		case "undecided", "nothing", "empty report":
			want = engine.Undecided
		}
		checkVerdict(t, name, r, want)
	}
}

// Rules of every status, waived in part, in runs of random reports: the verdict that the engine derives is what every format shows.
func TestVerdictOfRandomRuns(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	statuses := []engine.Status{engine.StatusPass, engine.StatusDeny, engine.StatusWarn, engine.StatusInfo, engine.StatusWaived,
		engine.StatusNoData, engine.StatusNotApplicable, engine.StatusError, "novel"}
	runs := 120
	if testing.Short() {
		runs = 30
	}
	for range runs {
		rep := smallRun().Reports[0]
		rep.Decision.Rules = rep.Decision.Rules[:rnd.IntN(len(rep.Decision.Rules)+1)]
		for i := range rep.Decision.Rules {
			rule := &rep.Decision.Rules[i]
			rule.Status = statuses[rnd.IntN(len(statuses))]
			for j := range rule.Results {
				waived := rule.Status == engine.StatusWaived || rule.Status == engine.StatusDeny && j > 0 && rnd.IntN(2) == 0
				rule.Results[j].WaivedBy = map[bool]engine.Maybe{true: "w2"}[waived]
			}
		}
		rep.Decision.Verdict = engine.VerdictOf(rep.Decision.Rules)
		checkVerdict(t, "random", runOf(rep.Decision.Verdict, rep), rep.Decision.Verdict)
	}
}
