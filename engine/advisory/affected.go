package advisory

import (
	"errors"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
	"github.com/vetoci/veto/engine/version"
)

// evaluation is what an advisory says of one version of a package.
type evaluation struct {
	affected bool
	reason   string   // "[0, 1.2.3)" or listedReason
	fixed    []string // fixes newer than the version, in the order of the ranges
	urgency  []string // of the entries that affect it
	ratings  []Rating
	imports  []Import
}

const listedReason = "listed in versions"

// isAbout says whether an affected entry is about the package. An entry without a release ("Debian") is about every release.
func (f Affected) isAbout(ecosystem, name string) bool {
	base, _ := engine.SplitEcosystem(ecosystem)
	return (f.Ecosystem == ecosystem || f.Ecosystem == base) && PackageKey(base, f.Name) == PackageKey(base, name)
}

// PackageKey returns the form of a package's name that is equal for all spellings that the ecosystem, with or without a release, takes for
// the same name.
func PackageKey(ecosystem, name string) string {
	switch base, _ := engine.SplitEcosystem(ecosystem); base {
	case "PyPI":
		return purl.NormalPython(name)
	case "Packagist", "NuGet", "GitHub Actions":
		return strings.ToLower(name)
	}
	return name
}

// evaluate says whether an installed version is affected, by the rules of the OSV schema's section "Evaluation": it is when it is listed in
// versions, or inside any range. An error means that this cannot be told; there is none when the version is affected for certain.
func (a *Advisory) evaluate(ecosystem, name string, v version.Version) (evaluation, error) {
	var out evaluation
	var problems []error
	for _, f := range a.Affected {
		if !f.isAbout(ecosystem, name) {
			continue
		}
		one, err := f.evaluate(ecosystem, v)
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

// evaluate is Advisory.evaluate for one entry. Ranges of type GIT are of commits, which no version of a package can be compared with.
func (f Affected) evaluate(ecosystem string, v version.Version) (evaluation, error) {
	var out evaluation
	var problems []error
	comparable := len(f.Versions) > 0
	for _, r := range f.Ranges {
		if r.Type == "GIT" {
			continue
		}
		comparable = true
		reason, fixed, err := r.evaluate(ecosystem, v)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out.fixed = append(out.fixed, fixed...)
		if reason != "" && !out.affected {
			out.affected, out.reason = true, reason
		}
	}
	if !out.affected && f.listsVersion(ecosystem, v) {
		out.affected, out.reason = true, listedReason
	}
	if !comparable {
		problems = append(problems, errors.New("it has neither versions nor a range of versions"))
	}
	if out.affected {
		return out, nil
	}
	return out, errors.Join(problems...)
}

// listsVersion says whether versions has v, by the ecosystem's own equality. A text there that is no version equals none.
func (f Affected) listsVersion(ecosystem string, v version.Version) bool {
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
