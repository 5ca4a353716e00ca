package waiver

import (
	"slices"

	"github.com/vetoci/veto/engine"
)

// Subtract implements engine.Waivers.
func (m marks) Subtract(f *engine.Facts, rules []engine.RuleResult) error {
	s := &subtraction{waivers: f.Waivers, all: things(f)}
	s.shelf = newShelf(f.Waivers, ambiguousPrefixes(f.Waivers, prints(s.all, rules)))
	for r := range rules {
		rule := &rules[r]
		left := 0
		for i := range rule.Results {
			res := &rule.Results[i]
			res.WaivedBy = ""
			if rule.Waivable {
				res.WaivedBy = s.judge(rule.ID, res)
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
	s.lapse(rules)
	return nil
}

// subtraction is the waivers of a file in front of the results of all rules.
type subtraction struct {
	waivers []engine.Waiver
	shelf   shelf
	all     map[string]*thing
}

// judge returns the waiver that accepts a result, the first of several, and counts those that did.
func (s *subtraction) judge(rule string, res *engine.Result) engine.Maybe {
	if i, ok := s.whole(rule, res); ok {
		s.waivers[i].Used++
		return engine.Maybe(s.waivers[i].ID)
	}
	var used []int
	var by engine.Maybe
	for _, ref := range res.Findings {
		t := s.all[ref]
		if t == nil {
			return ""
		}
		if *t.waivedBy != "" {
			if by == "" {
				by = *t.waivedBy
			}
			continue
		}
		parts := t.accept(s.waivers, s.candidates(rule, t))
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

// whole finds the waiver that accepts a result for what it is, whatever findings it names.
func (s *subtraction) whole(rule string, res *engine.Result) (int, bool) {
	if len(res.Findings) > 0 && s.marked(res) {
		return 0, false // no further waiver is needed
	}
	own := s.own(res)
	for _, i := range s.shelf.near(res.Fingerprint) {
		if w := &s.waivers[i]; own.wholly(w, rule, res) && own.holds(w) {
			return i, true
		}
	}
	return 0, false
}

// own is a result as a thing of its own. It has a fix as soon as one of its findings has.
func (s *subtraction) own(res *engine.Result) *thing {
	own := &thing{fingerprint: res.Fingerprint}
	if res.Path != "" {
		own.paths = []string{string(res.Path)}
	}
	for _, ref := range res.Findings {
		if t := s.all[ref]; t != nil && t.fixed {
			own.fixed = true
		}
	}
	return own
}

// wholly says whether a waiver names all of the rule, or the result itself: by its fingerprint, or with the rule, by its path. Only a
// result without findings is named by its path: where there are findings, theirs count.
func (own *thing) wholly(w *engine.Waiver, rule string, res *engine.Result) bool {
	switch {
	case w.Rule != "" && string(w.Rule) != rule:
		return false
	case w.Match == engine.WaiverMatch{}:
		return w.Broad && w.Rule != ""
	case w.Match.Fingerprint == "" && (w.Rule == "" || len(res.Findings) > 0):
		return false
	}
	return own.matches(&w.Match)
}

// marked says whether every finding of a result is waived already.
func (s *subtraction) marked(res *engine.Result) bool {
	return !slices.ContainsFunc(res.Findings, func(ref string) bool { return s.all[ref] == nil || *s.all[ref].waivedBy == "" })
}

// candidates are the waivers of a rule that match a finding, and those without a rule, which may name another of its CVEs.
func (s *subtraction) candidates(rule string, t *thing) []int {
	var out []int
	for _, i := range s.shelf.near(t.fingerprint) {
		w := &s.waivers[i]
		if (w.Rule == "" || string(w.Rule) == rule) && w.Match != (engine.WaiverMatch{}) && t.matches(&w.Match) && t.holds(w) {
			out = append(out, i)
		}
	}
	return out
}

// lapse ends the waivers of rules that go until there is a fix and meet nothing that lacks one. It looks at every result, also at one
// that another waiver accepts, so that the order of waivers changes nothing.
func (s *subtraction) lapse(rules []engine.RuleResult) {
	if !slices.ContainsFunc(s.waivers, func(w engine.Waiver) bool { return w.Until != "" && w.Rule != "" }) {
		return
	}
	ends := make([]ending, len(s.waivers))
	for r := range rules {
		for i := range rules[r].Results {
			res := &rules[r].Results[i]
			own := s.own(res)
			for _, j := range s.shelf.near(s.fingerprints(res)...) {
				w := &s.waivers[j]
				if w.Until == "" || string(w.Rule) != rules[r].ID {
					continue
				}
				if own.wholly(w, rules[r].ID, res) {
					ends[j].meets(w, own.fixed)
				}
				for _, ref := range res.Findings {
					if t := s.all[ref]; t != nil && w.Match != (engine.WaiverMatch{}) && t.matches(&w.Match) {
						ends[j].meets(w, t.fixed)
					}
				}
			}
		}
	}
	end(s.waivers, ends)
}

func (s *subtraction) fingerprints(res *engine.Result) []string {
	out := []string{res.Fingerprint}
	for _, ref := range res.Findings {
		if t := s.all[ref]; t != nil {
			out = append(out, t.fingerprint)
		}
	}
	return out
}

// holds says whether a waiver has not come to its end by a fix.
func (t *thing) holds(w *engine.Waiver) bool { return w.Until == "" || !t.fixed }
