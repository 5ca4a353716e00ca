package catalog

import (
	"path"
	"regexp"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Whose package is it? A package database says who maintains or built a package, and nothing says where it was downloaded from. What a
// package of the distribution brings is judged by the distribution's advisories alone, so that needs positive evidence. What nobody vouches
// for hides nothing: its modules, jars and programs are judged by their own ecosystems.

// provenance knows what the distribution's own packages look like in this image.
type provenance struct {
	os   *engine.OS
	rpms map[signedBy]bool // vendors and keys of the packages that every installation has
	keys bool              // some package is signed at all: a database that has lost its signatures says nothing by their absence
}

type signedBy struct{ vendor, key string }

// coreRPMs are packages that a distribution always brings itself.
func coreRPMs() []string {
	return []string{"glibc", "setup", "filesystem", "bash", "rpm", "libgcc", "glibc-common", "coreutils", "coreutils-single", "ncurses-base",
		"aaa_base", "musl"}
}

// newProvenance looks at the packages of the visible databases.
func newProvenance(os *engine.OS, all []*occurrence) *provenance {
	v := &provenance{os: os, rpms: map[signedBy]bool{}}
	core := map[string]bool{}
	for _, name := range coreRPMs() {
		core[name] = true
	}
	for _, o := range all {
		if o.Type != "rpm" {
			continue
		}
		v.keys = v.keys || o.Signer != ""
		if (core[o.Name] || strings.HasSuffix(o.Name, "-release")) && o.Vendor != "" && !isThirdParty(&o.Package) {
			v.rpms[signedBy{string(o.Vendor), o.Signer}] = true
		}
	}
	return v
}

// origin judges a package of a distribution by what its database and its list of files say.
func (a *assembly) origin(v *provenance, p *engine.Package, c *packageContent) engine.PackageOrigin {
	if isThirdParty(p) {
		return engine.PackageOrigin{}
	}
	switch p.Type {
	case "deb":
		by, noticed := ofDebianOrUbuntu(string(p.Vendor)), a.hasDebianNotices(p.Name, c) // anybody can write an address
		return engine.PackageOrigin{Own: by && noticed, Plausible: by || noticed}
	case "rpm":
		by := signedBy{string(p.Vendor), p.Signer}
		if len(v.rpms) == 0 { // an image that somebody reduced: the vendor's name is all that there is
			return engine.PackageOrigin{Own: vendorOf(v.os, by.vendor)}
		}
		return engine.PackageOrigin{Own: v.rpms[by] && (by.key != "" || !v.keys)}
	case "apk":
		return engine.PackageOrigin{Own: p.Signer != "" && p.Source.Name != ""}
	}
	return engine.PackageOrigin{}
}

// vendorOf says whether a vendor, as rpms name it, is a distribution's.
func vendorOf(os *engine.OS, vendor string) bool {
	if os == nil {
		return false
	}
	names := map[string]string{"rhel": "red hat", "centos": "centos", "amzn": "amazon", "ol": "oracle", "sles": "suse", "sled": "suse",
		"photon":  "vmware",
		"mariner": "microsoft", "azurelinux": "microsoft", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse", "mageia": "mageia"}
	name := names[os.ID]
	if name == "" {
		name = os.ID
	}
	return name != "" && strings.Contains(strings.ToLower(vendor), name)
}

// hasDebianNotices says whether a package has what Debian's policy asks of each (12.5, 12.7): its copyright and changelog, or a link to
// those of another package. Debian's maintainers may have any address, and few others build packages so. Where no list of files is known it
// says yes.
func (a *assembly) hasDebianNotices(name string, c *packageContent) bool {
	if c == nil || !c.listed {
		return true
	}
	dir := "usr/share/doc/" + name
	if n := a.tree.Nodes[dir]; n != nil && n.Type == engine.TypeSymlink {
		return true
	}
	changelog, copyright := false, false
	for _, o := range c.owned {
		for i := range o.Files {
			rest, ok := strings.CutPrefix(o.Files[i].Path, dir+"/")
			changelog = changelog || ok && strings.HasPrefix(rest, "changelog")
			copyright = copyright || ok && rest == "copyright"
		}
	}
	return changelog && copyright
}

// debianDomains returns the domains at which only Debian's people have addresses.
func debianDomains() []string { return []string{"debian.org", "debian.net"} }

func ubuntuDomains() []string { return []string{"ubuntu.com", "canonical.com", "launchpad.net"} }

// ofDebianOrUbuntu says whether a maintainer has an address at a domain that only the distribution's people have.
func ofDebianOrUbuntu(maintainer string) bool {
	return hasDomain(maintainer, append(debianDomains(), ubuntuDomains()...))
}

// hasDomain says whether a maintainer, "Name <address>", has an address at one of some domains, or below it.
func hasDomain(maintainer string, domains []string) bool {
	_, address, ok := strings.Cut(maintainer, "<")
	address, _, closed := strings.Cut(address, ">")
	_, domain, at := strings.Cut(address, "@")
	if !ok || !closed || !at {
		return false
	}
	domain = strings.ToLower(strings.TrimSpace(domain))
	for _, own := range domains {
		if domain == own || strings.HasSuffix(domain, "."+own) {
			return true
		}
	}
	return false
}

// foreignVersion recognises the marks that repositories outside of Debian and Ubuntu put into versions: PGDG's ".pgdg120+1", Sury's
// "+0~20240712.15+debian12~1.gbp…", "~ppa1" of personal archives, code names behind a tilde as nginx.org, Docker and Redis have them,
// nodesource's, Proxmox's, Raspberry Pi's. Debian's own "+deb12u1", "~deb12u1" and "~bpo12+1" have none of them.
var foreignVersion = regexp.MustCompile(`(?i)\.pgdg|\+0~20\d{6}|[.~+]gbp|\+sury|~sury|ppa\d*\b|nodesource|~(?:debian|ubuntu)\.?\d|` +
	`~(?:stretch|buster|bullseye|bookworm|trixie|forky|sid|xenial|bionic|focal|jammy|noble|plucky|questing)\d*(?:$|[^a-z])|` +
	`\+pve\d|\+rp[ti]\d|\+maria~|-1debian\d|-1ubuntu\d\d\.\d\d$|rl\d+~`)

// markOrigins says of each package of a distribution whether it is the distribution's own, and of one that is not, whether it holds
// programs that no other ecosystem judges.
func (a *assembly) markOrigins(os *engine.OS, all []*occurrence, contents map[string]*packageContent) {
	v := newProvenance(os, all)
	judged := a.judgedElsewhere(all)
	for _, o := range all {
		if !engine.OfDistribution(o.Type) {
			continue
		}
		c := contentOf(contents, o)
		o.Origin = a.origin(v, &o.Package, c)
		o.ThirdParty = isThirdParty(&o.Package) || !o.Origin.Own && !o.Origin.Plausible && o.foreign()
		if o.ThirdParty {
			o.Origin.Unjudged = c == nil || a.holdsUnjudged(c, judged)
		}
	}
}

// foreign says whether a package that nothing vouches for was built by somebody else for certain: somebody who is named, and is not of the
// distribution. A database that names nobody says nothing.
func (o *occurrence) foreign() bool {
	switch o.Type {
	case "deb", "rpm":
		return o.Vendor != ""
	case "apk":
		return o.Vendor != "" && o.Signer == ""
	}
	return false
}

// judgedFiles are files, and folders with all that is in them, that packages of languages account for.
type judgedFiles struct{ files, folders map[string]bool }

// judgedElsewhere gathers where packages that are no distribution's were found.
func (a *assembly) judgedElsewhere(all []*occurrence) *judgedFiles {
	j := &judgedFiles{files: map[string]bool{}, folders: map[string]bool{}}
	for _, o := range all {
		if engine.OfDistribution(o.Type) {
			continue
		}
		p := o.key.path
		j.files[p] = true
		switch dir := path.Dir(p); {
		case strings.HasSuffix(dir, ".dist-info"), strings.HasSuffix(dir, ".egg-info"), strings.HasSuffix(dir, "/EGG-INFO"), o.Type == "composer":
			j.folders[path.Dir(dir)] = true
		case o.Type == "npm", o.Type == "nuget":
			j.folders[dir] = true
		case o.Type == "gem":
			j.folders[path.Dir(dir)] = true
		}
	}
	return j
}

// wrapperSize is the size in bytes up to which a file without evidence is taken for a script that starts something else.
const wrapperSize = 32 << 10

// holdsUnjudged says whether a package has a program that no language's package accounts for.
func (a *assembly) holdsUnjudged(c *packageContent, judged *judgedFiles) bool {
	for _, o := range c.owned {
		for i := range o.Files {
			p := o.Files[i].Path
			n := a.tree.Nodes[p]
			if n == nil {
				p = a.canonical(p)
				n = a.tree.Nodes[p]
			}
			program := n != nil && n.Type == engine.TypeFile && n.Size > wrapperSize && (n.Mode&0o111 != 0 || isCodeByName(p))
			if program && !judged.has(p) {
				return true
			}
		}
	}
	return false
}

// has says whether a package accounts for a file, or for a folder that it is in.
func (j *judgedFiles) has(p string) bool {
	if j.files[p] {
		return true
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if j.folders[dir] {
			return true
		}
	}
	return false
}
