package vex

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/vetoci/veto/engine/purl"
)

// component is a product or a part of one, as a document identifies it. Every identifier that it has must match.
type component struct {
	names       []string // ids that are no package URL: an IRI, the name of an image
	purls       []purl.URL
	digests     []string // "sha256:…"
	cpes        []string
	archs       []string // processor architectures in OCI's words; each has to be the image's
	unmatchable bool     // it has an identifier that cannot be understood or compared, and so it matches nothing
	doubtful    bool     // it is about some of what its identifiers name, nobody can say which: a range of versions, a patch level
}

// product is what a statement is about: a component, inside of all those in within, which are this image or its platform.
type product struct {
	component component
	within    []component
}

// addID adds an identifier that may be a package URL or a CPE.
func (c *component) addID(text string) {
	switch text = strings.TrimSpace(text); {
	case text == "":
	case hasScheme(text, "pkg"):
		c.addPURL(text)
	case hasScheme(text, "cpe"):
		c.cpes = append(c.cpes, text)
	default:
		c.names = append(c.names, text)
	}
}

// addPURL adds an identifier that has to be a package URL.
func (c *component) addPURL(text string) {
	u, err := purl.Parse(strings.TrimSpace(text))
	if err != nil {
		c.unmatchable = true
		return
	}
	c.purls = append(c.purls, u)
}

// addHash adds a hash; only SHA-256 can be compared with an image's.
func (c *component) addHash(algorithm, value string) {
	switch strings.ReplaceAll(strings.ToLower(algorithm), "-", "") {
	case "sha256":
		c.digests = append(c.digests, "sha256:"+strings.ToLower(value))
	default:
		c.unmatchable = true
	}
}

func hasScheme(text, scheme string) bool {
	return len(text) > len(scheme) && text[len(scheme)] == ':' && strings.EqualFold(text[:len(scheme)], scheme)
}

// isIRI says whether an id is an address or a URN, which says nothing that could contradict a package URL.
func isIRI(text string) bool { return strings.Contains(text, "://") || hasScheme(text, "urn") }

func isImagePURL(u purl.URL) bool { return u.Type == "oci" || u.Type == "docker" }

// isPinned says whether a component is one image by a digest, which nothing else that is said of it can change.
func (c *component) isPinned() bool {
	return len(c.digests) > 0 || slices.ContainsFunc(c.purls, func(u purl.URL) bool {
		return isImagePURL(u) && strings.HasPrefix(u.Version, "sha256:")
	})
}

// settle makes a product of a component whose identifiers are complete. What stands beside a package URL has to agree with it: a name that
// is no address, as that of an image, cannot, and a CPE has to be of the package or of the platform that the image is built on.
func (c component) settle() product {
	if len(c.purls) == 0 {
		return product{component: c}
	}
	if slices.ContainsFunc(c.purls, func(u purl.URL) bool { return !isImagePURL(u) }) {
		c.unmatchable = c.unmatchable || slices.ContainsFunc(c.names, func(n string) bool { return !isIRI(n) })
	}
	p := product{}
	for _, cpe := range c.cpes {
		name, version, ok := splitCPE(cpe)
		switch {
		case !ok:
			c.unmatchable = true
		case c.isPinned():
		case !c.isCalled(name):
			p.within = append(p.within, component{cpes: []string{cpe}})
		case version != "":
			c.narrow(version)
		}
	}
	c.cpes = nil
	p.component = c
	return p
}

