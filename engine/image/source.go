package image

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// The kinds of sources: the prefixes that a user may write, and what they decide.
const (
	kindRegistry = "registry"
	kindDocker   = "docker-archive"
	kindOCI      = "oci"
	kindOCITar   = "oci-archive"
	kindRoot     = "rootfs"
	kindPath     = "path" // an archive or a layout; its content tells which
	kindStdin    = "-"

	kindDockerDaemon = "docker"
	kindPodman       = "podman"
)

// parseSource returns what kind of source a user named, and the name without its prefix. It never looks at the disk, so that a file which
// appears somewhere cannot change what a name means.
func parseSource(source string) (kind, rest string, err error) {
	word, after, prefixed := strings.Cut(source, ":")
	switch {
	case source == "":
		return "", "", engine.Hint(engine.Usage("the source is empty"), "name an image, a .tar file, an OCI layout directory or -")
	case source == "-":
		return kindStdin, "", nil
	case isPath(source):
		return kindPath, source, nil
	case !prefixed || strings.ContainsAny(word, "/.@"):
		return kindRegistry, source, nil
	}
	switch word {
	case kindRegistry:
		return registryName(after)
	case kindDocker, kindOCI, kindOCITar, kindRoot:
		if after == "" {
			return "", "", engine.Usage("%q names no path after its prefix", source)
		}
		return word, after, nil
	case kindDockerDaemon, kindPodman:
		return daemonName(word, after)
	case "sbom":
		return "", "", engine.Usage("%q is a list of packages, not an image", source)
	}
	if isBareTag(after) {
		return kindRegistry, source, nil
	}
	if strings.HasPrefix(after, "//") {
		shown := engine.MaskAddresses(source)
		_, bare, _ := strings.Cut(shown, "//")
		return "", "", engine.Hint(engine.Usage("%q is a URL, not an image", shown), "a registry reference has no scheme: %s", bare)
	}
	return "", "", engine.UnknownWord("source prefix", word, prefixes())
}

// RegistryOf returns the registry that a source is in, HOST[:PORT] or docker.io; "" if it is in none, or cannot be understood.
func RegistryOf(source string) string {
	kind, rest, err := parseSource(source)
	if err != nil || kind != kindRegistry {
		return ""
	}
	host, err := registry.HostOf(rest)
	if err != nil {
		return ""
	}
	return host
}

// prefixes are the words that a user may write before a source.
func prefixes() []string {
	return []string{kindRegistry, kindDocker, kindOCI, kindOCITar, kindRoot, kindDockerDaemon, kindPodman, "sbom"}
}

// isPath decides whether a source without a prefix is a path; if not, it is a registry reference.
func isPath(s string) bool {
	if s[0] == '/' || s[0] == '.' {
		return true
	}
	if word, _, ok := strings.Cut(s, ":"); ok && slices.Contains(prefixes(), word) {
		return false
	}
	return strings.HasSuffix(s, ".tar") || strings.HasSuffix(s, ".tar.gz") || strings.HasSuffix(s, ".tgz")
}

// isBareTag reports whether what follows the first colon can be a tag, or a port with a repository: then "foo:bar" is a reference, and foo
// is no mistyped prefix.
func isBareTag(after string) bool {
	after, _, _ = strings.Cut(after, "@")
	if port, _, ok := strings.Cut(after, "/"); ok {
		return port != "" && strings.Trim(port, "0123456789") == ""
	}
	return after != "" && !strings.Contains(after, ":")
}

// daemonName refuses what may be the name of an image called "docker" or "podman": docker:27.
func daemonName(word, name string) (kind, rest string, err error) {
	bare, _, _ := strings.Cut(name, "-")
	switch {
	case name == "":
		return "", "", engine.Usage("%q names no image after its prefix", word+":")
	case strings.Trim(bare, "0123456789.") == "", name == "latest", word == kindDockerDaemon && (bare == "dind" || bare == "cli"):
		return "", "", engine.Hint(engine.Usage("%s:%s is ambiguous: %s: is a prefix, for an image that the daemon has", word, name, word),
			"the image called %s, from a registry: registry:%s:%s; an image called %s in the daemon: %s:%s:latest",
			word, word, name, name, word, name)
	}
	return word, name, nil
}

// registryName refuses what may be the name of the image called "registry": registry:2 would otherwise be an image called "2".
func registryName(name string) (kind, rest string, err error) {
	if name == "" {
		return "", "", engine.Usage(`"registry:" names no image after its prefix`)
	}
	if tag := strings.Trim(name, "0123456789.") == "" || name == "latest"; tag {
		return "", "", engine.Hint(engine.Usage("registry:%s is ambiguous: registry: is a prefix", name),
			"the image called registry: registry:registry:%s; an image called %s: registry:docker.io/library/%s", name, name, name)
	}
	return kindRegistry, name, nil
}
