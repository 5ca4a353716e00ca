// Package purl knows package URLs and the names of ecosystems.
package purl

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/package-url/packageurl-go"
)

// URL is a parsed package URL (github.com/package-url/purl-spec).
type URL struct {
	Type, Namespace, Name, Version string
	Qualifiers                     map[string]string
	Subpath                        string // within the package
}

// New makes a package URL. Empty qualifiers are left out; the rest are sorted, as the specification wants.
func New(typ, namespace, name, version string, qualifiers map[string]string) string {
	keys := make([]string, 0, len(qualifiers))
	for k, v := range qualifiers {
		if v != "" {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	var qs packageurl.Qualifiers
	for _, k := range keys {
		qs = append(qs, packageurl.Qualifier{Key: k, Value: qualifiers[k]})
	}
	return packageurl.NewPackageURL(typ, namespace, name, version, qs, "").ToString()
}

// Parse reads a package URL.
func Parse(s string) (URL, error) {
	p, err := packageurl.FromString(s)
	if err != nil {
		return URL{}, fmt.Errorf("%.120q is no package URL: %.200v", s, err) //nolint:errorlint // the library repeats the text, however long
	}
	return URL{Type: p.Type, Namespace: p.Namespace, Name: p.Name, Version: p.Version, Qualifiers: p.Qualifiers.Map(), Subpath: p.Subpath}, nil
}

// Match says whether a package URL is one that the pattern names. The pattern is a package URL too; what it leaves out (version,
// qualifiers, and a namespace when it has none) matches anything, and namespace, name and version may hold the globs * and ?
// (the latter as %3F: a bare one begins the qualifiers). One with a subpath names a part of a package, not the package. A pattern or
// package URL that does not parse matches nothing.
func Match(pattern, purl string) bool {
	want, err := Parse(pattern)
	if err != nil {
		return false
	}
	got, err := Parse(purl)
	if err != nil || want.Type != got.Type || !glob(want.Name, got.Name) {
		return false
	}
	if want.Namespace != "" && !glob(want.Namespace, got.Namespace) || want.Version != "" && !glob(want.Version, got.Version) {
		return false
	}
	for k, v := range want.Qualifiers {
		if got.Qualifiers[k] != v {
			return false
		}
	}
	return want.Subpath == "" || want.Subpath == got.Subpath
}

func glob(pattern, s string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(s, "/", "\x00"))
	return err == nil && ok
}

// Ecosystems lists every ecosystem name that OSV defines (ossf.github.io/osv-schema, "Defined Ecosystems"), without releases.
func Ecosystems() []string {
	return []string{"AlmaLinux", "Alpaquita", "Alpine", "Android", "BellSoft Hardened Containers", "Bioconductor", "Bitnami", "CRAN",
		"Chainguard", "CleanStart", "ConanCenter",
		"Debian", "Docker Hardened Images", "Echo", "FreeBSD", "GHC", "GIT", "GitHub Actions", "Go", "Hackage", "Hex", "Julia", "Kubernetes",
		"Linux", "Mageia", "Maven", "MinimOS", "npm",
		"NuGet", "openEuler", "openSUSE", "OSS-Fuzz", "Packagist", "Photon OS", "Pub", "PyPI", "Red Hat", "Rocky Linux", "Root", "RubyGems",
		"SUSE", "SwiftURL", "Ubuntu", "VSCode", "Wolfi", "crates.io"}
}

// NormalPython spells the name of a Python project in the form in which names are compared (PEP 503, "Normalized Names"): lower case, each
// run of "-", "_" and "." as one "-".
func NormalPython(name string) string {
	var b strings.Builder
	separated := false
	for _, r := range strings.ToLower(name) {
		separator := r == '-' || r == '_' || r == '.'
		switch {
		case !separator:
			b.WriteRune(r)
		case !separated:
			b.WriteByte('-')
		}
		separated = separator
	}
	return b.String()
}
