package formats

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"github.com/vetoci/veto/engine"
)

// Limits of what GitHub's code scanning takes ("SARIF results file limits") and keeps. A file beyond one of them is rejected whole.
const (
	sarifResults = 25_000 // results, and rules, of one run
	sarifRuns    = 20     // runs of one file
	sarifText    = 1024   // bytes of a description; GitHub counts characters
	sarifMessage = 8000   // bytes of a message
	sarifTags    = 10
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/vetoci/veto"
)

// sarif writes one SARIF run per report. Results are the unwaived ones of what denies and warns; a report that does not pass has at
// least one result of level error.
func (o Options) sarif(w io.Writer, r *engine.Run) error {
	doc := &sarif.Report{Version: "2.1.0", Schema: sarifSchema, Runs: []*sarif.Run{}}
	categories := map[string]int{}
	reports := r.Reports
	if len(reports) == 0 { // a run without a report answers nothing, which is an error that the file has to carry
		reports = []engine.Report{{Decision: engine.Decision{Verdict: engine.Undecided}, Errors: []engine.Problem{{What: "the run has no report"}}}}
	}
	over := len(reports) > sarifRuns
	if over {
		reports = worstReports(reports)
	}
	for i := range reports {
		s := newSarifRun(o, r, newView(&reports[i]))
		s.collect()
		if i == 0 && over {
			s.notify("error", fmt.Sprintf("%d reports were left out: a file may have %d runs", len(r.Reports)-sarifRuns, sarifRuns))
		}
		category := s.category()
		if categories[category]++; categories[category] > 1 { // GitHub refuses two runs of one category
			category += strconv.Itoa(categories[category]) + "/"
		}
		doc.Runs = append(doc.Runs, s.finish(category))
	}
	if runVerdict(r) != engine.Pass && !slices.ContainsFunc(doc.Runs, hasError) {
		s := newSarifRun(o, r, newView(&engine.Report{Decision: engine.Decision{Verdict: r.Verdict}, Errors: []engine.Problem{{What: "the run is " + string(runVerdict(r)) + ", though no report says why"}}}))
		s.collect()
		doc.Runs = append(doc.Runs[:min(len(doc.Runs), sarifRuns-1)], s.finish("veto/run/"))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("writing sarif: %w", err)
	}
	return nil
}

func hasError(r *sarif.Run) bool {
	return slices.ContainsFunc(r.Results, func(x *sarif.Result) bool { return x.Level != nil && *x.Level == "error" && len(x.Suppressions) == 0 })
}

// worstReports keeps as many reports as a file may have, those that do not pass first.
func worstReports(reports []engine.Report) []engine.Report {
	kept := slices.Clone(reports)
	order := []engine.Verdict{engine.Denied, engine.Undecided, engine.Pass}
	slices.SortStableFunc(kept, func(a, b engine.Report) int {
		return cmp.Compare(slices.Index(order, verdictOf(&a)), slices.Index(order, verdictOf(&b)))
	})
	return kept[:sarifRuns]
}

// sarifRun gathers one run. Rules are found through a map: the library's own methods scan a list for each result.
type sarifRun struct {
	v       *view
	o       Options
	tool    engine.Tool
	lines   *dockerfile
	results map[string]*sarifResult // by what it is about: one result per finding, whatever number of rules name it
	order   []*sarifResult
	notes   []*sarif.Notification
	failed  bool // something kept a rule or the report from a decision
}

// sarifResult is a result in the making.
type sarifResult struct {
	rule        string // rule id in SARIF
	level       string
	finding     *engine.Finding
	policies    []*engine.RuleResult
	msg         string
	path        string
	layer       string
	fingerprint string
	waiver      string // id of the waiver that accepts it; "" when it counts
	about       *engine.RuleResult
}

func newSarifRun(o Options, r *engine.Run, v *view) *sarifRun {
	return &sarifRun{v: v, o: o, tool: r.Tool, lines: newDockerfile(o, v), results: map[string]*sarifResult{}}
}

func (s *sarifRun) notify(level, text string) {
	s.notes = append(s.notes, &sarif.Notification{Level: level, Message: sarif.NewTextMessage(cutBytes(text, sarifMessage))})
}

// collect turns rules and errors into results and notifications.
func (s *sarifRun) collect() {
	for _, r := range s.v.ranked() {
		level := "error"
		switch r.Status {
		case engine.StatusPass, engine.StatusInfo, engine.StatusNotApplicable:
			continue
		case engine.StatusWarn:
			level = "warning"
		case engine.StatusDeny:
		case engine.StatusWaived:
			if level = "warning"; r.Action == "deny" {
				level = "error"
			}
		default:
			s.failed = true
			text := "rule " + r.ID + ": " + statusWord(r.Status)[0]
			if r.Note != "" {
				text += ": " + string(r.Note)
			}
			s.notify("error", Escape(text))
			s.add("fault\x00"+r.ID, &sarifResult{rule: r.ID, level: "error", msg: text, fingerprint: engine.Fingerprint("fault", r.ID), about: r}, r)
			continue
		}
		s.rule(r, level)
	}
	for i, e := range s.v.Errors {
		s.failed = true
		text := e.What
		if e.Hint != "" {
			text += " (hint: " + string(e.Hint) + ")"
		}
		s.notify("error", Escape(text))
		s.add("error\x00"+strconv.Itoa(i), &sarifResult{rule: "veto-undecided", level: "error", msg: text, fingerprint: engine.Fingerprint("undecided", strconv.Itoa(i))}, nil)
	}
	if s.v.verdict() != engine.Pass && !slices.ContainsFunc(s.order, func(x *sarifResult) bool { return x.level == "error" && x.waiver == "" }) {
		s.failed = s.failed || s.v.verdict() == engine.Undecided
		s.add("verdict", &sarifResult{rule: "veto-" + string(s.v.verdict()), level: "error", msg: "the verdict is " + string(s.v.verdict()), fingerprint: engine.Fingerprint("verdict")}, nil)
	}
}

