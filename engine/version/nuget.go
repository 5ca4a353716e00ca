package version

import "strings"

// maxInt32 is the largest number that .NET's and R's integers hold.
const maxInt32 = "2147483647"

// nugetKey is a semantic version of one to four numbers (learn.microsoft.com/nuget/concepts/package-versioning, and NuGetVersion and
// VersionComparer of NuGet.Versioning). Metadata has no part in the order, nor has the case of labels.
type nugetKey struct {
	numbers [4]string
	labels  string
}

func parseNuGet(text string) (key, error) {
	s, metadata, hasMetadata := strings.Cut(text, "+")
	s, labels, hasLabels := strings.Cut(s, "-")
	if hasMetadata && !identifiers(metadata, true) || hasLabels && !identifiers(labels, false) {
		return nil, invalid(NuGet, text, "its labels or metadata are not made of identifiers")
	}
	k := nugetKey{labels: labels}
	for i := range k.numbers {
		part, rest, more := strings.Cut(s, ".")
		if part == "" || digits(part) != len(part) || compareNumbers(part, maxInt32) > 0 || more && i == 3 {
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
	switch {
	case k.labels == "" && o.labels == "":
		return 0, nil
	case k.labels == "":
		return 1, nil
	case o.labels == "":
		return -1, nil
	}
	return compareIdentifiers(k.labels, o.labels, nugetIdentifier), nil
}

// nugetIdentifier compares as int.TryParse and StringComparer.OrdinalIgnoreCase do: what is too large for an int is a word, and a sign
// makes a negative number.
func nugetIdentifier(a, b string) int { return signedIdentifier(a, b, maxInt32, compareFold) }

// signedIdentifier orders numbers up to limit before words.
func signedIdentifier(a, b, limit string, words func(a, b string) int) int {
	negA, numA, isA := signed(a, limit)
	negB, numB, isB := signed(b, limit)
	switch {
	case isA && isB:
		return compareSigned(negA, numA, negB, numB)
	case isA:
		return -1
	case isB:
		return 1
	}
	return words(a, b)
}

// signed reads a number with or without a minus sign, up to limit.
func signed(s, limit string) (negative bool, number string, ok bool) {
	number, negative = strings.CutPrefix(s, "-")
	return negative, number, number != "" && digits(number) == len(number) && compareNumbers(number, limit) <= 0
}

func compareSigned(negA bool, a string, negB bool, b string) int {
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

// compareFold compares bytes as if all letters were upper case.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c := sign(int(upper(a[i])) - int(upper(b[i]))); c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b))
}

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}
