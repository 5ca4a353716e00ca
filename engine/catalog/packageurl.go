package catalog

import (
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// setPURL sets the package URL of p and, if it is of a distribution that os names, its ecosystem. os may be nil.
func setPURL(p *engine.Package, os *engine.OS) {
	namespace, base, version := "", p.Name, p.Version
	qualifiers := map[string]string{}
	switch p.Type {
	case "deb", "apk", "rpm", "alpm": // see engine.OfDistribution
		if os != nil {
			namespace = os.ID
			qualifiers["distro"] = strings.TrimSuffix(os.ID+"-"+string(os.VersionID), "-")
			if isNativeType(p.Type, os) {
				p.Ecosystem = os.Ecosystem
			}
		}
		qualifiers["arch"] = string(p.Arch)
		if p.Type == "rpm" { // purl-spec, "rpm": the version has no epoch
			qualifiers["rpmmod"] = string(p.Module)
			if epoch, rest, ok := strings.Cut(version, ":"); ok {
				qualifiers["epoch"], version = epoch, rest
			}
		}
	case "maven":
		if p.Archive == nil {
			namespace, base, _ = strings.Cut(p.Name, ":")
		}
	case "npm", "golang", "composer":
		if i := strings.LastIndexByte(p.Name, '/'); i > 0 {
			namespace, base = p.Name[:i], p.Name[i+1:]
		}
	}
	typ := p.Type
	if p.Archive != nil { // Maven's have a group
		typ = "generic"
	}
	p.PURL = purl.New(typ, namespace, base, version, qualifiers)
}

// isNativeType says whether a distribution's own packages are of this type: a dpkg database in an Alpine image is not Alpine's.
func isNativeType(typ string, os *engine.OS) bool {
	eco, _ := engine.SplitEcosystem(string(os.Ecosystem))
	switch typ {
	case "deb":
		return eco == "Debian" || eco == "Ubuntu" || eco == "Echo"
	case "apk":
		return eco == "Alpine" || eco == "Wolfi" || eco == "Chainguard" || eco == "MinimOS"
	case "rpm":
		switch eco {
		case "AlmaLinux", "Rocky Linux", "openSUSE", "Mageia", "openEuler", "Photon OS", "Azure Linux":
			return true
		}
	}
	return false
}
