package vex

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine/version"
)

// atVersions narrows a product to the versions whose status agrees with the analysis; without any it is all of it. listed is all that the
// statement lists of the product. A range is about some versions, and a version that is listed with another status too, or may be in a
// range that is, is not for certain about it.
func atVersions(p product, status string, versions []cycloneDXVersion, listed *listedVersions) (out []product) {
	if len(versions) == 0 {
		p.component.doubtful = p.component.doubtful || listed.disagrees(status)
		return []product{p}
	}
	for _, v := range versions {
		if !versionAgrees(status, v.Status) {
			continue
		}
		one := p
		if v.Version != "" && v.Range == "" && !listed.contradict(v) {
			one.component.narrow(v.Version)
		} else {
			one.component.doubtful = true
		}
		out = append(out, one)
	}
	return out
}

// listedVersions are the versions of one product in a statement, apart by whether they are unaffected.
type listedVersions struct {
	versions [2]map[string]bool
	ranges   [2][]string
	statuses map[string]bool
}

// maxRanges is how many ranges of one product are compared with versions. With more, every version is in doubt.
const maxRanges = 100

func sideOf(v cycloneDXVersion) int {
	if v.Status == "unaffected" {
		return 1
	}
	return 0
}

func (l *listedVersions) add(versions []cycloneDXVersion) {
	for _, v := range versions {
		if l.statuses == nil {
			l.statuses, l.versions = map[string]bool{}, [2]map[string]bool{{}, {}}
		}
		l.statuses[v.Status] = true
		side := sideOf(v)
		if v.Version != "" {
			l.versions[side][v.Version] = true
		}
		if v.Range != "" && len(l.ranges[side]) <= maxRanges {
			l.ranges[side] = append(l.ranges[side], v.Range)
		}
	}
}

// disagrees says whether any version has a status that does not fit the analysis.
func (l *listedVersions) disagrees(status string) bool {
	for s := range l.statuses {
		if !versionAgrees(status, s) {
			return true
		}
	}
	return false
}

// contradict says whether a version stands in the list with another status, too, or may.
func (l *listedVersions) contradict(v cycloneDXVersion) bool {
	other := 1 - sideOf(v)
	return l.versions[other][v.Version] || len(l.ranges[other]) > maxRanges ||
		slices.ContainsFunc(l.ranges[other], func(text string) bool { return mayHold(text, v.Version) })
}

// versionAgrees says whether a version's status in affects[] fits the status of the analysis. A version without a status is affected.
func versionAgrees(status, version string) bool {
	if status == notAffected || status == fixed {
		return version == "unaffected"
	}
	return version == "" || version == "affected"
}

// mayHold says whether a range in the notation "vers:npm/>=1.0|<2.0" (github.com/package-url/vers-spec, "version-range-specifier") may hold
// a version. One that cannot be understood, or whose versions cannot be compared, may.
func mayHold(text, v string) bool {
	scheme, rest, ok := strings.Cut(strings.TrimPrefix(text, "vers:"), "/")
	ecosystem := map[string]string{"npm": "npm", "semver": "npm", "pypi": "PyPI", "gem": "RubyGems", "maven": "Maven", "golang": "Go",
		"cargo": "crates.io", "nuget": "NuGet", "composer": "Packagist", "deb": "Debian", "apk": "Alpine", "alpine": "Alpine",
		"rpm": "Red Hat"}[scheme]
	if !ok || ecosystem == "" || !strings.HasPrefix(text, "vers:") || len(rest) > version.MaxLength {
		return true
	}
	inside, since := false, false // since: the version is after the last bound from below
	for i, constraint := range strings.Split(rest, "|") {
		constraint = strings.TrimSpace(constraint)
		bound := strings.TrimSpace(strings.TrimLeft(constraint, "<>=!"))
		c, err := version.Compare(ecosystem, v, bound)
		if err != nil {
			return true
		}
		switch constraint[:len(constraint)-len(strings.TrimLeft(constraint, "<>=!"))] {
		case "", "=":
			inside = inside || c == 0
		case "!=":
			if c == 0 {
				return false
			}
		case ">", ">=":
			since = c > 0 || c == 0 && strings.HasPrefix(constraint, ">=")
			inside = inside || since && isLast(rest, i)
		case "<", "<=":
			below := c < 0 || c == 0 && strings.HasPrefix(constraint, "<=")
			inside = inside || below && (since || i == 0)
			since = false
		default:
			return true
		}
	}
	return inside
}

// isLast says whether no bound from above follows the constraint with an index.
func isLast(constraints string, i int) bool {
	for _, c := range strings.Split(constraints, "|")[i+1:] {
		if strings.HasPrefix(strings.TrimSpace(c), "<") {
			return false
		}
	}
	return true
}
