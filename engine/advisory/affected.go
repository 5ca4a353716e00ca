package advisory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
	"github.com/vetoci/veto/engine/version"
)

// verdict says how an advisory speaks of one version of a package.
type verdict struct {
	affected bool
	reason   string   // "[0, 1.2.3)" or "listed in versions"
	fixed    []string // fixes newer than the version, in their order
	urgency  []string // what the matching entries call it
	ratings  []Rating
	imports  []Import
}

// names says whether an affected entry speaks of the package. An entry without a release ("Debian") speaks of every release.
func (f Affected) names(ecosystem, name string) bool {
	base, _ := engine.SplitEcosystem(ecosystem)
	return (f.Ecosystem == ecosystem || f.Ecosystem == base) && plainName(base, f.Name) == plainName(base, name)
}

// plainName spells a name in the one way that the ecosystem compares by.
func plainName(base, name string) string {
	switch base {
	case "PyPI":
		return purl.NormalPython(name)
	case "Packagist", "NuGet", "GitHub Actions":
		return strings.ToLower(name)
	}
	return name
}

// judge evaluates an advisory for an installed version as the OSV schema's section "Evaluation" has it: listed in versions, or inside any
// range. The error says that it could not be told; a version that is affected for certain is no error.
func (a *Advisory) judge(ecosystem, name string, v version.Version) (verdict, error) {
	var out verdict
	var problems []error
	for _, f := range a.Affected {
		if !f.names(ecosystem, name) {
			continue
		}
		one, err := f.judge(ecosystem, v)
		if err != nil {
			problems = append(problems, err)
		}
		if !one.affected {
			continue
		}
		if !out.affected || one.reason < out.reason {
			out.reason = one.reason
		}
		out.affected = true
		out.fixed = append(out.fixed, one.fixed...)
		out.ratings = append(out.ratings, f.Severity...)
		out.imports = append(out.imports, f.Imports...)
		if f.Urgency != "" {
			out.urgency = append(out.urgency, f.Urgency)
		}
	}
	if out.affected {
		return out, nil
	}
	return out, errors.Join(problems...)
}

func (f Affected) judge(ecosystem string, v version.Version) (verdict, error) {
	var out verdict
	var problems []error
	told := len(f.Versions) > 0
	for _, r := range f.Ranges {
		if r.Type == "GIT" { // of commits, which no package version can be compared with
			continue
		}
		told = true
		reason, fixed, err := r.judge(ecosystem, v)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out.fixed = append(out.fixed, fixed...)
		if reason != "" && !out.affected {
			out.affected, out.reason = true, reason
		}
	}
	if !out.affected && f.lists(ecosystem, v) {
		out.affected, out.reason = true, "listed in versions"
	}
	if !told {
		problems = append(problems, errors.New("it has neither versions nor a range of versions"))
	}
	if out.affected {
		return out, nil
	}
	return out, errors.Join(problems...)
}

// lists says whether versions holds v, by the ecosystem's own equality. An entry that is no version equals none.
func (f Affected) lists(ecosystem string, v version.Version) bool {
	if slices.Contains(f.Versions, v.String()) {
		return true
	}
	for _, text := range f.Versions {
		if w, err := version.Parse(ecosystem, text); err == nil {
			if c, err := v.Compare(w); err == nil && c == 0 {
				return true
			}
		}
	}
	return false
}

// point is one event with its place: origin comes before every version.
type point struct {
	Event
	at     version.Version
	origin bool
}

func (p point) text() string {
	switch {
	case p.Introduced != "":
		return p.Introduced
	case p.Fixed != "":
		return p.Fixed
	case p.LastAffected != "":
		return p.LastAffected
	}
	return p.Limit
}

// judge returns the interval that v is in, "" when in none, and the fixes newer than v.
func (r Range) judge(ecosystem string, v version.Version) (reason string, fixed []string, err error) {
	scheme, err := r.scheme(ecosystem)
	if err != nil {
		return "", nil, err
	}
	if v, err = version.ParseAs(scheme, v.String()); err != nil {
		return "", nil, err
	}
	points, limits, err := r.points(scheme)
	if err != nil {
		return "", nil, err
	}
	open, upper, limited, err := walk(points, limits, v)
	if err != nil || open == "" {
		return "", fixesAfter(points, v), err
	}
	if limited {
		return "", fixesAfter(points, v), nil
	}
	return "[" + open + ", " + upper, fixesAfter(points, v), nil
}

