package waiver

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// fingerprints lists those that a shortened fingerprint may stand for: of findings, secrets, gaps and results.
func fingerprints(targets map[string]*target, rules []engine.RuleResult) []string {
	var out []string
	for _, t := range targets {
		out = append(out, t.fingerprint)
	}
	for r := range rules {
		for i := range rules[r].Results {
			out = append(out, rules[r].Results[i].Fingerprint)
		}
	}
	return out
}

// ambiguousPrefixes returns the shortened fingerprints with which more than one of fingerprints begins. Waivers with these accept nothing.
func ambiguousPrefixes(ws []engine.Waiver, fingerprints []string) map[string]bool {
	slices.Sort(fingerprints)
	ambiguous := map[string]bool{}
	for i := range ws {
		prefix := string(ws[i].Match.Fingerprint)
		if prefix == "" {
			continue
		}
		first, _ := slices.BinarySearch(fingerprints, prefix)
		for _, f := range fingerprints[first:] {
			if !strings.HasPrefix(f, prefix) {
				break
			}
			if f != fingerprints[first] {
				ambiguous[prefix] = true
				break
			}
		}
	}
	return ambiguous
}

// waiverIndex finds the active waivers that may match a target. Most waivers of a baseline name a fingerprint, and are found by its first
// minFingerprint digits: a thousand waivers do not cost a thousand comparisons for each finding.
type waiverIndex struct {
	byPrefix map[string][]int // positions in the file
	others   []int            // waivers that name no fingerprint
}

func newWaiverIndex(ws []engine.Waiver, ambiguous map[string]bool) waiverIndex {
	x := waiverIndex{byPrefix: map[string][]int{}}
	for i := range ws {
		switch f := string(ws[i].Match.Fingerprint); {
		case ws[i].State != active || ambiguous[f]:
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
