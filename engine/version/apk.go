package version

import (
	"cmp"
	"strings"
)

// The kinds of parts of an apk version, in the order in which they may follow each other. Where two versions first differ in kind, the
// one whose kind stands earlier here is newer: "1.2a" has a letter where "1.2" ends. The suffixes of a pre-release are the exception.
const (
	apkDigits = iota
	apkLetter
	apkSuffix
	apkSuffixNumber
	apkHash
	apkRevision
	apkEnd
)

type apkPart struct {
	text string
	kind int8
	rank int8 // of a suffix: below 0 for a pre-release, above 0 for what follows the release
}

// apkKey holds the parts of number{.number}[letter]{_suffix[number]}[~hash][-rN] (apk-package(5), "Package Specification").
type apkKey []apkPart

func apkSuffixRank(s string) (rank int8, ok bool) {
	switch s {
	case "alpha":
		return -4, true
	case "beta":
		return -3, true
	case "pre":
		return -2, true
	case "rc":
		return -1, true
	case "cvs":
		return 1, true
	case "svn":
		return 2, true
	case "git":
		return 3, true
	case "hg":
		return 4, true
	case "p":
		return 5, true
	}
	return 0, false
}

func parseAPK(text string) (key, error) {
	k := make(apkKey, 0, 8)
	n := leadingDigits(text)
	if n == 0 {
		return nil, invalid(APK, text, "it does not start with a digit")
	}
	k, rest := append(k, apkPart{kind: apkDigits, text: text[:n]}), text[n:]
	for rest != "" {
		part, size := cutAPKPart(rest, k[len(k)-1].kind)
		if size == 0 {
			return nil, invalid(APK, text, "it does not go on as one from "+rest)
		}
		if part.kind == apkSuffix {
			k = append(k, part)
			n := leadingDigits(rest[size:])
			if n > 0 {
				k = append(k, apkPart{kind: apkSuffixNumber, text: rest[size : size+n]})
			}
			rest = rest[size+n:]
			continue
		}
		k, rest = append(k, part), rest[size:]
	}
	return append(k, apkPart{kind: apkEnd}), nil
}

// cutAPKPart reads the part with which rest begins, and its size in bytes. The size is 0 when no part begins there that may follow one of
// the kind last.
func cutAPKPart(rest string, last int8) (part apkPart, size int) {
	switch c := rest[0]; {
	case c == '.' && last == apkDigits:
		if n := leadingDigits(rest[1:]); n > 0 {
			return apkPart{kind: apkDigits, text: rest[1 : 1+n]}, 1 + n
		}
	case isLower(c) && last == apkDigits:
		return apkPart{kind: apkLetter, text: rest[:1]}, 1
	case c == '_' && last <= apkSuffixNumber:
		n := 1
		for n < len(rest) && isLower(rest[n]) {
			n++
		}
		if rank, ok := apkSuffixRank(rest[1:n]); ok {
			return apkPart{kind: apkSuffix, rank: rank}, n
		}
	case c == '~' && last <= apkSuffixNumber:
		n := 1
		for n < len(rest) && (isDigit(rest[n]) || 'a' <= rest[n] && rest[n] <= 'f') {
			n++
		}
		if n > 1 {
			return apkPart{kind: apkHash, text: rest[1:n]}, n
		}
	case strings.HasPrefix(rest, "-r") && last <= apkHash:
		if n := leadingDigits(rest[2:]); n > 0 {
			return apkPart{kind: apkRevision, text: rest[2 : 2+n]}, 2 + n
		}
	}
	return apkPart{}, 0
}

func (k apkKey) compare(other key) (int, error) {
	o := other.(apkKey)
	for i := range min(len(k), len(o)) {
		if c := k[i].compare(o[i], i == 0); c != 0 {
			return c, nil
		}
	}
	return 0, nil // apkEnd is the last part of each, and nowhere else
}

func (p apkPart) compare(q apkPart, first bool) int {
	switch {
	case p.kind != q.kind && p.rank < 0:
		return -1
	case p.kind != q.kind && q.rank < 0:
		return 1
	case p.kind != q.kind:
		return cmp.Compare(q.kind, p.kind)
	}
	switch p.kind {
	case apkSuffix:
		return cmp.Compare(p.rank, q.rank)
	case apkDigits: // after the first number, one with a leading zero is a decimal fraction: 1.05 is older than 1.1
		if !first && (p.text[0] == '0' || q.text[0] == '0') {
			return strings.Compare(p.text, q.text)
		}
		return compareNumbers(p.text, q.text)
	case apkSuffixNumber, apkRevision:
		return compareNumbers(p.text, q.text)
	}
	return strings.Compare(p.text, q.text)
}
