package vex

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// image is what statements about an image are compared with.
type image struct {
	name, repository, tag string   // all "" when the image has no name that can be trusted
	digests               []string // "sha256:…" of its manifest and its configuration
	arch                  string
	os                    *engine.OS
}

func newImage(f *engine.Facts) image {
	img := image{arch: f.Platform.Architecture, os: f.OS}
	for _, d := range []engine.Digest{f.Image.Digest, f.Image.ConfigDigest} {
		if d != "" {
			img.digests = append(img.digests, string(d))
		}
	}
	if f.Image.Named {
		img.name = f.Image.Name
		img.repository, img.tag = splitReference(f.Image.Name)
	}
	return img
}

// splitReference splits an image's name into its repository and its tag, with the defaults that Docker adds: docker.io, library/, latest.
func splitReference(name string) (repository, tag string) {
	rest, digest, _ := strings.Cut(name, "@")
	if at := strings.LastIndexByte(rest, ':'); at > strings.LastIndexByte(rest, '/') {
		rest, tag = rest[:at], rest[at+1:]
	}
	if tag == "" && digest == "" {
		tag = "latest"
	}
	return fullRepository(rest), tag
}

// fullRepository writes a repository with its registry, Docker Hub's under one of its names: "nginx" is "docker.io/library/nginx".
func fullRepository(path string) string {
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

// matches says whether a component is this image, and whether it names one version of it: a digest or a tag.
func (i image) matches(c component) (matches, pinned bool) {
	if c.unmatchable || len(c.purls) == 0 && len(c.digests) == 0 && len(c.names) == 0 {
		return false, false
	}
	for _, d := range c.digests {
		if !slices.Contains(i.digests, d) {
			return false, false
		}
		pinned = true
	}
	for _, u := range c.purls {
		ok, one := i.matchesPURL(u)
		if !ok {
			return false, false
		}
		pinned = pinned || one
	}
	if len(c.purls) > 0 || len(c.digests) > 0 {
		return true, pinned // the names that it has as well may be anything
	}
	for _, n := range c.names {
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

// runs says whether the image is of every processor architecture that a component is of.
func (i image) runs(c component) bool {
	return !slices.ContainsFunc(c.archs, func(arch string) bool { return arch != ociArch(i.arch) })
}

// matchesPURL compares a package URL of the types oci and docker (purl-spec, "Known types") with the image. Where it has a
// digest, the digest decides. Without one, registry, repository and tag have to be those that the user typed.
func (i image) matchesPURL(u purl.URL) (matches, pinned bool) {
	if !isImagePURL(u) || u.Subpath != "" {
		return false, false
	}
	for key, value := range u.Qualifiers {
		switch key {
		case "repository_url", "tag":
		case "arch":
			if ociArch(value) != ociArch(i.arch) {
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

// inRepository says whether a package URL of an image names the repository that the image is from. Type oci has it whole or up to the
// name in repository_url; type docker has the registry there, which is Docker Hub's without it.
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
		return fullRepository("docker.io/"+path) == i.repository
	case !given:
		return false
	}
	full := fullRepository(where)
	whole := full == i.repository && strings.HasSuffix("/"+full, "/"+u.Name)
	return whole || fullRepository(strings.TrimSuffix(where, "/")+"/"+u.Name) == i.repository
}

// isBuiltOn says whether a component is the platform that the image is built on, as a CPE of Red Hat's names it:
// "cpe:/o:redhat:enterprise_linux:9::baseos".
func (i image) isBuiltOn(c component) bool {
	if c.unmatchable || i.os == nil || len(c.cpes) == 0 || len(c.purls)+len(c.digests) > 0 {
		return false
	}
	major, _, _ := strings.Cut(string(i.os.VersionID), ".")
	for _, cpe := range c.cpes {
		rest, ok := strings.CutPrefix(cpe, "cpe:/")
		if !ok {
			rest, ok = strings.CutPrefix(cpe, "cpe:2.3:")
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
