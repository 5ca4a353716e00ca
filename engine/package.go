package engine

import (
	"hash/fnv"
	"io"
	"slices"
	"strings"
)

// OS is the distribution that an image says it is, from os-release, with what is known of its support.
type OS struct {
	ID         string   `json:"id"` // "debian", "alpine"
	Name       Maybe    `json:"name"`
	VersionID  Maybe    `json:"version_id"`
	Codename   Maybe    `json:"codename"`
	PrettyName Maybe    `json:"pretty_name"`
	IDLike     []string `json:"id_like"`
	Ecosystem  Maybe    `json:"ecosystem"` // OSV ecosystem with its release: "Debian:12", "Alpine:v3.20"
	// Support ends on these days (UTC, "2026-07-11"), null when unknown: first the regular support, then the long-term support
	// that costs nothing. Equal when there is no long-term support.
	SupportEnds     Maybe `json:"support_ends"`
	FreeSupportEnds Maybe `json:"free_support_ends"`
	SupportSource   Maybe `json:"support_source"`
	Path            Maybe `json:"path"`
	Layer           Maybe `json:"layer"` // diff ID
}

// OfDistribution says whether packages of a type are installed by a distribution's package manager, and not by a language's.
func OfDistribution(packageType string) bool {
	switch packageType {
	case "deb", "apk", "rpm", "alpm":
		return true
	}
	return false
}

// SplitEcosystem parts an OSV ecosystem such as "Debian:12" into its name and its release, which is "" when there is none.
func SplitEcosystem(ecosystem string) (name, release string) {
	name, release, _ = strings.Cut(ecosystem, ":")
	return name, release
}

// Source is the source package that a binary package was built from.
type Source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Location is one place in the image where a package was found.
type Location struct {
	Path  string `json:"path"`
	Layer Maybe  `json:"layer"` // diff ID of the layer that the path's content is from
}

// Package is one installed package.
type Package struct {
	Name      string     `json:"name"`    // as its ecosystem's advisories spell it (PyPI: normalised by PEP 503)
	Version   string     `json:"version"` // of the binary package, as installed
	Type      string     `json:"type"`    // purl type: deb, apk, rpm, alpm, npm, pypi, golang, maven, gem …
	PURL      string     `json:"purl"`
	Ecosystem Maybe      `json:"ecosystem"` // OSV ecosystem with its release; null when the distribution is unknown
	Arch      Maybe      `json:"arch"`
	Source    Source     `json:"source"` // equals name and version where the ecosystem has no source packages
	Licenses  []string   `json:"licenses"`
	Locations []Location `json:"locations"`
	Layer     Maybe      `json:"layer"`    // diff ID of the layer that brought it
	OwnedBy   Maybe      `json:"owned_by"` // "deb/python3-django": the OS package whose files these are and whose advisories judge them
	Main      bool       `json:"main"`     // the main module of a Go program, the root package of an application
	Module    Maybe      `json:"module"`   // the modularity label of an rpm, "name:stream"; null outside modules
	Vendor    Maybe      `json:"vendor"`   // who built it, as the package database words it; null when it does not say
	// ThirdParty says that a package of the distribution's format is from another repository than the distribution's own.
	ThirdParty bool  `json:"third_party"`
	NoCode     Maybe `json:"no_code" enum:"headers,docs,data,empty"` // why nothing of it can run; null when something may, or nobody knows
	Kernel     bool  `json:"kernel"`                                 // a kernel, its modules or headers: in a container the host's kernel runs
	FoundBy    Maybe `json:"found_by" enum:"database,manifest,program,signature,sbom"`
	// Reached says whether what the image starts can get to it: "yes" is the entrypoint's own package and what it needs, transitively and by
	// the package database; "no" is what has no code; "unknown" all else, since a program may start others.
	Reached string `json:"reached" enum:"yes,no,unknown"`
	// Unlisted says that an earlier layer's package database has the package and a later one's has not, while its files are still there.
	Unlisted bool `json:"unlisted"`
	// Signer says, of a package of a distribution, what its database has on where it is from: of an rpm the id of the key that signed it (16
	// hex digits), of an apk the commit of the sources that it was built from; "" when the database has nothing.
	Signer string `json:"-"`
	// Origin is what Assemble made of it, for the matcher.
	Origin PackageOrigin `json:"-"`
	// Depends and Provides are what a package database says of the distribution's package, in its own words (dpkg, apk) or lines (rpm,
	// pacman); each at most MaxRelations bytes.
	Depends  string `json:"-"`
	Provides string `json:"-"`
	// Archive is set of an archive of Java that does not name its coordinates; the matcher looks for them among those that advisories name.
	Archive *JavaArchive `json:"-"`
	// Files are the base names, in lower case, of a package's files of which one has to be in the image: what only names it does not install
	// it. Without any it is installed.
	Files []string `json:"-"`
	// Symbols are, of a Go module, the functions of each program that holds it; nil of a program whose functions are not known.
	Symbols []*Symbols `json:"-"`
}

