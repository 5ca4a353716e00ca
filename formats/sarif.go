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

// Limits of what GitHub's code scanning takes ("SARIF results file limits") and keeps. It rejects a file beyond one of them whole.
const (
	sarifResultLimit  = 25_000 // results, and rules, of one run
	sarifRunLimit     = 20     // runs of one file
	sarifTextLimit    = 1024   // bytes of a description; GitHub counts characters
	sarifMessageLimit = 8000   // bytes of a message
	sarifTagLimit     = 10     // tags of one rule
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/vetoci/veto"
)

// writeSARIF writes SARIF 2.1.0 (OASIS, errata 01), one run per report. Its results are the unwaived ones of rules that deny or warn. A
// report that does not pass has at least one result of level error.
func (o Options) writeSARIF(w io.Writer, r *engine.Run) error {
	doc := &sarif.Report{Version: "2.1.0", Schema: sarifSchema, Runs: []*sarif.Run{}}
	categories := map[string]int{}
	reports := r.Reports
	if len(reports) == 0 { // nothing was judged, and the file must not look like a pass
		reports = []engine.Report{undecidedReport(engine.Undecided, "the run has no report")}
	}
	over := len(reports) > sarifRunLimit
	if over {
		reports = worstReports(reports)
	}
	for i := range reports {
		s := newSarifRun(o, r, indexReport(&reports[i]))
		s.collect()
		if i == 0 && over {
			s.notify("error", fmt.Sprintf("%d reports were left out: a file may have %d runs", len(r.Reports)-sarifRunLimit, sarifRunLimit))
		}
		category := s.category()
		if categories[category]++; categories[category] > 1 { // GitHub refuses two runs of one category
			category += strconv.Itoa(categories[category]) + "/"
		}
		doc.Runs = append(doc.Runs, s.build(category))
	}
	if runVerdict(r) != engine.Pass && !slices.ContainsFunc(doc.Runs, hasError) {
		rep := undecidedReport(r.Verdict, "the run is "+string(runVerdict(r))+", though no report says why")
		s := newSarifRun(o, r, indexReport(&rep))
		s.collect()
		doc.Runs = append(doc.Runs[:min(len(doc.Runs), sarifRunLimit-1)], s.build("veto/run/"))
	}
	e := json.NewEncoder(SafeJSON(w))
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("writing sarif: %w", err)
	}
	return nil
}

// undecidedReport is a report without an image, for an error of the run as a whole.
func undecidedReport(v engine.Verdict, what string) engine.Report {
	return engine.Report{Decision: engine.Decision{Verdict: v}, Errors: []engine.Problem{{What: what}}}
}

// hasError says whether a run has a result that fails the check.
func hasError(r *sarif.Run) bool {
	return slices.ContainsFunc(r.Results, func(x *sarif.Result) bool {
		return x.Level != nil && *x.Level == "error" && len(x.Suppressions) == 0
	})
}

// worstReports returns as many reports as a file may have runs: those that deny first, then the undecided ones.
func worstReports(reports []engine.Report) []engine.Report {
	kept := slices.Clone(reports)
	order := []engine.Verdict{engine.Denied, engine.Undecided, engine.Pass}
	slices.SortStableFunc(kept, func(a, b engine.Report) int {
		return cmp.Compare(slices.Index(order, reportVerdict(&a)), slices.Index(order, reportVerdict(&b)))
	})
	return kept[:sarifRunLimit]
}

// sarifRun collects the results of one run. go-sarif's own methods would search a list of rules for each result.
type sarifRun struct {
	report        *indexedReport
	options       Options
	tool          engine.Tool
	dockerfile    *dockerfileLines        // nil when locations are paths in the image
	byKey         map[string]*sarifResult // by what a result is about: a finding that several rules name is one result
	results       []*sarifResult          // in the order in which they were added
	notifications []*sarif.Notification
	failed        bool // a rule failed, or the report has errors
}

// sarifResult is one result before it is a SARIF object. Its texts are not escaped yet.
type sarifResult struct {
	rule        string // id of the SARIF rule
	level       string // error or warning
	finding     *engine.Finding
	policies    []*engine.RuleResult // the rules that name it
	msg         string
	path        string // in the image
	layer       string // diff ID
	fingerprint string
	waiver      string             // id of the waiver that accepts it; "" when it counts
	ruleResult  *engine.RuleResult // the rule whose own result it is; nil for a finding
}

func newSarifRun(o Options, r *engine.Run, rep *indexedReport) *sarifRun {
	return &sarifRun{report: rep, options: o, tool: r.Tool, dockerfile: matchDockerfile(o, rep), byKey: map[string]*sarifResult{}}
}

// notify adds a notification of level error or warning. text is escaped.
func (s *sarifRun) notify(level, text string) {
	message := sarif.NewTextMessage(truncateBytes(text, sarifMessageLimit))
	s.notifications = append(s.notifications, &sarif.Notification{Level: level, Message: message})
}

// collect adds what the report's rules and errors say.
func (s *sarifRun) collect() {
	for _, r := range s.report.rulesByRank() {
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
			s.addFailedRule(r)
			continue
		}
		s.addRuleResults(r, level)
	}
	for i, e := range s.report.Errors {
		s.failed = true
		text := e.What
		if e.Hint != "" {
			text += " (hint: " + string(e.Hint) + ")"
		}
		s.notify("error", Escape(text))
		s.addResult("error\x00"+strconv.Itoa(i), &sarifResult{rule: "veto-undecided", level: "error", msg: text,
			fingerprint: engine.Fingerprint("undecided", strconv.Itoa(i))}, nil)
	}
	counts := func(result *sarifResult) bool { return result.level == "error" && result.waiver == "" }
	if verdict := s.report.verdict(); verdict != engine.Pass && !slices.ContainsFunc(s.results, counts) {
		s.failed = s.failed || verdict == engine.Undecided
		s.addResult("verdict", &sarifResult{rule: "veto-" + string(verdict), level: "error", msg: "the verdict is " + string(verdict),
			fingerprint: engine.Fingerprint("verdict")}, nil)
	}
}

