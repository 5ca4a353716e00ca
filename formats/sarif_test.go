package formats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vetoci/veto/engine"
)

const sampleDockerfile = `# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
RUN go build -o /out/api ./cmd/api

FROM debian:12
# nginx and a client
RUN apt-get update && \
    # a comment in between
    apt-get install -y nginx postgresql-client
COPY --from=build /out/api /usr/local/bin/api
CMD ["api"]
`

// sharedFile is a file of the test data, or skips.
func sharedFile(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("VETO_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data: %v", err)
	}
	return path
}

func everyRun() map[string]*engine.Run {
	all := samples()
	for i, s := range hostile() {
		all[fmt.Sprintf("hostile %d", i)] = hostileRun(s)
	}
	all["nothing"] = &engine.Run{}
	all["empty report"] = &engine.Run{Verdict: engine.Pass, Reports: []engine.Report{{}}}
	all["denied without reason"] = &engine.Run{Verdict: engine.Denied,
		Reports: []engine.Report{{Decision: engine.Decision{Verdict: engine.Denied}}}}
	all["denied only above"] = &engine.Run{Verdict: engine.Denied, Reports: passRun().Reports}
	return all
}

func TestSARIFSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(sharedFile(t, "schemas/sarif-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range everyRun() {
		for _, o := range []Options{{}, {Suppressed: true, Dockerfile: []byte(sampleDockerfile), DockerfilePath: "Dockerfile"}} {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(render(t, "sarif", o, r)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// sarifDoc is what readers of SARIF look at.
type sarifDoc struct{ Runs []sarifDocRun }

type sarifDocRun struct {
	Tool struct {
		Driver struct {
			Version string
			Rules   []struct {
				ID                                      string
				ShortDescription, FullDescription, Help struct{ Text string }
				HelpURI                                 string `json:"helpUri"`
				DefaultConfiguration                    struct{ Level string }
				Properties                              map[string]any
			}
		}
	}
	AutomationDetails struct{ ID string }
	Results           []sarifDocResult
	Invocations       []struct {
		ExecutionSuccessful        bool
		ToolExecutionNotifications []struct {
			Level   string
			Message struct{ Text string }
		}
	}
	Properties struct {
		Verdict, Image, Digest, Platform, Now string
		Weakened                              []string
	}
}

type sarifDocResult struct {
	RuleID              string
	RuleIndex           int
	Level               string
	Message             struct{ Text string }
	PartialFingerprints map[string]string
	Suppressions        []any
	Properties          struct{ Policies []string }
	Locations           []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI string }
			Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
		}
	}
}

func parseSARIF(t testing.TB, b []byte) sarifDoc {
	t.Helper()
	var d sarifDoc
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// What GitHub's upload refuses or silently drops.
func TestSARIFIngestion(t *testing.T) {
	t.Parallel()
	for name, r := range everyRun() {
		d := parseSARIF(t, render(t, "sarif", Options{}, r))
		categories := map[string]bool{}
		for _, run := range d.Runs {
			if id := run.AutomationDetails.ID; categories[id] || !strings.HasSuffix(id, "/") || strings.Contains(id, "//") {
				t.Errorf("%s: category %q", name, id)
			}
			categories[run.AutomationDetails.ID] = true
			ids := map[string]bool{}
			for _, rule := range run.Tool.Driver.Rules {
				if ids[rule.ID] || rule.ID == "" || len(rule.ID) > 300 {
					t.Errorf("%s: rule %q", name, rule.ID)
				}
				ids[rule.ID] = true
				for _, s := range []string{rule.ShortDescription.Text, rule.FullDescription.Text} {
					if s == "" || len(s) > 1024 {
						t.Errorf("%s: rule %.40q has a description of %d bytes", name, rule.ID, len(s))
					}
				}
				if tags, ok := rule.Properties["tags"].([]any); !ok || len(tags) > 10 || rule.Help.Text == "" {
					t.Errorf("%s: rule %.40q: tags %v, help %.20q", name, rule.ID, rule.Properties["tags"], rule.Help.Text)
				}
				if s, ok := rule.Properties["security-severity"]; ok {
					if f, err := strconv.ParseFloat(s.(string), 64); err != nil || f <= 0 || f > 10 {
						t.Errorf("%s: security-severity %v", name, s)
					}
				}
			}
			prints := map[string]bool{}
			for _, x := range run.Results {
				if x.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID {
					t.Errorf("%s: rule index %d of %.40q", name, x.RuleIndex, x.RuleID)
				}
				p := x.PartialFingerprints["primaryLocationLineHash"]
				if len(x.Locations) != 1 || p == "" || prints[p] || x.Message.Text == "" || len(x.Suppressions) > 0 ||
					x.Level != "error" && x.Level != "warning" {
					t.Errorf("%s: result %+v", name, x)
				}
				prints[p] = true
				loc := x.Locations[0].PhysicalLocation
				u, err := url.Parse(loc.ArtifactLocation.URI)
				if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/") || u.Path == "" ||
					strings.Contains(loc.ArtifactLocation.URI, ":") || strings.Contains("/"+u.Path+"/", "/../") {
					t.Errorf("%s: uri %q (%v)", name, loc.ArtifactLocation.URI, err)
				}
				if loc.Region.StartLine < 1 || loc.Region.EndColumn < 1 {
					t.Errorf("%s: region %+v", name, loc.Region)
				}
			}
		}
	}
}

// One result per finding, at its worst level, naming every policy.
func TestSARIFOneResultPerFinding(t *testing.T) {
	r := deniedRun()
	d := parseSARIF(t, render(t, "sarif", Options{}, r))
	want := len(r.Reports[0].Findings) + 2 // and two warnings
	if got := len(d.Runs[0].Results); got != want {
		t.Errorf("%d results, want %d", got, want)
	}
	x := d.Runs[0].Results[0]
	if x.RuleID != "CVE-2023-44487/deb/nginx" || len(x.Properties.Policies) != 2 ||
		x.Locations[0].PhysicalLocation.ArtifactLocation.URI != "shop/web/var/lib/dpkg/status" {
		t.Errorf("first result: %+v", x)
	}
	if !strings.Contains(x.Message.Text, "example.test/shop/web:1.0@sha256:4c1f09e2b7a5") || !strings.Contains(x.Message.Text, "linux/amd64") {
		t.Errorf("the message does not name the image: %s", x.Message.Text)
	}
	if id := d.Runs[0].AutomationDetails.ID; id != "veto/shop/web/linux/amd64/" {
		t.Errorf("category %s", id)
	}
	// A new tag, digest and version keep fingerprints and locations.
	again := deniedRun()
	again.Reports[0].Image.Name, again.Reports[0].Image.Digest = "example.test/shop/web:2.0", "sha256:ff"
	b := parseSARIF(t, render(t, "sarif", Options{}, again)).Runs[0].Results[0]
	if b.PartialFingerprints["primaryLocationLineHash"] != x.PartialFingerprints["primaryLocationLineHash"] {
		t.Error("the fingerprint depends on tag or digest")
	}
}

func TestSARIFDockerfileAndSuppressed(t *testing.T) {
	o := Options{Dockerfile: []byte(sampleDockerfile), DockerfilePath: "build/Dockerfile"}
	lines := map[string]int{}
	for _, x := range parseSARIF(t, render(t, "sarif", o, deniedRun())).Runs[0].Results {
		p := x.Locations[0].PhysicalLocation
		if p.ArtifactLocation.URI != "build/Dockerfile" {
			t.Fatalf("uri %s", p.ArtifactLocation.URI)
		}
		lines[x.RuleID[strings.LastIndex(x.RuleID, "/")+1:]] = p.Region.StartLine
	}
	for name, want := range map[string]int{"nginx": 7, "text": 10, "expat": 5, "user-root": 5} {
		if lines[name] != want {
			t.Errorf("%s is at line %d, want %d", name, lines[name], want)
		}
	}
	if s := string(render(t, "sarif", Options{}, mixedRun())); strings.Contains(s, "suppressions") || strings.Contains(s, "accepted thing") {
		t.Error("waived results are written without being asked for")
	}
	if s := string(render(t, "sarif", Options{Suppressed: true}, mixedRun())); !strings.Contains(s, `"kind": "external"`) ||
		strings.Contains(s, ": null") {
		t.Error("waived results are not written as suppressed, or hold a null")
	}
}

func TestSARIFLimit(t *testing.T) {
	t.Parallel()
	r := deniedRun()
	rep := &r.Reports[0]
	rule := engine.RuleResult{ID: "many", Status: engine.StatusDeny, Title: "Many", Package: "x"}
	rep.Findings = nil
	for i := range sarifResultLimit + 7 {
		level := engine.Low
		if i%1000 == 999 {
			level = engine.Critical
		}
		f := vuln(fmt.Sprintf("CVE-1-%d", i), "deb", "Debian:12", "x", "1", "2", level, 1, "p")
		f.Ref, f.Fingerprint = fmt.Sprint("r", i), fmt.Sprint("f", i)
		rep.Findings = append(rep.Findings, f)
		rule.Results = append(rule.Results, engine.Result{Msg: "m", Findings: []string{f.Ref}, Fingerprint: f.Ref})
	}
	rep.Decision.Rules = []engine.RuleResult{rule}
	run := parseSARIF(t, render(t, "sarif", Options{}, r)).Runs[0]
	if len(run.Results) != sarifResultLimit || len(run.Tool.Driver.Rules) != sarifResultLimit ||
		len(run.Invocations[0].ToolExecutionNotifications) != 1 {
		t.Errorf("%d results, %d rules, %d notifications", len(run.Results), len(run.Tool.Driver.Rules),
			len(run.Invocations[0].ToolExecutionNotifications))
	}
	if run.Results[0].RuleID != "CVE-1-999/deb/x" {
		t.Errorf("the worst is not kept first: %s", run.Results[0].RuleID)
	}
}
