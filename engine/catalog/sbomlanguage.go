package catalog

import (
	"net/url"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// setLanguage sets the ecosystem of a language's package and the name that its advisories have. For npm, Python and Go it sets the package
// URL that the same package of an image has.
func (c *component) setLanguage(pkg *engine.Package, u purl.URL) {
	joined := strings.TrimPrefix(u.Namespace+"/"+u.Name, "/")
	pkg.Name = joined
	switch u.Type {
	case "npm":
		pkg.Name, pkg.Ecosystem = c.restoreCase(joined), "npm"
		setPURL(pkg, nil)
	case "pypi":
		pkg.Name, pkg.Ecosystem = purl.NormalPython(joined), "PyPI"
		setPURL(pkg, nil)
	case "golang":
		pkg.Name, pkg.Ecosystem = c.goModule(u, joined), "Go"
		pkg.Version = goVersionOf(pkg.Name, u.Version)
		setPURL(pkg, nil)
	case "maven":
		pkg.Name, pkg.Ecosystem = strings.TrimPrefix(u.Namespace+":"+u.Name, ":"), "Maven"
	case "cargo":
		pkg.Ecosystem = "crates.io"
	case "gem":
		pkg.Ecosystem = "RubyGems"
	case "nuget":
		pkg.Ecosystem = "NuGet"
	case "composer":
		pkg.Ecosystem = "Packagist"
	case "hex":
		pkg.Ecosystem = "Hex"
	case "pub":
		pkg.Ecosystem = "Pub"
	case "cran":
		pkg.Ecosystem = "CRAN"
	case "bitnami":
		pkg.Ecosystem = "Bitnami"
	}
	pkg.Source = engine.Source{Name: pkg.Name, Version: pkg.Version}
}

// goModule returns the path of a Go module. Syft before 1.38 wrote what follows the third element as a subpath: go-jose@v3.0.0#v3 is the
// module go-jose/v3. In the specification a subpath is a folder of the module (purl-spec, "golang"); the component's name then does not
// have it.
func (c *component) goModule(u purl.URL, joined string) string {
	if u.Subpath != "" && !c.isOwnName(joined) && c.name != u.Name {
		joined += "/" + u.Subpath
	}
	return c.restoreCase(joined)
}

// isOwnName says whether a name is the component's own, but for upper and lower case.
func (c *component) isOwnName(name string) bool { return c.ownSpelling(name) != "" }

// ownSpelling returns the component's own name if it is the given one but for upper and lower case, else "".
func (c *component) ownSpelling(name string) string {
	for _, own := range []string{c.name, c.group + "/" + c.name} {
		// The same length excludes letters beyond ASCII that fold to one of ASCII.
		if len(own) == len(name) && strings.EqualFold(own, name) {
			return own
		}
	}
	return ""
}

// restoreCase gives a name its upper-case letters back, as advisories have them: package URLs of Go, and Trivy's of npm, are in lower case.
// The component's own name has them, and so may the package URL as it was written.
func (c *component) restoreCase(name string) string {
	if own := c.ownSpelling(name); own != "" {
		return own
	}
	written, err := url.PathUnescape(c.purl)
	if err != nil {
		return name
	}
	_, written, _ = strings.Cut(written, "/")
	if i := strings.Index(strings.ToLower(written), name); i == 0 && len(strings.ToLower(written)) == len(written) {
		return written[:len(name)]
	}
	return name
}

// goVersionOf returns a version as advisories write it: that of the standard library without "go".
func goVersionOf(module, version string) string {
	if module == "stdlib" || module == "std" {
		return strings.TrimPrefix(strings.TrimPrefix(version, "v"), "go")
	}
	return version
}

// osOf returns the distribution that the components of that type name, or else all package URLs; nil when none is named, or several.
func osOf(components []component) *engine.OS {
	type release struct{ id, version string }
	var stated, implied []release
	for _, c := range components {
		if c.os && c.name != "" {
			stated = append(stated, release{c.name, c.version})
			continue
		}
		if u, err := purl.Parse(c.purl); c.purl != "" && err == nil && engine.OfDistribution(u.Type) {
			id, version := releaseOf(u)
			implied = append(implied, release{id, version})
		}
	}
	if len(stated) == 0 {
		stated = implied
	}
	if len(stated) == 0 || stated[0].id == "" || slices.ContainsFunc(stated, func(r release) bool { return r != stated[0] }) {
		return nil
	}
	os := &engine.OS{ID: strings.ToLower(stated[0].id), VersionID: engine.Maybe(stated[0].version)}
	os.Ecosystem = engine.Maybe(ecosystemOf(os))
	setSupportEnd(os)
	return os
}

// releaseOf returns the distribution and release that a package URL names: distro=debian-12, or 3.20.1 with the namespace alpine (Trivy).
func releaseOf(u purl.URL) (id, version string) {
	distro := u.Qualifiers["distro"]
	if id, version, ok := strings.Cut(distro, "-"); ok {
		return id, version
	}
	if distro != "" && strings.Trim(distro, "0123456789.") == "" {
		return u.Namespace, distro
	}
	return "", ""
}

// namesOtherRelease says whether a package URL names another distribution, or a release with other advisories, than the SBOM. An SBOM of
// several images has such.
func namesOtherRelease(u purl.URL, os *engine.OS) bool {
	if os.Ecosystem == "" {
		return false
	}
	if u.Namespace != "" && strings.ToLower(u.Namespace) != os.ID {
		return true
	}
	id, version := releaseOf(u)
	return id != "" && ecosystemOf(&engine.OS{ID: strings.ToLower(id), VersionID: engine.Maybe(version)}) != string(os.Ecosystem)
}
