package purl

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ, namespace, name, version string
		qualifiers                    map[string]string
		want                          string
	}{
		{"deb", "debian", "openssl", "3.0.11-1~deb12u2", map[string]string{"epoch": "", "distro": "debian-12", "arch": "amd64"},
			"pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12"},
		{"npm", "@babel", "core", "7.0.0", nil, "pkg:npm/%40babel/core@7.0.0"},
		{"golang", "github.com/a/b", "v2", "v2.0.0+incompatible", nil, "pkg:golang/github.com/a/b/v2@v2.0.0%2Bincompatible"},
		{"generic", "", "a b", "1", map[string]string{"z": "1", "a": "x y"}, "pkg:generic/a%20b@1?a=x%20y&z=1"},
	} {
		if got := New(c.typ, c.namespace, c.name, c.version, c.qualifiers); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse("pkg:golang/github.com/a/b@v1.0.0?goos=linux&arch=arm64#cmd/c")
	want := URL{"golang", "github.com/a", "b", "v1.0.0", map[string]string{"goos": "linux", "arch": "arm64"}, "cmd/c"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	for _, s := range []string{"", "npm/a@1", "pkg:", "pkg:npm", "http://a/b", "pkg:npm/%zz"} {
		if u, err := Parse(s); err == nil || !strings.Contains(err.Error(), "is no package URL") || u.Name != "" {
			t.Errorf("%q: %+v, %v", s, u, err)
		}
	}
	if _, err := Parse(strings.Repeat("x", 4096)); err == nil || len(err.Error()) > 1000 {
		t.Errorf("a long text: %v", err)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	const openssl = "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12"
	for _, c := range []struct {
		pattern, purl string
		want          bool
	}{
		{openssl, openssl, true},
		{"pkg:deb/debian/openssl", openssl, true},
		{"pkg:deb/openssl", openssl, true},
		{"pkg:deb/debian/openssl@3.0.11-1", openssl, true},
		{"pkg:deb/debian/openssl@3.0.11", openssl, false},
		{"pkg:deb/debian/openssl@3.0.*", openssl, true},
		{"pkg:deb/debian/open*", openssl, true},
		{"pkg:deb/debian/openssl#lib/other", openssl, false},
		{"pkg:npm/qs#lib/other", "pkg:npm/qs@1#lib/other", true},
		{"pkg:npm/qs#lib/other", "pkg:npm/qs@1#lib", false},
		{"pkg:npm/qs", "pkg:npm/qs@1#lib", true},
		{"pkg:deb/debian/open%3F%3F%3F", openssl, true},
		{"pkg:deb/debian/open%3F%3F", openssl, false},
		{"pkg:deb/ubuntu/openssl", openssl, false},
		{"pkg:deb/*/openssl", openssl, true},
		{"pkg:rpm/debian/openssl", openssl, false},
		{"pkg:deb/debian/openssl?arch=amd64", openssl, true},
		{"pkg:deb/debian/openssl?arch=arm64", openssl, false},
		{"pkg:deb/debian/openssl?epoch=1", openssl, false},
		{"pkg:golang/github.com/*/b", "pkg:golang/github.com/a/b@v1.0.0", true},
		{"pkg:golang/*/b", "pkg:golang/github.com/a/b@v1.0.0", true},
		{"pkg:npm/%5Ba", "pkg:npm/%5Ba@1", false}, // an open class is no glob
		{"openssl", openssl, false},
		{"pkg:deb/debian/openssl", "openssl", false},
		{"", "", false},
	} {
		if got := Match(c.pattern, c.purl); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.purl, got)
		}
	}
}

func TestEcosystems(t *testing.T) {
	t.Parallel()
	all := Ecosystems()
	seen := map[string]bool{}
	for _, e := range all {
		if e == "" || strings.Contains(e, ":") || seen[strings.ToLower(e)] {
			t.Errorf("%q", e)
		}
		seen[strings.ToLower(e)] = true
	}
	for _, e := range []string{"npm", "PyPI", "Debian", "crates.io", "Photon OS"} {
		if !slices.Contains(all, e) {
			t.Errorf("%s is missing", e)
		}
	}
}

// The forms are those of PEP 503's own function, re.sub(r"[-_.]+", "-", name).lower().
func TestNormalPython(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Flask": "flask", "zope.interface": "zope-interface", "a-_.-b": "a-b", "_a_": "-a-", "": "", "A.B_C-D": "a-b-c-d", "x2__Y": "x2-y",
	} {
		if got := NormalPython(name); got != want || NormalPython(got) != got {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// What New makes of a parsed package URL is one that Parse reads as the same, and that matches itself unless it holds a glob's characters.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"pkg:npm/%40a/b@1?x=y#z", "pkg:golang/a/b", "pkg:deb/debian/a@1:2-3", "pkg:x/%5B", "pkg:npm/a@%2A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			return
		}
		made := New(u.Type, u.Namespace, u.Name, u.Version, u.Qualifiers)
		again, err := Parse(made)
		if err != nil {
			return // the library writes some names that it does not read
		}
		third := New(again.Type, again.Namespace, again.Name, again.Version, again.Qualifiers)
		if fourth, err := Parse(third); err == nil && !strings.ContainsAny(u.Namespace+u.Name+u.Version, `*?[\`) {
			if third == made && !Match(made, third) || fourth.Name != again.Name {
				t.Fatalf("%q: %q does not match itself", s, made)
			}
		}
	})
}
