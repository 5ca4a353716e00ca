// Package version orders version strings by the rules of the ecosystem that they are from.
package version

import (
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

// MaxLength is how long a version may be, in bytes; the longest in OSV's exports have about 100.
const MaxLength = 1024

// Version is a parsed version, comparable with those of its own scheme.
type Version struct {
	scheme, text string
	key          key
}

// key is what a scheme makes of a version. compare is only given a key of the same scheme.
type key interface {
	compare(other key) (int, error)
}

// String is the version as it was given.
func (v Version) String() string { return v.text }

// Scheme names the order of an ecosystem, which is given as OSV writes it, with or without its release ("Debian:12"). OSV's other
// ecosystems (Android, FreeBSD, Linux, OSS-Fuzz, GIT) have no order that is known here, which is an error.
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

// Compare returns -1, 0 or 1. Versions that are equal may be written differently ("1.0" and "1.0.0" in PyPI); whichever is used, it
// compares alike with every third. The error says that the ecosystem is unknown or a version is none of it.
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

// Parse reads a version of an ecosystem.
func Parse(ecosystem, text string) (Version, error) {
	scheme, err := Scheme(ecosystem)
	if err != nil {
		return Version{}, err
	}
	return ParseAs(scheme, text)
}

// ParseAs reads a version by the scheme itself: a SEMVER range has that order whatever its ecosystem.
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

// Compare returns -1, 0 or 1; an error when the two are of different schemes.
func (v Version) Compare(w Version) (int, error) {
	if v.scheme != w.scheme || v.key == nil {
		return 0, fmt.Errorf("comparing %q (%s) with %q (%s): they have no common order", v.text, v.scheme, w.text, w.scheme)
	}
	return v.key.compare(w.key)
}

func invalid(scheme, text, why string) error {
	return fmt.Errorf("%.80q is no %s version: %s", text, scheme, why)
}

// compareNumbers compares two runs of decimal digits of any length by value; "" is 0.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return sign(len(a) - len(b))
	}
	return strings.Compare(a, b)
}

// compareDotted compares numbers between dots; missing ones are 0.
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

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isLower(c | 0x20) }

// digits is how many of the first bytes of s are decimal digits.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}
