package advisory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// Explanation says why an advisory affects a version of a package, or why not.
type Explanation struct {
	Affected   bool               `json:"affected"` // what a scan would find
	Unknown    bool               `json:"unknown"`  // it cannot be told, which a scan reports as a gap
	Comparator engine.Maybe       `json:"comparator"`
	Reason     string             `json:"reason"`
	Ranges     []RangeExplanation `json:"ranges"` // what each range and list of versions says
}

// RangeExplanation is what one range, or one list of versions, says of a version.
type RangeExplanation struct {
	Range  string `json:"range"` // "ECOSYSTEM: introduced 0, fixed 1.2.3", "versions: 12 listed"
	Holds  bool   `json:"holds"`
	Reason string `json:"reason"` // "in [0, 1.2.3)", "1.2.3 or later, where it is fixed"
}

// Explain evaluates an advisory for an installed version as Matcher.Match does, and says why it is affected or not.
func Explain(a *Advisory, ecosystem, name, installed string) Explanation {
	e := Explanation{Ranges: []RangeExplanation{}}
	if scheme, err := version.Scheme(ecosystem); err == nil {
		e.Comparator = engine.Maybe(scheme)
	}
	v, invalid := version.Parse(ecosystem, installed)
	named := false
	for _, f := range a.Affected {
		if !f.isAbout(ecosystem, name) {
			continue
		}
		named = true
		e.Ranges = append(e.Ranges, f.explain(ecosystem, installed, v, invalid)...)
	}
	switch {
	case !named:
		e.Reason = fmt.Sprintf("it says nothing of %s in %s", name, ecosystem)
	case a.Withdrawn != "":
		e.Reason = "withdrawn " + a.Withdrawn
	case a.isNoVulnerability():
		e.Reason = "a notice of mended bugs or new features, which names no vulnerability"
	case !a.matchesStream(ecosystem, lookupName{name: name, version: installed}):
		e.Reason = "it is about builds of another stream of the module, or of a module at all"
	case invalid != nil:
		e.Affected = a.listsVersionText(ecosystem, lookupName{name: name, version: installed})
		e.Unknown, e.Reason = !e.Affected, invalid.Error()
		if e.Affected {
			e.Reason = listedReason
		}
	default:
		got, err := a.evaluate(ecosystem, name, v)
		e.Affected, e.Unknown = got.affected, err != nil
		switch {
		case err != nil:
			e.Reason = oneLine(err)
		case got.affected:
			e.Reason = reasonText(got.reason)
		default:
			e.Reason = "in no range and no list of versions"
		}
	}
	return e
}

// reasonText writes the reason of an evaluation as the end of a sentence.
func reasonText(reason string) string {
	if strings.HasPrefix(reason, "[") {
		return "in " + reason
	}
	return reason
}

// explain says what each range and the list of versions of an entry say. invalid is why the installed version does not parse, if it does
// not.
func (f Affected) explain(ecosystem, installed string, v version.Version, invalid error) (out []RangeExplanation) {
	for _, r := range f.Ranges {
		one := RangeExplanation{Range: r.String()}
		switch {
		case r.Type == "GIT":
			one.Reason = "of commits, which no version of a package can be compared with"
		case invalid != nil:
			one.Reason = invalid.Error()
		default:
			one.Holds, one.Reason = r.explain(ecosystem, v)
		}
		out = append(out, one)
	}
	if len(f.Versions) > 0 {
		one := RangeExplanation{Range: fmt.Sprintf("versions: %d listed", len(f.Versions)), Reason: "not listed"}
		if one.Holds = slices.Contains(f.Versions, installed) || invalid == nil && f.listsVersion(ecosystem, v); one.Holds {
			one.Reason = listedReason
		}
		out = append(out, one)
	}
	return out
}

// String writes the type of a range and its events, in their order.
func (r Range) String() string {
	var events []string
	for _, e := range r.Events {
		switch {
		case e.Introduced != "":
			events = append(events, "introduced "+e.Introduced)
		case e.Fixed != "":
			events = append(events, "fixed "+e.Fixed)
		case e.LastAffected != "":
			events = append(events, "last affected "+e.LastAffected)
		case e.Limit != "":
			events = append(events, "limit "+e.Limit)
		}
	}
	return r.Type + ": " + strings.Join(events, ", ")
}

// explain says where a version lies: in the range, before it begins, or at or after its end.
func (r Range) explain(ecosystem string, v version.Version) (holds bool, reason string) {
	interval, _, err := r.evaluate(ecosystem, v)
	if err != nil {
		return false, err.Error()
	}
	if interval != "" {
		return true, reasonText(interval)
	}
	scheme, err := r.scheme(ecosystem)
	if err == nil {
		v, err = version.ParseAs(scheme, v.String())
	}
	var boundaries, limits []boundary
	if err == nil {
		boundaries, limits, err = r.boundaries(scheme)
	}
	if err != nil {
		return false, err.Error()
	}
	for _, l := range limits {
		if c, err := v.Compare(l.version); err == nil && c >= 0 {
			return false, "not below the limit " + l.Limit
		}
	}
	const nowhere = "the range holds nothing"
	reason = nowhere
	for _, b := range boundaries {
		past, err := b.compareTo(v)
		if err != nil {
			return false, err.Error()
		}
		switch {
		case past < 0 && b.Introduced != "":
			if reason == nowhere {
				reason = "before " + b.Introduced + ", where it is introduced"
			}
			return false, reason
		case past >= 0 && b.Fixed != "":
			reason = b.Fixed + " or later, where it is fixed"
		case past > 0 && b.LastAffected != "":
			reason = "after " + b.LastAffected + ", the last one affected"
		}
	}
	return false, reason
}
