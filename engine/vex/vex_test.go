package vex

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine"
)

func hexOf(digit string) string { return strings.Repeat(digit, 64) }

// facts are an image with five findings, the same in every test.
func facts() *engine.Facts {
	f := &engine.Facts{
		Image: engine.Identity{Name: "ghcr.io/example/shop:1.2", Named: true, Digest: engine.Digest("sha256:" + hexOf("a")),
			ConfigDigest: engine.Digest("sha256:" + hexOf("b"))},
		Platform: engine.Platform{OS: "linux", Architecture: "amd64"},
		OS:       &engine.OS{ID: "rhel", VersionID: "9.4"},
	}
	add := func(p engine.Package) {
		f.Packages = append(f.Packages, p)
	}
	openssl := engine.Source{Name: "openssl", Version: "3.0.11-1~deb12u2"}
	add(engine.Package{Name: "libssl3", Version: openssl.Version, Type: "deb", Ecosystem: "Debian:12", Source: openssl,
		PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12"})
	add(engine.Package{Name: "openssl", Version: openssl.Version, Type: "deb", Ecosystem: "Debian:12", Source: openssl,
		PURL: "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12"})
	curl := engine.Source{Name: "curl", Version: "7.88.1-10"}
	add(engine.Package{Name: "libcurl4", Version: "7.88.1-10+b1", Type: "deb", Ecosystem: "Debian:12", Source: curl,
		PURL: "pkg:deb/debian/libcurl4@7.88.1-10%2Bb1?arch=amd64&distro=debian-12"})
	expat := engine.Source{Name: "expat", Version: "1:2.5.0-2.el9"}
	add(engine.Package{Name: "expat", Version: expat.Version, Type: "rpm", Ecosystem: "Red Hat:enterprise_linux:9", Source: expat,
		PURL: "pkg:rpm/redhat/expat@2.5.0-2.el9?arch=x86_64&distro=rhel-9.4&epoch=1"})
	found := func(id, name string, p engine.Package, binaries []string, cves []string, aliases ...string) {
		f.Findings = append(f.Findings, engine.Finding{Kind: "vulnerability", ID: id, Aliases: aliases, CVEs: cves, Fix: "none",
			Package: engine.FoundPackage{Name: name, Version: p.Source.Version, Type: p.Type, PURL: p.PURL, Ecosystem: p.Ecosystem,
				Source: p.Source, Binaries: binaries}})
	}
	lodash := engine.Package{Name: "lodash", Version: "4.17.20", Type: "npm", Ecosystem: "npm",
		Source: engine.Source{Name: "lodash", Version: "4.17.20"}, PURL: "pkg:npm/lodash@4.17.20"}
	add(lodash)
	found("CVE-2021-23337", "lodash", lodash, nil, []string{"CVE-2021-23337"}, "GHSA-35jh-r3h4-6jhm")
	found("CVE-2024-0727", "openssl", f.Packages[1], []string{"libssl3", "openssl"}, []string{"CVE-2024-0727"})
	found("DSA-5678-1", "curl", f.Packages[2], []string{"libcurl4"}, []string{"CVE-2024-0001", "CVE-2024-0002"})
	found("CVE-2023-52425", "expat", f.Packages[3], []string{"expat"}, []string{"CVE-2023-52425"})
	crypto := engine.Package{Type: "golang", Ecosystem: "Go", Source: engine.Source{Name: "example.test/crypto", Version: "v1.0.0"},
		PURL: "pkg:golang/example.test/crypto@v1.0.0"}
	found("CVE-2024-0727", "crypto", crypto, nil, []string{"CVE-2024-0727"})
	return f
}

// marks lists the findings that have VEX statements: the status and the fix of each, then its statements.
func marks(f *engine.Facts) string {
	var b strings.Builder
	for _, v := range f.Findings {
		if len(v.VEX) == 0 {
			continue
		}
		status := string(v.VEXStatus)
		if status == "" {
			status = "open"
		}
		fmt.Fprintf(&b, "%s %s: %s, fix %s\n", v.ID, v.Package.Name, status, v.Fix)
		for _, m := range v.VEX {
			fmt.Fprintf(&b, "  %s|%s|%s|%s|%s|%s|%s\n", m.Status, m.Justification, m.Statement, m.Action, m.Source, m.Author, m.At)
		}
	}
	return b.String()
}

// Each case is some documents and either "told", the marks that they make, or "error".
func TestCases(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) < 10 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var docs []*Document
			var failed error
			want, wantError := "", ""
			for _, f := range a.Files {
				switch f.Name {
				case "told":
					want = string(f.Data)
				case "error":
					wantError = strings.TrimSpace(string(f.Data))
				default:
					d, err := Parse(f.Name, f.Data)
					failed = errors.Join(failed, err)
					docs = append(docs, d)
				}
			}
			if wantError != "" || failed != nil {
				if failed == nil || wantError == "" || !strings.Contains(failed.Error(), wantError) {
					t.Errorf("error %v, want %q", failed, wantError)
				}
				return
			}
			got := facts()
			for range 2 { // marking again replaces the marks
				if err := Mark(docs, got, clock()); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, marks(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// openvex is a document with one statement.
func openvex(product, vulnerability, status string) string {
	return fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.test/vex/1","author":"Example",
		"timestamp":"2026-01-02T03:04:05Z","version":1,
		"statements":[{"vulnerability":{"name":%q},"products":[%s],"status":%q,"impact_statement":"no"}]}`, vulnerability, product, status)
}

// Only a product that is for certain the finding's suppresses it: everything else leaves the finding as it is.
func TestProducts(t *testing.T) {
	id := func(s string) string { return fmt.Sprintf(`{"@id":%q}`, s) }
	in := func(image, part string) string {
		return fmt.Sprintf(`{"@id":%q,"subcomponents":[{"@id":%q}]}`, image, part)
	}
	oci := "pkg:oci/shop@sha256%3A" + hexOf("a")
	const lodash, openssl, curl, expat = "CVE-2021-23337", "CVE-2024-0727", "DSA-5678-1", "CVE-2023-52425"
	for _, c := range []struct {
		name, product, vulnerability, want string
	}{
		{"a package", id("pkg:npm/lodash@4.17.20"), lodash, "lodash"},
		{"by an alias", id("pkg:npm/lodash@4.17.20"), "GHSA-35jh-r3h4-6jhm", "lodash"},
		{"in small letters", id("pkg:npm/lodash@4.17.20"), "cve-2021-23337", "lodash"},
		{"every version", id("pkg:npm/lodash"), lodash, "lodash"},
		{"another version", id("pkg:npm/lodash@4.17.19"), lodash, ""},
		{"another package", id("pkg:npm/lodash.merge@4.17.20"), lodash, ""},
		{"another namespace", id("pkg:npm/%40types/lodash@4.17.20"), lodash, ""},
		{"a glob", id("pkg:npm/*"), lodash, ""},
		{"a qualifier that it lacks", id("pkg:npm/lodash@4.17.20?vcs_url=x"), lodash, ""},
		{"a part of it", id("pkg:npm/lodash@4.17.20#merge.js"), lodash, ""},
		{"another vulnerability", id("pkg:npm/lodash@4.17.20"), "CVE-2021-23338", ""},
		{"no package URL", id("lodash"), lodash, ""},
		{"a broken package URL", id("pkg:"), lodash, ""},
		{"both identifiers", `{"@id":"https://example.test/lodash","identifiers":{"purl":"pkg:npm/lodash@4.17.20"}}`, lodash, "lodash"},
		{"two packages at once", `{"@id":"pkg:npm/lodash@4.17.20","identifiers":{"purl":"pkg:npm/merge@1"}}`, lodash, ""},
		{"the hash of an archive", `{"@id":"pkg:npm/lodash@4.17.20","hashes":{"sha-256":"00"}}`, lodash, ""},
		{"another kind of hash", `{"@id":"pkg:npm/lodash@4.17.20","hashes":{"md5":"00"}}`, lodash, ""},

		{"the image", id(oci), lodash, "lodash"},
		{"the image, by its ID", id("pkg:oci/other@sha256%3A" + hexOf("b")), lodash, "lodash"},
		{"the image, all that has the vulnerability", id(oci), openssl, "openssl crypto"},
		{"a part of the image", in(oci, "pkg:npm/lodash"), lodash, "lodash"},
		{"another part of the image", in(oci, "pkg:npm/merge"), lodash, ""},
		{"a part of another image", in("pkg:oci/shop@sha256%3A"+hexOf("c"), "pkg:npm/lodash"), lodash, ""},
		{"a part of a package", in("pkg:npm/app@1", "pkg:npm/lodash"), lodash, ""},
		{"a part of itself", in("pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.20"), lodash, ""},
		{"another image", id("pkg:oci/shop@sha256%3A" + hexOf("c")), lodash, ""},
		{"an image of any registry", id("pkg:oci/shop"), lodash, ""},
		{"the image by its name", id("pkg:oci/shop?repository_url=ghcr.io/example/shop&tag=1.2"), lodash, "lodash"},
		{"the image by its place", id("pkg:oci/shop?repository_url=ghcr.io/example"), lodash, "lodash"},
		{"another tag", id("pkg:oci/shop?repository_url=ghcr.io/example/shop&tag=1.3"), lodash, ""},
		{"another registry", id("pkg:oci/shop?repository_url=docker.io/example/shop&tag=1.2"), lodash, ""},
		{"another architecture", id(oci + "?arch=arm64"), lodash, ""},
		{"its architecture", id(oci + "?arch=amd64"), lodash, "lodash"},
		{"an unknown qualifier", id(oci + "?flavour=small"), lodash, ""},
		{"docker's type", id("pkg:docker/example/shop@1.2?repository_url=ghcr.io"), lodash, "lodash"},
		{"docker's type, Docker Hub", id("pkg:docker/example/shop@1.2"), lodash, ""},
		{"docker's type, digest", id("pkg:docker/example/shop@sha256%3A" + hexOf("a")), lodash, "lodash"},
		{"the name as such", id("ghcr.io/example/shop:1.2"), lodash, "lodash"},
		{"another name", id("ghcr.io/example/shop:1.3"), lodash, ""},
		{"any name with the digest", id("example.test/x@sha256:" + hexOf("a")), lodash, "lodash"},
		{"a hash of the image", `{"@id":"https://example.test/shop","hashes":{"sha-256":"` + hexOf("a") + `"}}`, lodash, "lodash"},

		{"one of two binaries", id("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64"), openssl, ""},
		{"two of two binaries", id("pkg:deb/debian/libssl3") + "," + id("pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64"), openssl,
			"openssl"},
		{"the source package", id("pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=source"), openssl, "openssl"},
		{"the source package by name", id("pkg:deb/debian/openssl?distro=debian-12"), openssl, "openssl"},
		{"the source package of another release", id("pkg:deb/debian/openssl?distro=debian-11"), openssl, ""},
		{"the binary of the source's name", id("pkg:deb/debian/openssl?arch=amd64"), openssl, ""},
		{"another vendor", id("pkg:deb/ubuntu/openssl"), openssl, ""},
		{"no vendor", id("pkg:deb/openssl"), openssl, ""},
		{"upstream", id("pkg:deb/debian/libcurl4?upstream=curl"), curl, "curl"},
		{"another upstream", id("pkg:deb/debian/libcurl4?upstream=wget"), curl, ""},
		{"one of several CVEs", id("pkg:deb/debian/curl"), "CVE-2024-0001", "curl?"},
		{"an rpm's source", id("pkg:rpm/redhat/expat@2.5.0-2.el9?arch=src&epoch=1"), expat, "expat"},
		{"an rpm of another epoch", id("pkg:rpm/redhat/expat@2.5.0-2.el9?arch=src&epoch=2"), expat, ""},
	} {
		d, err := Parse("a.json", []byte(openvex(c.product, c.vulnerability, "not_affected")))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		f := facts()
		if err := Mark([]*Document{d}, f, clock()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range f.Findings {
			switch {
			case v.VEXStatus == "not_affected":
				got = append(got, v.Package.Name)
			case v.VEXStatus != "":
				t.Errorf("%s: %s", c.name, v.VEXStatus)
			case len(v.VEX) > 0:
				got = append(got, v.Package.Name+"?")
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// An archive's own names are not trusted, and a product without a version is not fixed.
func TestWhatIsNotCertain(t *testing.T) {
	for product, want := range map[string]bool{
		`{"@id":"pkg:npm/lodash"}`:                                           false,
		`{"@id":"pkg:npm/lodash@4.17.20"}`:                                   true,
		`{"@id":"pkg:oci/shop?repository_url=ghcr.io/example/shop"}`:         false,
		`{"@id":"pkg:oci/shop?repository_url=ghcr.io/example/shop&tag=1.2"}`: true,
	} {
		for _, named := range []bool{true, false} {
			d, err := Parse("a.json", []byte(openvex(product, "CVE-2021-23337", "fixed")))
			if err != nil {
				t.Fatal(err)
			}
			f := facts()
			f.Image.Named = named
			if err := Mark([]*Document{d}, f, clock()); err != nil {
				t.Fatal(err)
			}
			if got := f.Findings[0].VEXStatus == "fixed"; got != (want && (named || strings.Contains(product, "npm"))) {
				t.Errorf("%s, named %v: %v", product, named, got)
			}
		}
	}
}

func TestNewest(t *testing.T) {
	at := func(status, time string) string {
		return strings.Replace(openvex(`{"@id":"pkg:npm/lodash"}`, "CVE-2021-23337", status), "2026-01-02T03:04:05Z", time, 1)
	}
	for _, c := range []struct {
		docs []string
		want engine.Maybe
	}{
		{[]string{at("not_affected", "2026-01-01T00:00:00Z"), at("affected", "2025-01-01T00:00:00Z")}, "not_affected"},
		{[]string{at("not_affected", "2026-01-01T00:00:00Z"), at("affected", "2026-01-01T00:00:01Z")}, "affected"},
		{[]string{at("affected", "2026-01-01T00:00:00Z"), at("not_affected", "2026-01-01T01:00:00+01:00")}, "affected"},
		{[]string{at("not_affected", "2026-01-01T00:00:00Z"), at("under_investigation", "2026-01-01T00:00:00Z")}, "under_investigation"},
	} {
		f := facts()
		var docs []*Document
		for i, text := range c.docs {
			d, err := Parse(fmt.Sprintf("%d.json", i), []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, d)
		}
		if err := Mark(docs, f, clock()); err != nil || f.Findings[0].VEXStatus != c.want || len(f.Findings[0].VEX) != len(docs) {
			t.Errorf("%+v, %v, want %s", f.Findings[0].VEX, err, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	var limit *engine.LimitError
	if _, err := Parse("a.json", make([]byte, engine.MaxVEX+1)); !errors.As(err, &limit) {
		t.Errorf("size: %v", err)
	}
	deep := strings.Repeat("[", engine.MaxJSONDepth+1) + strings.Repeat("]", engine.MaxJSONDepth+1)
	if _, err := Parse("a.json", []byte(`{"@context":`+deep+`}`)); !errors.As(err, &limit) {
		t.Errorf("depth: %v", err)
	}
	if err := (&Document{}).add(statement{products: make([]product, engine.MaxVEXProducts+1)}); !errors.As(err, &limit) {
		t.Errorf("products: %v", err)
	}
	d := &Document{name: "a.json"}
	many := make([]product, engine.MaxVEXWork/50+1)
	for range 50 {
		d.statements = append(d.statements, &statement{names: []string{"CVE-2021-23337"}, status: affected, products: many})
	}
	if err := Mark([]*Document{d}, facts(), clock()); !errors.As(err, &limit) {
		t.Errorf("work: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("a.json", data)
		if err != nil {
			return
		}
		once, twice := facts(), facts()
		if Mark([]*Document{d}, once, clock()) != nil {
			return
		}
		if err := Mark([]*Document{d, d}, twice, clock()); err != nil {
			return
		}
		for i := range once.Findings {
			if once.Findings[i].VEXStatus != twice.Findings[i].VEXStatus {
				t.Errorf("%s: %s, said twice %s", once.Findings[i].ID, once.Findings[i].VEXStatus, twice.Findings[i].VEXStatus)
			}
		}
	})
}

// clock is the time at which the tests' documents are read.
func clock() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
