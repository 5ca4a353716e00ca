package waiver

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// printed is a target by one of its fingerprints.
type printed struct {
	fingerprint string
	thing       string // which thing it is: what is found twice at one place is one
	target      *target
}

// markAmbiguous gives the active waivers by fingerprint that fit more than one thing, or a part of one, the state ambiguous: they accept
// nothing. A waiver is written for one thing, and nobody can say which of them that is.
func markAmbiguous(ws []engine.Waiver, all []printed) {
	slices.SortFunc(all, func(a, b printed) int {
		return cmp.Or(strings.Compare(a.fingerprint, b.fingerprint), strings.Compare(a.thing, b.thing))
	})
	for i := range ws {
		prefix := string(ws[i].Match.Fingerprint)
		if prefix == "" || ws[i].State != active {
			continue
		}
		match := ws[i].Match
		match.Fingerprint = ""
		first, _ := slices.BinarySearchFunc(all, prefix, func(p printed, want string) int { return strings.Compare(p.fingerprint, want) })
		thing := ""
		for _, p := range all[first:] {
			if !strings.HasPrefix(p.fingerprint, prefix) {
				break
			}
			if !p.target.matches(&match) {
				continue
			}
			if isPart := p.fingerprint != p.target.fingerprint; isPart || thing != "" && thing != p.thing {
				ws[i].State = ambiguous
				break
			}
			thing = p.thing
		}
	}
}

// prints lists the fingerprints that waivers may name: of findings, secrets, gaps and results, and of parts of findings.
func prints(f *engine.Facts, targets map[string]*target, ws []engine.Waiver) []printed {
	if !slices.ContainsFunc(ws, func(w engine.Waiver) bool { return w.Match.Fingerprint != "" }) {
		return nil
	}
	out := make([]printed, 0, len(targets))
	for _, t := range targets {
		out = append(out, printed{t.fingerprint, t.thing, t})
	}
	for i := range f.Findings {
		if t := targets[f.Findings[i].Ref]; t != nil {
			for _, part := range f.Findings[i].PartFingerprints() {
				out = append(out, printed{part, t.thing, t})
			}
		}
	}
	return out
}

// waiverIndex finds the active waivers that may match a target. Most waivers of a baseline name a fingerprint, and are found by its first
// minFingerprint digits: a thousand waivers do not cost a thousand comparisons for each finding.
type waiverIndex struct {
	byPrefix map[string][]int // positions in the file
	others   []int            // waivers that name no fingerprint
}

func newWaiverIndex(ws []engine.Waiver) waiverIndex {
	x := waiverIndex{byPrefix: map[string][]int{}}
	for i := range ws {
		switch f := string(ws[i].Match.Fingerprint); {
		case ws[i].State != active:
		case f == "":
			x.others = append(x.others, i)
		default:
			x.byPrefix[f[:minFingerprint]] = append(x.byPrefix[f[:minFingerprint]], i)
		}
	}
	return x
}

// candidates returns the positions of the waivers that may match something with one of the fingerprints, in the order of the file.
func (x waiverIndex) candidates(fingerprints ...string) []int {
	var found []int
	for _, f := range fingerprints {
		if len(f) >= minFingerprint {
			found = append(found, x.byPrefix[f[:minFingerprint]]...)
		}
	}
	if len(found) == 0 {
		return x.others
	}
	found = append(found, x.others...)
	slices.Sort(found)
	return slices.Compact(found)
}
