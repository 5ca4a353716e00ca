package catalog

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Packages say which release they are from, and that may contradict os-release: then the wrong release's advisories would judge them.

var (
	debianUpdate = regexp.MustCompile(`[+~]deb(\d+)u\d+`)
	ubuntuUpdate = regexp.MustCompile(`ubuntu\d+(?:\.\d+)*\.(\d\d\.\d\d)\.\d+|~(\d\d\.\d\d)(?:\.\d+)?(?:$|~)`)
	rpmRelease   = regexp.MustCompile(`\.(el|fc|amzn|ph|azl|cm)(\d+)`)
)

// releaseByVersion says which release of the distribution a package is from by what is in its version or name, "" when it does not say.
func releaseByVersion(os *engine.OS, p *engine.Package) string {
	first := func(m []string) string {
		for _, s := range m[min(1, len(m)):] {
			if s != "" {
				return s
			}
		}
		return ""
	}
	switch {
	case p.Type == "deb" && os.ID == "debian" && p.Name == "base-files":
		major, _, _ := strings.Cut(p.Version, ".")
		if strings.Trim(major, "0123456789") == "" {
			return major
		}
	case p.Type == "deb" && os.ID == "debian":
		return first(debianUpdate.FindStringSubmatch(p.Version))
	case p.Type == "deb" && os.ID == "ubuntu":
		return first(ubuntuUpdate.FindStringSubmatch(p.Version))
	case p.Type == "rpm":
		if m := rpmRelease.FindStringSubmatch(p.Version); m != nil {
			return m[2]
		}
	case p.Type == "apk" && p.Name == "alpine-release":
		if parts := strings.SplitN(p.Version, ".", 3); len(parts) == 3 {
			return parts[0] + "." + parts[1]
		}
	}
	return ""
}

// releaseGaps compares what packages say of their release with os-release. One package of another release is somebody's choice; that most
// of them are, or the one that is the release, is a contradiction.
func releaseGaps(os *engine.OS, all []*occurrence) []engine.Gap {
	if os == nil || os.VersionID == "" {
		return nil
	}
	if foreign := foreignBase(os, all); foreign != "" {
		return []engine.Gap{contradiction(os, 1, "the package "+foreign+" is another distribution's")}
	}
	if whose := otherDistribution(os, all); whose != "" {
		return []engine.Gap{contradiction(os, 1, "its packages are "+whose+"'s")}
	}
	says, same, other := map[string]int{}, 0, 0
	most := ""
	for _, o := range all {
		theRelease := o.Name == "base-files" || o.Name == "alpine-release"
		if o.ThirdParty && !theRelease || o.Ecosystem == "" {
			continue
		}
		r := releaseByVersion(os, &o.Package)
		if r == "" {
			continue
		}
		weight := 1
		if theRelease {
			weight = len(all) // it is the release
		}
		if isRelease(os, r) {
			same += weight
			continue
		}
		other += weight
		if says[r] += weight; says[r] > says[most] || says[r] == says[most] && r < most {
			most = r
		}
	}
	if other <= same {
		return nil
	}
	return []engine.Gap{contradiction(os, 1, "the versions of its packages are those of release "+most)}
}

// isRelease says whether a release that a package names is that of os-release: 9 is 9.4.
func isRelease(os *engine.OS, release string) bool {
	id := string(os.VersionID)
	return id == release || strings.HasPrefix(id, release+".") || os.ID == "amzn" && strings.HasPrefix(release, id)
}

// foreignBase returns a package that only another distribution of the same package format has.
func foreignBase(os *engine.OS, all []*occurrence) string {
	marks := map[string][]string{ // by package: the distributions that have it
		"alpine-baselayout": {"alpine"}, "alpine-release": {"alpine"}, "wolfi-baselayout": {"wolfi", "chainguard"},
		"almalinux-release": {"almalinux"}, "rocky-release": {"rocky"}, "redhat-release": {"rhel", "redhat"}, "fedora-release-common": {"fedora"},
		"oraclelinux-release": {"ol"}, "openSUSE-release": {"opensuse-leap", "opensuse-tumbleweed", "opensuse"}, "sles-release": {"sles"},
		"debian-archive-keyring": nil, "photon-release": {"photon"}, "system-release": nil,
	}
	for _, o := range all {
		ids, known := marks[o.Name]
		if !known || ids == nil || !engine.OfDistribution(o.Type) {
			continue
		}
		own := false
		for _, id := range ids {
			own = own || os.ID == id
		}
		for _, like := range os.IDLike { // a derivative that keeps its parent's package
			for _, id := range ids {
				own = own || like == id && os.Ecosystem == ""
			}
		}
		if !own {
			return o.Name
		}
	}
	return ""
}

// otherDistribution returns the distribution of the same package format that built most of the packages, "" where it is that of os-release
// or nobody can tell. Ubuntu writes its own address into what it builds of Debian's sources; Wolfi has glibc, and Alpine has musl.
func otherDistribution(os *engine.OS, all []*occurrence) string {
	count, libc := map[string]int{}, map[string]bool{}
	for _, o := range all {
		by := string(o.Vendor)
		switch {
		case o.Type == "deb" && (hasDomain(by, ubuntuDomains()) || strings.Contains(o.Version, "ubuntu")):
			count["ubuntu"]++
		case o.Type == "deb" && hasDomain(by, debianDomains()):
			count["debian"]++
		case o.Type == "apk":
			libc[o.Name] = o.Name == "musl" || o.Name == "glibc"
			if hasDomain(by, []string{"alpinelinux.org"}) {
				count["alpine"]++
			}
		}
	}
	switch os.ID {
	case "debian":
		if count["ubuntu"] > count["debian"] {
			return "Ubuntu"
		}
	case "ubuntu":
		if count["debian"] > count["ubuntu"] {
			return "Debian"
		}
	case "alpine":
		if libc["glibc"] && !libc["musl"] {
			return "another distribution"
		}
	case "wolfi", "chainguard":
		if count["alpine"] > 0 || libc["musl"] && !libc["glibc"] {
			return "Alpine"
		}
	}
	return ""
}

func contradiction(os *engine.OS, n int, what string) engine.Gap {
	return engine.Gap{Kind: engine.GapUnknownOS, Path: os.Path, Layer: os.Layer, Subject: "release of the distribution", Count: n,
		Detail: fmt.Sprintf("os-release says %s %s, and %s: another release's advisories would judge them", os.ID, os.VersionID, what)}
}
