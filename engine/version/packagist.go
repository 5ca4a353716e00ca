package version

import (
	"cmp"
	"regexp"
	"strings"
)

// The kinds of parts of a normalised Packagist version, oldest first (php.net/version_compare). The end stands between release candidates
// and numbers. "Stable" is unknown, and older than all: Composer knows that word in lower case only.
const (
	phpUnknown = iota
	phpDev
	phpAlpha
	phpBeta
	phpCandidate
	phpEnd
	phpNumber
	phpPatch
)

type phpPart struct {
	kind int8
	text string // a number
}

// packagistKey holds the parts of what Composer\Semver\VersionParser::normalize makes of a version: four numbers or a date, then a
// stability with its numbers, then "dev".
type packagistKey []phpPart

// packagistDate matches versions that are dates. Before its release 3.4.1, composer/semver read only one number after the pairs of digits.
var packagistDate = regexp.MustCompile(`^\d{4}(?:[.:-]?\d{2}){1,6}(?:[.:-]?\d{1,3}){0,2}`)

// parsePackagist refuses branches ("dev-main"): Composer, too, says that they are not comparable.
func parsePackagist(text string) (key, error) {
	s := text
	if i := strings.LastIndexByte(s, '@'); i >= 0 && isPHPStability(s[i+1:]) {
		s = s[:i]
	}
	if len(s) >= 4 && strings.EqualFold(s[:4], "dev-") {
		return nil, invalid(Packagist, text, "it is a branch")
	}
	if base, build, ok := strings.Cut(s, "+"); ok {
		if base == "" || build == "" || strings.Contains(base, ",") {
			return nil, invalid(Packagist, text, "nothing is before or after its plus sign")
		}
		s = base
	}
	if s != "" && s[0]|0x20 == 'v' {
		s = s[1:]
	}
	if k, rest, ok := phpNumbers(s); ok {
		if k, ok := k.withModifiers(rest); ok {
			return k, nil
		}
	}
	if k, ok := phpDate(s); ok {
		return k, nil
	}
	if k, ok := phpBranch(s); ok {
		return k, nil
	}
	return nil, invalid(Packagist, text, "Composer does not read it")
}

func isPHPStability(s string) bool {
	for _, word := range []string{"stable", "RC", "beta", "alpha", "dev"} {
		if strings.EqualFold(s, word) {
			return true
		}
	}
	return false
}

// phpNumbers reads one to four numbers, the first of up to five digits, and fills up to four with zeros.
func phpNumbers(s string) (k packagistKey, rest string, ok bool) {
	n := leadingDigits(s)
	if n == 0 || n > 5 {
		return nil, "", false
	}
	k = make(packagistKey, 0, 6)
	k, s = append(k, phpPart{phpNumber, s[:n]}), s[n:]
	for len(k) < 4 {
		if n = 0; len(s) > 1 && s[0] == '.' {
			n = leadingDigits(s[1:])
		}
		if n == 0 {
			k = append(k, phpPart{phpNumber, "0"})
			continue
		}
		k, s = append(k, phpPart{phpNumber, s[1 : 1+n]}), s[1+n:]
	}
	return k, s, true
}

// phpDate reads a date and what follows it. It tries the longest date first, as Composer's regular expression does.
func phpDate(s string) (packagistKey, bool) {
	m := packagistDate.FindString(s)
	for n := len(m); n >= 6; n-- {
		if packagistDate.FindString(s[:n]) != s[:n] {
			continue
		}
		var k packagistKey
		for _, part := range strings.FieldsFunc(s[:n], func(r rune) bool { return r < '0' || r > '9' }) {
			k = append(k, phpPart{phpNumber, part})
		}
		if k, ok := k.withModifiers(s[n:]); ok {
			return k, true
		}
	}
	return nil, false
}

// withModifiers adds what follows the numbers: [._-]? (stability numbers)? ([.-]?dev)? ok is false when s is not of that form.
func (k packagistKey) withModifiers(s string) (packagistKey, bool) {
	if s == "" {
		return k, true
	}
	if strings.IndexByte("._-", s[0]) >= 0 {
		s = s[1:]
	}
	word := s[:leadingLetters(s)]
	numbers := s[len(word):]
	if n := len(word) - len("dev"); n > 0 && strings.EqualFold(word[n:], "dev") { // "betadev": nothing between the two words
		word, numbers = word[:n], s[n:]
	}
	if kind, ok := phpStabilityKind(word); ok {
		n := 0
		for {
			m := n
			if m < len(numbers) && (numbers[m] == '.' || numbers[m] == '-') {
				m++
			}
			d := leadingDigits(numbers[m:])
			if d == 0 {
				break
			}
			n = m + d
		}
		if word == "stable" { // the numbers behind it, and "dev", mean nothing
			return k, isPHPDev(numbers[n:]) || numbers[n:] == ""
		}
		k = append(k, phpPart{kind: kind})
		for _, part := range strings.FieldsFunc(numbers[:n], func(r rune) bool { return r == '.' || r == '-' }) {
			k = append(k, phpPart{phpNumber, part})
		}
		s = numbers[n:]
	}
	switch {
	case s == "":
		return k, true
	case isPHPDev(s):
		return append(k, phpPart{kind: phpDev}), true
	}
	return nil, false
}

func isPHPDev(s string) bool {
	if s != "" && (s[0] == '.' || s[0] == '-') {
		s = s[1:]
	}
	return strings.EqualFold(s, "dev")
}

// phpStabilityKind returns the kind of a stability, in any of the spellings that Composer reads.
func phpStabilityKind(word string) (kind int8, ok bool) {
	switch strings.ToLower(word) {
	case "stable":
		return phpUnknown, true
	case "alpha", "a":
		return phpAlpha, true
	case "beta", "b":
		return phpBeta, true
	case "rc":
		return phpCandidate, true
	case "patch", "pl", "p":
		return phpPatch, true
	}
	return 0, false
}

// phpBranch reads a numbered branch as Composer does: "1.x-dev" is 1.9999999.9999999.9999999-dev.
func phpBranch(s string) (packagistKey, bool) {
	n := len(s) - len("dev")
	if n < 1 || !strings.EqualFold(s[n:], "dev") {
		return nil, false
	}
	if s = s[:n]; s[n-1] == '.' || s[n-1] == '-' {
		s = s[:n-1]
	}
	var k packagistKey
	for i, more := 0, true; more; i++ {
		var part string
		part, s, more = strings.Cut(s, ".")
		switch {
		case i == 4:
			return nil, false
		case part != "" && leadingDigits(part) == len(part):
			k = append(k, phpPart{phpNumber, part})
		case i > 0 && (part == "x" || part == "X" || part == "*"):
			k = append(k, phpPart{phpNumber, "9999999"})
		default:
			return nil, false
		}
	}
	for len(k) < 4 {
		k = append(k, phpPart{phpNumber, "9999999"})
	}
	return append(k, phpPart{kind: phpDev}), true
}

func (k packagistKey) compare(other key) (int, error) {
	o := other.(packagistKey)
	for i := range max(len(k), len(o)) {
		a, b := phpPart{kind: phpEnd}, phpPart{kind: phpEnd}
		if i < len(k) {
			a = k[i]
		}
		if i < len(o) {
			b = o[i]
		}
		if c := cmp.Compare(a.kind, b.kind); c != 0 {
			return c, nil
		}
		if c := compareNumbers(a.text, b.text); c != 0 {
			return c, nil
		}
	}
	return 0, nil
}
