package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// view is a report with what several formats look up in it.
type view struct {
	*engine.Report
	findings map[string]*engine.Finding // by ref
	gaps     map[string]*engine.Gap     // by ref
	layers   map[string]int             // index by diff ID
	waivers  map[string]*engine.Waiver  // by id
	changes  map[string]*engine.Change  // that clear a finding, by the finding's ref
	grouped  map[*engine.RuleResult][2][]*row
}

func newView(r *engine.Report) *view {
	v := &view{Report: r, findings: map[string]*engine.Finding{}, gaps: map[string]*engine.Gap{}, layers: map[string]int{}, waivers: map[string]*engine.Waiver{},
		changes: map[string]*engine.Change{}, grouped: map[*engine.RuleResult][2][]*row{}}
	for i := range r.Findings {
		v.findings[r.Findings[i].Ref] = &r.Findings[i]
	}
	for i := range r.Gaps {
		v.gaps[r.Gaps[i].Ref] = &r.Gaps[i]
	}
	for i, l := range r.Layers {
		if l.DiffID != "" {
			v.layers[string(l.DiffID)] = l.Index
			if l.Index == 0 {
				v.layers[string(l.DiffID)] = i + 1
			}
		}
	}
	for i := range r.Waivers {
		v.waivers[r.Waivers[i].ID] = &r.Waivers[i]
	}
	for i := range r.Decision.Plan.Changes {
		for _, ref := range r.Decision.Plan.Changes[i].Findings {
			if v.changes[ref] == nil {
				v.changes[ref] = &r.Decision.Plan.Changes[i]
			}
		}
	}
	return v
}

// verdict is that of the report as every format shows it: errors without a verdict, and a word that is none, are undecided.
func (v *view) verdict() engine.Verdict { return verdictOf(v.Report) }

func verdictOf(r *engine.Report) engine.Verdict {
	switch d := r.Decision.Verdict; {
	case d == engine.Denied:
		return engine.Denied
	case d == engine.Pass && len(r.Errors) == 0:
		return engine.Pass
	}
	return engine.Undecided
}

// runVerdict is the worst of the run's own verdict and its reports', so that no format is milder than any other.
func runVerdict(r *engine.Run) engine.Verdict {
	all := []engine.Verdict{r.Verdict}
	for i := range r.Reports {
		all = append(all, verdictOf(&r.Reports[i]))
	}
	if len(r.Reports) == 0 && r.Verdict != engine.Denied {
		return engine.Undecided
	}
	return engine.Worst(all...)
}

// observed says that the report's policy only watches: its verdict does not fail the command.
func (v *view) observed() bool { return v.Policy.Mode == "observe" }

// label is the verdict in capitals.
func (v *view) label() string {
	s := strings.ToUpper(string(v.verdict()))
	if v.observed() && v.verdict() != engine.Pass {
		return "WOULD BE " + s
	}
	return s
}

func exitCode(verdict engine.Verdict) int {
	switch verdict {
	case engine.Pass:
		return 0
	case engine.Denied:
		return 1
	}
	return 3
}

// name is the image as the user named it, escaped; a report of a source that could not be opened may have none.
func (v *view) name() string {
	if v.Image.Name == "" {
		return "image without a name"
	}
	return Escape(v.Image.Name)
}

func (v *view) platform() string {
	if v.Platform.OS == "" && v.Platform.Architecture == "" {
		return ""
	}
	return Escape(v.Platform.String())
}

// contained is the name that an archive gives itself, shown when the user gave none.
func (v *view) contained() string {
	if v.Image.Named || len(v.Image.ContainedNames) == 0 {
		return ""
	}
	return Escape(v.Image.ContainedNames[0])
}

// unwaived returns the results of a rule that count.
func unwaived(r *engine.RuleResult) []*engine.Result {
	var out []*engine.Result
	for i := range r.Results {
		if r.Results[i].WaivedBy == "" {
			out = append(out, &r.Results[i])
		}
	}
	return out
}

// rank orders rules as people want to read them: what denies, then what failed, then what warns.
func rank(s engine.Status) int {
	order := []engine.Status{engine.StatusDeny, engine.StatusError, engine.StatusNoData, engine.StatusWarn, engine.StatusInfo, engine.StatusWaived, engine.StatusNotApplicable, engine.StatusPass}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return 1 // a status that is not known is as bad as an error
}

// ranked returns the rules in that order; within a rank by severity, then id.
func (v *view) ranked() []*engine.RuleResult {
	var out []*engine.RuleResult
	for i := range v.Decision.Rules {
		out = append(out, &v.Decision.Rules[i])
	}
	slices.SortStableFunc(out, func(a, b *engine.RuleResult) int {
		return cmp.Or(cmp.Compare(rank(a.Status), rank(b.Status)), cmp.Compare(levelRank(engine.Level(a.Severity)), levelRank(engine.Level(b.Severity))), strings.Compare(a.ID, b.ID))
	})
	return out
}

func levelRank(l engine.Level) int {
	if i := slices.Index(engine.Levels(), l); i >= 0 {
		return i
	}
	return len(engine.Levels())
}

