package waiver

import (
	"slices"
	"strings"
	"unicode"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// matchesAll says whether a match has patterns, and no key that narrows it: what it accepts is all that there is, or all packages of a
// type.
func matchesAll(m *engine.WaiverMatch) bool {
	if *m == (engine.WaiverMatch{}) || m.Vuln != "" || m.Fingerprint != "" {
		return false
	}
	return (m.PURL == "" || namesAll(string(m.PURL))) && (m.Path == "" || coversAll(string(m.Path)))
}

// namesAll says whether a pattern over package URLs names every package of its type, or of a namespace that is none of theirs, as a
// distribution is. Version and qualifiers do not narrow it: each package has them.
func namesAll(pattern string) bool {
	u, err := purl.Parse(pattern)
	if err != nil || says(u.Name) {
		return false
	}
	return !says(u.Namespace) || slices.Contains([]string{"deb", "rpm", "apk", "alpm", "generic", "bitnami"}, u.Type)
}

// databases are where the packages of a distribution are found: one path stands for all of them.
func databases() []string {
	return []string{"var/lib/dpkg/status", "lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/rpm/rpmdb.sqlite",
		"var/lib/rpm/Packages.db", "var/lib/rpm/Packages", "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db",
		"var/lib/rpmmanifest/container-manifest-2"}
}

// coversAll says whether a pattern over paths names nothing, or a place where all packages of a distribution are found.
func coversAll(pattern string) bool {
	return !says(pattern) || slices.ContainsFunc(databases(), func(p string) bool { return globMatches(pattern, p) })
}

// says reports whether a pattern has a letter or a digit outside of a class such as [a-z].
func says(pattern string) bool {
	inClass, escaped := false, false
	for i, r := range pattern {
		switch {
		case escaped:
			escaped = false
			if !inClass && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return true
			}
		case r == '\\':
			escaped = true
		case r == '[' && !inClass:
			inClass = strings.Contains(pattern[i:], "]")
		case r == ']':
			inClass = false
		case !inClass && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return true
		}
	}
	return false
}