// PackageOrigin says how sure it is that a package of a distribution's format is the distribution's own.
type PackageOrigin struct {
	// Own is set by positive evidence alone: who maintains it, the vendor and key of the distribution's own packages. Only such a package
	// hides what it brings from other ecosystems' advisories.
	Own bool
	// Plausible says that it is built as the distribution's packages are, though nothing proves it: it hides what it brings if the
	// distribution's advisories know its source.
	Plausible bool
	// Unjudged says that it holds programs that no other ecosystem judges.
	Unjudged bool
}

// JavaArchive is what an archive of Java says of itself that does not name its coordinates.
type JavaArchive struct {
	Names   []string // artifacts that it may be, the likeliest first
	Folders []string // of its classes, sorted: "org/springframework/beans"; at most MaxArchiveFolders
}

// Symbols are what programs hold: sorted 64-bit FNV-1a hashes of "import/path", "import/path.Function" and "import/path.Type.Method".
type Symbols struct{ Hashes []uint64 }

// NewSymbols hashes names, which may repeat.
func NewSymbols(names func(yield func(string) bool)) *Symbols {
	s := &Symbols{}
	for name := range names {
		s.Hashes = append(s.Hashes, hashSymbol(name))
	}
	slices.Sort(s.Hashes)
	s.Hashes = slices.Compact(s.Hashes)
	return s
}

// Has says whether the programs hold a name. Two names in some billions share a hash: then what is not there is taken to be.
func (s *Symbols) Has(name string) bool {
	_, ok := slices.BinarySearch(s.Hashes, hashSymbol(name))
	return ok
}

func hashSymbol(name string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // a hash takes everything
	return h.Sum64()
}

// GapKind says why something could not be assessed.
type GapKind string

// The kinds of gaps.
const (
	GapUnreadable         GapKind = "unreadable"
	GapMalformed          GapKind = "malformed"
	GapLimit              GapKind = "limit"
	GapUnsupported        GapKind = "unsupported"
	GapNoAdvisories       GapKind = "no_advisories"
	GapUnknownOS          GapKind = "unknown_os"
	GapPlatformNotScanned GapKind = "platform_not_scanned"
	GapTOCOnly            GapKind = "toc_only"
	GapThirdParty         GapKind = "third_party"
	GapRuntimesDiffer     GapKind = "runtimes_differ"
	GapUnlisted           GapKind = "unlisted"
)

// Gap is something that veto recognised but could not assess. Policies see it, the default policy denies it.
type Gap struct {
	//nolint:lll // a struct tag has one line
	Kind        GapKind `json:"kind" enum:"unreadable,malformed,limit,unsupported,no_advisories,unknown_os,platform_not_scanned,toc_only,third_party,runtimes_differ,unlisted"`
	Path        Maybe   `json:"path"`
	Layer       Maybe   `json:"layer"`   // diff ID
	Subject     Maybe   `json:"subject"` // what has no path: an ecosystem, a package type, a platform
	Detail      string  `json:"detail"`
	Count       int     `json:"count"` // how many things of this subject, at least 1
	Ref         string  `json:"ref"`
	Fingerprint string  `json:"fingerprint"`
	WaivedBy    Maybe   `json:"waived_by"`
}
