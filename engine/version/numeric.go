package version

import "strings"

// numericKey are numbers between separators, compared one by one; with more of them a version is newer.
type numericKey string

// parseCRAN reads two numbers or more between dots or dashes, which mean the same (R's package_version). The order is that of R's
// compareVersion and of OSV: 1.0 is older than 1.0.0, which package_version's own operators call equal.
func parseCRAN(text string) (key, error) {
	return parseNumeric(CRAN, text, ".-", 2, func(part string) bool { return compareNumbers(part, maxInt32) <= 0 })
}

// parseHackage reads numbers between dots (Cabal's Distribution.Types.Version): up to nine digits each, without leading zeros.
func parseHackage(text string) (key, error) {
	return parseNumeric(Hackage, text, ".", 1, func(part string) bool { return len(part) <= 9 && (part == "0" || part[0] != '0') })
}

func parseNumeric(scheme, text, separators string, least int, fits func(part string) bool) (key, error) {
	parts := 0
	for rest := text; ; parts++ {
		n := digits(rest)
		if n == 0 || !fits(rest[:n]) {
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
	if parts++; parts < least {
		return nil, invalid(scheme, text, "it has but one number")
	}
	return numericKey(text), nil
}

func (k numericKey) compare(other key) (int, error) {
	a, b := string(k), string(other.(numericKey))
	for {
		n, m := digits(a), digits(b)
		if c := compareNumbers(a[:n], b[:m]); c != 0 {
			return c, nil
		}
		a, b = a[n:], b[m:]
		if a == "" || b == "" {
			return sign(len(a) - len(b)), nil
		}
		a, b = a[1:], b[1:]
	}
}
