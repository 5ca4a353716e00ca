package vex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// A reference has the defaults that Docker adds, under any of Docker Hub's names: otherwise a statement about "nginx" would not be about
// "docker.io/library/nginx:latest", or one about a registry's repository would be about Docker Hub's.
func TestSplitReference(t *testing.T) {
	for name, want := range map[string][2]string{
		"nginx":                              {"docker.io/library/nginx", "latest"},
		"nginx:1.27":                         {"docker.io/library/nginx", "1.27"},
		"bitnami/nginx":                      {"docker.io/bitnami/nginx", "latest"},
		"docker.io/nginx":                    {"docker.io/library/nginx", "latest"},
		"index.docker.io/library/nginx:1":    {"docker.io/library/nginx", "1"},
		"registry-1.docker.io/bitnami/nginx": {"docker.io/bitnami/nginx", "latest"},
		"ghcr.io/example/shop:1.2":           {"ghcr.io/example/shop", "1.2"},
		"localhost/shop":                     {"localhost/shop", "latest"},
		"localhost:5000/shop":                {"localhost:5000/shop", "latest"},
		"registry:5000/team/shop:1":          {"registry:5000/team/shop", "1"},
		"team/shop@sha256:" + hexOf("a"):     {"docker.io/team/shop", ""},
		"team/shop:1@sha256:" + hexOf("a"):   {"docker.io/team/shop", "1"},
	} {
		if repository, tag := splitReference(name); repository != want[0] || tag != want[1] {
			t.Errorf("%s: %s and %q, want %s and %q", name, repository, tag, want[0], want[1])
		}
	}
}

// applies says whether a statement that a product is not affected suppresses the finding in lodash.
func applies(t *testing.T, f *engine.Facts, product string) bool {
	t.Helper()
	d, err := Parse("a.json", []byte(openvex(product, "CVE-2021-23337", "not_affected")))
	if err != nil {
		t.Fatal(err)
	}
	if err := Mark([]*Document{d}, f, clock()); err != nil {
		t.Fatal(err)
	}
	return f.Findings[0].VEXStatus == "not_affected"
}

// Which package URLs and names are for certain those of an image. A wrong yes would suppress every finding of the vulnerability.
func TestImageNames(t *testing.T) {
	oci := "pkg:oci/nginx"
	for _, c := range []struct {
		image, id string
		want      bool
	}{
		{"nginx", oci + "?repository_url=docker.io/library/nginx&tag=latest", true},
		{"nginx", oci + "?repository_url=https://index.docker.io/library/nginx/", true},
		{"nginx", oci + "?repository_url=docker.io/library", true},
		{"nginx", oci + "?repository_url=docker.io", true},
		{"nginx", oci + "?repository_url=docker.io/bitnami", false},
		{"nginx", oci + "?repository_url=ghcr.io/library/nginx", false},
		{"nginx", oci, false},
		{"nginx", oci + "@1?repository_url=docker.io/library/nginx", false},
		{"nginx", "pkg:oci/ginx?repository_url=docker.io/library/nginx", false},
		{"nginx", "pkg:oci/other?repository_url=docker.io/library/nginx", false},
		{"nginx", "pkg:docker/nginx", true},
		{"nginx", "pkg:docker/library/nginx", true},
		{"nginx", "pkg:docker/nginx@latest", true},
		{"nginx", "pkg:docker/nginx@1.27", false},
		{"nginx:1.27", "pkg:docker/nginx@1.27", true},
		{"nginx:1.27", "pkg:docker/nginx@1.27?tag=1.27", true},
		{"nginx:1.27", "pkg:docker/nginx@1.27?tag=1.28", false},
		{"nginx:1.27", "pkg:docker/nginx?tag=1.27", true},
		{"nginx:1.27", "pkg:docker/nginx#etc", false},
		{"bitnami/nginx", "pkg:docker/bitnami/nginx", true},
		{"bitnami/nginx", "pkg:docker/nginx", false},
		{"ghcr.io/example/nginx", "pkg:docker/example/nginx?repository_url=ghcr.io", true},
		{"ghcr.io/example/nginx", "pkg:docker/example/nginx?repository_url=ghcr.io/", true},
		{"ghcr.io/example/nginx", "pkg:docker/example/nginx?repository_url=quay.io", false},
		{"nginx", "nginx", true},
		{"nginx", "nginx:latest", false}, // a name is compared as the user typed it
		{"nginx", "nginx@sha256:" + hexOf("a"), true},
		{"nginx", "other@sha256:" + hexOf("b"), true}, // the image's ID
		{"nginx", "nginx@sha256:" + hexOf("c"), false},
		{"", "pkg:docker/nginx", false},
		{"", "", false},
	} {
		f := facts()
		f.Image.Name, f.Image.Named = c.image, c.image != ""
		if got := applies(t, f, fmt.Sprintf(`{"@id":%q}`, c.id)); got != c.want {
			t.Errorf("%q is about the image %q: %v", c.id, c.image, got)
		}
	}
}

