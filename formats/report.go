package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// indexedReport is a report with indexes into it, which several formats need. It is not safe for concurrent use.
type indexedReport struct {
	*engine.Report
	findings map[string]*engine.Finding             // by ref
	gaps     map[string]*engine.Gap                 // by ref
	layers   map[string]int                         // numbers of layers, from 1, by diff ID
	waivers  map[string]*engine.Waiver              // by id
	changes  map[string]*engine.Change              // the first change that clears a finding, by the finding's ref
	rowCache map[*engine.RuleResult][2][]*resultRow // what rows returned
}

func indexReport(r *engine.Report) *indexedReport {
	rep := &indexedReport{
		Report:   r,
		findings: map[string]*engine.Finding{},
		gaps:     map[string]*engine.Gap{},
		layers:   map[string]int{},
		waivers:  map[string]*engine.Waiver{},
		changes:  map[string]*engine.Change{},
		rowCache: map[*engine.RuleResult][2][]*resultRow{},
	}
	for i := range r.Findings {
		rep.findings[r.Findings[i].Ref] = &r.Findings[i]
	}
	for i := range r.Gaps {
		rep.gaps[r.Gaps[i].Ref] = &r.Gaps[i]
	}
	for i, l := range r.Layers {
		if l.DiffID != "" {
			rep.layers[string(l.DiffID)] = l.Index
			if l.Index == 0 {
				rep.layers[string(l.DiffID)] = i + 1
			}
		}
	}
	for i := range r.Waivers {
		rep.waivers[r.Waivers[i].ID] = &r.Waivers[i]
	}
	for i := range r.Decision.Plan.Changes {
		for _, ref := range r.Decision.Plan.Changes[i].Findings {
			if rep.changes[ref] == nil {
				rep.changes[ref] = &r.Decision.Plan.Changes[i]
			}
		}
	}
	return rep
}

func (rep *indexedReport) verdict() engine.Verdict { return reportVerdict(rep.Report) }

// reportVerdict is the verdict that every format shows for a report. A pass with errors is undecided, and so is a verdict that is unknown.
func reportVerdict(r *engine.Report) engine.Verdict {
	switch d := r.Decision.Verdict; {
	case d == engine.Denied:
		return engine.Denied
	case d == engine.Pass && len(r.Errors) == 0:
		return engine.Pass
	}
	return engine.Undecided
}

// runVerdict is the verdict that every format shows for a run: the worst of its own and those of its reports. Without a report nothing was
// judged, so it is no pass.
func runVerdict(r *engine.Run) engine.Verdict {
	all := []engine.Verdict{r.Verdict}
	for i := range r.Reports {
		all = append(all, reportVerdict(&r.Reports[i]))
	}
	if len(r.Reports) == 0 && r.Verdict != engine.Denied {
		return engine.Undecided
	}
	return engine.Worst(all...)
}

// observeOnly says whether the mode of the policies is to observe: the verdict does not fail the command.
func (rep *indexedReport) observeOnly() bool { return rep.Policy.Mode == "observe" }

// verdictLabel is the verdict in capitals, "WOULD BE DENIED" where it does not fail the command.
func (rep *indexedReport) verdictLabel() string {
	s := strings.ToUpper(string(rep.verdict()))
	if rep.observeOnly() && rep.verdict() != engine.Pass {
		return "WOULD BE " + s
	}
	return s
}

// exitCode is what a command ends with for a verdict.
func exitCode(verdict engine.Verdict) int {
	switch verdict {
	case engine.Pass:
		return 0
	case engine.Denied:
		return 1
	}
	return 3
}

// imageName is the image as the user named it, escaped; a report of a source that could not be opened may have none.
func (rep *indexedReport) imageName() string {
	if rep.Image.Name == "" {
		return "image without a name"
	}
	return Escape(rep.Image.Name)
}

// platformText is the platform, escaped; "" when it is unknown.
func (rep *indexedReport) platformText() string {
	if rep.Platform.OS == "" && rep.Platform.Architecture == "" {
		return ""
	}
	return Escape(rep.Platform.String())
}

