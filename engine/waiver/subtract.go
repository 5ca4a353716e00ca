package waiver

import (
	"slices"

	"github.com/vetoci/veto/engine"
)

// Subtract implements engine.Waivers.
func (m imageWaivers) Subtract(f *engine.Facts, rules []engine.RuleResult) error {
	s := &subtraction{waivers: f.Waivers, targets: targets(f)}
	s.markAmbiguous(f, rules)
	s.index = newWaiverIndex(f.Waivers)
	for r := range rules {
		rule := &rules[r]
		left := 0
		for i := range rule.Results {
			res := &rule.Results[i]
			res.WaivedBy = ""
			if rule.Waivable {
				res.WaivedBy = s.waivedBy(rule.ID, res)
			}
			if res.WaivedBy == "" {
				left++
			}
		}
		fired := rule.Status == engine.StatusDeny || rule.Status == engine.StatusWarn || rule.Status == engine.StatusInfo
		if fired && left == 0 && len(rule.Results) > 0 {
			rule.Status = engine.StatusWaived
		}
	}
	s.endFixed(rules)
	return nil
}

// subtraction is the state of one Subtract.
type subtraction struct {
	waivers []engine.Waiver
	index   waiverIndex
	targets map[string]*target // findings, secrets and gaps by ref
}

// markAmbiguous looks again with the results, which have fingerprints too. Those of one rule about the same findings and the same place are
// one.
func (s *subtraction) markAmbiguous(f *engine.Facts, rules []engine.RuleResult) {
	all := prints(f, s.targets, s.waivers)
	if all == nil {
		return
	}
	for r := range rules {
		for i := range rules[r].Results {
			res := &rules[r].Results[i]
			t := s.targetOf(res)
			parts := []string{res.Fingerprint, rules[r].ID, string(res.Path), string(res.Subject), string(res.Layer)}
			t.thing = engine.Fingerprint(append(parts, res.Findings...)...)
			all = append(all, printed{t.fingerprint, t.thing, t})
		}
	}
	markAmbiguous(s.waivers, all)
}

// waivedBy returns the id of the waiver that accepts a result, the first of several, "" when the result stands. It counts those that did.
func (s *subtraction) waivedBy(rule string, res *engine.Result) engine.Maybe {
	if i, ok := s.waiverOf(rule, res); ok {
		s.waivers[i].Used++
		return engine.Maybe(s.waivers[i].ID)
	}
	var used []int
	var by engine.Maybe
	for _, ref := range res.Findings {
		t := s.targets[ref]
		if t == nil {
			return ""
		}
		if *t.waivedBy != "" {
			if by == "" {
				by = *t.waivedBy
			}
			continue
		}
		parts := t.acceptedBy(s.waivers, s.matching(rule, t))
		if len(parts) == 0 {
			return ""
		}
		if by == "" {
			by = engine.Maybe(s.waivers[parts[0]].ID)
		}
		used = append(used, parts...)
	}
	slices.Sort(used)
	for _, i := range slices.Compact(used) {
		s.waivers[i].Used++
	}
	return by
}

// waiverOf finds the waiver that names the result itself, whatever its findings are.
func (s *subtraction) waiverOf(rule string, res *engine.Result) (int, bool) {
	if len(res.Findings) > 0 && s.findingsWaived(res) {
		return 0, false // no further waiver is needed
	}
	t := s.targetOf(res)
	for _, i := range s.index.candidates(res.Fingerprint) {
		if w := &s.waivers[i]; t.isNamedBy(w, rule, res) && t.inForce(w) {
			return i, true
		}
	}
	return 0, false
}

// targetOf makes a target of the result itself. It has a fix as soon as one of its findings has.
func (s *subtraction) targetOf(res *engine.Result) *target {
	out := &target{fingerprint: res.Fingerprint}
	if res.Path != "" {
		out.paths = []string{string(res.Path)}
	}
	for _, ref := range res.Findings {
		if t := s.targets[ref]; t != nil && t.fixed {
			out.fixed = true
		}
	}
	return out
}

// isNamedBy says whether a waiver names everything that the rule says, or this one result: by its fingerprint, or by its path together with
// the rule. A path names a result without findings only: where there are findings, their paths count.
func (t *target) isNamedBy(w *engine.Waiver, rule string, res *engine.Result) bool {
	switch {
	case w.Rule != "" && string(w.Rule) != rule:
		return false
	case w.Match == engine.WaiverMatch{}:
		return w.Broad && w.Rule != ""
	case w.Match.Fingerprint == "" && (w.Rule == "" || len(res.Findings) > 0):
		return false
	}
	return t.matches(&w.Match)
}

// findingsWaived says whether every finding of a result is waived already.
func (s *subtraction) findingsWaived(res *engine.Result) bool {
	return !slices.ContainsFunc(res.Findings, func(ref string) bool { return s.targets[ref] == nil || *s.targets[ref].waivedBy == "" })
}

// matching returns the waivers of a rule that match a finding, and those without a rule, which may name another of its CVEs.
func (s *subtraction) matching(rule string, t *target) []int {
	var out []int
	for _, i := range s.index.candidates(t.fingerprint) {
		w := &s.waivers[i]
		if (w.Rule == "" || string(w.Rule) == rule) && w.Match != (engine.WaiverMatch{}) && t.matches(&w.Match) && t.inForce(w) {
			out = append(out, i)
		}
	}
	return out
}

// endFixed marks as ended the waivers of rules that go until there is a fix and match nothing that lacks one. It looks at every result,
// also at one that another waiver accepts, so that the order of waivers changes nothing.
func (s *subtraction) endFixed(rules []engine.RuleResult) {
	if !slices.ContainsFunc(s.waivers, func(w engine.Waiver) bool { return w.Until != "" && w.Rule != "" }) {
		return
	}
	tallies := make([]fixTally, len(s.waivers))
	for r := range rules {
		for i := range rules[r].Results {
			res := &rules[r].Results[i]
			result := s.targetOf(res)
			for _, j := range s.index.candidates(s.fingerprintsOf(res)...) {
				w := &s.waivers[j]
				if w.Until == "" || string(w.Rule) != rules[r].ID {
					continue
				}
				if result.isNamedBy(w, rules[r].ID, res) {
					tallies[j].add(w, result.fixed)
				}
				for _, ref := range res.Findings {
					if t := s.targets[ref]; t != nil && w.Match != (engine.WaiverMatch{}) && t.matches(&w.Match) {
						tallies[j].add(w, t.fixed)
					}
				}
			}
		}
	}
	endFixed(s.waivers, tallies)
}

// fingerprintsOf lists those of a result and of its findings.
func (s *subtraction) fingerprintsOf(res *engine.Result) []string {
	out := []string{res.Fingerprint}
	for _, ref := range res.Findings {
		if t := s.targets[ref]; t != nil {
			out = append(out, t.fingerprint)
		}
	}
	return out
}

// inForce says whether a waiver that matches the target has not ended by a fix.
func (t *target) inForce(w *engine.Waiver) bool { return w.Until == "" || !t.fixed }
