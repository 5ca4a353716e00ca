package image

import (
	"errors"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestParseSource(t *testing.T) {
	for _, c := range []struct{ source, kind, rest string }{
		{"nginx", kindRegistry, "nginx"},
		{"nginx:1.27", kindRegistry, "nginx:1.27"},
		{"foo:bar", kindRegistry, "foo:bar"},
		{"ghcr.io/x/y@sha256:" + hex64, kindRegistry, "ghcr.io/x/y@sha256:" + hex64},
		{"nginx:1.27@sha256:" + hex64, kindRegistry, "nginx:1.27@sha256:" + hex64},
		{"localhost:5000/x:1", kindRegistry, "localhost:5000/x:1"},
		{"localhost:5000/x", kindRegistry, "localhost:5000/x"},
		{"registry:nginx", kindRegistry, "nginx"},
		{"registry:registry:2", kindRegistry, "registry:2"},
		{"registry:web.tar", kindRegistry, "web.tar"},
		{"web.tar", kindPath, "web.tar"},
		{"a/b/web.tar.gz", kindPath, "a/b/web.tar.gz"},
		{"web.tgz", kindPath, "web.tgz"},
		{"./nginx", kindPath, "./nginx"},
		{".", kindPath, "."},
		{"/x/y", kindPath, "/x/y"},
		{"../x:1", kindPath, "../x:1"},
		{"-", kindStdin, ""},
		{"oci:dir:tag", kindOCI, "dir:tag"},
		{"oci-archive:x.tar", kindOCITar, "x.tar"},
		{"docker-archive:x.tar:web:1", kindDocker, "x.tar:web:1"},
		{"rootfs:/srv/root", kindRoot, "/srv/root"},
		{"docker:nginx", kindDockerDaemon, "nginx"},
		{"docker:ghcr.io/x/y:1", kindDockerDaemon, "ghcr.io/x/y:1"},
		{"podman:nginx:1", kindPodman, "nginx:1"},
	} {
		kind, rest, err := parseSource(c.source)
		if err != nil || kind != c.kind || rest != c.rest {
			t.Errorf("parseSource(%q) = %q, %q, %v; want %q, %q", c.source, kind, rest, err, c.kind, c.rest)
		}
	}
	for _, source := range []string{"", "docker:", "docker:27", "docker:27-dind", "podman:latest", "sbom:x.json", "oci:", "rootfs:",
		"registry:", "registry:2", "registry:latest",
		"https://nginx", "docker-daemon:nginx:1", "foo:bar:baz", "foo:bar/baz", "dockre-archive:a:b"} {
		_, _, err := parseSource(source)
		if usage := (*engine.UsageError)(nil); !errors.As(err, &usage) {
			t.Errorf("parseSource(%q): %v, want a usage error", source, err)
		}
	}
}

const hex64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestCleanPath(t *testing.T) {
	for name, want := range map[string]string{"./": ".", "": ".", "/": ".", "./a/b": "a/b", "/a": "a", "a//b/": "a/b", "a/./b": "a/b",
		"..a/b..": "..a/b..", "a\nb": "a\nb"} {
		if got, err := cleanPath(name); err != nil || got != want {
			t.Errorf("cleanPath(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"..", "../a", "a/../b", "/..", "a/.."} {
		if got, err := cleanPath(name); err == nil {
			t.Errorf("cleanPath(%q) = %q, want an error", name, got)
		}
	}
}
