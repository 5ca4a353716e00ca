package formats

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"github.com/vetoci/veto/engine"
)

// finish cuts what is too much and writes the run.
func (s *sarifRun) finish(category string) *sarif.Run {
	s.cutResults()
	driver := &sarif.ToolComponent{Name: "veto", InformationURI: ptr(homepage), Rules: []*sarif.ReportingDescriptor{}}
	if s.tool.Version != "" {
		driver.Version = ptr(cutBytes(Escape(s.tool.Version), 100))
	}
	run := &sarif.Run{Tool: sarif.Tool{Driver: driver}, Results: []*sarif.Result{}, AutomationDetails: &sarif.RunAutomationDetails{ID: &category}, ColumnKind: "utf16CodeUnits"}
	index := map[string]uint{}
	byRule := map[string][]*sarifResult{}
	for _, x := range s.order {
		byRule[x.rule] = append(byRule[x.rule], x)
	}
	seen := map[string]int{}
	for _, x := range s.order {
		at, ok := index[x.rule]
		if !ok {
			at = uint(len(driver.Rules))
			index[x.rule] = at
			driver.Rules = append(driver.Rules, s.descriptor(byRule[x.rule]))
		}
		run.Results = append(run.Results, s.result(x, at, seen))
	}
	ok := !s.failed && s.v.verdict() != engine.Undecided
	run.Invocations = []*sarif.Invocation{{ExecutionSuccessful: &ok, ToolExecutionNotifications: s.notes}}
	run.Properties = sarif.Properties{"verdict": string(s.v.verdict()), "image": s.v.name(), "digest": s.v.Image.Digest, "platform": s.v.platform(), "now": Escape(s.v.Now)}
	if len(s.v.Decision.Weakened) > 0 {
		var weakened []string
		for _, w := range s.v.Decision.Weakened {
			weakened = append(weakened, relaxation(w))
		}
		run.Properties["weakened"] = weakened
	}
	return run
}

// cutResults keeps the worst when there are more than a file may have: errors before warnings, then by severity.
func (s *sarifRun) cutResults() {
	over := len(s.order) - sarifResults
	if over <= 0 {
		return
	}
	slices.SortStableFunc(s.order, func(a, b *sarifResult) int {
		return cmp.Or(compareBool(a.waiver != "", b.waiver != ""), strings.Compare(a.level, b.level), cmp.Compare(severityRank(a), severityRank(b)))
	})
	s.order = s.order[:sarifResults]
	s.notify("warning", fmt.Sprintf("%d of %d results were left out, the least severe: a file may have %d", over, over+sarifResults, sarifResults))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func severityRank(x *sarifResult) int {
	if x.finding == nil {
		return -1 // a policy's own result stands for more than one package
	}
	return levelRank(x.finding.Severity.Level)
}

// result is one SARIF result. The image stands in the first sentence, which is what is shown where there is little room.
func (s *sarifRun) result(x *sarifResult, rule uint, seen map[string]int) *sarif.Result {
	image := s.v.name()
	if d := s.v.Image.Digest; d != "" && !strings.Contains(s.v.Image.Name, string(d)) {
		image += "@" + Escape(string(d))
	}
	if p := s.v.platform(); p != "" {
		image += " (" + p + ")"
	}
	text := strings.TrimRight(Escape(x.msg), ".") + ", in " + image + "."
	if width(x.msg) > 1000 {
		text = "In " + image + ": " + Escape(x.msg)
	}
	if f := x.finding; f != nil {
		if f.Summary != "" {
			text += " " + strings.TrimRight(Escape(string(f.Summary)), ".") + "."
		}
		if n := s.v.layers[string(f.Layer)]; n > 0 {
			text += fmt.Sprintf(" Brought by layer %d.", n)
		}
	}
	key := engine.Fingerprint(cmp.Or(x.fingerprint, engine.Fingerprint(x.rule, x.msg)), repository(s.v.Image.Name), s.v.Platform.String())
	seen[key]++
	hash := key + ":" + strconv.Itoa(seen[key]) // the form of GitHub's own line hash
	res := &sarif.Result{
		RuleID: ptr(sarifID(x.rule)), RuleIndex: &rule, Level: &x.level, Message: *sarif.NewTextMessage(cutBytes(text, sarifMessage)),
		Locations: []*sarif.Location{s.location(x)}, PartialFingerprints: map[string]any{"primaryLocationLineHash": hash},
	}
	var policies []string
	for _, r := range x.policies {
		policies = append(policies, Escape(r.ID))
	}
	slices.Sort(policies)
	res.Properties = sarif.Properties{"policies": append([]string{}, policies...)}
	if f := x.finding; f != nil {
		res.Properties["package"] = cutBytes(Escape(f.Package.PURL), sarifText)
		res.Properties["severity"] = Escape(string(f.Severity.Level))
		res.Properties["fingerprint"] = Escape(f.Fingerprint)
		res.Properties["fixed_versions"] = escapeAll(f.FixedVersions, 20)
	}
	if x.waiver != "" {
		res.Suppressions = []*sarif.Suppression{s.suppression(x)}
	}
	return res
}

// suppression fills every field: the library writes null for one that is absent, which its schema forbids.
func (s *sarifRun) suppression(x *sarifResult) *sarif.Suppression {
	why := "accepted by waiver " + x.waiver
	if w := s.v.waivers[x.waiver]; w != nil {
		why = fmt.Sprintf("%s (accepted by %s until %s, %s)", w.Reason, w.Owner, w.Expires, w.Where)
	}
	h := engine.Fingerprint("suppression", x.waiver, x.rule, x.fingerprint)
	guid := h[:8] + "-" + h[8:12] + "-5" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32] // a version 5 UUID in form (RFC 4122, 4.3)
	return &sarif.Suppression{Kind: "external", Status: ptr("accepted"), Location: s.location(x), Guid: &guid, Justification: ptr(cutBytes(Escape(why), sarifMessage))}
}

