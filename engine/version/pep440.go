package version

import "strings"

// pep440Key is a version of PEP 440 (packaging.python.org, "Version specifiers"): [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local], in any of
// the spellings of its Appendix B.
type pep440Key struct {
	epoch, release string
	phase          int // dev of a release, alpha, beta, candidate, release
	pre            string
	post           string // "" none
	dev            string // "" none
	local          string
}

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
	if n := digits(s); n > 0 && n < len(s) && s[n] == '!' {
		k.epoch, s = s[:n], s[n+1:]
	}
	n := digits(s)
	for n > 0 && n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + digits(s[n+1:])
	}
	k.release, s = s[:n], s[n:]
	if number, rest, ok := pepPart(s, "alpha", "a"); ok {
		k.phase, k.pre, s = pepAlpha, number, rest
	} else if number, rest, ok := pepPart(s, "beta", "b"); ok {
		k.phase, k.pre, s = pepBeta, number, rest
	} else if number, rest, ok := pepPart(s, "preview", "pre", "c", "rc"); ok {
		k.phase, k.pre, s = pepCandidate, number, rest
	}
	if n := digits(strings.TrimPrefix(s, "-")); n > 0 && s[0] == '-' { // "1.0-1" is "1.0.post1"
		k.post, s = s[1:1+n], s[1+n:]
	} else if number, rest, ok := pepPart(s, "post", "rev", "r"); ok {
		k.post, s = number, rest
	}
	if number, rest, ok := pepPart(s, "dev"); ok {
		k.dev, s = number, rest
		if k.phase == pepRelease && k.post == "" {
			k.phase = pepDev // 1.0.dev1 is older than 1.0a1
		}
	}
	if local, ok := strings.CutPrefix(s, "+"); ok && pepLocal(local) {
		k.local, s = local, ""
	}
	if s != "" || k.release == "" {
		return nil, invalid(PEP440, text, "it has not the form of PEP 440")
	}
	return k, nil
}

// pepPart reads one of words and its number, each with a separator before it or not. Without a number it is 0.
func pepPart(s string, words ...string) (number, rest string, ok bool) {
	s = pepSeparated(s)
	for _, word := range words {
		if rest, ok := strings.CutPrefix(s, word); ok {
			rest = pepSeparated(rest)
			n := digits(rest)
			if n == 0 {
				return "0", rest, true
			}
			return rest[:n], rest[n:], true
		}
	}
	return "", "", false
}

func pepSeparated(s string) string {
	if s != "" && isPepSeparator(s[0]) {
		return s[1:]
	}
	return s
}

func isPepSeparator(c byte) bool { return c == '-' || c == '_' || c == '.' }

func pepLocal(s string) bool {
	separated := true
	for i := range len(s) {
		switch {
		case isDigit(s[i]) || isLower(s[i]):
			separated = false
		case !isPepSeparator(s[i]) || separated:
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
	if c := sign(k.phase - o.phase); c != 0 {
		return c, nil
	}
	if c := compareNumbers(k.pre, o.pre); c != 0 {
		return c, nil
	}
	if c := compareOptional(k.post, o.post, -1); c != 0 {
		return c, nil
	}
	if c := compareOptional(k.dev, o.dev, 1); c != 0 {
		return c, nil
	}
	return compareLocal(k.local, o.local), nil
}

// compareOptional compares numbers of which either may be missing; none is how a missing one compares with any.
func compareOptional(a, b string, none int) int {
	switch {
	case a == "" && b == "":
		return 0
	case a == "":
		return none
	case b == "":
		return -none
	}
	return compareNumbers(a, b)
}

// compareLocal: none is oldest, numbers are newer than words, and more parts are newer.
func compareLocal(a, b string) int {
	for a != "" && b != "" {
		n, m := localPart(a), localPart(b)
		x, y := a[:n], b[:m]
		numX, numY := digits(x) == n, digits(y) == m
		c := 0
		switch {
		case numX && numY:
			c = compareNumbers(x, y)
		case numX:
			c = 1
		case numY:
			c = -1
		default:
			c = strings.Compare(x, y)
		}
		if c != 0 {
			return c
		}
		a, b = pepSeparated(a[n:]), pepSeparated(b[m:])
	}
	return sign(len(a) - len(b))
}

func localPart(s string) int {
	n := 0
	for n < len(s) && !isPepSeparator(s[n]) {
		n++
	}
	return n
}
