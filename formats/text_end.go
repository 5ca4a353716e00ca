package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// soonDays is how near an expiry is named before it happens.
const soonDays = 14

// waived names the waivers that bear on a failure: those that hold no more, because a failure that a waiver used to cover is
// otherwise a riddle, and those that accepted something.
func (p *page) waived(v *view) {
	if v.verdict() == engine.Pass && !p.full {
		return
	}
	var lines []string
	for i := range v.Waivers {
		w := &v.Waivers[i]
		switch w.State {
		case "expired":
			lines = append(lines, waiverLine(w, "expired "+w.Expires))
		case "ended":
			lines = append(lines, waiverLine(w, "ended, a fix is out"))
		}
	}
	for i := range v.Waivers {
		if w := &v.Waivers[i]; w.State == "active" && w.Used > 0 {
			lines = append(lines, waiverLine(w, fmt.Sprintf("accepts %d until %s", w.Used, w.Expires)))
		}
	}
	const most = 5
	for i, l := range lines {
		if i == most && !p.full && len(lines) > most+1 {
			p.line(fmt.Sprintf("  waiver  %d more   (all: --detail full)", len(lines)-most))
			return
		}
		p.wrapped("  waiver  ", l, 2, [2]string{"waiver", yellow})
	}
}

func waiverLine(w *engine.Waiver, state string) string {
	return Escape(fmt.Sprintf("%s: %s (%s), owner %s: %s", w.Where, state, covers(w), w.Owner, w.Reason))
}

// covers says what a waiver accepts.
func covers(w *engine.Waiver) string {
	var s []string
	for _, k := range [][2]string{{"rule", string(w.Rule)}, {"vuln", string(w.Match.Vuln)}, {"purl", string(w.Match.PURL)}, {"path", string(w.Match.Path)}, {"fingerprint", short(string(w.Match.Fingerprint))}} {
		if k[1] != "" {
			s = append(s, k[0]+" "+k[1])
		}
	}
	return cmp.Or(strings.Join(s, ", "), "everything")
}

// denied lists the refs that unwaived results of denying rules name, each once, sorted.
func (v *view) denied() []string {
	var refs []string
	for i := range v.Decision.Rules {
		if r := &v.Decision.Rules[i]; r.Status == engine.StatusDeny {
			for _, res := range unwaived(r) {
				refs = append(refs, res.Findings...)
			}
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// toPass prints the plan: what to change, what that leaves, and how to accept what cannot be changed now.
func (p *page) toPass(v *view) {
	if v.verdict() != engine.Denied {
		return
	}
	plan, all := v.Decision.Plan, len(v.denied())
	var left []*engine.RuleResult
	for i := range v.Decision.Rules {
		if r := &v.Decision.Rules[i]; r.Status == engine.StatusDeny && (slices.Contains(plan.Left, r.ID) || len(plan.Changes) == 0) {
			left = append(left, r)
		}
	}
	p.paint("  To pass", [][2]string{{"To pass", bold}})
	count, layer := 0, 0
	for _, c := range plan.Changes {
		count = max(count, len(fmt.Sprintf("%d of %d", len(c.Findings), all)))
		layer = max(layer, len(layerText(v.layers[string(c.Layer)])))
	}
	for _, c := range plan.Changes {
		command := Escape(c.Command)
		if c.Kind == "deb" || c.Kind == "apk" {
			command += "   (rebuild without cache)"
		}
		label := fmt.Sprintf("    %*s   %-*s", count, fmt.Sprintf("%d of %d", len(c.Findings), all), layer, layerText(v.layers[string(c.Layer)]))
		p.wrapped(strings.TrimRight(label, " ")+"   ", command, 4)
	}
	for _, r := range left {
		say := "no change is known that clears it"
		if r.Remediation != "" {
			say = string(r.Remediation)
		}
		if len(plan.Changes) > 0 {
			say = "still denies after that. " + say
		}
		p.wrapped("    "+Escape(r.ID)+":  ", Escape(say), 3)
	}
	p.accept(v)
}

// accept is the command that waives, with what this report has.
func (p *page) accept(v *view) {
	fingerprint, pkg := "", ""
	for _, r := range v.ranked() {
		if r.Status != engine.StatusDeny || !r.Waivable {
			continue
		}
		packages, messages := v.rows(r)
		for _, g := range append(slices.Clone(packages), messages...) {
			if fingerprint == "" {
				fingerprint = g.fingerprint
			}
			if pkg == "" && len(g.findings) > 1 {
				pkg = g.name
			}
		}
	}
	var what []string
	if fingerprint != "" {
		what = append(what, Escape(fingerprint))
	}
	if pkg != "" && word(pkg) {
		what = append(what, "--package "+pkg)
	}
	if len(what) > 0 {
		const label, rest = "    or accept for a while:  ", "--owner @team --expires 30d --reason \"...\""
		one := label + "veto waive " + strings.Join(what, " | ")
		if width(one)+2+width(rest) <= p.width {
			p.line(one + "  " + rest)
			return
		}
		p.line(one)
		p.line(strings.Repeat(" ", width(label)) + rest)
	}
}

// word says that s may stand in a shell command as it is. A command that people copy is no place for names that an image chose freely.
func word(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._+@/-", rune(c)) {
			return false
		}
	}
	return s != "" && s[0] != '-' && len(s) <= 60
}

// facts prints what the answer rests on: inventory, data, policies, and whatever weakens the gate.
func (p *page) facts(v *view) {
	if len(v.Packages) > 0 || len(v.Decision.Rules) > 0 {
		p.wrapped("  Seen     ", v.seen(), 3, [2]string{"Seen", bold})
		p.wrapped("  Data     ", v.data(), 3, [2]string{"Data", bold})
		if b := v.base(); b != "" {
			p.wrapped("  Base     ", b, 3, [2]string{"Base", bold})
		}
		if p.full && v.Space.ContentBytes > 0 {
			p.wrapped("  Space    ", v.space(), 3, [2]string{"Space", bold})
		}
	}
	if len(v.Decision.Rules) > 0 {
		p.wrapped("  Policy   ", v.policies(), 4, [2]string{"Policy", bold})
	}
	const most = 10
	for i, w := range v.Decision.Weakened {
		if i == most && !p.full && len(v.Decision.Weakened) > most+1 {
			p.line(fmt.Sprintf("  Weakened %d more  (all: --detail full)", len(v.Decision.Weakened)-most))
			break
		}
		p.wrapped("  Weakened ", relaxation(w), 3, [2]string{"Weakened", bold + ";" + yellow})
	}
}

// relaxation is "rules.user-root: warn → off (veto.yaml:7)".
func relaxation(w engine.Relaxation) string {
	s := w.What
	if w.From != "" || w.To != "" {
		s += ": " + cmp.Or(string(w.From), "unset") + " → " + cmp.Or(string(w.To), "unset")
	}
	return Escape(s + " (" + w.Where + ")")
}

func (v *view) seen() string {
	n := map[string]int{}
	var types []string
	for _, pkg := range v.Packages {
		if n[pkg.Type]++; n[pkg.Type] == 1 {
			types = append(types, pkg.Type)
		}
	}
	slices.SortFunc(types, func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b)) })
	var parts []string
	for _, t := range types {
		noun := Escape(t)
		if t == "golang" {
			noun = "Go modules"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n[t], noun))
	}
	if len(parts) == 0 {
		parts = []string{"no packages"}
	}
	unread, waived := 0, 0
	for _, c := range v.Gaps {
		switch c.Kind {
		case engine.GapUnreadable, engine.GapMalformed, engine.GapLimit, engine.GapUnsupported:
			unread += max(c.Count, 1)
		}
	}
	aside := 0
	for _, f := range v.Findings {
		if f.VEXStatus == "not_affected" || f.VEXStatus == "fixed" {
			aside++
		}
		if f.WaivedBy != "" {
			waived++
		}
	}
	for _, r := range v.Decision.Rules {
		for _, res := range r.Results {
			if res.WaivedBy != "" && len(res.Findings) == 0 {
				waived++
			}
		}
	}
	seen := strings.Join(parts, ", ") + fmt.Sprintf("; %s unread; %d waived", plural(unread, "file", "files"), waived)
	if aside > 0 {
		seen += fmt.Sprintf("; %d set aside by VEX", aside)
	}
	return seen
}

