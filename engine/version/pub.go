package version

import "strings"

// maxInt64 is the largest number that Dart's integers hold.
const maxInt64 = "9223372036854775807"

// pubKey is a semantic version with a build that counts: it is newer than the version without it (pub.dev/packages/pub_semver,
// "Semantics").
type pubKey struct {
	numbers           [3]string
	prerelease, build string
}

// parsePub accepts leading zeros, as pub_semver does.
func parsePub(text string) (key, error) {
	s, build, hasBuild := strings.Cut(text, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !validIdentifiers(build, true) || hasPre && !validIdentifiers(pre, true) {
		return nil, invalid(Pub, text, "its pre-release or build is not made of identifiers")
	}
	k := pubKey{prerelease: pre, build: build}
	for i := range k.numbers {
		part, rest, more := strings.Cut(s, ".")
		if part == "" || leadingDigits(part) != len(part) || compareNumbers(part, maxInt64) > 0 || more != (i < 2) {
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
	if c := compareOptional(k.prerelease, o.prerelease, 1, comparePubIdentifiers); c != 0 {
		return c, nil
	}
	return compareOptional(k.build, o.build, -1, comparePubIdentifiers), nil
}

func comparePubIdentifiers(a, b string) int {
	return compareIdentifiers(a, b, func(x, y string) int { return compareSigned(x, y, maxInt64, strings.Compare) })
}