// splitCPE returns the product and the version that a CPE names (NISTIR 7695: the URI of CPE 2.2 and the formatted string of 2.3), the
// version "" where it means any.
func splitCPE(cpe string) (name, version string, ok bool) {
	rest := cpe[len("cpe:"):]
	if formatted, is := strings.CutPrefix(rest, "2.3:"); is {
		rest = formatted
	} else if rest, ok = strings.CutPrefix(rest, "/"); !ok {
		return "", "", false
	}
	const escaped = "\x00" // a colon that is part of a word
	parts := strings.Split(strings.ReplaceAll(rest, `\:`, escaped), ":")
	if len(parts) < 3 {
		return "", "", false
	}
	for i := range parts {
		text, err := url.PathUnescape(parts[i])
		if err != nil {
			return "", "", false
		}
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(text, escaped, ":"), `\`, "")
	}
	if len(parts) > 3 && parts[3] != "*" && parts[3] != "-" {
		version = parts[3]
	}
	return parts[2], version, parts[2] != ""
}

// isCalled says whether a CPE's product is the package's name, or its first words: "log4j" of log4j-core.
func (c *component) isCalled(product string) bool {
	product = plainName(product)
	for _, u := range c.purls {
		if name := plainName(u.Name); name != product && !strings.HasPrefix(name, product+"-") {
			return false
		}
	}
	return true
}

func plainName(s string) string {
	return strings.NewReplacer("_", "-", ".", "-", " ", "-", "+", "-").Replace(strings.ToLower(s))
}

// narrow makes a component that is about one version of what its package URLs name: where they have one, it has to be the same.
func (c *component) narrow(version string) {
	c.unmatchable = c.unmatchable || version == "" // a name that should have one, and has none
	c.purls = slices.Clone(c.purls)
	for i := range c.purls {
		u := &c.purls[i]
		switch {
		case isImagePURL(*u):
			c.narrowImage(u, version)
		case u.Version == "":
			u.Version = version
		case !isVersion(*u, version):
			c.unmatchable = true
		}
	}
	for _, n := range c.names {
		if len(c.purls) == 0 && !strings.HasSuffix(n, ":"+version) && !strings.HasSuffix(n, "@"+version) {
			c.unmatchable = true
		}
	}
	if len(c.purls)+len(c.names) == 0 && !slices.Contains(c.digests, version) {
		c.unmatchable = true
	}
}

// narrowImage does the same with the package URL of an image, whose version is a digest or a tag. Beside a digest, a tag changes nothing.
func (c *component) narrowImage(u *purl.URL, version string) {
	tag := u.Qualifiers["tag"]
	switch digest := strings.HasPrefix(version, "sha256:"); {
	case u.Version == version, tag == version, strings.HasPrefix(u.Version, "sha256:") && !digest:
	case digest && !strings.HasPrefix(u.Version, "sha256:"):
		c.digests = append(c.digests, version)
	case u.Version == "" && tag == "":
		u.Qualifiers = maps.Clone(u.Qualifiers)
		if u.Qualifiers == nil {
			u.Qualifiers = map[string]string{}
		}
		u.Qualifiers["tag"] = version
	default:
		c.unmatchable = true
	}
}

// isVersion says whether a text is the version of a package URL: also with the epoch before it, with a "v" or without, and of a
// distribution's package without its revision.
func isVersion(u purl.URL, text string) bool {
	if text == u.Version || strings.TrimPrefix(text, "v") == strings.TrimPrefix(u.Version, "v") {
		return true
	}
	if epoch, rest, ok := strings.Cut(text, ":"); ok && rest == u.Version {
		return epoch == u.Qualifiers["epoch"] || epoch == "0" && u.Qualifiers["epoch"] == ""
	}
	_, version, epoch := strings.Cut(u.Version, ":")
	if !epoch {
		version = u.Version
	}
	upstream, _, revised := cutLast(version, "-")
	return revised && isDistribution(u) && (text == upstream || text == version)
}

// isDistribution says whether a package URL's type is one of a distribution's packages.
func isDistribution(u purl.URL) bool { return u.Type == "deb" || u.Type == "rpm" || u.Type == "apk" }

func cutLast(s, sep string) (before, after string, found bool) {
	if at := strings.LastIndex(s, sep); at >= 0 {
		return s[:at], s[at+len(sep):], true
	}
	return s, "", false
}

// limitTo makes a component that is of one processor architecture, by any of its names.
func (c *component) limitTo(arch string) {
	c.purls = slices.Clone(c.purls)
	for i := range c.purls {
		u := &c.purls[i]
		own, has := u.Qualifiers["arch"]
		switch {
		case has && ociArch(own) != ociArch(arch):
			c.unmatchable = true
		case has || isNeutral(arch):
		case isDistribution(*u):
			u.Qualifiers = maps.Clone(u.Qualifiers)
			if u.Qualifiers == nil {
				u.Qualifiers = map[string]string{}
			}
			u.Qualifiers["arch"] = arch
		default:
			c.archs = append(c.archs, ociArch(arch))
		}
	}
	if len(c.purls) == 0 && !isNeutral(arch) {
		c.archs = append(c.archs, ociArch(arch))
	}
}

// isNeutral says whether an architecture is none: that of sources, or of what runs on all.
func isNeutral(arch string) bool {
	return slices.Contains([]string{"src", "source", "noarch", "all"}, strings.ToLower(arch))
}

// ociArch returns an architecture's name as images have it (image-spec, config.md: Go's GOARCH).
func ociArch(name string) string {
	switch name = strings.ToLower(name); name {
	case "x86_64", "x86-64", "x64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "i386", "i486", "i586", "i686", "x86":
		return "386"
	case "armhf", "armel", "armv6l", "armv7l", "armv7hl":
		return "arm"
	case "ppc64el":
		return "ppc64le"
	case "source":
		return "src"
	case "all":
		return "noarch"
	}
	return name
}

// says reports whether a text says anything: it has a letter or a digit.
func says(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
