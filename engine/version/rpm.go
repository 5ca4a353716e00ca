package version

import "strings"

// rpmKey is [epoch:]version[-release] (rpm-version(7)).
type rpmKey struct {
	epoch, version, release string
	released                bool
}

// parseRPM refuses what no package can have, though rpm's own comparison takes any text: nothing where a part should be, and a colon that
// does not end an epoch.
func parseRPM(text string) (key, error) {
	k := rpmKey{version: text}
	if epoch, rest, ok := strings.Cut(text, ":"); ok {
		if epoch == "" || digits(epoch) != len(epoch) {
			return nil, invalid(RPM, text, "its epoch is no number")
		}
		k.epoch, k.version = epoch, rest
	}
	if i := strings.LastIndexByte(k.version, '-'); i >= 0 {
		k.version, k.release, k.released = k.version[:i], k.version[i+1:], true
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
	switch { // a missing release is older than any, as it is to rpmverCmp
	case k.released && !o.released:
		return 1, nil
	case !k.released && o.released:
		return -1, nil
	}
	return compareRPM(k.release, o.release), nil
}

func rpmMeans(c byte) bool { return isDigit(c) || isAlpha(c) || c == '~' || c == '^' }

// compareRPM compares segment by segment. Characters that mean nothing only separate; a tilde is older than the end, a caret newer than
// the end but older than any further segment; a number is newer than letters.
func compareRPM(a, b string) int {
	for {
		for a != "" && !rpmMeans(a[0]) {
			a = a[1:]
		}
		for b != "" && !rpmMeans(b[0]) {
			b = b[1:]
		}
		if c := sign(rpmClass(a) - rpmClass(b)); c != 0 || a == "" {
			return c
		}
		var n, m int
		switch c := a[0]; {
		case isDigit(c):
			n, m = digits(a), digits(b)
			if c := compareNumbers(a[:n], b[:m]); c != 0 {
				return c
			}
		case isAlpha(c):
			n, m = letters(a), letters(b)
			if c := strings.Compare(a[:n], b[:m]); c != 0 {
				return c
			}
		default:
			n, m = 1, 1
		}
		a, b = a[n:], b[m:]
	}
}

func rpmClass(s string) int {
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

func letters(s string) int {
	n := 0
	for n < len(s) && isAlpha(s[n]) {
		n++
	}
	return n
}
