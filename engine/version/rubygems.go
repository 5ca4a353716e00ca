package version

import "strings"

// rubyKey holds the segments of a Gem::Version, which are runs of digits or letters, without the zeros at the end and before the first
// word.
type rubyKey []string

func parseRubyGems(text string) (key, error) {
	if !isRubyVersion(text) {
		return nil, invalid(RubyGems, text, "it has not the form of a gem's version")
	}
	k := make(rubyKey, 0, 6)
	words := false
	for rest := text; rest != ""; {
		n := leadingDigits(rest)
		switch {
		case n > 0:
			k = append(k, rest[:n])
		case rest[0] == '-': // "1.0-x" is "1.0.pre.x"
			n = 1
			k, words = k.appendWord("pre", words), true
		case rest[0] == '.':
			n = 1
		default:
			n = leadingLetters(rest)
			k, words = k.appendWord(rest[:n], words), true
		}
		rest = rest[n:]
	}
	return k.withoutTrailingZeros(), nil
}

// appendWord adds a word. words says that there is one already: only the zeros before the first one are dropped.
func (k rubyKey) appendWord(s string, words bool) rubyKey {
	if !words {
		k = k.withoutTrailingZeros()
	}
	return append(k, s)
}

func (k rubyKey) withoutTrailingZeros() rubyKey {
	n := len(k)
	for n > 0 && strings.Trim(k[n-1], "0") == "" {
		n--
	}
	return k[:n]
}

// isRubyVersion matches VERSION_PATTERN of rubygems/version.rb: digits, then parts of letters or digits after dots, then "-" and
// identifiers.
func isRubyVersion(s string) bool {
	s, pre, hasPre := strings.Cut(s, "-")
	if hasPre && !validIdentifiers(pre, true) {
		return false
	}
	first, _, _ := strings.Cut(s, ".")
	return leadingDigits(first) == len(first) && validIdentifiers(s, true)
}

// compare takes a missing segment for 0. A word is older than any number.
func (k rubyKey) compare(other key) (int, error) {
	o := other.(rubyKey)
	for i := range max(len(k), len(o)) {
		if c := compareParts(k.at(i), o.at(i), 1); c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

// at returns a segment, "" behind the last one.
func (k rubyKey) at(i int) string {
	if i < len(k) {
		return k[i]
	}
	return ""
}
