package version

import "strings"

// The kinds of tokens of a Maven version, in the order of Maven's ComparableVersion where two versions differ in kind. The end stands
// between what is older than a release and what is newer.
const (
	mavenEarly     = iota // a qualifier of before the release
	mavenEarlyList        // the beginning of a list that holds one
	mavenEnd
	mavenRelease // "", "ga", "final" with more behind it
	mavenLate    // "sp", and any word that is not known
	mavenList    // the beginning of any other list
	mavenNumber
)

type mavenToken struct {
	text string // digits, or the word
	kind int8
	rank int8 // among early qualifiers
}

// mavenKey are the tokens of a version (maven.apache.org/pom.html, "Version Order Specification"; maven-artifact's ComparableVersion).
// There a version is a list whose last item may be a list, and so on; as every list is the end of the one around it, the tokens can
// stand in a row, each inner list behind a token for its beginning.
//
// ComparableVersion is no order in two corners: 1-x > 1 > 1--rc > 1-x, and 1.rc.1 > 1-5 > 1 > 1.rc.1. Here a list is as old as what it
// begins with, and a word between dots begins a list as it does at the end ("1.rc" is "1-rc" to Maven, too). All else is as in Maven 3.8 and 3.9, which agree.
type mavenKey []mavenToken

func parseMaven(text string) (key, error) {
	if !strings.ContainsAny(text, "0123456789") { // Maven has a place for any text; "latest" would be newer than every release
		return nil, invalid(Maven, text, "it has no digit")
	}
	text = strings.ToLower(text)
	k := make(mavenKey, 0, 8)
	list := func() {
		k = append(k.trimmed(), mavenToken{kind: mavenList})
	}
	for rest := text; rest != ""; {
		n, word := digits(rest), false
		if n == 0 {
			n, word = mavenWord(rest), true
		}
		followed := n < len(rest) && isDigit(rest[n])
		switch {
		case n == 0: // a separator where something should be
			k = append(k, mavenToken{kind: mavenNumber})
		case !word:
			k = append(k, mavenToken{kind: mavenNumber, text: rest[:n]})
		default:
			q := mavenQualifier(rest[:n], followed)
			if len(k) > 0 && k[len(k)-1].kind != mavenList && (followed || q.kind != mavenRelease) {
				list()
			}
			k = append(k, q)
		}
		rest = rest[n:]
		switch {
		case rest == "":
		case rest[0] == '-':
			rest = rest[1:]
			list()
		case rest[0] == '.':
			rest = rest[1:]
		default: // from digits to letters, or back
			list()
		}
	}
	return k.ended(), nil
}

// mavenWord is how many bytes lie before the next digit or separator.
func mavenWord(s string) int {
	for i := range len(s) {
		if isDigit(s[i]) || s[i] == '.' || s[i] == '-' {
			return i
		}
	}
	return len(s)
}

func mavenQualifier(word string, followed bool) mavenToken {
	if followed { // by a digit
		switch word {
		case "a":
			word = "alpha"
		case "b":
			word = "beta"
		case "m":
			word = "milestone"
		}
	}
	switch word {
	case "alpha":
		return mavenToken{kind: mavenEarly, rank: 0}
	case "beta":
		return mavenToken{kind: mavenEarly, rank: 1}
	case "milestone":
		return mavenToken{kind: mavenEarly, rank: 2}
	case "rc", "cr":
		return mavenToken{kind: mavenEarly, rank: 3}
	case "snapshot":
		return mavenToken{kind: mavenEarly, rank: 4}
	case "ga", "final", "release":
		return mavenToken{kind: mavenRelease}
	case "sp":
		return mavenToken{kind: mavenLate, rank: 0}
	}
	return mavenToken{kind: mavenLate, rank: 1, text: word}
}

// trimmed drops what means nothing at the end of a list: zeros and words for a release.
func (k mavenKey) trimmed() mavenKey {
	n := len(k)
	for n > 0 && (k[n-1].kind == mavenRelease || k[n-1].kind == mavenNumber && strings.Trim(k[n-1].text, "0") == "") {
		n--
	}
	return k[:n]
}

// ended drops empty lists from the end, and marks those that begin with an early qualifier.
func (k mavenKey) ended() mavenKey {
	k = k.trimmed()
	for len(k) > 0 && k[len(k)-1].kind == mavenList {
		k = k[:len(k)-1].trimmed()
	}
	for i := len(k) - 2; i >= 0; i-- {
		if k[i].kind == mavenList && (k[i+1].kind == mavenEarly || k[i+1].kind == mavenEarlyList) {
			k[i].kind = mavenEarlyList
		}
	}
	return k
}

func (k mavenKey) compare(other key) (int, error) {
	o := other.(mavenKey)
	for i := range max(len(k), len(o)) {
		a, b := mavenToken{kind: mavenEnd}, mavenToken{kind: mavenEnd}
		if i < len(k) {
			a = k[i]
		}
		if i < len(o) {
			b = o[i]
		}
		c := sign(int(a.kind) - int(b.kind))
		if c == 0 {
			c = sign(int(a.rank) - int(b.rank))
		}
		if c == 0 && a.kind == mavenNumber {
			c = compareNumbers(a.text, b.text)
		} else if c == 0 {
			c = strings.Compare(a.text, b.text)
		}
		if c != 0 {
			return c, nil
		}
	}
	return 0, nil
}
