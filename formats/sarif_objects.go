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

// build makes the SARIF run of the results, as many as a file may have.
func (s *sarifRun) build(category string) *sarif.Run {
	s.dropLeastSevere()
	driver := &sarif.ToolComponent{Name: "veto", InformationURI: ptr(homepage), Rules: []*sarif.ReportingDescriptor{}}
	if s.tool.Version != "" {
		driver.Version = ptr(truncateBytes(Escape(s.tool.Version), 100))
	}
	run := &sarif.Run{Tool: sarif.Tool{Driver: driver}, Results: []*sarif.Result{}, ColumnKind: "utf16CodeUnits",
		AutomationDetails: &sarif.RunAutomationDetails{ID: &category}}
	index := map[string]uint{}
	byRule := map[string][]*sarifResult{}
	for _, result := range s.results {
		byRule[result.rule] = append(byRule[result.rule], result)
	}
	seen := map[string]int{}
	for _, result := range s.results {
		rule, ok := index[result.rule]
		if !ok {
			rule = uint(len(driver.Rules))
			index[result.rule] = rule
			driver.Rules = append(driver.Rules, s.buildRule(byRule[result.rule]))
		}
		run.Results = append(run.Results, s.buildResult(result, rule, seen))
	}
	ok := !s.failed && s.report.verdict() != engine.Undecided
	run.Invocations = []*sarif.Invocation{{ExecutionSuccessful: &ok, ToolExecutionNotifications: s.notifications}}
	run.Properties = sarif.Properties{"verdict": string(s.report.verdict()), "image": s.report.imageName(), "digest": s.report.Image.Digest,
		"platform": s.report.platformText(), "now": Escape(s.report.Now)}
	if len(s.report.Decision.Weakened) > 0 {
		var weakened []string
		for _, w := range s.report.Decision.Weakened {
			weakened = append(weakened, relaxationText(w))
		}
		run.Properties["weakened"] = weakened
	}
	return run
}

// dropLeastSevere keeps as many results as a file may have: those that count before waived ones, errors before warnings, then the most
// severe.
func (s *sarifRun) dropLeastSevere() {
	over := len(s.results) - sarifResultLimit
	if over <= 0 {
		return
	}
	slices.SortStableFunc(s.results, func(a, b *sarifResult) int {
		return cmp.Or(cmp.Compare(min(len(a.waiver), 1), min(len(b.waiver), 1)), strings.Compare(a.level, b.level),
			cmp.Compare(severityRank(a), severityRank(b)))
	})
	s.results = s.results[:sarifResultLimit]
	s.notify("warning", fmt.Sprintf("%d of %d results were left out, the least severe: a file may have %d",
		over, over+sarifResultLimit, sarifResultLimit))
}

// severityRank orders results, the most severe first.
func severityRank(result *sarifResult) int {
	if result.finding == nil {
		return -1 // a rule's own result is about more than one package
	}
	return levelRank(result.finding.Severity.Level)
}

// buildResult makes one SARIF result. rule is the index of its rule; seen counts fingerprints, so that each is unique. The image is in the
// first sentence of the message, which is all that lists of results show.
func (s *sarifRun) buildResult(result *sarifResult, rule uint, seen map[string]int) *sarif.Result {
	image := s.report.imageName()
	if d := s.report.Image.Digest; d != "" && !strings.Contains(s.report.Image.Name, string(d)) {
		image += "@" + Escape(string(d))
	}
	if p := s.report.platformText(); p != "" {
		image += " (" + p + ")"
	}
	text := strings.TrimRight(Escape(result.msg), ".") + ", in " + image + "."
	if width(result.msg) > 1000 {
		text = "In " + image + ": " + Escape(result.msg)
	}
	if f := result.finding; f != nil {
		if f.Summary != "" {
			text += " " + strings.TrimRight(Escape(string(f.Summary)), ".") + "."
		}
		if n := s.report.layers[string(f.Layer)]; n > 0 {
			text += fmt.Sprintf(" Brought by layer %d.", n)
		}
	}
	key := engine.Fingerprint(cmp.Or(result.fingerprint, engine.Fingerprint(result.rule, result.msg)),
		repositoryName(s.report.Image.Name), s.report.Platform.String())
	seen[key]++
	hash := key + ":" + strconv.Itoa(seen[key]) // the form of GitHub's own line hash
	res := &sarif.Result{
		RuleID:              ptr(safeRuleID(result.rule)),
		RuleIndex:           &rule,
		Level:               &result.level,
		Message:             *sarif.NewTextMessage(truncateBytes(text, sarifMessageLimit)),
		Locations:           []*sarif.Location{s.location(result)},
		PartialFingerprints: map[string]any{"primaryLocationLineHash": hash},
	}
	var policies []string
	for _, r := range result.policies {
		policies = append(policies, Escape(r.ID))
	}
	slices.Sort(policies)
	res.Properties = sarif.Properties{"policies": append([]string{}, policies...)}
	if f := result.finding; f != nil {
		res.Properties["package"] = truncateBytes(Escape(f.Package.PURL), sarifTextLimit)
		res.Properties["severity"] = Escape(string(f.Severity.Level))
		res.Properties["fingerprint"] = Escape(f.Fingerprint)
		res.Properties["fixed_versions"] = escapeAll(f.FixedVersions, 20)
	}
	if result.waiver != "" {
		res.Suppressions = []*sarif.Suppression{s.buildSuppression(result)}
	}
	return res
}

