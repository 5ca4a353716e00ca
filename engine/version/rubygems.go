package version

import "strings"

// rubyKey are the segments of a Gem::Version, runs of digits or letters, without the zeros at the end and before the first word.
type rubyKey []string

func parseRubyGems(text string) (key, error) {
	if !rubyForm(text) {
		return nil, invalid(RubyGems, text, "it has not the form of a gem's version")
	}
	k := make(rubyKey, 0, 6)
	words := false
	for rest := text; rest != ""; {
		n := digits(rest)
		switch {
		case n > 0:
			k = append(k, rest[:n])
		case rest[0] == '-': // "1.0-x" is "1.0.pre.x"
			n = 1
			k, words = k.word("pre", words), true
		case rest[0] == '.':
			n = 1
		default:
			n = letters(rest)
			k, words = k.word(rest[:n], words), true
		}
		rest = rest[n:]
	}
	return k.trimmed(), nil
}

func (k rubyKey) word(s string, words bool) rubyKey {
	if !words {
		k = k.trimmed()
	}
	return append(k, s)
}

func (k rubyKey) trimmed() rubyKey {
	n := len(k)
	for n > 0 && strings.Trim(k[n-1], "0") == "" {
		n--
	}
	return k[:n]
}

// rubyForm is VERSION_PATTERN of rubygems/version.rb: digits, then ".x" and so on of letters or digits, then "-" and identifiers.
func rubyForm(s string) bool {
	s, pre, hasPre := strings.Cut(s, "-")
	if hasPre && !identifiers(pre, true) {
		return false
	}
	first, _, _ := strings.Cut(s, ".")
	return digits(first) == len(first) && identifiers(s, true)
}

// compare fills up with zeros; a word is older than any number.
func (k rubyKey) compare(other key) (int, error) {
	o := other.(rubyKey)
	for i := range max(len(k), len(o)) {
		a, b := at(k, i), at(o, i)
		numA, numB := digits(a) == len(a), digits(b) == len(b)
		c := 0
		switch {
		case numA && numB:
			c = compareNumbers(a, b)
		case numA:
			c = 1
		case numB:
			c = -1
		default:
			c = strings.Compare(a, b)
		}
		if c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}