// descriptor is the SARIF rule that results share: of a vulnerability in a package, or of a policy rule.
func (s *sarifRun) descriptor(all []*sarifResult) *sarif.ReportingDescriptor {
	x := all[0]
	level := "warning"
	for _, y := range all {
		if y.level == "error" {
			level = "error"
		}
	}
	d := &sarif.ReportingDescriptor{ID: sarifID(x.rule), DefaultConfiguration: &sarif.ReportingConfiguration{Level: level}, Properties: sarif.Properties{}}
	problem := map[string]string{"error": "error", "warning": "warning"}[level]
	d.Properties["problem.severity"], d.Properties["precision"] = problem, "high"
	if x.finding != nil {
		s.vulnerability(d, all)
		return d
	}
	head, body, help := "No verdict was reached", "The image could not be judged.", "See the notification of the run."
	tags := []string{"policy"}
	if r := x.about; r != nil {
		head, body, help = title(r), cmp.Or(string(r.Description), title(r)), cmp.Or(string(r.Remediation), string(r.Description), title(r))
		if uri, ok := absolute(string(r.URL)); ok {
			d.HelpURI = &uri
		}
		tags = append(tags, r.Categories...)
	}
	describe(d, head, body, help, tags)
	return d
}

func (s *sarifRun) vulnerability(d *sarif.ReportingDescriptor, all []*sarifResult) {
	f := all[0].finding
	score := 0.0
	for _, y := range all {
		score = max(score, securitySeverity(y.finding.Severity))
	}
	if score > 0 {
		d.Properties["security-severity"] = strconv.FormatFloat(score, 'f', 1, 64)
	}
	head := f.ID + " in " + f.Package.Name
	body := cmp.Or(string(f.Summary), head)
	help := head + ". " + body
	if len(f.FixedVersions) > 0 {
		help += "\n\nUpgrade " + f.Package.Name + " to " + strings.Join(f.FixedVersions[:min(5, len(f.FixedVersions))], ", ") + "."
	} else {
		help += "\n\nNo fix is released yet."
	}
	ids := []string{"vulnerability", f.Package.Type}
	if f.KnownExploited {
		ids = append(ids, "known-exploited")
	}
	if f.Malicious {
		ids = append(ids, "malicious")
	}
	uri := "https://osv.dev/vulnerability/" + url.PathEscape(cut(strings.ToValidUTF8(f.ID, "_"), 200))
	d.HelpURI = &uri
	describe(d, head, body, help, append(ids, f.CVEs...))
}

func describe(d *sarif.ReportingDescriptor, head, body, help string, tags []string) {
	text := func(s string, n int) *sarif.MultiformatMessageString {
		var lines []string
		for _, l := range strings.Split(s, "\n") {
			lines = append(lines, Escape(l))
		}
		return sarif.NewMultiformatMessageString(cutBytes(cmp.Or(strings.TrimSpace(strings.Join(lines, "\n")), "unnamed"), n))
	}
	d.ShortDescription, d.FullDescription, d.Help = text(strings.ReplaceAll(head, "\n", " "), sarifText), text(body, sarifText), text(help, sarifMessage)
	var unique []string
	for _, t := range tags {
		if t = cutBytes(Escape(t), 100); t != "" && !slices.Contains(unique, t) && len(unique) < sarifTags {
			unique = append(unique, t)
		}
	}
	d.Properties["tags"] = unique
}

// securitySeverity is what GitHub sorts by: the CVSS score; a level alone gets a figure well inside that level's band; 0 is unknown.
func securitySeverity(s engine.Severity) float64 {
	if s.Score != nil && *s.Score > 0 && *s.Score <= 10 {
		return max(*s.Score, 0.1)
	}
	switch s.Level {
	case engine.Critical:
		return 9.5
	case engine.High:
		return 8.0
	case engine.Medium:
		return 5.5
	case engine.Low, engine.Negligible:
		return 2.0
	}
	return 0
}

// sarifID is a rule's id as SARIF shows it; the escape of a long or hostile one stays unique by its hash.
func sarifID(id string) string {
	e := Escape(id)
	if e == id && len(id) <= 255 && strings.TrimSpace(id) != "" {
		return id
	}
	return cutBytes(cmp.Or(strings.TrimSpace(e), "unnamed"), 200) + "~" + engine.Fingerprint(id)[:12]
}

// absolute accepts http and https addresses only.
func absolute(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || len(s) > 2000 {
		return "", false
	}
	return u.String(), true
}

func escapeAll(in []string, most int) []string {
	out := []string{}
	for _, s := range in[:min(len(in), most)] {
		out = append(out, cutBytes(Escape(s), 200))
	}
	return out
}

func ptr[T any](v T) *T { return &v }
