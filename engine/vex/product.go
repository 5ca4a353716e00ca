package vex

import (
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// thing is a product or a component, as a document identifies it. Everything that it gives has to match.
type thing struct {
	names   []string // what is no package URL: an IRI, the name of an image
	purls   []purl.URL
	digests []string // "sha256:…"
	cpes    []string
	odd     bool // something about it cannot be understood, or cannot be compared: it is nothing
}

// name adds an identifier that may be a package URL.
func (t *thing) name(text string) {
	if text == "" {
		return
	}
	if !strings.HasPrefix(text, "pkg:") {
		t.names = append(t.names, text)
		return
	}
	u, err := purl.Parse(text)
	if err != nil {
		t.odd = true
		return
	}
	t.purls = append(t.purls, u)
}

// digest adds a hash; only SHA-256 can be compared with an image's.
func (t *thing) digest(algorithm, value string) {
	switch strings.ReplaceAll(strings.ToLower(algorithm), "-", "") {
	case "sha256":
		t.digests = append(t.digests, "sha256:"+strings.ToLower(value))
	default:
		t.odd = true
	}
}

// product is what a statement is about: of, in the context of everything in within, which is this image or its platform.
type product struct {
	of     thing
	within []thing
}

// image is the image at hand.
type image struct {
	name, repository, tag string // name and the others are "" when it has no name that can be trusted
	digests               []string
	arch                  string
	os                    *engine.OS
}

func newImage(f *engine.Facts) image {
	i := image{arch: f.Platform.Architecture, os: f.OS}
	for _, d := range []engine.Digest{f.Image.Digest, f.Image.ConfigDigest} {
		if d != "" {
			i.digests = append(i.digests, string(d))
		}
	}
	if f.Image.Named {
		i.name = f.Image.Name
		i.repository, i.tag = reference(f.Image.Name)
	}
	return i
}

// reference parts an image's name into its repository, with the registry that goes without saying, and its tag.
func reference(name string) (repository, tag string) {
	rest, digest, _ := strings.Cut(name, "@")
	if at := strings.LastIndexByte(rest, ':'); at > strings.LastIndexByte(rest, '/') {
		rest, tag = rest[:at], rest[at+1:]
	}
	if tag == "" && digest == "" {
		tag = "latest"
	}
	return repositoryOf(rest), tag
}

func repositoryOf(path string) string {
	path = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(path, "https://"), "http://"), "/")
	registry, rest, deeper := strings.Cut(path, "/")
	if !deeper || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
		registry, rest = "docker.io", path
	}
	if registry == "index.docker.io" || registry == "registry-1.docker.io" {
		registry = "docker.io"
	}
	if registry == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return registry + "/" + rest
}

// is says whether a thing is this image, and whether it pins one version of it.
func (i image) is(t thing) (is, pinned bool) {
	if t.odd || len(t.purls) == 0 && len(t.digests) == 0 && len(t.names) == 0 {
		return false, false
	}
	for _, d := range t.digests {
		if !slices.Contains(i.digests, d) {
			return false, false
		}
		pinned = true
	}
	for _, u := range t.purls {
		ok, one := i.isPURL(u)
		if !ok {
			return false, false
		}
		pinned = pinned || one
	}
	if len(t.purls) > 0 || len(t.digests) > 0 {
		return true, pinned // names beside them may be anything
	}
	for _, n := range t.names {
		_, digest, _ := strings.Cut(n, "@")
		switch {
		case digest != "" && slices.Contains(i.digests, digest):
		case digest == "" && i.name != "" && n == i.name:
		default:
			return false, false
		}
	}
	return true, true
}

// isPURL compares a package URL of the types oci and docker (purl-spec, "Known types") with the image. Content says it best: a digest
// that is the image's needs no name. Without one, registry, repository and tag have to be those that the user typed.
func (i image) isPURL(u purl.URL) (is, pinned bool) {
	if u.Type != "oci" && u.Type != "docker" || u.Subpath != "" {
		return false, false
	}
	for key, value := range u.Qualifiers {
		switch key {
		case "repository_url", "tag":
		case "arch":
			if value != i.arch {
				return false, false
			}
		default:
			return false, false
		}
	}
	tag := u.Qualifiers["tag"]
	if u.Version != "" {
		if strings.HasPrefix(u.Version, "sha256:") {
			return slices.Contains(i.digests, u.Version), true
		}
		if u.Type == "oci" || tag != "" && tag != u.Version {
			return false, false
		}
		tag = u.Version
	}
	if i.name == "" || tag != "" && tag != i.tag || !i.inRepository(u) {
		return false, false
	}
	return true, tag != ""
}

func (i image) inRepository(u purl.URL) bool {
	where, given := u.Qualifiers["repository_url"]
	path := u.Name
	if u.Namespace != "" {
		path = u.Namespace + "/" + u.Name
	}
	switch {
	case u.Type == "docker" && given:
		return strings.TrimSuffix(where, "/")+"/"+path == i.repository
	case u.Type == "docker":
		return repositoryOf("docker.io/"+path) == i.repository
	case !given:
		return false
	}
	full := repositoryOf(where)
	return full == i.repository && strings.HasSuffix("/"+full, "/"+u.Name) || repositoryOf(strings.TrimSuffix(where, "/")+"/"+u.Name) == i.repository
}

