package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// addWaivers adds the waivers that matter to a failure: those that no longer hold, because what they accepted fails now, and those that
// accepted something.
func (p *page) addWaivers(rep *indexedReport) {
	if rep.verdict() == engine.Pass && !p.full {
		return
	}
	var lines []string
	for i := range rep.Waivers {
		w := &rep.Waivers[i]
		switch w.State {
		case "expired":
			lines = append(lines, waiverLine(w, "expired "+w.Expires))
		case "ended":
			lines = append(lines, waiverLine(w, "ended, a fix is out"))
		case "ambiguous":
			lines = append(lines, waiverLine(w, "accepts nothing, its fingerprint fits more than one thing or one of several places"))
		case "too-long":
			lines = append(lines, waiverLine(w, "accepts nothing, "+w.Expires+" is further ahead than waivers.max_days"))
		}
	}
	for i := range rep.Waivers {
		if w := &rep.Waivers[i]; w.State == "active" && w.Used > 0 {
			lines = append(lines, waiverLine(w, fmt.Sprintf("accepts %d until %s", w.Used, w.Expires)))
		}
	}
	const limit = 5
	for i, l := range lines {
		if i == limit && !p.full && len(lines) > limit+1 {
			p.addLine(fmt.Sprintf("  waiver  %d more   (all: --detail full)", len(lines)-limit))
			return
		}
		p.addWrapped("  waiver  ", l, 2, colored{"waiver", yellow})
	}
}

// waiverLine describes a waiver and what became of it, escaped.
func waiverLine(w *engine.Waiver, state string) string {
	return Escape(fmt.Sprintf("%s: %s (%s), owner %s: %s", w.Where, state, waiverScope(w), w.Owner, w.Reason))
}

// waiverScope says what a waiver accepts.
func waiverScope(w *engine.Waiver) string {
	var scope []string
	for _, k := range [][2]string{
		{"rule", string(w.Rule)}, {"vuln", string(w.Match.Vuln)}, {"purl", string(w.Match.PURL)}, {"path", string(w.Match.Path)},
		{"fingerprint", shortFingerprint(string(w.Match.Fingerprint))},
	} {
		if k[1] != "" {
			scope = append(scope, k[0]+" "+k[1])
		}
	}
	return cmp.Or(strings.Join(scope, ", "), "everything")
}

// deniedRefs lists the refs that unwaived results of denying rules name, each once, sorted.
func (rep *indexedReport) deniedRefs() []string {
	var refs []string
	for i := range rep.Decision.Rules {
		if r := &rep.Decision.Rules[i]; r.Status == engine.StatusDeny {
			for _, res := range unwaivedResults(r) {
				refs = append(refs, res.Findings...)
			}
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// addPlan adds what to change for the image to pass, what that leaves, and how to accept what cannot be changed now.
func (p *page) addPlan(rep *indexedReport) {
	if rep.verdict() != engine.Denied {
		return
	}
	plan, all := rep.Decision.Plan, len(rep.deniedRefs())
	var left []*engine.RuleResult
	for i := range rep.Decision.Rules {
		if r := &rep.Decision.Rules[i]; r.Status == engine.StatusDeny && (slices.Contains(plan.Left, r.ID) || len(plan.Changes) == 0) {
			left = append(left, r)
		}
	}
	p.addColored("  To pass", colored{"To pass", bold})
	count, layer := 0, 0
	for _, c := range plan.Changes {
		count = max(count, len(fmt.Sprintf("%d of %d", len(c.Findings), all)))
		layer = max(layer, len(layerText(rep.layers[string(c.Layer)])))
	}
	for _, c := range plan.Changes {
		command := Escape(c.Command)
		if c.Kind == "deb" || c.Kind == "apk" {
			command += "   (rebuild without cache)"
		}
		clears := fmt.Sprintf("%d of %d", len(c.Findings), all)
		label := fmt.Sprintf("    %*s   %-*s", count, clears, layer, layerText(rep.layers[string(c.Layer)]))
		p.addWrapped(strings.TrimRight(label, " ")+"   ", command, 4)
	}
	for _, r := range left {
		advice := "no change is known that clears it"
		if r.Remediation != "" {
			advice = string(r.Remediation)
		}
		if len(plan.Changes) > 0 {
			advice = "still denies after that. " + advice
		}
		p.addWrapped("    "+Escape(r.ID)+":  ", Escape(advice), 3)
	}
	p.addWaiveCommand(rep)
}

// addWaiveCommand adds a command that waives some of what denies: the first finding, or the first package with several.
func (p *page) addWaiveCommand(rep *indexedReport) {
	fingerprint, pkg := "", ""
	held := rep.unwaivable()
	for _, r := range rep.rulesByRank() {
		if r.Status != engine.StatusDeny || !r.Waivable {
			continue
		}
		packages, messages := rep.rows(r)
		for _, row := range append(slices.Clone(packages), messages...) {
			if held[row.fingerprint] {
				continue
			}
			if fingerprint == "" {
				fingerprint = row.fingerprint
			}
			if pkg == "" && len(row.findings) > 1 {
				pkg = row.name
			}
		}
	}
	var what []string
	if fingerprint != "" {
		what = append(what, Escape(fingerprint))
	}
	if pkg != "" && isShellWord(pkg) {
		what = append(what, "--package "+pkg)
	}
	if len(what) > 0 {
		const label, rest = "    or accept for a while:  ", "--owner @team --expires 30d --reason \"...\""
		line := label + "veto waive " + strings.Join(what, " | ")
		if width(line)+2+width(rest) <= p.width {
			p.addLine(line + "  " + rest)
			return
		}
		p.addLine(line)
		p.addLine(strings.Repeat(" ", width(label)) + rest)
	}
}

// unwaivable lists the fingerprints of what a rule denies that no waiver can set aside, though another rule's could.
func (rep *indexedReport) unwaivable() map[string]bool {
	out := map[string]bool{}
	for _, r := range rep.rulesByRank() {
		if r.Status != engine.StatusDeny || r.Waivable {
			continue
		}
		packages, messages := rep.rows(r)
		for _, row := range append(slices.Clone(packages), messages...) {
			out[row.fingerprint] = true
		}
	}
	return out
}

// isShellWord says whether s may stand in a shell command without quotes. People copy the command, and an image chooses the names of its
// packages.
func isShellWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._+@/-", rune(c)) {
			return false
		}
	}
	return s != "" && s[0] != '-' && len(s) <= 60
}
