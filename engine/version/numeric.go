package version

import (
	"cmp"
	"strings"
)

// numericKey is a version of numbers between separators. They are compared one by one; of two that begin alike, the longer one is newer.
type numericKey string

// parseCRAN reads at least two numbers between dots or dashes, which mean the same (R's package_version). The order is that of R's
// compareVersion and of OSV, where 1.0 is older than 1.0.0; the operators of package_version call the two equal.
func parseCRAN(text string) (key, error) {
	return parseNumeric(CRAN, text, ".-", 2, func(part string) bool { return compareNumbers(part, maxInt32) <= 0 })
}

// parseHackage reads numbers between dots (Cabal's Distribution.Types.Version): up to nine digits each, without leading zeros.
func parseHackage(text string) (key, error) {
	return parseNumeric(Hackage, text, ".", 1, func(part string) bool { return len(part) <= 9 && (part == "0" || part[0] != '0') })
}

// parseNumeric reads at least minParts numbers between separators.
func parseNumeric(scheme, text, separators string, minParts int, valid func(part string) bool) (key, error) {
	parts := 0
	for rest := text; ; parts++ {
		n := leadingDigits(rest)
		if n == 0 || !valid(rest[:n]) {
			return nil, invalid(scheme, text, "it is not made of numbers that its tools take")
		}
		if rest = rest[n:]; rest == "" {
			break
		}
		if strings.IndexByte(separators, rest[0]) < 0 {
			return nil, invalid(scheme, text, "it has other than numbers")
		}
		rest = rest[1:]
	}
	if parts++; parts < minParts {
		return nil, invalid(scheme, text, "it has but one number")
	}
	return numericKey(text), nil
}

func (k numericKey) compare(other key) (int, error) {
	a, b := string(k), string(other.(numericKey))
	for {
		n, m := leadingDigits(a), leadingDigits(b)
		if c := compareNumbers(a[:n], b[:m]); c != 0 {
			return c, nil
		}
		a, b = a[n:], b[m:]
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b)), nil
		}
		a, b = a[1:], b[1:]
	}
}