// runs says whether a thing is the platform that the image is built on, by a CPE of Red Hat's: "cpe:/o:redhat:enterprise_linux:9::baseos".
func (i image) runs(t thing) bool {
	if t.odd || i.os == nil || len(t.cpes) == 0 || len(t.purls)+len(t.digests) > 0 {
		return false
	}
	major, _, _ := strings.Cut(string(i.os.VersionID), ".")
	for _, c := range t.cpes {
		rest, ok := strings.CutPrefix(c, "cpe:/")
		if !ok {
			rest, ok = strings.CutPrefix(c, "cpe:2.3:")
		}
		parts := strings.Split(rest, ":")
		if !ok || len(parts) < 4 || parts[0] != "o" && parts[0] != "a" || parts[1] != "redhat" || parts[2] != "enterprise_linux" {
			return false
		}
		if i.os.ID != "rhel" || parts[3] != major && parts[3] != string(i.os.VersionID) {
			return false
		}
	}
	return true
}

// subject is the package of a finding.
type subject struct {
	source   purl.URL   // the source package; of an ecosystem without any, the package
	packages []purl.URL // everything installed of it
	distro   bool
}

func (m *marking) subject(f *engine.Finding) *subject {
	s := &subject{distro: len(f.Package.Binaries) > 0}
	own, err := purl.Parse(f.Package.PURL)
	if err != nil {
		return s
	}
	s.source = own
	if !s.distro {
		s.packages = []purl.URL{own}
		return s
	}
	s.source.Name, s.source.Version = f.Package.Source.Name, f.Package.Source.Version
	if epoch, rest, ok := strings.Cut(s.source.Version, ":"); ok && s.source.Type == "rpm" { // purl-spec, "rpm": a qualifier
		s.source.Version, s.source.Qualifiers = rest, maps.Clone(s.source.Qualifiers)
		s.source.Qualifiers["epoch"] = epoch
	}
	for i := range m.facts.Packages {
		p := &m.facts.Packages[i]
		if p.Type != f.Package.Type || p.Ecosystem != f.Package.Ecosystem || !slices.Contains(f.Package.Binaries, p.Name) ||
			p.Source.Version != f.Package.Source.Version && p.Version != f.Package.Version {
			continue
		}
		u, err := purl.Parse(p.PURL)
		if err != nil {
			return &subject{} // something installed that no statement can be compared with
		}
		s.packages = append(s.packages, u)
	}
	return s
}

// about says whether a statement is for certain about a finding's package in this image. Of a source package with several binaries
// installed, every one has to be meant. "Fixed" has to name the version.
func (s *statement) about(i image, subject *subject) bool {
	meant := make([]bool, len(subject.packages))
	for _, p := range s.products {
		if !p.here(i) {
			continue
		}
		if is, pinned := i.is(p.of); is {
			if pinned || s.status != fixed {
				return true
			}
			continue
		}
		if p.of.odd || len(p.of.purls) == 0 || len(p.of.digests) > 0 {
			continue
		}
		if s.status == fixed && !slices.ContainsFunc(p.of.purls, func(u purl.URL) bool { return u.Version != "" }) {
			continue
		}
		if subject.isSource(p.of) {
			return true
		}
		for k, installed := range subject.packages {
			meant[k] = meant[k] || p.of.isPackage(installed, subject.source.Name)
		}
	}
	return len(meant) > 0 && !slices.Contains(meant, false)
}

func (p product) here(i image) bool {
	for _, t := range p.within {
		if is, _ := i.is(t); !is && !i.runs(t) {
			return false
		}
	}
	return true
}

// isSource says whether a thing is the source package: by name and version, and no architecture but "source" or "src".
func (s *subject) isSource(t thing) bool {
	if !s.distro {
		return false
	}
	for _, u := range t.purls {
		switch u.Qualifiers["arch"] {
		case "", "source", "src":
		default:
			return false
		}
		if !equal(u, s.source, "", "arch") {
			return false
		}
	}
	return true
}

func (t thing) isPackage(installed purl.URL, source string) bool {
	for _, u := range t.purls {
		if !equal(u, installed, source) {
			return false
		}
	}
	return true
}

// equal says whether a package URL names another: the same package; its version if it gives one; the qualifiers that it gives, but for
// those to be left out. "upstream" is what scanners call the source package.
func equal(want, got purl.URL, source string, but ...string) bool {
	if want.Type != got.Type || want.Namespace != got.Namespace || want.Name != got.Name || want.Version != "" && want.Version != got.Version || want.Subpath != got.Subpath {
		return false
	}
	for k, v := range want.Qualifiers {
		switch {
		case slices.Contains(but, k), got.Qualifiers[k] == v:
		case k == "upstream" && source != "" && (v == source || strings.HasPrefix(v, source+"@")):
		default:
			return false
		}
	}
	return true
}
