package version

import (
	"cmp"
	"strings"
)

// maxInt32 is the largest number that .NET's and R's integers hold.
const maxInt32 = "2147483647"

// nugetKey is a semantic version of one to four numbers (learn.microsoft.com/nuget/concepts/package-versioning, and NuGetVersion and
// VersionComparer of NuGet.Versioning). The order ignores metadata and the case of labels.
type nugetKey struct {
	numbers [4]string
	labels  string
}

func parseNuGet(text string) (key, error) {
	s, metadata, hasMetadata := strings.Cut(text, "+")
	s, labels, hasLabels := strings.Cut(s, "-")
	if hasMetadata && !validIdentifiers(metadata, true) || hasLabels && !validIdentifiers(labels, false) {
		return nil, invalid(NuGet, text, "its labels or metadata are not made of identifiers")
	}
	k := nugetKey{labels: labels}
	for i := range k.numbers {
		part, rest, more := strings.Cut(s, ".")
		if part == "" || leadingDigits(part) != len(part) || compareNumbers(part, maxInt32) > 0 || more && i == 3 {
			return nil, invalid(NuGet, text, "it has not one to four numbers below 2147483648")
		}
		if k.numbers[i] = part; !more {
			return k, nil
		}
		s = rest
	}
	return k, nil
}

func (k nugetKey) compare(other key) (int, error) {
	o := other.(nugetKey)
	for i := range k.numbers {
		if c := compareNumbers(k.numbers[i], o.numbers[i]); c != 0 {
			return c, nil
		}
	}
	return compareOptional(k.labels, o.labels, 1, compareNuGetLabels), nil
}

// compareNuGetLabels compares as int.TryParse and StringComparer.OrdinalIgnoreCase do: a number too large for an int is a word, and a minus
// sign makes a negative number.
func compareNuGetLabels(a, b string) int {
	return compareIdentifiers(a, b, func(x, y string) int { return compareSigned(x, y, maxInt32, compareIgnoringCase) })
}

// compareSigned compares two identifiers: numbers up to limit, which may be negative, are older than words.
func compareSigned(a, b, limit string, compareWords func(a, b string) int) int {
	negA, numA, isA := cutSign(a, limit)
	negB, numB, isB := cutSign(b, limit)
	switch {
	case isA && isB:
		return compareSignedNumbers(negA, numA, negB, numB)
	case isA:
		return -1
	case isB:
		return 1
	}
	return compareWords(a, b)
}

// cutSign splits a number into its minus sign and its digits. ok is false for what is no number up to limit.
func cutSign(s, limit string) (negative bool, number string, ok bool) {
	number, negative = strings.CutPrefix(s, "-")
	return negative, number, number != "" && leadingDigits(number) == len(number) && compareNumbers(number, limit) <= 0
}

func compareSignedNumbers(negA bool, a string, negB bool, b string) int {
	switch {
	case negA && negB:
		return compareNumbers(b, a)
	case negA || negB:
		if strings.Trim(a+b, "0") == "" {
			return 0
		}
		if negA {
			return -1
		}
		return 1
	}
	return compareNumbers(a, b)
}

// compareIgnoringCase compares bytes as if all letters were upper case.
func compareIgnoringCase(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Compare(upper(a[i]), upper(b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}
