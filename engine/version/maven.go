package version

import (
	"cmp"
	"strings"
)

// The kinds of tokens of a Maven version, in the order of Maven's ComparableVersion, oldest first. The end stands between what is older
// than a release and what is newer.
const (
	mavenEarly     = iota // a qualifier of a pre-release: alpha, beta, milestone, rc, snapshot
	mavenEarlyList        // the beginning of a list whose first item is such a qualifier
	mavenEnd
	mavenRelease // "ga", "final" or "release" with more behind it
	mavenLate    // "sp", and every word that Maven does not know
	mavenList    // the beginning of any other list
	mavenNumber
)

type mavenToken struct {
	text string // the digits of a number; a word that Maven does not know
	kind int8
	rank int8 // orders the qualifiers of one kind
}

// mavenKey holds the tokens of a version (maven.apache.org/pom.html, "Version Order Specification"; maven-artifact's ComparableVersion).
// Maven's version is a list whose last item may be a list, and so on. As each list ends the one around it, the tokens can stand in a row,
// with a token where a list begins.
//
// ComparableVersion is not transitive in two corners: 1-x > 1 > 1--rc > 1-x, and 1.rc.1 > 1-5 > 1 > 1.rc.1. Two changes make it an order
// here: a list is as old as its first item, and a word between dots begins a list as it does at the end, where Maven, too, reads "1.rc" as
// "1-rc". In all else the order is that of Maven 3.8 and 3.9, which agree.
type mavenKey []mavenToken

func parseMaven(text string) (key, error) {
	if !strings.ContainsAny(text, "0123456789") { // Maven orders any text, and "latest" would be newer than every release
		return nil, invalid(Maven, text, "it has no digit")
	}
	text = strings.ToLower(text)
	k := make(mavenKey, 0, 8)
	beginList := func() {
		k = append(k.withoutTrailingZeros(), mavenToken{kind: mavenList})
	}
	for rest := text; rest != ""; {
		n, word := leadingDigits(rest), false
		if n == 0 {
			n, word = mavenWord(rest), true
		}
		followed := n < len(rest) && isDigit(rest[n])
		switch {
		case n == 0: // two separators in a row have a 0 between them
			k = append(k, mavenToken{kind: mavenNumber})
		case !word:
			k = append(k, mavenToken{kind: mavenNumber, text: rest[:n]})
		default:
			token := mavenQualifier(rest[:n], followed)
			if len(k) > 0 && k[len(k)-1].kind != mavenList && (followed || token.kind != mavenRelease) {
				beginList()
			}
			k = append(k, token)
		}
		rest = rest[n:]
		switch {
		case rest == "":
		case rest[0] == '-':
			rest = rest[1:]
			beginList()
		case rest[0] == '.':
			rest = rest[1:]
		default: // from digits to letters, or back
			beginList()
		}
	}
	return k.finished(), nil
}

// mavenWord counts the bytes before the next digit or separator.
func mavenWord(s string) int {
	for i := range len(s) {
		if isDigit(s[i]) || s[i] == '.' || s[i] == '-' {
			return i
		}
	}
	return len(s)
}

// mavenQualifier makes a token of a word. followed says that a digit follows it, which is where "a", "b" and "m" are abbreviations.
func mavenQualifier(word string, followed bool) mavenToken {
	if followed {
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

// withoutTrailingZeros drops what means nothing at the end of a list: zeros, and the words for a release.
func (k mavenKey) withoutTrailingZeros() mavenKey {
	n := len(k)
	for n > 0 && (k[n-1].kind == mavenRelease || k[n-1].kind == mavenNumber && strings.Trim(k[n-1].text, "0") == "") {
		n--
	}
	return k[:n]
}

// finished drops empty lists from the end, and marks the lists that begin with a pre-release.
func (k mavenKey) finished() mavenKey {
	k = k.withoutTrailingZeros()
	for len(k) > 0 && k[len(k)-1].kind == mavenList {
		k = k[:len(k)-1].withoutTrailingZeros()
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
		c := cmp.Compare(a.kind, b.kind)
		if c == 0 {
			c = cmp.Compare(a.rank, b.rank)
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
