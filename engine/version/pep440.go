package version

import (
	"cmp"
	"strings"
)

// pep440Key holds the parts of [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local] (PEP 440; packaging.python.org, "Version specifiers"), in any
// of the spellings of PEP 440's Appendix B.
type pep440Key struct {
	epoch, release string
	phase          int    // pepDev … pepRelease
	pre            string // number of the pre-release
	post           string // "" none
	dev            string // "" none
	local          string
}

// The phases of a release, in their order. pepDev is a development release without a pre-release or a post-release.
const (
	pepDev = iota
	pepAlpha
	pepBeta
	pepCandidate
	pepRelease
)

func parsePEP440(text string) (key, error) {
	s := strings.TrimPrefix(strings.ToLower(text), "v")
	k := pep440Key{phase: pepRelease}
	if n := leadingDigits(s); n > 0 && n < len(s) && s[n] == '!' {
		k.epoch, s = s[:n], s[n+1:]
	}
	n := leadingDigits(s)
	for n > 0 && n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + leadingDigits(s[n+1:])
	}
	k.release, s = s[:n], s[n:]
	if number, rest, ok := cutPEPPart(s, "alpha", "a"); ok {
		k.phase, k.pre, s = pepAlpha, number, rest
	} else if number, rest, ok := cutPEPPart(s, "beta", "b"); ok {
		k.phase, k.pre, s = pepBeta, number, rest
	} else if number, rest, ok := cutPEPPart(s, "preview", "pre", "c", "rc"); ok {
		k.phase, k.pre, s = pepCandidate, number, rest
	}
	if n := leadingDigits(strings.TrimPrefix(s, "-")); n > 0 && s[0] == '-' { // "1.0-1" is "1.0.post1"
		k.post, s = s[1:1+n], s[1+n:]
	} else if number, rest, ok := cutPEPPart(s, "post", "rev", "r"); ok {
		k.post, s = number, rest
	}
	if number, rest, ok := cutPEPPart(s, "dev"); ok {
		k.dev, s = number, rest
		if k.phase == pepRelease && k.post == "" {
			k.phase = pepDev // 1.0.dev1 is older than 1.0a1
		}
	}
	if local, ok := strings.CutPrefix(s, "+"); ok && isPEPLocal(local) {
		k.local, s = local, ""
	}
	if s != "" || k.release == "" {
		return nil, invalid(PEP440, text, "it has not the form of PEP 440")
	}
	return k, nil
}

// cutPEPPart reads one of words and its number, with or without a separator before each. A missing number is 0.
func cutPEPPart(s string, words ...string) (number, rest string, ok bool) {
	s = skipPEPSeparator(s)
	for _, word := range words {
		if rest, ok := strings.CutPrefix(s, word); ok {
			rest = skipPEPSeparator(rest)
			n := leadingDigits(rest)
			if n == 0 {
				return "0", rest, true
			}
			return rest[:n], rest[n:], true
		}
	}
	return "", "", false
}

func skipPEPSeparator(s string) string {
	if s != "" && isPEPSeparator(s[0]) {
		return s[1:]
	}
	return s
}

func isPEPSeparator(c byte) bool { return c == '-' || c == '_' || c == '.' }

func isPEPLocal(s string) bool {
	separated := true
	for i := range len(s) {
		switch {
		case isDigit(s[i]) || isLower(s[i]):
			separated = false
		case !isPEPSeparator(s[i]) || separated:
			return false
		default:
			separated = true
		}
	}
	return !separated
}

func (k pep440Key) compare(other key) (int, error) {
	o := other.(pep440Key)
	if c := compareNumbers(k.epoch, o.epoch); c != 0 {
		return c, nil
	}
	if c := compareDotted(k.release, o.release); c != 0 {
		return c, nil
	}
	if c := cmp.Compare(k.phase, o.phase); c != 0 {
		return c, nil
	}
	if c := compareNumbers(k.pre, o.pre); c != 0 {
		return c, nil
	}
	if c := compareOptional(k.post, o.post, -1, compareNumbers); c != 0 {
		return c, nil
	}
	if c := compareOptional(k.dev, o.dev, 1, compareNumbers); c != 0 {
		return c, nil
	}
	return compareLocal(k.local, o.local), nil
}

// compareLocal compares local versions: none is oldest, numbers are newer than words, and of two that begin alike the longer one is newer.
func compareLocal(a, b string) int {
	for a != "" && b != "" {
		n, m := localPartLength(a), localPartLength(b)
		if c := compareParts(a[:n], b[:m], 1); c != 0 {
			return c
		}
		a, b = skipPEPSeparator(a[n:]), skipPEPSeparator(b[m:])
	}
	return cmp.Compare(len(a), len(b))
}

func localPartLength(s string) int {
	n := 0
	for n < len(s) && !isPEPSeparator(s[n]) {
		n++
	}
	return n
}
