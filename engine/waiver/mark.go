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
	ambiguous  = "ambiguous"
	tooLong    = "too-long"
)

// imageWaivers are the waivers of a file with their states for one image at one time.
type imageWaivers struct{ waivers []engine.Waiver }

// None returns waivers that accept nothing.
func None() engine.Waivers { return imageWaivers{} }

// For returns what the file accepts for one image at a time. Patterns over images match names that can be trusted only: what the
// user typed as a reference or gave with --as, never a name found inside an archive.
func (f *File) For(id engine.Identity, at time.Time) engine.Waivers {
	m := imageWaivers{waivers: f.Waivers()}
	today, last := at.UTC().Format(time.DateOnly), at.UTC().AddDate(0, 0, f.maxDays).Format(time.DateOnly)
	for i := range m.waivers {
		w := &m.waivers[i]
		switch {
		case w.Expires < today:
			w.State = expired
		case w.Expires > last:
			w.State = tooLong
		case len(w.Images) > 0 && !(id.Named && slices.ContainsFunc(w.Images, func(g string) bool { return globMatches(g, id.Name) })):
			w.State = otherImage
		default:
			w.State = active
		}
	}
	return m
}

// target is what a waiver may match: a finding, a secret, a gap or a result.
type target struct {
	ids         []string            // that name the whole vulnerability
	cves        []string            // its CVEs
	partial     map[string][]string // the CVEs that ids speak for which do not name the whole
	purl        string
	thing       string // what tells it from others of the same fingerprint
	paths       []string
	fingerprint string
	fixed       bool          // there is a fixed version
	waivedBy    *engine.Maybe // the field of the facts that Mark sets; nil for a result
}

// targets returns the findings, secrets and gaps by their refs.
func targets(f *engine.Facts) map[string]*target {
	all := make(map[string]*target, len(f.Findings)+len(f.Secrets)+len(f.Gaps))
	for i := range f.Findings {
		v := &f.Findings[i]
		t := &target{cves: v.CVEs, purl: v.Package.PURL, fingerprint: v.Fingerprint, thing: v.Ref, fixed: len(v.FixedVersions) > 0,
			waivedBy: &v.WaivedBy}
		t.name(v)
		for _, l := range v.Package.Locations {
			t.paths = append(t.paths, l.Path)
		}
		all[v.Ref] = t
	}
	add := func(ref, fingerprint string, path, subject engine.Maybe, waivedBy *engine.Maybe) {
		t := &target{fingerprint: fingerprint, thing: fingerprint + "\n" + string(path) + "\n" + string(subject), waivedBy: waivedBy}
		if path != "" {
			t.paths = []string{string(path)}
		}
		all[ref] = t
	}
	for i := range f.Secrets {
		s := &f.Secrets[i]
		add(s.Ref, s.Fingerprint, s.Path, s.Subject, &s.WaivedBy)
	}
	for i := range f.Gaps {
		g := &f.Gaps[i]
		add(g.Ref, g.Fingerprint, g.Path, g.Subject, &g.WaivedBy)
	}
	return all
}

// name sets which ids name the whole vulnerability, and which some of its CVEs.
func (t *target) name(v *engine.Finding) {
	all := slices.Concat([]string{v.ID}, v.Aliases, v.CVEs)
	if len(v.CVEs) < 2 {
		t.ids = all
		return
	}
	t.partial = map[string][]string{}
	for _, id := range all {
		if cves, whole := v.SpeaksOf(id); whole {
			t.ids = append(t.ids, id)
		} else if len(cves) > 0 {
			t.partial[id] = cves
		}
	}
}

// Mark implements engine.Waivers.
func (m imageWaivers) Mark(f *engine.Facts) error {
	f.Waivers = slices.Clone(m.waivers)
	all := targets(f)
	for i := range f.Findings {
		f.Findings[i].WaivedBy = ""
	}
	for i := range f.Secrets {
		f.Secrets[i].WaivedBy = ""
	}
	for i := range f.Gaps {
		f.Gaps[i].WaivedBy = ""
	}
	markAmbiguous(f.Waivers, prints(f, all, f.Waivers))
	index := newWaiverIndex(f.Waivers)
	tallies := make([]fixTally, len(f.Waivers))
	for _, t := range all {
		var matching []int
		for _, i := range index.candidates(t.fingerprint) {
			w := &f.Waivers[i]
			if w.Rule != "" || !t.matches(&w.Match) {
				continue
			}
			if tallies[i].add(w, t.fixed) {
				matching = append(matching, i)
			}
		}
		for _, i := range t.acceptedBy(f.Waivers, matching) {
			f.Waivers[i].Used++
			if *t.waivedBy == "" {
				*t.waivedBy = engine.Maybe(f.Waivers[i].ID)
			}
		}
	}
	endFixed(f.Waivers, tallies)
	return nil
}

// fixTally says what a waiver matched: something with a fix, something without. It tells a waiver that has ended, because there is a fix
// for all that it matched, from one that matched nothing.
type fixTally struct{ fixed, unfixed bool }

// add notes what a waiver matched and says whether the waiver accepts it.
func (t *fixTally) add(w *engine.Waiver, fixed bool) bool {
	if w.Until != "" && fixed {
		t.fixed = true
		return false
	}
	t.unfixed = true
	return true
}

// endFixed marks as ended the waivers that go until there is a fix and matched only what has one.
func endFixed(ws []engine.Waiver, tallies []fixTally) {
	for i, t := range tallies {
		if t.fixed && !t.unfixed {
			ws[i].State = ended
		}
	}
}

// acceptedBy returns which of the matching waivers together accept the target: the first that names all of it, else those that name its
// CVEs, if every CVE is named.
func (t *target) acceptedBy(ws []engine.Waiver, matching []int) []int {
	for _, i := range matching {
		if v := string(ws[i].Match.Vuln); v == "" || slices.Contains(t.ids, v) {
			return []int{i}
		}
	}
	var parts []int
	covered := map[string]bool{}
	for _, i := range matching {
		if cves := t.partial[string(ws[i].Match.Vuln)]; len(cves) > 0 {
			parts = append(parts, i)
			for _, cve := range cves {
				covered[cve] = true
			}
		}
	}
	if len(covered) == 0 || slices.ContainsFunc(t.cves, func(cve string) bool { return !covered[cve] }) {
		return nil
	}
	return parts
}

// matches says whether every key of a waiver's match is the target's. vuln may also name some of its CVEs.
func (t *target) matches(m *engine.WaiverMatch) bool {
	if m.Vuln != "" && !slices.Contains(t.ids, string(m.Vuln)) && len(t.partial[string(m.Vuln)]) == 0 {
		return false
	}
	if m.Fingerprint != "" && !strings.HasPrefix(t.fingerprint, string(m.Fingerprint)) {
		return false
	}
	if m.PURL != "" && !purl.Match(string(m.PURL), t.purl) {
		return false
	}
	// A package found in two places is accepted only where both are.
	return m.Path == "" || len(t.paths) > 0 && !slices.ContainsFunc(t.paths, func(p string) bool { return !globMatches(string(m.Path), p) })
}

// globMatches says whether a name matches a glob that Parse has checked. A name that is too long to match is not accepted.
func globMatches(pattern, name string) bool {
	ok, err := glob.Match(pattern, name)
	return ok && err == nil
}