// buildSuppression says which waiver accepts a result. It sets every field: go-sarif writes null for those that are not set, which the
// schema of SARIF forbids.
func (s *sarifRun) buildSuppression(result *sarifResult) *sarif.Suppression {
	justification := "accepted by waiver " + result.waiver
	if w := s.report.waivers[result.waiver]; w != nil {
		justification = fmt.Sprintf("%s (accepted by %s until %s, %s)", w.Reason, w.Owner, w.Expires, w.Where)
	}
	h := engine.Fingerprint("suppression", result.waiver, result.rule, result.fingerprint)
	guid := h[:8] + "-" + h[8:12] + "-5" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32] // a version 5 UUID in form (RFC 4122, 4.3)
	return &sarif.Suppression{Kind: "external", Status: ptr("accepted"), Location: s.location(result), Guid: &guid,
		Justification: ptr(truncateBytes(Escape(justification), sarifMessageLimit))}
}

// buildRule makes the SARIF rule that results share: that of a vulnerability in a package, or of a rule of the policies.
func (s *sarifRun) buildRule(results []*sarifResult) *sarif.ReportingDescriptor {
	result := results[0]
	level := "warning"
	if slices.ContainsFunc(results, func(r *sarifResult) bool { return r.level == "error" }) {
		level = "error"
	}
	d := &sarif.ReportingDescriptor{ID: safeRuleID(result.rule), DefaultConfiguration: &sarif.ReportingConfiguration{Level: level},
		Properties: sarif.Properties{"problem.severity": level, "precision": "high"}}
	if result.finding != nil {
		describeVulnerability(d, results)
		return d
	}
	head, body, help := "No verdict was reached", "The image could not be judged.", "See the notification of the run."
	tags := []string{"policy"}
	if r := result.ruleResult; r != nil {
		head = ruleTitle(r)
		body = cmp.Or(string(r.Description), head)
		help = cmp.Or(string(r.Remediation), body)
		if uri, ok := httpURL(string(r.URL)); ok {
			d.HelpURI = &uri
		}
		tags = append(tags, r.Categories...)
	}
	setTexts(d, head, body, help, tags)
	return d
}

// describeVulnerability fills in the rule of results that are about one vulnerability, with the highest of their severities.
func describeVulnerability(d *sarif.ReportingDescriptor, results []*sarifResult) {
	f := results[0].finding
	score := 0.0
	for _, r := range results {
		score = max(score, securitySeverity(r.finding.Severity))
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
	tags := []string{"vulnerability", f.Package.Type}
	if f.KnownExploited {
		tags = append(tags, "known-exploited")
	}
	if f.Malicious {
		tags = append(tags, "malicious")
	}
	uri := "https://osv.dev/vulnerability/" + url.PathEscape(truncate(strings.ToValidUTF8(f.ID, "_"), 200))
	d.HelpURI = &uri
	setTexts(d, head, body, help, append(tags, f.CVEs...))
}

// setTexts sets the descriptions of a rule, line by line escaped, and its tags, each once.
func setTexts(d *sarif.ReportingDescriptor, head, body, help string, tags []string) {
	text := func(s string, limit int) *sarif.MultiformatMessageString {
		var lines []string
		for _, l := range strings.Split(s, "\n") {
			lines = append(lines, Escape(l))
		}
		s = cmp.Or(strings.TrimSpace(strings.Join(lines, "\n")), "unnamed")
		return sarif.NewMultiformatMessageString(truncateBytes(s, limit))
	}
	d.ShortDescription = text(strings.ReplaceAll(head, "\n", " "), sarifTextLimit)
	d.FullDescription = text(body, sarifTextLimit)
	d.Help = text(help, sarifMessageLimit)
	var unique []string
	for _, t := range tags {
		if t = truncateBytes(Escape(t), 100); t != "" && !slices.Contains(unique, t) && len(unique) < sarifTagLimit {
			unique = append(unique, t)
		}
	}
	d.Properties["tags"] = unique
}

// securitySeverity is what GitHub sorts by, from 0.1 to 10; 0 is unknown. It is the CVSS score; a level without a score gets one from the
// middle of that level's range in CVSS.
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

// safeRuleID is a rule's id, or, when that is long or needs escaping, its beginning with a hash that keeps it unique.
func safeRuleID(id string) string {
	e := Escape(id)
	if e == id && len(id) <= 255 && strings.TrimSpace(id) != "" {
		return id
	}
	return truncateBytes(cmp.Or(strings.TrimSpace(e), "unnamed"), 200) + "~" + engine.Fingerprint(id)[:12]
}

// httpURL returns an absolute http or https address. ok is false for anything else.
func httpURL(s string) (address string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || len(s) > 2000 {
		return "", false
	}
	return u.String(), true
}

// escapeAll escapes the first strings of a list, as many as limit, 200 bytes of each.
func escapeAll(in []string, limit int) []string {
	out := []string{}
	for _, s := range in[:min(len(in), limit)] {
		out = append(out, truncateBytes(Escape(s), 200))
	}
	return out
}

func ptr[T any](v T) *T { return &v }
