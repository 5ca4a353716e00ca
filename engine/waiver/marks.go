package waiver

import (
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// The states of a waiver; see engine.Waiver.
const (
	active     = "active"
	expired    = "expired"
	ended      = "ended"
	otherImage = "other-image"
)

// marks is a waiver file in front of one image at one time.
type marks struct{ waivers []engine.Waiver }

// None accepts nothing.
func None() engine.Waivers { return marks{} }

// For says what the file accepts for one image as of a clock. Patterns over images match names that can be trusted only: what the
// user typed as a reference or gave with --as, never a name found inside an archive.
func (f *File) For(id engine.Identity, at time.Time) engine.Waivers {
	m := marks{waivers: f.Waivers()}
	today := at.UTC().Format(time.DateOnly)
	for i := range m.waivers {
		w := &m.waivers[i]
		switch {
		case w.Expires < today:
			w.State = expired
		case len(w.Images) > 0 && !(id.Named && slices.ContainsFunc(w.Images, func(g string) bool { return matchGlob(g, id.Name) })):
			w.State = otherImage
		default:
			w.State = active
		}
	}
	return m
}

// thing is what a waiver may match: a finding or a coverage fact.
type thing struct {
	ids, cves   []string // ids that name the whole vulnerability; its CVEs
	purl        string
	paths       []string
	fingerprint string
	fixed       bool
	waivedBy    *engine.Maybe
}

func things(f *engine.Facts) map[string]*thing {
	all := make(map[string]*thing, len(f.Findings)+len(f.Coverage))
	for i := range f.Findings {
		v := &f.Findings[i]
		t := &thing{cves: v.CVEs, purl: v.Package.PURL, fingerprint: v.Fingerprint, fixed: len(v.FixedVersions) > 0, waivedBy: &v.WaivedBy}
		for _, id := range append([]string{v.ID}, v.Aliases...) {
			// One CVE of several does not name the advisory that speaks of them all.
			if len(v.CVEs) < 2 || !slices.Contains(v.CVEs, id) {
				t.ids = append(t.ids, id)
			}
		}
		for _, l := range v.Package.Locations {
			t.paths = append(t.paths, l.Path)
		}
		all[v.Ref] = t
	}
	for i := range f.Coverage {
		c := &f.Coverage[i]
		t := &thing{fingerprint: c.Fingerprint, waivedBy: &c.WaivedBy}
		if c.Path != "" {
			t.paths = []string{string(c.Path)}
		}
		all[c.Ref] = t
	}
	return all
}

// Mark implements engine.Waivers.
func (m marks) Mark(f *engine.Facts) error {
	f.Waivers = slices.Clone(m.waivers)
	all := things(f)
	ambiguous := ambiguousPrefixes(f.Waivers, all)
	for i := range f.Findings {
		f.Findings[i].WaivedBy = ""
	}
	for i := range f.Coverage {
		f.Coverage[i].WaivedBy = ""
	}
	unfixed := make([]bool, len(f.Waivers)) // until: fix-available still holds for something, or met nothing
	met := make([]bool, len(f.Waivers))
	for _, t := range all {
		var candidates []int
		for i := range f.Waivers {
			w := &f.Waivers[i]
			if w.State != active || w.Rule != "" || ambiguous[string(w.Match.Fingerprint)] || !t.matches(&w.Match) {
				continue
			}
			met[i] = true
			if w.Until == "" || !t.fixed {
				unfixed[i] = true
				candidates = append(candidates, i)
			}
		}
		for _, i := range t.accept(f.Waivers, candidates) {
			f.Waivers[i].Used++
			if *t.waivedBy == "" {
				*t.waivedBy = engine.Maybe(f.Waivers[i].ID)
			}
		}
	}
	for i := range f.Waivers {
		if met[i] && !unfixed[i] {
			f.Waivers[i].State = ended
		}
	}
	return nil
}

// accept returns the waivers that together accept the thing: the first that names it whole, else those that name all of its CVEs.
func (t *thing) accept(ws []engine.Waiver, candidates []int) []int {
	for _, i := range candidates {
		if v := string(ws[i].Match.Vuln); v == "" || slices.Contains(t.ids, v) {
			return []int{i}
		}
	}
	var parts []int
	covered := map[string]bool{}
	for _, i := range candidates {
		if v := string(ws[i].Match.Vuln); slices.Contains(t.cves, v) {
			parts = append(parts, i)
			covered[v] = true
		}
	}
	if len(covered) == 0 || len(covered) < len(t.cves) {
		return nil
	}
	return parts
}

// matches holds every key but vuln to be the thing's; vuln must name it or one of its CVEs.
func (t *thing) matches(m *engine.WaiverMatch) bool {
	if m.Vuln != "" && !slices.Contains(t.ids, string(m.Vuln)) && !slices.Contains(t.cves, string(m.Vuln)) {
		return false
	}
	if m.Fingerprint != "" && !strings.HasPrefix(t.fingerprint, string(m.Fingerprint)) {
		return false
	}
	if m.PURL != "" && !purl.Match(string(m.PURL), t.purl) {
		return false
	}
	// A package found in two places is accepted only where both are.
	return m.Path == "" || len(t.paths) > 0 && !slices.ContainsFunc(t.paths, func(p string) bool { return !matchGlob(string(m.Path), p) })
}

// ambiguousPrefixes are shortened fingerprints that more than one thing has: they accept nothing.
func ambiguousPrefixes(ws []engine.Waiver, all map[string]*thing) map[string]bool {
	ambiguous := map[string]bool{}
	for _, w := range ws {
		prefix := string(w.Match.Fingerprint)
		if prefix == "" || len(prefix) == 64 {
			continue
		}
		full := ""
		for _, t := range all {
			if strings.HasPrefix(t.fingerprint, prefix) {
				ambiguous[prefix] = ambiguous[prefix] || full != "" && full != t.fingerprint
				full = t.fingerprint
			}
		}
	}
	return ambiguous
}

// Subtract implements engine.Waivers.
func (m marks) Subtract(f *engine.Facts, rules []engine.RuleResult) error {
	all := things(f)
	ambiguous := ambiguousPrefixes(f.Waivers, all)
	for r := range rules {
		rule := &rules[r]
		if !rule.Waivable || len(rule.Results) == 0 {
			continue
		}
		left := 0
		for i := range rule.Results {
			res := &rule.Results[i]
			if res.WaivedBy = byFindings(res, all); res.WaivedBy == "" {
				res.WaivedBy = byRule(f.Waivers, rule.ID, res, all, ambiguous)
			}
			if res.WaivedBy == "" {
				left++
			}
		}
		fired := rule.Status == engine.StatusDeny || rule.Status == engine.StatusWarn || rule.Status == engine.StatusInfo
		if fired && left == 0 {
			rule.Status = engine.StatusWaived
		}
	}
	return nil
}

// byFindings accepts a result when every finding that it names is waived.
func byFindings(res *engine.Result, all map[string]*thing) engine.Maybe {
	var by engine.Maybe
	for _, ref := range res.Findings {
		t := all[ref]
		if t == nil || *t.waivedBy == "" {
			return ""
		}
		if by == "" {
			by = *t.waivedBy
		}
	}
	return by
}

// byRule accepts a result by a waiver that names its rule: as a whole, by the result's own fingerprint or path, or because it
// matches every finding of the result. A waiver without a rule may name a result by its fingerprint, too.
func byRule(ws []engine.Waiver, id string, res *engine.Result, all map[string]*thing, ambiguous map[string]bool) engine.Maybe {
	for i := range ws {
		w := &ws[i]
		if w.State != active || w.Rule != "" && string(w.Rule) != id || ambiguous[string(w.Match.Fingerprint)] {
			continue
		}
		own := &thing{fingerprint: res.Fingerprint}
		if res.Path != "" {
			own.paths = []string{string(res.Path)}
		}
		ok := w.Match != engine.WaiverMatch{} && own.matches(&w.Match) && own.holds(w)
		if w.Rule != "" && !ok {
			ok = w.Broad && w.Match == engine.WaiverMatch{} || len(res.Findings) > 0
			for _, ref := range res.Findings {
				t := all[ref]
				ok = ok && t != nil && t.matches(&w.Match) && t.holds(w) && t.accept(ws, []int{i}) != nil
			}
		}
		if ok {
			w.Used++
			return engine.Maybe(w.ID)
		}
	}
	return ""
}

func (t *thing) holds(w *engine.Waiver) bool { return w.Until == "" || !t.fixed }
