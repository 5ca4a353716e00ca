package version

import (
	"cmp"
	"strings"
)

// dpkgKey holds the parts of [epoch:]upstream[-revision] (deb-version(7)).
type dpkgKey struct{ epoch, upstream, revision string }

// parseDPKG refuses what dpkg refuses. It accepts what dpkg only warns of, and orders: no digit in front, unusual characters.
func parseDPKG(text string) (key, error) {
	k := dpkgKey{upstream: text}
	if epoch, rest, ok := strings.Cut(text, ":"); ok {
		if epoch == "" || leadingDigits(epoch) != len(epoch) || compareNumbers(epoch, "2147483647") > 0 {
			return nil, invalid(DPKG, text, "its epoch is no number below 2147483648")
		}
		if rest == "" {
			return nil, invalid(DPKG, text, "nothing follows its epoch")
		}
		k.epoch, k.upstream = epoch, rest
	}
	if i := strings.LastIndexByte(k.upstream, '-'); i >= 0 {
		k.upstream, k.revision = k.upstream[:i], k.upstream[i+1:]
		if k.revision == "" {
			return nil, invalid(DPKG, text, "its revision is empty")
		}
	}
	if k.upstream == "" {
		return nil, invalid(DPKG, text, "it has a revision of nothing")
	}
	return k, nil
}

func (k dpkgKey) compare(other key) (int, error) {
	o := other.(dpkgKey)
	if c := compareNumbers(k.epoch, o.epoch); c != 0 {
		return c, nil
	}
	if c := compareDPKG(k.upstream, o.upstream); c != 0 {
		return c, nil
	}
	return compareDPKG(k.revision, o.revision), nil
}

// compareDPKG compares, in turn, runs of characters that are no digits and runs of digits. The end counts as a run of digits with the value
// 0.
func compareDPKG(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if c := cmp.Compare(dpkgWeight(a), dpkgWeight(b)); c != 0 {
				return c
			}
			a, b = a[1:], b[1:] // neither is at its end: the weights are equal and not 0
		}
		n, m := leadingDigits(a), leadingDigits(b)
		if c := compareNumbers(a[:n], b[:m]); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	return 0
}

// dpkgWeight orders the first character of s: tilde first, then the end and digits, then letters, then all others.
func dpkgWeight(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case isAlpha(s[0]):
		return int(s[0])
	}
	return int(s[0]) + 256
}
