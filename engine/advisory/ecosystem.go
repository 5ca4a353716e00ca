package advisory

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
	"github.com/vetoci/veto/engine/version"
)

// KnowsEcosystem says whether OSV defines an ecosystem, or veto orders its versions. The name is one without a release.
func KnowsEcosystem(base string) bool {
	if slices.Contains(purl.Ecosystems(), base) {
		return true
	}
	_, err := version.Scheme(base)
	return err == nil
}

// checkEcosystem refuses a spelling of an ecosystem or of its release that only looks like a known one: matching compares names letter by
// letter, and would never find such an entry. A name that resembles none may be an ecosystem of tomorrow.
func checkEcosystem(ecosystem string) error {
	base, release := engine.SplitEcosystem(ecosystem)
	if !KnowsEcosystem(base) {
		if meant := meantEcosystem(base); meant != "" {
			return fmt.Errorf("the ecosystem %.60q is unknown; did you mean %q?", ecosystem, meant)
		}
		return nil
	}
	if base == ecosystem {
		return nil
	}
	if form := releaseForm(base); form != nil && !form.MatchString(release) || strings.TrimSpace(release) != release || release == "" {
		return fmt.Errorf("the ecosystem %.60q: %s has no such release", ecosystem, base)
	}
	return nil
}

// meantEcosystem returns the ecosystem that a name means which is none, "" if it resembles none.
func meantEcosystem(name string) string {
	folded := foldEcosystem(name)
	switch folded { // other words for the same: package URL's types, the tools' names, the long names
	case "golang", "gomod", "gomodules":
		return "Go"
	case "pip", "python", "pypa":
		return "PyPI"
	case "gem", "gems", "ruby", "rubygem":
		return "RubyGems"
	case "cargo", "rust", "crates", "crate":
		return "crates.io"
	case "composer", "php":
		return "Packagist"
	case "node", "nodejs", "javascript":
		return "npm"
	case "java", "mavencentral":
		return "Maven"
	case "dotnet":
		return "NuGet"
	case "rocky":
		return "Rocky Linux"
	case "rhel", "redhatenterpriselinux":
		return "Red Hat"
	case "alma":
		return "AlmaLinux"
	case "photon":
		return "Photon OS"
	case "elixir", "erlang":
		return "Hex"
	case "dart":
		return "Pub"
	case "conan":
		return "ConanCenter"
	}
	for _, known := range purl.Ecosystems() {
		k := foldEcosystem(known)
		if k == folded || folded == k+"linux" || len(k) > 4 && oneSlip(folded, k) {
			return known
		}
	}
	return ""
}

// foldEcosystem leaves a name's letters and digits, in lower case.
func foldEcosystem(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// oneSlip says whether two words differ in one letter that is missing, added or another, or in two neighbours that are swapped.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch rest, other := a[i:], b[i:]; {
	case len(other) == len(rest)+1:
		return rest == other[1:]
	case len(rest) >= 2 && len(rest) == len(other) && rest[0] == other[1] && rest[1] == other[0]:
		return rest[2:] == other[2:]
	case len(rest) == len(other):
		return len(rest) == 0 || rest[1:] == other[1:]
	}
	return false
}

var (
	numberRelease = regexp.MustCompile(`^[0-9]+$`)
	debianRelease = regexp.MustCompile(`^([0-9]+|sid)$`)
	alpineRelease = regexp.MustCompile(`^(v[0-9]+\.[0-9]+|edge)$`)
	noRelease     = regexp.MustCompile(`^\b$`) // matches nothing
)

// releaseForm is the form of the names of an ecosystem's releases (ossf.github.io/osv-schema, "Defined Ecosystems"), nil where they have
// none.
func releaseForm(base string) *regexp.Regexp {
	switch base {
	case "Debian":
		return debianRelease
	case "Alpine":
		return alpineRelease
	case "AlmaLinux", "Rocky Linux":
		return numberRelease
	case "npm", "PyPI", "Go", "crates.io", "RubyGems", "NuGet", "Pub", "Hex", "Hackage", "CRAN", "Wolfi", "Chainguard", "Bitnami":
		return noRelease
	}
	return nil
}
