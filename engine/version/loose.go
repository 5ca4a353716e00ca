package version

import "strings"

// looseKey is a semantic version with any number of numbers: 1.0 equals 1.0.0, and all that follows the numbers is a pre-release.
type looseKey struct{ numbers, prerelease string }

// parseLoose refuses what does not begin with a digit, after a "v": "latest" has no place in an order.
func parseLoose(text string) (key, error) {
	s := strings.TrimPrefix(text, "v")
	if s == "" || !isDigit(s[0]) {
		return nil, invalid(Loose, text, "it does not start with a number")
	}
	s, _, _ = strings.Cut(s, "+")
	n := leadingDigits(s)
	for n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + leadingDigits(s[n+1:])
	}
	k := looseKey{numbers: s[:n]}
	if s = s[n:]; s == "" {
		return k, nil
	}
	if strings.IndexByte("-._~", s[0]) >= 0 {
		s = s[1:]
	}
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || strings.ContainsFunc(id, notInLooseIdentifier) {
			return nil, invalid(Loose, text, "what follows its numbers is not made of identifiers")
		}
	}
	k.prerelease = s
	return k, nil
}

func notInLooseIdentifier(r rune) bool {
	return !isDigit(byte(r)) && !isAlpha(byte(r)) && !strings.ContainsRune("-_~", r)
}

func (k looseKey) compare(other key) (int, error) {
	o := other.(looseKey)
	if c := compareDotted(k.numbers, o.numbers); c != 0 {
		return c, nil
	}
	return comparePrerelease(k.prerelease, o.prerelease), nil
}
