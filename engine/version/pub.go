package version

import "strings"

// maxInt64 is the largest number that Dart's integers hold.
const maxInt64 = "9223372036854775807"

// pubKey is a semantic version whose build has a part in the order: it is newer than the version without (pub.dev/packages/pub_semver,
// "Semantics").
type pubKey struct {
	numbers           [3]string
	prerelease, build string
}

// parsePub takes leading zeros, as pub_semver does.
func parsePub(text string) (key, error) {
	s, build, hasBuild := strings.Cut(text, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !identifiers(build, true) || hasPre && !identifiers(pre, true) {
		return nil, invalid(Pub, text, "its pre-release or build is not made of identifiers")
	}
	k := pubKey{prerelease: pre, build: build}
	for i := range k.numbers {
		part, rest, more := strings.Cut(s, ".")
		if part == "" || digits(part) != len(part) || compareNumbers(part, maxInt64) > 0 || more != (i < 2) {
			return nil, invalid(Pub, text, "it has not three numbers")
		}
		k.numbers[i], s = part, rest
	}
	return k, nil
}

func (k pubKey) compare(other key) (int, error) {
	o := other.(pubKey)
	for i := range k.numbers {
		if c := compareNumbers(k.numbers[i], o.numbers[i]); c != 0 {
			return c, nil
		}
	}
	if c := comparePub(k.prerelease, o.prerelease, 1); c != 0 {
		return c, nil
	}
	return comparePub(k.build, o.build, -1), nil
}

// comparePub compares two lists of identifiers; none is how a missing one compares with any.
func comparePub(a, b string, none int) int {
	switch {
	case a == "" && b == "":
		return 0
	case a == "":
		return none
	case b == "":
		return -none
	}
	return compareIdentifiers(a, b, pubIdentifier)
}

func pubIdentifier(a, b string) int { return signedIdentifier(a, b, maxInt64, strings.Compare) }
