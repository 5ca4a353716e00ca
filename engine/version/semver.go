package version

import "strings"

// semverKey is a semantic version without its build metadata, which the order ignores (semver.org 2.0.0, sections 9 to 11).
type semverKey struct {
	numbers    [3]string
	prerelease string
}

// parseSemVer is strict, but removes a "v" or "=" in front, as npm does.
func parseSemVer(text string) (key, error) {
	return parseSemVerParts(SemVer, text, strings.TrimPrefix(strings.TrimPrefix(text, "="), "v"), false)
}

// parseGo reads module versions (pseudo-versions and +incompatible are semantic versions) and those of the standard library and
// the toolchain, with or without their prefix: "v1.2.3", "1.22", "go1.22rc1". The Go vulnerability database writes 1.22rc1 as 1.22.0-rc.1.
func parseGo(text string) (key, error) {
	s := text
	if rest, ok := strings.CutPrefix(s, "go"); ok && rest != "" && isDigit(rest[0]) {
		s = rest
	} else {
		s = strings.TrimPrefix(s, "v")
	}
	if i := strings.IndexAny(s, "abcdefghijklmnopqrstuvwxyz-+"); i > 0 && isLower(s[i]) {
		for _, word := range []string{"rc", "beta"} {
			if n, ok := strings.CutPrefix(s[i:], word); ok && n != "" && leadingDigits(n) == len(n) {
				s = s[:i] + strings.Repeat(".0", max(0, 2-strings.Count(s[:i], "."))) + "-" + word + "." + n
				break
			}
		}
	}
	return parseSemVerParts(Go, text, s, true)
}

// parseSemVerParts parses s, which is what counts of text. With allowShort, minor and patch may be missing where nothing follows them, and
// are then 0.
func parseSemVerParts(scheme, text, s string, allowShort bool) (key, error) {
	s, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !validIdentifiers(build, true) || hasPre && !validIdentifiers(pre, false) {
		return nil, invalid(scheme, text, "its pre-release or build is not made of identifiers")
	}
	k := semverKey{[3]string{"0", "0", "0"}, pre}
	if n := strings.Count(core, "."); n > 2 || n < 2 && (!allowShort || hasPre || hasBuild) {
		return nil, invalid(scheme, text, "it has not three numbers")
	}
	for i, more := 0, true; more; i++ {
		var p string
		if p, core, more = strings.Cut(core, "."); p == "" || leadingDigits(p) != len(p) || len(p) > 1 && p[0] == '0' {
			return nil, invalid(scheme, text, "it has not three numbers without leading zeros")
		}
		k.numbers[i] = p
	}
	return k, nil
}

// validIdentifiers says whether s is a list of identifiers between dots. allowZeros allows numbers with leading zeros, as in build
// metadata.
func validIdentifiers(s string, allowZeros bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || !allowZeros && len(id) > 1 && id[0] == '0' && leadingDigits(id) == len(id) {
			return false
		}
		for i := range len(id) {
			if !isDigit(id[i]) && !isAlpha(id[i]) && id[i] != '-' {
				return false
			}
		}
	}
	return true
}

func (k semverKey) compare(other key) (int, error) {
	o := other.(semverKey)
	for i := range k.numbers {
		if c := compareNumbers(k.numbers[i], o.numbers[i]); c != 0 {
			return c, nil
		}
	}
	return comparePrerelease(k.prerelease, o.prerelease), nil
}

// comparePrerelease compares pre-releases; none is newest, and numbers are older than words.
func comparePrerelease(a, b string) int {
	return compareOptional(a, b, 1, func(a, b string) int {
		return compareIdentifiers(a, b, func(x, y string) int { return compareParts(x, y, -1) })
	})
}

// compareIdentifiers compares lists of identifiers between dots. Of two that begin alike, the longer one is newer.
func compareIdentifiers(a, b string, compare func(x, y string) int) int {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		c := compare(x, y)
		switch {
		case c != 0:
			return c
		case !moreA && !moreB:
			return 0
		case !moreA:
			return -1
		case !moreB:
			return 1
		}
		a, b = restA, restB
	}
}