func (s *sarifRun) rule(r *engine.RuleResult, level string) {
	count := 0
	for i := range r.Results {
		res := &r.Results[i]
		if res.WaivedBy != "" && !s.o.Suppressed {
			continue
		}
		if res.WaivedBy == "" {
			count++
		}
		vulnerabilities := 0
		for _, ref := range res.Findings {
			if f := s.v.findings[ref]; f != nil {
				vulnerabilities++
				s.add("finding\x00"+ref, &sarifResult{rule: ruleOf(f), level: level, finding: f, msg: res.Msg, layer: string(f.Layer), fingerprint: f.Fingerprint, waiver: string(res.WaivedBy)}, r)
			}
		}
		if vulnerabilities > 0 {
			continue
		}
		x := &sarifResult{rule: r.ID, level: level, msg: res.Msg, path: string(res.Path), layer: s.v.layerOf(res), fingerprint: res.Fingerprint, waiver: string(res.WaivedBy), about: r}
		for _, ref := range res.Findings {
			if c := s.v.gaps[ref]; c != nil && x.path == "" {
				x.path = string(c.Path)
			}
		}
		s.add("result\x00"+r.ID+"\x00"+strconv.Itoa(i), x, r)
	}
	if count == 0 && r.Status == engine.StatusDeny { // a denial without a result of its own still has to show
		s.add("denial\x00"+r.ID, &sarifResult{rule: r.ID, level: "error", msg: title(r), fingerprint: engine.Fingerprint("denial", r.ID), about: r}, r)
	}
}

// ruleOf is the SARIF rule of a vulnerability. It holds no version and no image, because GitHub counts rule ids for ever.
func ruleOf(f *engine.Finding) string {
	return cut(f.ID+"/"+f.Package.Type+"/"+f.Package.Name, 400)
}

// add files a result under what it is about. The worst level wins, and a result that counts wins over a waived one.
func (s *sarifRun) add(key string, x *sarifResult, r *engine.RuleResult) {
	old := s.results[key]
	if old == nil {
		s.results[key], old = x, x
		s.order = append(s.order, x)
	} else if worse := old.level == "warning" && x.level == "error"; old.waiver != "" && x.waiver == "" || worse && (old.waiver == "") == (x.waiver == "") {
		old.level, old.msg, old.waiver = x.level, x.msg, x.waiver
	}
	if r != nil && !slices.Contains(old.policies, r) {
		old.policies = append(old.policies, r)
	}
}

// category is "veto/REPOSITORY/PLATFORM/": what GitHub tells uploads apart by. It must end with a slash.
func (s *sarifRun) category() string {
	platform := s.v.Platform.String()
	if s.v.platform() == "" {
		platform = "unknown"
	}
	return "veto/" + pathOf(repository(s.v.Image.Name)) + "/" + pathOf(platform) + "/"
}

// repository is the name of an image without registry, tag and digest, so that it stays the same from build to build.
func repository(name string) string {
	name, _, _ = strings.Cut(name, "@")
	parts := strings.Split(name, "/")
	if len(parts) > 1 && (strings.ContainsAny(parts[0], ".:") || parts[0] == "localhost") && parts[0] != "." && parts[0] != ".." {
		parts = parts[1:]
	}
	last, _, _ := strings.Cut(parts[len(parts)-1], ":")
	parts[len(parts)-1] = last
	name = strings.Join(parts, "/")
	if strings.Trim(name, "./ ") == "" {
		return "image"
	}
	return name
}

// pathOf makes a relative reference (RFC 3986, 4.2) of untrusted text: no scheme, no colon, no leading slash, no "." or ".." segment.
func pathOf(p string) string {
	var out []string
	for _, part := range strings.Split(strings.ToValidUTF8(p, "_"), "/") {
		if part == "" || part == "." || part == ".." {
			continue
		}
		out = append(out, strings.ReplaceAll(url.PathEscape(cut(part, 200)), ":", "%3A"))
	}
	return cmp.Or(strings.Join(out[:min(len(out), 60)], "/"), "image")
}

// location is the Dockerfile's line that made the layer, else the path in the image below the repository's name. Region 1:1 because readers
// want one.
func (s *sarifRun) location(x *sarifResult) *sarif.Location {
	p := x.path
	if p == "" && x.finding != nil && len(x.finding.Package.Locations) > 0 {
		p = x.finding.Package.Locations[0].Path
	}
	uri, line := pathOf(repository(s.v.Image.Name)), 1
	if p != "" {
		uri += "/" + pathOf(p)
	}
	logical := cutBytes(Escape(p), sarifText)
	if s.lines != nil {
		uri, line = pathOf(s.o.DockerfilePath), s.lines.of(x.layer)
	}
	one := 1
	loc := &sarif.Location{PhysicalLocation: &sarif.PhysicalLocation{
		ArtifactLocation: sarif.NewSimpleArtifactLocation(uri),
		Region:           &sarif.Region{StartLine: &line, StartColumn: &one, EndLine: &line, EndColumn: &one},
	}}
	if logical != "" {
		kind := "resource"
		loc.LogicalLocations = []*sarif.LogicalLocation{{FullyQualifiedName: &logical, Kind: &kind}}
	}
	return loc
}