// containedName is the name that an archive gives itself, escaped; "" when the user gave one.
func (rep *indexedReport) containedName() string {
	if rep.Image.Named || len(rep.Image.ContainedNames) == 0 {
		return ""
	}
	return Escape(rep.Image.ContainedNames[0])
}

// unwaivedResults returns the results of a rule that no waiver accepts.
func unwaivedResults(r *engine.RuleResult) []*engine.Result {
	var out []*engine.Result
	for i := range r.Results {
		if r.Results[i].WaivedBy == "" {
			out = append(out, &r.Results[i])
		}
	}
	return out
}

// statusRank orders rules by what people have to look at first: what denies, what failed, what warns.
func statusRank(s engine.Status) int {
	order := []engine.Status{engine.StatusDeny, engine.StatusError, engine.StatusNoData, engine.StatusWarn,
		engine.StatusInfo, engine.StatusWaived, engine.StatusNotApplicable, engine.StatusPass}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return 1 // an unknown status is as bad as an error
}

// rulesByRank returns the rules by status; within a status by severity, then id.
func (rep *indexedReport) rulesByRank() []*engine.RuleResult {
	var out []*engine.RuleResult
	for i := range rep.Decision.Rules {
		out = append(out, &rep.Decision.Rules[i])
	}
	slices.SortStableFunc(out, func(a, b *engine.RuleResult) int {
		return cmp.Or(cmp.Compare(statusRank(a.Status), statusRank(b.Status)),
			cmp.Compare(levelRank(engine.Level(a.Severity)), levelRank(engine.Level(b.Severity))), strings.Compare(a.ID, b.ID))
	})
	return out
}

// noteworthyRules returns the rules that a reader has to look at, by status: those that deny, failed or warn.
func (rep *indexedReport) noteworthyRules() []*engine.RuleResult {
	return slices.DeleteFunc(rep.rulesByRank(), func(r *engine.RuleResult) bool {
		return statusRank(r.Status) >= statusRank(engine.StatusInfo)
	})
}

// levelRank orders severities, the worst first. An unknown word is last.
func levelRank(l engine.Level) int {
	if i := slices.Index(engine.Levels(), l); i >= 0 {
		return i
	}
	return len(engine.Levels())
}

// resultRow is what one rule says about one package in one layer, or a message that is about no package.
type resultRow struct {
	name        string
	ecosystem   string // without its release: "Debian"
	installed   string // version
	fixed       string // version, or several; "" when no fix is known
	path        string // of a language package
	ids         []string
	levels      []engine.Level // the worst first, each once
	layer       int            // from 1; 0 is unknown
	fingerprint string         // 8 hex digits, when the row is one finding or gap
	msg         string         // when it is about no package
	findings    []*engine.Finding
}

