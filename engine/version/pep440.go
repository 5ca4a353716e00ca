package version

import (
	"regexp"
	"strings"
)

// pep440Pattern is the form of PEP 440, "Appendix B" of the version specifiers, over lower case.
var pep440Pattern = regexp.MustCompile(`^v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?` +
	`(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?` +
	`(?:[-_.]?(dev)[-_.]?(\d*))?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

type pep440Key struct {
	epoch   string
	release []string // without trailing zeros
	phase   int      // dev of a release, alpha, beta, candidate, release
	pre     string
	post    string // "" none
	dev     string // "" none
	local   []string
}

const (
	pepDev = iota
	pepAlpha
	pepBeta
	pepCandidate
	pepRelease
)

func parsePEP440(text string) (key, error) {
	m := pep440Pattern.FindStringSubmatch(strings.ToLower(text))
	if m == nil {
		return nil, invalid(PEP440, text, "it has not the form of PEP 440")
	}
	k := pep440Key{epoch: m[1], release: strings.Split(m[2], "."), phase: pepRelease, pre: m[4]}
	for n := len(k.release); n > 0 && strings.Trim(k.release[n-1], "0") == ""; n-- {
		k.release = k.release[:n-1]
	}
	switch m[3] {
	case "a", "alpha":
		k.phase = pepAlpha
	case "b", "beta":
		k.phase = pepBeta
	case "c", "rc", "pre", "preview":
		k.phase = pepCandidate
	}
	if m[5] != "" || m[6] != "" { // "1.0.post" is "1.0.post0"
		k.post = "0" + m[5] + m[7]
	}
	if m[8] != "" {
		k.dev = "0" + m[9]
		if k.phase == pepRelease && k.post == "" {
			k.phase = pepDev // 1.0.dev1 is older than 1.0a1
		}
	}
	if m[10] != "" {
		k.local = strings.FieldsFunc(m[10], func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	}
	return k, nil
}

func (k pep440Key) compare(other key) (int, error) {
	o := other.(pep440Key)
	if c := compareNumbers(k.epoch, o.epoch); c != 0 {
		return c, nil
	}
	for i := range max(len(k.release), len(o.release)) {
		if c := compareNumbers(at(k.release, i), at(o.release, i)); c != 0 {
			return c, nil
		}
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

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
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
func compareLocal(a, b []string) int {
	for i := range min(len(a), len(b)) {
		numA, numB := digits(a[i]) == len(a[i]), digits(b[i]) == len(b[i])
		c := 0
		switch {
		case numA && numB:
			c = compareNumbers(a[i], b[i])
		case numA:
			c = 1
		case numB:
			c = -1
		default:
			c = strings.Compare(a[i], b[i])
		}
		if c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b))
}
