package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// githubLines are the workflow commands of one report.
func githubLines(t *testing.T, o Options, rep engine.Report) []string {
	t.Helper()
	out := string(render(t, "github", o, runOf(reportVerdict(&rep), rep)))
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// Each rule that denies, failed or warns is an annotation that says what and why; GitHub shows nothing else of a run.
func TestGitHubAnnotations(t *testing.T) {
	rep := bareReport(engine.StatusDeny, engine.Result{Msg: "100% bad:\nvery"})
	for i, s := range []engine.Status{engine.StatusWarn, engine.StatusError, engine.StatusNoData, "novel", engine.StatusPass,
		engine.StatusInfo,
		engine.StatusWaived, engine.StatusNotApplicable} {
		rep.Decision.Rules = append(rep.Decision.Rules, engine.RuleResult{ID: fmt.Sprint("r", i), Status: s, Note: "why"})
	}
	rep.Errors = []engine.Problem{{What: "broken", Hint: "mend it"}, {What: "more"}}
	want := []string{
		`::error title=veto%3A undecided%3A app::broken%0Ahint: mend it`,
		`::error title=veto%3A undecided%3A app::more`,
		`::error title=veto%3A deny a-rule::app: A rule%0A100%25 bad:\nvery`,
		`::error title=veto%3A error r1::app: r1: why`,
		`::error title=veto%3A error r3::app: r3: why`,
		`::error title=veto%3A no data r2::app: r2: why`,
		`::warning title=veto%3A warn r0::app: r0: why`,
		`::notice title=veto%3A DENIED::1 image judged; verdict denied`,
	}
	if diff := cmp.Diff(want, githubLines(t, Options{}, rep)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A verdict that nothing accounts for is an error too, in the image's name or the run's.
	rep = bareReport(engine.StatusPass)
	rep.Decision.Verdict = engine.Denied
	rep.Policy.Mode = "observe"
	want = []string{`::error title=veto%3A WOULD BE DENIED::app: the verdict is denied`,
		`::notice title=veto%3A DENIED::1 image judged; verdict denied`}
	if diff := cmp.Diff(want, githubLines(t, Options{}, rep)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = []string{`::error title=veto%3A undecided::the run is undecided`,
		`::notice title=veto%3A UNDECIDED::0 images judged; verdict undecided`}
	got := strings.Split(strings.TrimSpace(string(render(t, "github", Options{}, runOf(engine.Pass)))), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// GitHub drops what is beyond ten annotations of a kind: up to ten stand alone, of more the tenth counts the rest.
func TestGitHubCounts(t *testing.T) {
	for _, status := range []engine.Status{engine.StatusDeny, engine.StatusWarn} {
		kind := map[engine.Status]string{engine.StatusDeny: "::error ", engine.StatusWarn: "::warning "}[status]
		for n, want := range map[int]string{1: "", 9: "", 10: "", 11: "veto::and 2 more; the report lists them all", 30: "veto::and 21 more"} {
			rep := bareReport(status)
			for i := 1; i < n; i++ {
				rep.Decision.Rules = append(rep.Decision.Rules, engine.RuleResult{ID: fmt.Sprint("r", i), Status: status})
			}
			lines := githubLines(t, Options{}, rep)
			annotations := 0
			for _, l := range lines {
				if strings.HasPrefix(l, kind) {
					annotations++
				}
			}
			last := lines[len(lines)-2]
			if annotations != min(n, 10) || strings.Contains(last, " more") != (want != "") || !strings.Contains(last, want) {
				t.Errorf("%d rules that %s: %d annotations, the last is %q", n, status, annotations, last)
			}
		}
	}
	for n, want := range map[int]string{1: "m0", 10: "m9", 11: "and 1 more", 25: "and 15 more"} {
		var results []engine.Result
		for i := range n {
			results = append(results, engine.Result{Msg: fmt.Sprint("m", i)})
		}
		line := githubLines(t, Options{}, bareReport(engine.StatusDeny, results...))[0]
		if !strings.HasSuffix(line, "%0A"+want) || strings.Count(line, "%0A") != min(n, 11) {
			t.Errorf("%d results: %s", n, line)
		}
	}
	long := githubLines(t, Options{}, bareReport(engine.StatusDeny, engine.Result{Msg: strings.Repeat("x", 5000)}))[0]
	if text := long[strings.LastIndex(long, "::")+2:]; len(text) < annotationTextLimit || len(text) > annotationTextLimit+10 ||
		!strings.HasSuffix(text, "(cut)") {
		t.Errorf("a long message has %d bytes: %.50s…", len(text), text)
	}
}

// An annotation is at the line of the Dockerfile that made the layer; what is in no layer is at FROM.
func TestGitHubLines(t *testing.T) {
	o := Options{Dockerfile: []byte("FROM a\nRUN one\nRUN two\n"), DockerfilePath: "a,b:c/Dockerfile"}
	layers := []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1)), CreatedBy: "RUN one"},
		{Index: 2, DiffID: engine.Digest(diffID(2)), CreatedBy: "RUN two"}}
	finding := vuln("CVE-1", "deb", "Debian:12", "x", "1", "2", engine.High, 2, "p")
	finding.Ref = "v1"
	for _, c := range []struct {
		results []engine.Result
		line    string
	}{
		{nil, "1"},
		{[]engine.Result{{Msg: "m"}}, "1"},
		{[]engine.Result{{Msg: "m", Layer: engine.Maybe(diffID(1))}}, "2"},
		{[]engine.Result{{Msg: "m", Layer: engine.Maybe(diffID(9))}}, "1"},
		{[]engine.Result{{Msg: "m", Findings: []string{"v1"}}}, "3"},
		{[]engine.Result{{Msg: "m", Findings: []string{"g1"}}}, "2"},
		{[]engine.Result{{Msg: "m", Findings: []string{"g0", "g1"}}}, "2"},
		{[]engine.Result{{Msg: "m"}, {Msg: "m", Findings: []string{"v1"}}}, "3"},
		{[]engine.Result{{Msg: "m", Layer: engine.Maybe(diffID(1)), Findings: []string{"v1"}}}, "2"},
		{[]engine.Result{{Msg: "m", Findings: []string{"v1"}, WaivedBy: "w"}, {Msg: "m", Findings: []string{"g1"}}}, "2"},
	} {
		rep := bareReport(engine.StatusDeny, c.results...)
		rep.Layers, rep.Findings = layers, []engine.Finding{finding, {Ref: "g0"}}
		rep.Gaps = []engine.Gap{{Ref: "g1", Layer: engine.Maybe(diffID(1))}}
		if got := githubLines(t, o, rep)[0]; !strings.HasPrefix(got, "::error file=a%2Cb%3Ac/Dockerfile,line="+c.line+",title=") {
			t.Errorf("%+v: %q, want line %s", c.results, got, c.line)
		}
	}
	rep := bareReport(engine.StatusDeny)
	rep.Layers = layers
	for _, o := range []Options{{}, {Dockerfile: o.Dockerfile}, {DockerfilePath: "D"}, {Dockerfile: []byte("RUN one"), DockerfilePath: "D"},
		{Dockerfile: []byte("FROM b\nRUN other"), DockerfilePath: "D"}} {
		if got := githubLines(t, o, rep)[0]; strings.Contains(got, "file=") {
			t.Errorf("without a Dockerfile of this image: %s", got)
		}
	}
}