// rows groups the unwaived results of a rule by package, the packages with most findings first. Results that are about no package are rows
// of their own, in their order.
func (rep *indexedReport) rows(r *engine.RuleResult) (packages, messages []*resultRow) {
	if cached, ok := rep.rowCache[r]; ok {
		return cached[0], cached[1]
	}
	defer func() { rep.rowCache[r] = [2][]*resultRow{packages, messages} }()
	byKey := map[[5]string]*resultRow{}
	seen := map[*engine.Finding]bool{}
	for _, result := range unwaivedResults(r) {
		var found []*engine.Finding
		for _, ref := range result.Findings {
			if f := rep.findings[ref]; f != nil {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			messages = append(messages, rep.messageRow(result))
			continue
		}
		for _, f := range found {
			path := ""
			if !engine.OfDistribution(f.Package.Type) && len(f.Package.Locations) > 0 {
				path = f.Package.Locations[0].Path
			}
			key := [5]string{f.Package.Type, f.Package.Name, f.Package.Version, string(f.Layer), path}
			row := byKey[key]
			if row == nil {
				eco, _ := engine.SplitEcosystem(string(f.Package.Ecosystem))
				row = &resultRow{name: f.Package.Name, ecosystem: cmp.Or(eco, f.Package.Type), installed: f.Package.Version,
					path: path, layer: rep.layers[string(f.Layer)]}
				byKey[key] = row
				packages = append(packages, row)
			}
			if !seen[f] {
				seen[f] = true
				row.findings = append(row.findings, f)
			}
		}
	}
	for _, row := range packages {
		rep.summarize(row)
	}
	slices.SortStableFunc(packages, func(a, b *resultRow) int {
		return cmp.Or(cmp.Compare(len(b.findings), len(a.findings)), cmp.Compare(levelRank(a.levels[0]), levelRank(b.levels[0])),
			strings.Compare(a.ecosystem, b.ecosystem), strings.Compare(a.name, b.name),
			strings.Compare(a.installed, b.installed), strings.Compare(a.path, b.path))
	})
	return packages, messages
}

// messageRow is the row of a result that is about no package. It takes layer and fingerprint from the one gap that it is about.
func (rep *indexedReport) messageRow(result *engine.Result) *resultRow {
	row := &resultRow{msg: result.Msg, layer: rep.layers[string(result.Layer)]}
	if len(result.Findings) == 1 {
		if c := rep.gaps[result.Findings[0]]; c != nil {
			row.fingerprint = shortFingerprint(c.Fingerprint)
			if row.layer == 0 {
				row.layer = rep.layers[string(c.Layer)]
			}
		}
	}
	return row
}

// summarize fills in what a row says of its findings together.
func (rep *indexedReport) summarize(row *resultRow) {
	for _, f := range row.findings {
		row.ids = append(row.ids, f.ID)
		if !slices.Contains(row.levels, f.Severity.Level) {
			row.levels = append(row.levels, f.Severity.Level)
		}
	}
	slices.Sort(row.ids)
	row.ids = slices.Compact(row.ids)
	slices.SortFunc(row.levels, func(a, b engine.Level) int {
		return cmp.Or(cmp.Compare(levelRank(a), levelRank(b)), strings.Compare(string(a), string(b)))
	})
	if len(row.findings) == 1 {
		row.fingerprint = shortFingerprint(row.findings[0].Fingerprint)
	}
	row.fixed = rep.fixedVersion(row)
}

// fixedVersion is the version that clears the row's findings: the plan's, else those that the advisories name. Formats cannot order
// versions, so they name two different ones, and count more.
func (rep *indexedReport) fixedVersion(row *resultRow) string {
	for _, f := range row.findings {
		c := rep.changes[f.Ref]
		if c == nil {
			continue
		}
		for _, u := range c.Upgrades {
			if u.From == row.installed && (u.Package == row.name || slices.Contains(f.Package.Binaries, u.Package)) {
				return u.To
			}
		}
		break // the same change clears the other findings of a package
	}
	var fixes []string
	for _, f := range row.findings {
		if len(f.FixedVersions) > 0 && !slices.Contains(fixes, f.FixedVersions[0]) {
			fixes = append(fixes, f.FixedVersions[0])
		}
	}
	if len(fixes) > 2 {
		return plural(len(fixes), "fix", "different fixes")
	}
	return strings.Join(fixes, ", ")
}

// shortFingerprint is the part of a fingerprint that people read and `veto waive` accepts: 8 hex digits.
func shortFingerprint(fingerprint string) string { return fingerprint[:min(8, len(fingerprint))] }

// idText is the only id of a row, or how many there are: "3 CVEs".
func (row *resultRow) idText() string {
	if len(row.ids) == 1 {
		return Escape(row.ids[0])
	}
	return fmt.Sprintf("%d %s", len(row.ids), idNoun(row.ids))
}

// idNoun is what several ids are called together.
func idNoun(ids []string) string {
	for _, id := range ids {
		if !strings.HasPrefix(id, "CVE-") {
			return "advisories"
		}
	}
	return "CVEs"
}
