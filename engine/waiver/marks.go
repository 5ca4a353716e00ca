package waiver

import (
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/glob"
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
		case len(w.Images) > 0 && !(id.Named && slices.ContainsFunc(w.Images, func(g string) bool { return matches(g, id.Name) })):
			w.State = otherImage
		default:
			w.State = active
		}
	}
	return m
}

// thing is what a waiver may match: a finding, a secret or a gap.
type thing struct {
	ids, cves   []string // ids that name the whole vulnerability; its CVEs
	purl        string
	paths       []string
	fingerprint string
	fixed       bool
	waivedBy    *engine.Maybe
}

func things(f *engine.Facts) map[string]*thing {
	all := make(map[string]*thing, len(f.Findings)+len(f.Secrets)+len(f.Gaps))
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
	for i := range f.Secrets {
		c := &f.Secrets[i]
		t := &thing{fingerprint: c.Fingerprint, waivedBy: &c.WaivedBy}
		if c.Path != "" {
			t.paths = []string{string(c.Path)}
		}
		all[c.Ref] = t
	}
	for i := range f.Gaps {
		c := &f.Gaps[i]
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
	for i := range f.Findings {
		f.Findings[i].WaivedBy = ""
	}
	for i := range f.Secrets {
		f.Secrets[i].WaivedBy = ""
	}
	for i := range f.Gaps {
		f.Gaps[i].WaivedBy = ""
	}
	rest := newShelf(f.Waivers, ambiguousPrefixes(f.Waivers, prints(all, nil)))
	ends := make([]ending, len(f.Waivers))
	for _, t := range all {
		var candidates []int
		for _, i := range rest.near(t.fingerprint) {
			w := &f.Waivers[i]
			if w.Rule != "" || !t.matches(&w.Match) {
				continue
			}
			if ends[i].meets(w, t.fixed) {
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
	end(f.Waivers, ends)
	return nil
}

// ending tells a waiver that ended, because a fix is there for all that it met, from one that met nothing.
type ending struct{ fixed, holds bool }

// meets notes what a waiver matched and says whether it accepts that.
func (e *ending) meets(w *engine.Waiver, fixed bool) bool {
	if w.Until != "" && fixed {
		e.fixed = true
		return false
	}
	e.holds = true
	return true
}

func end(ws []engine.Waiver, ends []ending) {
	for i, e := range ends {
		if e.fixed && !e.holds {
			ws[i].State = ended
		}
	}
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
	return m.Path == "" || len(t.paths) > 0 && !slices.ContainsFunc(t.paths, func(p string) bool { return !matches(string(m.Path), p) })
}

// matches says whether a name matches a glob that the file's reader has checked. A name that is too long to match is not accepted.
func matches(pattern, name string) bool {
	ok, err := glob.Match(pattern, name)
	return ok && err == nil
}