// Every identifier of a product has to be the image's, and only SHA-256 can be compared.
func TestImageIdentifiers(t *testing.T) {
	a, b, c := hexOf("a"), hexOf("b"), hexOf("c")
	for product, want := range map[string]bool{
		`{"hashes":{"sha-256":"` + a + `"}}`:                                                                 true,
		`{"hashes":{"SHA256":"` + strings.ToUpper(a) + `"}}`:                                                 true,
		`{"hashes":{"sha-256":"` + c + `"}}`:                                                                 false,
		`{"hashes":{"sha-256":"` + a + `","sha-512":"00"}}`:                                                  false,
		`{"@id":"pkg:oci/shop@sha256%3A` + a + `","hashes":{"sha-256":"` + b + `"}}`:                         true,
		`{"@id":"pkg:oci/shop@sha256%3A` + a + `","hashes":{"sha-256":"` + c + `"}}`:                         false,
		`{"@id":"pkg:oci/shop@sha256%3A` + a + `","identifiers":{"purl":"pkg:oci/shop@sha256%3A` + c + `"}}`: false,
		`{"@id":"https://example.test/","identifiers":{"purl":"pkg:oci/shop@sha256%3A` + a + `"}}`:           true,
		`{"@id":"https://example.test/","identifiers":{"purl":"shop"}}`:                                      false,
		`{"@id":"https://example.test/","identifiers":{"cpe23":"cpe:2.3:a:x:y:1:*:*:*:*:*:*:*"}}`:            false,
		`{}`: false,
	} {
		if got := applies(t, facts(), product); got != want {
			t.Errorf("%s is the image: %v", product, got)
		}
	}
}

// A statement about a package of a Red Hat product is about this image only where the image is built on that product's release.
func TestPlatform(t *testing.T) {
	for _, c := range []struct {
		cpe, os, version string
		want             bool
	}{
		{"cpe:/o:redhat:enterprise_linux:9", "rhel", "9.4", true},
		{"cpe:/o:redhat:enterprise_linux:9::baseos", "rhel", "9", true},
		{"cpe:/a:redhat:enterprise_linux:9::appstream", "rhel", "9.4", true},
		{"cpe:2.3:o:redhat:enterprise_linux:9:*:baseos:*:*:*:*:*", "rhel", "9.4", true},
		{"cpe:/o:redhat:enterprise_linux:9.4", "rhel", "9.4", true},
		{"cpe:/o:redhat:enterprise_linux:9.2", "rhel", "9.4", false},
		{"cpe:/o:redhat:enterprise_linux:8", "rhel", "9.4", false},
		{"cpe:/o:redhat:enterprise_linux:9", "centos", "9", false},
		{"cpe:/o:redhat:enterprise_linux", "rhel", "9.4", false},
		{"cpe:/h:redhat:enterprise_linux:9", "rhel", "9.4", false},
		{"cpe:/o:suse:enterprise_linux:9", "rhel", "9.4", false},
		{"cpe:/a:redhat:openshift:9", "rhel", "9.4", false},
		{"xcpe:/o:redhat:enterprise_linux:9", "rhel", "9.4", false},
		{"", "rhel", "9.4", false},
		{"cpe:/o:redhat:enterprise_linux:9", "", "", false},
	} {
		f := facts()
		f.OS = &engine.OS{ID: c.os, VersionID: engine.Maybe(c.version)}
		if c.os == "" {
			f.OS = nil
		}
		text := strings.Replace(goodCSAF, `"product_tree":{"full_product_names":[`, fmt.Sprintf(`"product_tree":{"relationships":[
			{"category":"default_component_of","product_reference":"lodash","relates_to_product_reference":"el",
			"full_product_name":{"product_id":"P"}}],
			"full_product_names":[{"product_id":"el","product_identification_helper":{"cpe":%q}},`, c.cpe), 1)
		d, err := Parse("a.json", []byte(strings.Replace(text, `{"product_id":"P","product_id`, `{"product_id":"lodash","product_id`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := Mark([]*Document{d}, f, clock()); err != nil {
			t.Fatal(err)
		}
		if got := f.Findings[0].VEXStatus == "not_affected"; got != c.want {
			t.Errorf("%q on %s %s: %v", c.cpe, c.os, c.version, got)
		}
	}
}
