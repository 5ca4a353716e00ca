package catalog

import (
	"net/url"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// language gives a package of a language the name by which its ecosystem's advisories call it, and where images are inventoried for that
// language the same package URL as theirs.
func (p *component) setLanguage(pkg *engine.Package, u purl.URL) {
	joined := strings.TrimPrefix(u.Namespace+"/"+u.Name, "/")
	pkg.Name = joined
	switch u.Type {
	case "npm":
		pkg.Name, pkg.Ecosystem = p.restoreCase(joined), "npm"
		setPURL(pkg, nil)
	case "pypi":
		pkg.Name, pkg.Ecosystem = purl.NormalPython(joined), "PyPI"
		setPURL(pkg, nil)
	case "golang":
		pkg.Name, pkg.Ecosystem = p.goModule(u, joined), "Go"
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

// module is the path of a Go module. Until 1.38, Syft wrote what follows the third element as a subpath: go-jose@v3.0.0#v3 is the module
// go-jose/v3. The specification means a folder of the module by it, and the component's own name then ends before it.
func (p *component) goModule(u purl.URL, joined string) string {
	if u.Subpath != "" && !p.isOwnName(joined) && p.name != u.Name {
		joined += "/" + u.Subpath
	}
	return p.restoreCase(joined)
}

// called says whether a name is the component's own, but for upper and lower case.
func (p *component) isOwnName(name string) bool { return p.ownSpelling(name) != "" }

func (p *component) ownSpelling(name string) string {
	for _, own := range []string{p.name, p.group + "/" + p.name} {
		// Of the same length: no letter beyond ASCII folds to one of ASCII.
		if len(own) == len(name) && strings.EqualFold(own, name) {
			return own
		}
	}
	return ""
}

// spelt gives a name its upper-case letters back, which advisories have: package URLs of Go, and in Trivy of npm, are in lower case.
// The component's own name has them, and many a package URL as it was written.
func (p *component) restoreCase(name string) string {
	if own := p.ownSpelling(name); own != "" {
		return own
	}
	written, err := url.PathUnescape(p.purl)
	if err != nil {
		return name
	}
	_, written, _ = strings.Cut(written, "/")
	if i := strings.Index(strings.ToLower(written), name); i == 0 && len(strings.ToLower(written)) == len(written) {
		return written[:len(name)]
	}
	return name
}

// goVersionOf takes the "go" off the standard library's version, as advisories write it.
func goVersionOf(module, version string) string {
	if module == "stdlib" || module == "std" {
		return strings.TrimPrefix(strings.TrimPrefix(version, "v"), "go")
	}
	return version
}

// systemOf is the distribution: what the components of that type say, else what all package URLs do. Those that differ say nothing.
func osOf(components []component) *engine.OS {
	type release struct{ id, version string }
	var stated, implied []release
	for _, p := range components {
		if p.os && p.name != "" {
			stated = append(stated, release{p.name, p.version})
			continue
		}
		if u, err := purl.Parse(p.purl); p.purl != "" && err == nil && engine.OfDistribution(u.Type) {
			id, version := releaseOf(u)
			implied = append(implied, release{id, version})
		}
	}
	if len(stated) == 0 {
		stated = implied
	}
	slices.SortFunc(stated, func(a, b release) int { return strings.Compare(a.id+" "+a.version, b.id+" "+b.version) })
	if stated = slices.Compact(stated); len(stated) != 1 || stated[0].id == "" {
		return nil
	}
	os := &engine.OS{ID: strings.ToLower(stated[0].id), VersionID: engine.Maybe(stated[0].version)}
	os.Ecosystem = engine.Maybe(ecosystemOf(os))
	setSupportEnd(os)
	return os
}

// releaseOf is the distribution and release that a package URL names: distro=debian-12, or 3.20.1 beside the namespace alpine (Trivy).
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

// foreign says whether a package URL names another distribution, or release with advisories of its own, than the SBOM: lists of several
// images in one have such.
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
