// Package version orders version strings by the rules of the ecosystem that they are from.
package version

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The schemes: names of the orders.
const (
	DPKG      = "dpkg"
	APK       = "apk"
	RPM       = "rpm"
	SemVer    = "semver"
	Go        = "go"
	PEP440    = "pep440"
	Maven     = "maven"
	NuGet     = "nuget"
	RubyGems  = "rubygems"
	Packagist = "packagist"
	CRAN      = "cran"
	Hackage   = "hackage"
	Pub       = "pub"
	Hex       = "hex"
	Loose     = "loose" // semantic versions with any number of parts
)

// MaxLength is how long a version may be, in bytes. The longest in OSV's exports have about 100, and comparing takes time that grows with
// the length.
const MaxLength = 1024

// Version is a parsed version. It can be compared with versions of its own scheme.
type Version struct {
	scheme, text string
	key          key
}

// key is a version as its scheme has parsed it. compare is only given a key of the same scheme.
type key interface {
	compare(other key) (int, error)
}

// String returns the version as it was given.
func (v Version) String() string { return v.text }

// Scheme returns the scheme of an ecosystem, which is given as OSV writes it, with or without its release ("Debian:12"). It is an error for
// an ecosystem whose order is not known here: Android, FreeBSD, Linux, OSS-Fuzz, GIT.
func Scheme(ecosystem string) (string, error) {
	base, release := engine.SplitEcosystem(ecosystem)
	switch base {
	case "Docker Hardened Images", "Root", "TuxCare": // patched packages of another ecosystem: "TuxCare:Alpine:v3.16"
		base, _, _ = strings.Cut(release, ":")
	}
	switch base {
	case "Debian", "Ubuntu", "Echo", "opam": // opam's order is Debian's (opam.ocaml.org/doc/Manual.html, "Version Ordering")
		return DPKG, nil
	case "Alpine", "Wolfi", "Chainguard", "MinimOS", "Alpaquita", "BellSoft Hardened Containers", "CleanStart":
		return APK, nil
	case "AlmaLinux", "Rocky Linux", "Red Hat", "SUSE", "openSUSE", "Mageia", "openEuler", "Photon OS", "Azure Linux":
		return RPM, nil
	case "npm", "crates.io", "SwiftURL", "VSCode", "Kubernetes":
		return SemVer, nil
	case "Go":
		return Go, nil
	case "PyPI":
		return PEP440, nil
	case "Maven":
		return Maven, nil
	case "NuGet":
		return NuGet, nil
	case "RubyGems":
		return RubyGems, nil
	case "Packagist":
		return Packagist, nil
	case "CRAN", "Bioconductor":
		return CRAN, nil
	case "Hackage":
		return Hackage, nil
	case "Pub":
		return Pub, nil
	case "Hex":
		return Hex, nil
	case "Bitnami", "ConanCenter", "GHC", "Julia", "GitHub Actions":
		return Loose, nil
	}
	return "", fmt.Errorf("no order is known for versions of the ecosystem %.80q", ecosystem)
}

// Compare compares two versions of an ecosystem and returns -1, 0 or 1. Equal versions may be written differently ("1.0" and "1.0.0" in
// PyPI); all of them compare alike with any other version. The error says that the ecosystem is unknown, or that a version is not valid
// there.
func Compare(ecosystem, a, b string) (int, error) {
	scheme, err := Scheme(ecosystem)
	if err != nil {
		return 0, err
	}
	x, err := ParseAs(scheme, a)
	if err != nil {
		return 0, err
	}
	y, err := ParseAs(scheme, b)
	if err != nil {
		return 0, err
	}
	return x.Compare(y)
}

// Parse parses a version of an ecosystem. The error says that the ecosystem is unknown, or that the version is not valid there.
func Parse(ecosystem, text string) (Version, error) {
	scheme, err := Scheme(ecosystem)
	if err != nil {
		return Version{}, err
	}
	return ParseAs(scheme, text)
}

// ParseAs parses a version of a scheme, for ranges of type SEMVER: their order does not depend on the ecosystem.
func ParseAs(scheme, text string) (Version, error) {
	if len(text) > MaxLength {
		return Version{}, &engine.LimitError{What: "bytes of a version", Limit: MaxLength}
	}
	if text == "" {
		return Version{}, invalid(scheme, text, "it is empty")
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return Version{}, invalid(scheme, text, "it has a character that no version may have")
		}
	}
	k, err := parseKey(scheme, text)
	if err != nil {
		return Version{}, err
	}
	return Version{scheme, text, k}, nil
}

func parseKey(scheme, text string) (key, error) {
	switch scheme {
	case DPKG:
		return parseDPKG(text)
	case APK:
		return parseAPK(text)
	case RPM:
		return parseRPM(text)
	case SemVer:
		return parseSemVer(text)
	case Go:
		return parseGo(text)
	case PEP440:
		return parsePEP440(text)
	case Maven:
		return parseMaven(text)
	case NuGet:
		return parseNuGet(text)
	case RubyGems:
		return parseRubyGems(text)
	case Packagist:
		return parsePackagist(text)
	case CRAN:
		return parseCRAN(text)
	case Hackage:
		return parseHackage(text)
	case Pub:
		return parsePub(text)
	case Hex:
		return parseHex(text)
	case Loose:
		return parseLoose(text)
	}
	return nil, fmt.Errorf("no order of versions is called %.80q", scheme)
}

// Compare returns -1, 0 or 1, or an error when the two are of different schemes or one was not parsed.
func (v Version) Compare(w Version) (int, error) {
	if v.scheme != w.scheme || v.key == nil {
		return 0, fmt.Errorf("comparing %q (%s) with %q (%s): they have no common order", v.text, v.scheme, w.text, w.scheme)
	}
	return v.key.compare(w.key)
}

// invalid is the error of a text that is no version of a scheme.
func invalid(scheme, text, why string) error {
	return fmt.Errorf("%.80q is no %s version: %s", text, scheme, why)
}

// compareNumbers compares two runs of decimal digits of any length by value; "" is 0.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// compareDotted compares lists of numbers between dots. A missing number is 0.
func compareDotted(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareParts compares two parts, each a number or a word. number says how a number compares with a word: -1 older, 1 newer.
func compareParts(a, b string, number int) int {
	numA, numB := leadingDigits(a) == len(a), leadingDigits(b) == len(b)
	switch {
	case numA && numB:
		return compareNumbers(a, b)
	case numA:
		return number
	case numB:
		return -number
	}
	return strings.Compare(a, b)
}

// compareOptional compares two texts that may be missing, which is "". missing says how a missing one compares with any other: -1 older,
// 1 newer.
func compareOptional(a, b string, missing int, compare func(a, b string) int) int {
	switch {
	case a == "" && b == "":
		return 0
	case a == "":
		return missing
	case b == "":
		return -missing
	}
	return compare(a, b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isLower(c | 0x20) }

// leadingDigits counts the decimal digits with which s begins.
func leadingDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}