// scheme is the order that the range's versions have.
func (r Range) scheme(ecosystem string) (string, error) {
	scheme, err := version.Scheme(ecosystem)
	switch {
	case err != nil:
		return "", err
	case r.Type == "ECOSYSTEM":
		return scheme, nil
	case r.Type == "SEMVER" && (scheme == version.Go || scheme == version.Loose): // orders of semantic versions that read more spellings
		return scheme, nil
	case r.Type == "SEMVER":
		return version.SemVer, nil
	}
	return "", fmt.Errorf("unknown type of range %.40q", r.Type)
}

// points places the events in order, with the limits apart.
func (r Range) points(scheme string) (points, limits []point, err error) {
	introduced := false
	for _, e := range r.Events {
		p := point{Event: e}
		text := p.text()
		switch {
		case e.Introduced == "0":
			p.origin = true
		case e.Limit == "*":
			continue // the implicit limit: infinity
		default:
			if p.at, err = version.ParseAs(scheme, text); err != nil {
				return nil, nil, err
			}
		}
		introduced = introduced || e.Introduced != ""
		if e.Limit != "" {
			limits = append(limits, p)
			continue
		}
		points = append(points, p)
	}
	if !introduced {
		return nil, nil, errors.New("a range never says where it was introduced")
	}
	for _, e := range r.Events {
		if e.Limit == "*" {
			limits = nil
		}
	}
	slices.SortStableFunc(points, func(p, q point) int {
		c, e := p.compare(q)
		if e != nil {
			err = e
		}
		return c
	})
	return points, limits, err
}

func (p point) compare(q point) (int, error) {
	switch {
	case p.origin && q.origin:
		return 0, nil
	case p.origin:
		return -1, nil
	case q.origin:
		return 1, nil
	}
	return p.at.Compare(q.at)
}

// walk follows the sorted events up to v. Events at one and the same place carry no order of their own: there, an end closes what was
// open before and a beginning opens, so that introduced and fixed at one version leave things as they were ("0" and "0" is never
// affected; closed and opened again stays open).
func walk(points, limits []point, v version.Version) (open, upper string, limited bool, err error) {
	upper = "*)"
	for i := 0; i < len(points); {
		j := i + 1
		for j < len(points) {
			c, err := points[i].compare(points[j])
			if err != nil {
				return "", "", false, err
			}
			if c != 0 {
				break
			}
			j++
		}
		past := 1
		if !points[i].origin {
			if past, err = v.Compare(points[i].at); err != nil {
				return "", "", false, err
			}
		}
		if past < 0 {
			if open != "" {
				upper = closing(points[i:j])
			}
			if upper != "*)" || open == "" {
				break
			}
			i = j
			continue
		}
		open = state(points[i:j], open, past > 0)
		if past == 0 && open != "" {
			if c := closing(points[i:j]); strings.HasSuffix(c, "]") {
				upper = c
				break
			}
		}
		i = j
	}
	limited = len(limits) > 0
	for _, l := range limits {
		c, err := v.Compare(l.at)
		if err != nil {
			return "", "", false, err
		}
		limited = limited && c >= 0
	}
	return open, upper, limited, nil
}

// state is where the interval that is open after the events of one place began; "" when none is. after says that v lies beyond the place.
func state(group []point, open string, after bool) string {
	begins, ends := "", false
	for _, p := range group {
		switch {
		case p.Introduced != "":
			begins = p.Introduced
		case p.Fixed != "", p.LastAffected != "" && after:
			ends = true
		}
	}
	switch {
	case begins != "" && ends, begins == "" && !ends:
		return open
	case ends:
		return ""
	case open != "":
		return open
	}
	return begins
}

func closing(group []point) string {
	for _, p := range group {
		switch {
		case p.Fixed != "":
			return p.Fixed + ")"
		case p.LastAffected != "":
			return p.LastAffected + "]"
		}
	}
	return "*)"
}

func fixesAfter(points []point, v version.Version) []string {
	var fixed []string
	for _, p := range points {
		if p.Fixed == "" {
			continue
		}
		if c, err := v.Compare(p.at); err == nil && c < 0 {
			fixed = append(fixed, p.Fixed)
		}
	}
	return fixed
}