func (v *view) data() string {
	if v.Database.State == "none" {
		return "no vulnerability database was used"
	}
	day := func(s *engine.Shard) string {
		if s.AsOf == "" {
			return "of unknown date"
		}
		return Escape(string(s.AsOf[:min(10, len(s.AsOf))]))
	}
	shards := slices.Clone(v.Database.Shards)
	slices.SortStableFunc(shards, func(a, b engine.Shard) int { return strings.Compare(string(a.AsOf), string(b.AsOf)) })
	var parts []string
	switch n := len(shards); {
	case n == 0:
		parts = append(parts, "none was needed")
	case n == 1 || shards[0].AsOf == shards[n-1].AsOf:
		var names []string
		for i := range shards {
			names = append(names, Escape(shards[i].Ecosystem))
		}
		parts = append(parts, strings.Join(names, ", ")+" "+day(&shards[0]))
	default:
		parts = append(parts, fmt.Sprintf("oldest %s %s, newest %s %s", Escape(shards[0].Ecosystem), day(&shards[0]), Escape(shards[n-1].Ecosystem), day(&shards[n-1])))
	}
	kev := "KEV not loaded"
	if v.Database.KEV != nil {
		kev = "KEV " + day(v.Database.KEV)
	}
	if parts = append(parts, kev); v.Database.EPSS != nil {
		parts = append(parts, "EPSS "+day(v.Database.EPSS))
	}
	return strings.Join(parts, "; ")
}

func (v *view) policies() string {
	var parts []string
	for _, s := range v.Policy.Sources {
		algorithm, _, _ := strings.Cut(string(s.Digest), ":")
		parts = append(parts, strings.TrimSuffix(Escape(s.Name+" "+algorithm+":"+s.Digest.Short()), " :"))
	}
	return strings.Join(parts, ", ") + "; " + v.counts()
}

// counts is "10 rules: 2 deny, 2 warn, 6 pass".
func (v *view) counts() string {
	n := map[string]int{}
	var words []string
	for _, r := range v.ranked() {
		w := statusWord(r.Status)[0]
		if n[w]++; n[w] == 1 {
			words = append(words, w)
		}
	}
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", n[w], w)
	}
	return plural(len(v.Decision.Rules), "rule", "rules") + ": " + strings.Join(words, ", ")
}
