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

// common are the names of folders and files in which each package of a language is found. Alone they narrow nothing.
func common() []string {
	return []string{"node_modules", "package.json", "site-packages", "dist-packages", "metadata", "pkg-info", "egg-info", "dist-info",
		"record", "meta-inf", "maven", "pom.properties", "pom.xml", "manifest.mf", "vendor", "composer", "installed.json", "installed.php",
		"specifications", "gems", "gemspec", "ruby", "bundle", "lib", "usr", "local", "python3", "deps.json", "conda-meta", "nuget", "packages"}
}

// isCommon says whether one part of a path, a pattern, has nothing but such names, their suffixes and releases: "*.dist-info", "python3.*".
func isCommon(part string) bool {
	part = strings.ToLower(part)
	if !says(part) || slices.Contains(common(), part) {
		return true
	}
	for _, word := range strings.FieldsFunc(part, func(r rune) bool { return strings.ContainsRune("*?.[]{}!", r) }) {
		if !slices.Contains(common(), word) && strings.Trim(word, "0123456789-") != "" {
			return false
		}
	}
	return strings.ContainsAny(part, "*?[")
}

// coversAll says whether a pattern over paths names nothing, or places where all packages of a distribution or of a language are found.
func coversAll(pattern string) bool {
	if strings.Contains(pattern, "*") && !slices.ContainsFunc(strings.Split(pattern, "/"), func(part string) bool { return !isCommon(part) }) {
		return true
	}
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

// isVisible says whether a character is a letter or a digit that shows: the fillers of Hangul are letters, and show nothing (Unicode
// Standard, 18.6).
func isVisible(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !strings.ContainsRune("\u115f\u1160\u3164\uffa0", r)
}
