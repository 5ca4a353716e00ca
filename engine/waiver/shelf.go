package waiver

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// prints are the fingerprints that a shortened one may stand for: of findings, gaps and results.
func prints(all map[string]*thing, rules []engine.RuleResult) []string {
	var out []string
	for _, t := range all {
		out = append(out, t.fingerprint)
	}
	for r := range rules {
		for i := range rules[r].Results {
			out = append(out, rules[r].Results[i].Fingerprint)
		}
	}
	return out
}

// ambiguousPrefixes are shortened fingerprints that more than one of prints begins with: they accept nothing.
func ambiguousPrefixes(ws []engine.Waiver, prints []string) map[string]bool {
	slices.Sort(prints)
	ambiguous := map[string]bool{}
	for i := range ws {
		prefix := string(ws[i].Match.Fingerprint)
		if prefix == "" {
			continue
		}
		first, _ := slices.BinarySearch(prints, prefix)
		for _, p := range prints[first:] {
			if !strings.HasPrefix(p, prefix) {
				break
			}
			if p != prints[first] {
				ambiguous[prefix] = true
				break
			}
		}
	}
	return ambiguous
}

// shelf finds the active waivers that may match a thing. Most of a baseline name a fingerprint, and are found by its first digits:
// a thousand waivers do not mean a thousand comparisons for each finding.
type shelf struct {
	byPrint map[string][]int
	others  []int
}

func newShelf(ws []engine.Waiver, ambiguous map[string]bool) shelf {
	s := shelf{byPrint: map[string][]int{}}
	for i := range ws {
		switch print := string(ws[i].Match.Fingerprint); {
		case ws[i].State != active || ambiguous[print]:
		case print == "":
			s.others = append(s.others, i)
		default:
			s.byPrint[print[:minFingerprint]] = append(s.byPrint[print[:minFingerprint]], i)
		}
	}
	return s
}

// near returns positions of waivers in the order of the file.
func (s shelf) near(fingerprints ...string) []int {
	var here []int
	for _, f := range fingerprints {
		if len(f) >= minFingerprint {
			here = append(here, s.byPrint[f[:minFingerprint]]...)
		}
	}
	if len(here) == 0 {
		return s.others
	}
	here = append(here, s.others...)
	slices.Sort(here)
	return slices.Compact(here)
}