// addFailedRule adds an error for a rule that could not be evaluated.
func (s *sarifRun) addFailedRule(r *engine.RuleResult) {
	s.failed = true
	text := "rule " + r.ID + ": " + statusWord(r.Status).text
	if r.Note != "" {
		text += ": " + string(r.Note)
	}
	s.notify("error", Escape(text))
	s.addResult("fault\x00"+r.ID, &sarifResult{rule: r.ID, level: "error", msg: text,
		fingerprint: engine.Fingerprint("fault", r.ID), ruleResult: r}, r)
}

// addRuleResults adds the results of a rule: one per vulnerability that they name, or one of their own.
func (s *sarifRun) addRuleResults(r *engine.RuleResult, level string) {
	count := 0
	for i := range r.Results {
		res := &r.Results[i]
		if res.WaivedBy != "" && !s.options.Suppressed {
			continue
		}
		if res.WaivedBy == "" {
			count++
		}
		vulnerabilities := 0
		for _, ref := range res.Findings {
			if f := s.report.findings[ref]; f != nil {
				vulnerabilities++
				s.addResult("finding\x00"+ref, &sarifResult{rule: vulnerabilityRuleID(f), level: level, finding: f, msg: res.Msg,
					layer: string(f.Layer), fingerprint: f.Fingerprint, waiver: string(res.WaivedBy)}, r)
			}
		}
		if vulnerabilities > 0 {
			continue
		}
		result := &sarifResult{rule: r.ID, level: level, msg: res.Msg, path: string(res.Path), layer: s.report.resultLayer(res),
			fingerprint: res.Fingerprint, waiver: string(res.WaivedBy), ruleResult: r}
		for _, ref := range res.Findings {
			if c := s.report.gaps[ref]; c != nil && result.path == "" {
				result.path = string(c.Path)
			}
		}
		s.addResult("result\x00"+r.ID+"\x00"+strconv.Itoa(i), result, r)
	}
	if count == 0 && r.Status == engine.StatusDeny { // a rule that denies without a result must not look like a pass
		s.addResult("denial\x00"+r.ID, &sarifResult{rule: r.ID, level: "error", msg: ruleTitle(r),
			fingerprint: engine.Fingerprint("denial", r.ID), ruleResult: r}, r)
	}
}

// vulnerabilityRuleID is the id of the SARIF rule of a vulnerability in a package. It is the same for every version and image, because
// GitHub keeps all ids that it has seen.
func vulnerabilityRuleID(f *engine.Finding) string {
	return truncate(f.ID+"/"+f.Package.Type+"/"+f.Package.Name, 400)
}

// addResult adds a result of a rule, which may be nil, under a key for what it is about. Of several results under a key one that counts
// wins over a waived one, then error over warning.
func (s *sarifRun) addResult(key string, result *sarifResult, r *engine.RuleResult) {
	first := s.byKey[key]
	if first == nil {
		s.byKey[key], first = result, result
		s.results = append(s.results, result)
	}
	unwaived := first.waiver != "" && result.waiver == ""
	worse := first.level == "warning" && result.level == "error" && (first.waiver == "") == (result.waiver == "")
	if unwaived || worse {
		first.level, first.msg, first.waiver = result.level, result.msg, result.waiver
	}
	if r != nil && !slices.Contains(first.policies, r) {
		first.policies = append(first.policies, r)
	}
}

// category is "veto/REPOSITORY/PLATFORM/". GitHub replaces results of the same category by later ones. It must end with a slash.
func (s *sarifRun) category() string {
	platform := s.report.Platform.String()
	if s.report.platformText() == "" {
		platform = "unknown"
	}
	return "veto/" + relativeURI(repositoryName(s.report.Image.Name)) + "/" + relativeURI(platform) + "/"
}

// repositoryName is the name of an image without registry, tag and digest, which is the same for every build.
func repositoryName(name string) string {
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

// relativeURI makes a relative reference (RFC 3986, 4.2) of untrusted text: no scheme, no colon, no leading slash, no "." or ".." segment.
func relativeURI(p string) string {
	var out []string
	for _, part := range strings.Split(strings.ToValidUTF8(p, "_"), "/") {
		if part == "" || part == "." || part == ".." {
			continue
		}
		out = append(out, strings.ReplaceAll(url.PathEscape(truncate(part, 200)), ":", "%3A"))
	}
	return cmp.Or(strings.Join(out[:min(len(out), 60)], "/"), "image")
}

// location is the line of the Dockerfile that made the layer, else the path in the image below the repository's name, with a region of
// line 1, column 1, because GitHub wants one.
func (s *sarifRun) location(result *sarifResult) *sarif.Location {
	p := result.path
	if p == "" && result.finding != nil && len(result.finding.Package.Locations) > 0 {
		p = result.finding.Package.Locations[0].Path
	}
	uri, line := relativeURI(repositoryName(s.report.Image.Name)), 1
	if p != "" {
		uri += "/" + relativeURI(p)
	}
	logical := truncateBytes(Escape(p), sarifTextLimit)
	if s.dockerfile != nil {
		uri, line = relativeURI(s.options.DockerfilePath), s.dockerfile.lineOf(result.layer)
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
