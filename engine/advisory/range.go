package advisory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine/version"
)

// boundary is one event of a range with its parsed version. The version "0" of an introduced event comes before every version.
type boundary struct {
	Event
	version version.Version
	zero    bool // introduced "0", which is no version; version is not set
}

// text returns the version as the event has it.
func (b boundary) text() string {
	switch {
	case b.Introduced != "":
		return b.Introduced
	case b.Fixed != "":
		return b.Fixed
	case b.LastAffected != "":
		return b.LastAffected
	}
	return b.Limit
}

// compare orders boundaries by their versions.
func (b boundary) compare(other boundary) (int, error) {
	switch {
	case b.zero && other.zero:
		return 0, nil
	case b.zero:
		return -1, nil
	case other.zero:
		return 1, nil
	}
	return b.version.Compare(other.version)
}

// compareTo says where v lies: below 0 before the boundary, 0 at it, above 0 after it.
func (b boundary) compareTo(v version.Version) (int, error) {
	if b.zero {
		return 1, nil
	}
	return v.Compare(b.version)
}

// evaluate returns the interval that v is in ("[1.0, 1.2)"), "" when it is in none, and the fixes newer than v.
func (r Range) evaluate(ecosystem string, v version.Version) (interval string, fixed []string, err error) {
	scheme, err := r.scheme(ecosystem)
	if err != nil {
		return "", nil, err
	}
	if v, err = version.ParseAs(scheme, v.String()); err != nil {
		return "", nil, err
	}
	boundaries, limits, err := r.boundaries(scheme)
	if err != nil {
		return "", nil, err
	}
	lower, upper, err := findInterval(boundaries, v)
	if err != nil {
		return "", nil, err
	}
	limited, err := beyondLimits(limits, v)
	if err != nil || limited || lower == "" {
		return "", fixesAfter(boundaries, v), err
	}
	return "[" + lower + ", " + upper, fixesAfter(boundaries, v), nil
}

// scheme returns the scheme of the range's versions.
func (r Range) scheme(ecosystem string) (string, error) {
	scheme, err := version.Scheme(ecosystem)
	switch {
	case err != nil:
		return "", err
	case r.Type == "ECOSYSTEM":
		return scheme, nil
	case r.Type == "SEMVER" && (scheme == version.Go || scheme == version.Loose): // orders of semantic versions that accept more spellings
		return scheme, nil
	case r.Type == "SEMVER":
		return version.SemVer, nil
	}
	return "", fmt.Errorf("unknown type of range %.40q", r.Type)
}

// boundaries parses the events and sorts them, with the limits apart. It returns no limits when one is "*", which is no limit at all.
func (r Range) boundaries(scheme string) (boundaries, limits []boundary, err error) {
	introduced, unlimited := false, false
	for _, e := range r.Events {
		b := boundary{Event: e}
		switch {
		case e.Introduced == "0":
			b.zero = true
		case e.Limit == "*":
			unlimited = true
			continue
		default:
			if b.version, err = version.ParseAs(scheme, b.text()); err != nil {
				return nil, nil, err
			}
		}
		introduced = introduced || e.Introduced != ""
		if e.Limit != "" {
			limits = append(limits, b)
			continue
		}
		boundaries = append(boundaries, b)
	}
	if !introduced {
		return nil, nil, errors.New("a range never says where it was introduced")
	}
	if unlimited {
		limits = nil
	}
	slices.SortStableFunc(boundaries, func(a, b boundary) int {
		c, e := a.compare(b)
		if e != nil {
			err = e
		}
		return c
	})
	return boundaries, limits, err
}

const noUpperBound = "*)"

// findInterval returns the bounds of the interval that v is in; lower is "" when it is in none. The boundaries are sorted.
//
// The events at one version have no order of their own: fixed or last_affected ends what was open before, and introduced opens. So a range
// that is introduced and fixed at the same version goes on as it was before: "0" and "0" is never affected, and what is closed and opened
// again stays open.
func findInterval(boundaries []boundary, v version.Version) (lower, upper string, err error) {
	for i := 0; i < len(boundaries); {
		j, err := endOfVersion(boundaries, i)
		if err != nil {
			return "", "", err
		}
		past, err := boundaries[i].compareTo(v)
		if err != nil {
			return "", "", err
		}
		same := boundaries[i:j]
		if past >= 0 {
			lower = lowerBoundAfter(same, lower, past > 0)
		}
		upper = upperBound(same)
		if past < 0 && upper != noUpperBound || past == 0 && strings.HasSuffix(upper, "]") {
			return lower, upper, nil
		}
		i = j
	}
	return lower, noUpperBound, nil
}

// endOfVersion returns the end of the boundaries that have the version of boundaries[i].
func endOfVersion(boundaries []boundary, i int) (int, error) {
	j := i + 1
	for j < len(boundaries) {
		c, err := boundaries[i].compare(boundaries[j])
		if err != nil {
			return 0, err
		}
		if c != 0 {
			break
		}
		j++
	}
	return j, nil
}

// beyondLimits says whether v is at or after every limit, if there is any.
func beyondLimits(limits []boundary, v version.Version) (bool, error) {
	beyond := len(limits) > 0
	for _, l := range limits {
		c, err := v.Compare(l.version)
		if err != nil {
			return false, err
		}
		beyond = beyond && c >= 0
	}
	return beyond, nil
}

// lowerBoundAfter returns where the interval began that is open after the events of one version, "" when none is open. lower is the one
// that was open before, "" none; after says that v is newer than that version.
func lowerBoundAfter(same []boundary, lower string, after bool) string {
	begins, ends := "", false
	for _, b := range same {
		switch {
		case b.Introduced != "":
			begins = b.Introduced
		case b.Fixed != "", b.LastAffected != "" && after:
			ends = true
		}
	}
	switch {
	case begins != "" && ends, begins == "" && !ends:
		return lower
	case ends:
		return ""
	case lower != "":
		return lower
	}
	return begins
}

// upperBound returns the end of the interval that the events of one version close: "1.2)" or "1.2]", noUpperBound when they close none.
func upperBound(same []boundary) string {
	for _, b := range same {
		switch {
		case b.Fixed != "":
			return b.Fixed + ")"
		case b.LastAffected != "":
			return b.LastAffected + "]"
		}
	}
	return noUpperBound
}

// fixesAfter returns the fixes newer than v.
func fixesAfter(boundaries []boundary, v version.Version) []string {
	var fixed []string
	for _, b := range boundaries {
		if b.Fixed == "" {
			continue
		}
		if c, err := v.Compare(b.version); err == nil && c < 0 {
			fixed = append(fixed, b.Fixed)
		}
	}
	return fixed
}