// row is what one rule says about one package in one layer, or one message without a package.
type row struct {
	name, ecosystem string // ecosystem without its release: "Debian"
	from, to        string // to is "" when no fix is known
	path            string // of a language package
	ids             []string
	levels          []engine.Level // worst first, each once
	layer           int            // 0 is unknown
	fingerprint     string         // 8 hex digits, when the row is one finding
	msg             string         // of a row without package
	results         []*engine.Result
	findings        []*engine.Finding
	has             map[*engine.Finding]bool
}

// rows groups the unwaived results of a rule by package, those that clear the most first; messages keep their order, after the packages.
func (v *view) rows(r *engine.RuleResult) (packages, messages []*row) {
	if g, ok := v.grouped[r]; ok {
		return g[0], g[1]
	}
	defer func() { v.grouped[r] = [2][]*row{packages, messages} }()
	byKey := map[[5]string]*row{}
	for _, res := range unwaived(r) {
		var found []*engine.Finding
		for _, ref := range res.Findings {
			if f := v.findings[ref]; f != nil {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			messages = append(messages, v.message(res))
			continue
		}
		for _, f := range found {
			path := ""
			if !engine.OfDistribution(f.Package.Type) && len(f.Package.Locations) > 0 {
				path = f.Package.Locations[0].Path
			}
			key := [5]string{f.Package.Type, f.Package.Name, f.Package.Version, string(f.Layer), path}
			g := byKey[key]
			if g == nil {
				eco, _ := engine.SplitEcosystem(string(f.Package.Ecosystem))
				g = &row{name: f.Package.Name, ecosystem: cmp.Or(eco, f.Package.Type), from: f.Package.Version, path: path, layer: v.layers[string(f.Layer)]}
				byKey[key] = g
				packages = append(packages, g)
			}
			g.results = append(g.results, res)
			if g.has == nil {
				g.has = map[*engine.Finding]bool{}
			}
			if !g.has[f] {
				g.has[f] = true
				g.findings = append(g.findings, f)
			}
		}
	}
	for _, g := range packages {
		v.finish(g)
	}
	slices.SortStableFunc(packages, func(a, b *row) int {
		return cmp.Or(cmp.Compare(len(b.findings), len(a.findings)), cmp.Compare(levelRank(a.levels[0]), levelRank(b.levels[0])),
			strings.Compare(a.ecosystem, b.ecosystem), strings.Compare(a.name, b.name), strings.Compare(a.from, b.from), strings.Compare(a.path, b.path))
	})
	return packages, messages
}

func (v *view) message(res *engine.Result) *row {
	g := &row{msg: res.Msg, layer: v.layers[string(res.Layer)], results: []*engine.Result{res}}
	if len(res.Findings) == 1 {
		if c := v.gaps[res.Findings[0]]; c != nil {
			g.fingerprint = short(c.Fingerprint)
			if g.layer == 0 {
				g.layer = v.layers[string(c.Layer)]
			}
		}
	}
	return g
}

func (v *view) finish(g *row) {
	for _, f := range g.findings {
		g.ids = append(g.ids, f.ID)
		if !slices.Contains(g.levels, f.Severity.Level) {
			g.levels = append(g.levels, f.Severity.Level)
		}
	}
	slices.Sort(g.ids)
	g.ids = slices.Compact(g.ids)
	slices.SortFunc(g.levels, func(a, b engine.Level) int {
		return cmp.Or(cmp.Compare(levelRank(a), levelRank(b)), strings.Compare(string(a), string(b)))
	})
	if len(g.findings) == 1 {
		g.fingerprint = short(g.findings[0].Fingerprint)
	}
	g.to = v.target(g)
}

// target is the version that clears the row's findings: what the plan says, else the fixes that the advisories name. Formats know no
// order of versions, so several different fixes are all named.
func (v *view) target(g *row) string {
	for _, f := range g.findings {
		c := v.changes[f.Ref]
		if c == nil {
			continue
		}
		for _, u := range c.Upgrades {
			if u.From == g.from && (u.Package == g.name || slices.Contains(f.Package.Binaries, u.Package)) {
				return u.To
			}
		}
		break // the rest of a package is cleared by the same change
	}
	var fixes []string
	for _, f := range g.findings {
		if len(f.FixedVersions) > 0 && !slices.Contains(fixes, f.FixedVersions[0]) {
			fixes = append(fixes, f.FixedVersions[0])
		}
	}
	if len(fixes) > 2 {
		return plural(len(fixes), "fix", "different fixes")
	}
	return strings.Join(fixes, ", ")
}

func short(fingerprint string) string { return fingerprint[:min(8, len(fingerprint))] }

// idsText is the one id of a row, or how many there are.
func (g *row) idsText() string {
	if len(g.ids) == 1 {
		return Escape(g.ids[0])
	}
	return fmt.Sprintf("%d %s", len(g.ids), idNoun(g.ids))
}

func idNoun(ids []string) string {
	for _, id := range ids {
		if !strings.HasPrefix(id, "CVE-") {
			return "advisories"
		}
	}
	return "CVEs"
}
