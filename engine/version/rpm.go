package version

import (
	"cmp"
	"strings"
)

// rpmKey holds the parts of [epoch:]version[-release] (rpm-version(7)).
type rpmKey struct {
	epoch, version, release string
	hasRelease              bool
}

// parseRPM refuses what no package can have: an empty part, and a colon that does not end an epoch. rpm's own comparison accepts any text.
func parseRPM(text string) (key, error) {
	k := rpmKey{version: text}
	if epoch, rest, ok := strings.Cut(text, ":"); ok {
		if epoch == "" || leadingDigits(epoch) != len(epoch) {
			return nil, invalid(RPM, text, "its epoch is no number")
		}
		k.epoch, k.version = epoch, rest
	}
	if i := strings.LastIndexByte(k.version, '-'); i >= 0 {
		k.version, k.release, k.hasRelease = k.version[:i], k.version[i+1:], true
		if k.release == "" {
			return nil, invalid(RPM, text, "its release is empty")
		}
	}
	if k.version == "" || strings.Contains(k.version, ":") {
		return nil, invalid(RPM, text, "it has no version between its epoch and its release")
	}
	return k, nil
}

func (k rpmKey) compare(other key) (int, error) {
	o := other.(rpmKey)
	if c := compareNumbers(k.epoch, o.epoch); c != 0 {
		return c, nil
	}
	if c := compareRPM(k.version, o.version); c != 0 {
		return c, nil
	}
	switch { // a missing release is older than any, as in rpm's rpmverCmp
	case k.hasRelease && !o.hasRelease:
		return 1, nil
	case !k.hasRelease && o.hasRelease:
		return -1, nil
	}
	return compareRPM(k.release, o.release), nil
}

// isRPMSignificant says whether a character counts. All others only separate.
func isRPMSignificant(c byte) bool { return isDigit(c) || isAlpha(c) || c == '~' || c == '^' }

// compareRPM compares segment by segment. A tilde is older than the end; a caret is newer than the end and older than any further segment;
// a number is newer than letters.
func compareRPM(a, b string) int {
	for {
		for a != "" && !isRPMSignificant(a[0]) {
			a = a[1:]
		}
		for b != "" && !isRPMSignificant(b[0]) {
			b = b[1:]
		}
		if c := cmp.Compare(rpmRank(a), rpmRank(b)); c != 0 || a == "" {
			return c
		}
		var n, m int
		switch c := a[0]; {
		case isDigit(c):
			n, m = leadingDigits(a), leadingDigits(b)
			if c := compareNumbers(a[:n], b[:m]); c != 0 {
				return c
			}
		case isAlpha(c):
			n, m = leadingLetters(a), leadingLetters(b)
			if c := strings.Compare(a[:n], b[:m]); c != 0 {
				return c
			}
		default:
			n, m = 1, 1
		}
		a, b = a[n:], b[m:]
	}
}

// rpmRank orders what s begins with: a tilde, the end, a caret, letters, digits.
func rpmRank(s string) int {
	switch {
	case s == "":
		return 1
	case s[0] == '~':
		return 0
	case s[0] == '^':
		return 2
	case isAlpha(s[0]):
		return 3
	}
	return 4
}

// leadingLetters counts the letters with which s begins.
func leadingLetters(s string) int {
	n := 0
	for n < len(s) && isAlpha(s[n]) {
		n++
	}
	return n
}
