package vex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// told parses a document and returns the status that it gives the finding of lodash 4.17.20; "refused" is a mistake in the document.
func told(t *testing.T, text string) string {
	t.Helper()
	d, err := Parse("a.json", []byte(text))
	if err != nil {
		return "refused"
	}
	f := facts()
	if err := Mark([]*Document{d}, f, clock()); err != nil {
		t.Fatal(err)
	}
	return string(f.Findings[0].VEXStatus)
}

// csaf is a document whose one product stands below branches, "category=name" from the outermost, with the given helper.
func csaf(tracking, branches, helper, status string) string {
	product := `"product":{"product_id":"P","name":"x","product_identification_helper":{` + helper + `}}`
	for _, b := range reversed(strings.Split(branches, "|")) {
		category, name, _ := strings.Cut(b, "=")
		product = `"branches":[{"category":"` + category + `","name":"` + name + `",` + product + `}]`
	}
	return `{"document":{"csaf_version":"2.0","category":"csaf_vex","publisher":{"name":"E"},
		"tracking":{"id":"x","current_release_date":"2026-01-02T03:04:05Z"` + tracking + `}},"product_tree":{` + product + `},
		"vulnerabilities":[{"cve":"CVE-2021-23337","product_status":{"` + status + `":["P"]},
		"threats":[{"category":"impact","details":"no","product_ids":["P"]}]}]}`
}

func reversed(list []string) (out []string) {
	for i := range list {
		out = append(out, list[len(list)-1-i])
	}
	return out
}

// What branches, identifiers and the status of a CSAF document say besides the package URL counts.
func TestCSAFSaysMore(t *testing.T) {
	const lodash, plain = `"purl":"pkg:npm/lodash"`, "vendor=v|product_family=f|product_name=Lodash"
	for _, c := range []struct{ tracking, branches, helper, want string }{
		{"", plain, lodash, "not_affected"},
		{`,"status":"final","version":"1"`, plain, lodash, "not_affected"},
		{`,"status":"interim","version":"2.1.0"`, plain, lodash, "not_affected"},
		{`,"status":"draft","version":"0.1.0"`, plain, lodash, "refused"},
		{`,"status":"draft"`, plain, lodash, "refused"},
		{`,"status":"final","version":"0.9.0"`, plain, lodash, "refused"},
		{`,"status":"final","version":"1.0.0-rc.1"`, plain, lodash, "refused"},
		{`,"status":"final","version":"1.0.0+a-b"`, plain, lodash, "not_affected"},
		{`,"status":"Final"`, plain, lodash, "refused"},

		{"", plain + "|product_version=4.17.20", lodash, "not_affected"},
		{"", plain + "|product_version=v4.17.20", `"purl":"pkg:npm/lodash@4.17.20"`, "not_affected"},
		{"", plain + "|product_version=lodash", lodash, "not_affected"},
		{"", plain + "|product_version=lodash-4.17.20", lodash, "not_affected"},
		{"", plain + "|product_version=lodash@4.17.20", lodash, "not_affected"},
		{"", plain + "|product_version=4.17.2", lodash, ""},
		{"", plain + "|product_version=", lodash, ""},
		{"", plain + "|product_version= ", lodash, ""},
		{"", plain + "|product_version=lodash-", lodash, ""},
		{"", plain + "|product_version=4.17.20 and later", lodash, ""},
		{"", plain + "|product_version=14.17.20", lodash, ""},
		{"", plain + "|product_version=4.17.21", `"purl":"pkg:npm/lodash@4.17.20"`, ""},
		{"", plain + "|product_version=5", `"purl":"pkg:npm/lodash@4.17.20"`, ""},
		{"", "product_version=5|product_name=x", lodash, ""},
		{"", plain + "|product_version_range=vers:npm/>=5", lodash, ""},
		{"", plain + "|product_version_range=vers:npm/*", `"purl":"pkg:npm/lodash@4.17.20"`, ""},
		{"", plain + "|patch_level=2", lodash, ""},
		{"", plain + "|service_pack=SP2", lodash, ""},
		{"", plain + "|language=de", lodash, ""},
		{"", plain + "|host_name=a.example.test", lodash, ""},
		{"", plain + "|legacy=old", lodash, ""},
		{"", plain + "|specification=x", lodash, ""},
		{"", plain + "|something=x", lodash, ""},
		{"", plain + "|architecture=x86_64", lodash, "not_affected"},
		{"", plain + "|architecture=amd64", lodash, "not_affected"},
		{"", plain + "|architecture=noarch", lodash, "not_affected"},
		{"", plain + "|architecture=aarch64", lodash, ""},
		{"", "architecture=s390x|product_name=lodash", lodash, ""},

		{"", plain, lodash + `,"cpe":"cpe:/a:lodash:lodash:4.17.20::~~~node.js~~"`, "not_affected"},
		{"", plain, lodash + `,"cpe":"cpe:2.3:a:lodash:lodash:*:*:*:*:*:node.js:*:*"`, "not_affected"},
		{"", plain, lodash + `,"cpe":"cpe:2.3:a:lodash:lodash:4.17.19:*:*:*:*:node.js:*:*"`, ""},
		{"", plain, `"purl":"pkg:npm/lodash@4.17.20","cpe":"cpe:/a:lodash:lodash:4.17.19"`, ""},
		{"", plain, lodash + `,"cpe":"cpe:/a:other:appliance:1"`, ""},
		{"", plain, lodash + `,"cpe":"cpe:2.3:a:other:appliance:*:*:*:*:*:*:*:*"`, ""},
		{"", plain, lodash + `,"cpe":"cpe:/a:lodash:lodash-es"`, ""},
		{"", plain, lodash + `,"cpe":"appliance"`, ""},
		{"", plain, lodash + `,"cpe":"cpe:/a"`, ""},
		{"", plain, lodash + `,"cpe":"cpe:/o:redhat:enterprise_linux:9"`, "not_affected"}, // the platform that the image is built on
		{"", plain, lodash + `,"cpe":"cpe:/o:redhat:enterprise_linux:8"`, ""},
		{"", plain, lodash + `,"serial_numbers":["1"]`, ""},
		{"", plain, lodash + `,"model_numbers":["1"]`, ""},
		{"", plain, lodash + `,"skus":["1"]`, ""},
		{"", plain, lodash + `,"x_generic_uris":[{"namespace":"https://example.test/","uri":"https://example.test/lodash"}]`, "not_affected"},
		{"", plain, lodash + `,"x_generic_uris":[{"namespace":"https://example.test/","uri":"urn:cdx:3e671687/1#a"}]`, ""},
		{"", plain, lodash + `,"x_generic_uris":[{"namespace":"https://example.test/","uri":"pkg:npm/other"}]`, ""},
	} {
		if got := told(t, csaf(c.tracking, c.branches, c.helper, "known_not_affected")); got != c.want {
			t.Errorf("%s %s %s: %q, want %q", c.tracking, c.branches, c.helper, got, c.want)
		}
	}
	// Doubt excuses nothing: of some versions it says that they are affected, and these may be them.
	if got := told(t, csaf("", plain+"|product_version_range=vers:npm/<5", lodash, "known_affected")); got != "affected" {
		t.Errorf("a range that is affected: %q", got)
	}
}

// The forms in which a vendor of a distribution writes its products: the version within a file name, and all versions by the name alone.
func TestCSAFOfADistribution(t *testing.T) {
	for name, c := range map[string]struct{ branches, purl, want string }{
		"an rpm's file name": {"architecture=src|product_version=expat-1:2.5.0-2.el9.src",
			"pkg:rpm/redhat/expat@2.5.0-2.el9?arch=src&epoch=1", "not_affected"},
		"another version": {"architecture=src|product_version=expat-1:2.5.0-3.el9.src",
			"pkg:rpm/redhat/expat@2.5.0-2.el9?arch=src&epoch=1", ""},
		"every version":        {"product_version=expat", "pkg:rpm/redhat/expat?arch=src", "not_affected"},
		"of a binary":          {"architecture=x86_64|product_version=expat", "pkg:rpm/redhat/expat", "not_affected"},
		"of another binary":    {"architecture=aarch64|product_version=expat", "pkg:rpm/redhat/expat", ""},
		"that the purl denies": {"architecture=aarch64|product_version=expat", "pkg:rpm/redhat/expat?arch=x86_64", ""},
		"in a module":          {"product_version=expat:1/expat", "pkg:rpm/redhat/expat", "not_affected"},
		"the image by its digest": {"architecture=amd64|product_version=shop@sha256:" + hexOf("a") + "_amd64",
			"pkg:oci/shop@sha256%3A" + hexOf("a") + "?arch=amd64", "not_affected"},
		"the image of another processor": {"architecture=arm64|product_version=shop", "pkg:oci/shop@sha256%3A" + hexOf("a"), ""},
		"the image by another tag":       {"product_version=9.9", "pkg:oci/shop?repository_url=ghcr.io/example/shop", ""},
		"the image by its tag":           {"product_version=1.2", "pkg:oci/shop?repository_url=ghcr.io/example/shop", "not_affected"},
	} {
		text := strings.ReplaceAll(csaf("", c.branches, `"purl":"`+c.purl+`"`, "known_not_affected"), "CVE-2021-23337", "CVE-2023-52425")
		d, err := Parse("a.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		f := facts()
		if err := Mark([]*Document{d}, f, clock()); err != nil {
			t.Fatal(err)
		}
		if got := f.Findings[3].VEXStatus; string(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A CycloneDX document about something else, or about another version, says nothing of this image's package.
func TestCycloneDXSaysMore(t *testing.T) {
	doc := func(more, affects string) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":2,` + more +
			`"vulnerabilities":[{"id":"CVE-2021-23337","analysis":{"state":"not_affected","detail":"no"},"affects":[` + affects + `]}]}`
	}
	components := func(list string) string { return `"components":[` + list + `],` }
	const link = "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79"
	const image = `"metadata":{"component":{"type":"container","name":"shop","version":"sha256:`
	lodash := func(more string) string { return `{"type":"library","name":"lodash","bom-ref":"a"` + more + `}` }
	for _, c := range []struct{ more, affects, want string }{
		{components(lodash(`,"purl":"pkg:npm/lodash"`)), `{"ref":"a"}`, "not_affected"},
		{components(lodash(`,"purl":"pkg:npm/lodash"`)), `{"ref":"` + link + `/2#a"}`, "not_affected"},
		{components(lodash(`,"purl":"pkg:npm/lodash"`)), `{"ref":"` + strings.ToUpper(link) + `/2#a"}`, "not_affected"},
		{components(lodash(`,"purl":"pkg:npm/lodash"`)), `{"ref":"` + link + `/1#a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash"`)), `{"ref":"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/2#a"}`, ""},
		{"", `{"ref":"` + link + `/2#pkg:npm/lodash@4.17.20"}`, "not_affected"},
		{"", `{"ref":"` + link + `/1#pkg:npm/lodash@4.17.20"}`, ""},
		{"", `{"ref":"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg:npm/lodash@4.17.20"}`, ""},
		{"", `{"ref":"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1"}`, ""},

		{components(lodash(`,"purl":"pkg:npm/lodash","version":"4.17.20"`)), `{"ref":"a"}`, "not_affected"},
		{components(lodash(`,"purl":"pkg:npm/lodash@4.17.20","version":"v4.17.20"`)), `{"ref":"a"}`, "not_affected"},
		{components(lodash(`,"purl":"pkg:npm/lodash","version":"5.0.0"`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash@4.17.20","version":"5.0.0"`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","cpe":"cpe:2.3:a:other:appliance:1:*:*:*:*:*:*:*"`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","cpe":"cpe:2.3:a:lodash:lodash:4.17.20:*:*:*:*:*:*:*"`)), `{"ref":"a"}`, "not_affected"},
		{components(lodash(`,"purl":"lodash"`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","hashes":[{"alg":"SHA-256","content":"00"}]`)), `{"ref":"a"}`, "not_affected"},
		{components(lodash(`,"purl":"pkg:npm/lodash","versionRange":"vers:npm/>=5"`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","modified":true`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","pedigree":{"patches":[{"type":"backport"}]}`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","group":"@acme"`)), `{"ref":"a"}`, ""},
		{components(lodash(`,"purl":"pkg:npm/lodash","swid":{"tagId":"x","name":"y"}`)), `{"ref":"a"}`, ""},
		{components(`{"type":"library","name":"other","bom-ref":"a","purl":"pkg:npm/lodash"}`), `{"ref":"a"}`, ""},

		{components(`{"type":"application","name":"other","components":[` + lodash(`,"purl":"pkg:npm/lodash@4.17.20"`) + `]}`),
			`{"ref":"a"}`, ""},
		{components(`{"type":"application","name":"other","purl":"pkg:npm/other@1","components":[` + lodash(`,"purl":"pkg:npm/lodash@4.17.20"`) +
			`]}`), `{"ref":"a"}`, ""},
		{components(`{"type":"library","name":"x","components":[{"type":"file","name":"y","components":[` +
			lodash(`,"purl":"pkg:npm/lodash@4.17.20"`) + `]}]}`), `{"ref":"a"}`, ""},
		{components(`{"type":"container","name":"shop","version":"sha256:` + hexOf("a") + `","components":[` +
			lodash(`,"purl":"pkg:npm/lodash@4.17.20"`) + `]}`), `{"ref":"a"}`, "not_affected"},
		{image + hexOf("a") + `","components":[` + lodash(`,"purl":"pkg:npm/lodash"`) + `]}},`, `{"ref":"a"}`, "not_affected"},
		{image + hexOf("c") + `","components":[` + lodash(`,"purl":"pkg:npm/lodash"`) + `]}},`, `{"ref":"a"}`, ""},
		{image + hexOf("a") + `","hashes":[{"alg":"SHA-256","content":"` + hexOf("c") + `"}],"bom-ref":"a"}},`, `{"ref":"a"}`, ""},
		{image + hexOf("a") + `","hashes":[{"alg":"SHA-256","content":"` + hexOf("a") + `"}],"bom-ref":"a"}},`, `{"ref":"a"}`, "not_affected"},
		{image + hexOf("c") + `","purl":"pkg:oci/shop@sha256%3A` + hexOf("a") + `","bom-ref":"a"}},`, `{"ref":"a"}`, ""},
		{image + hexOf("a") + `","purl":"pkg:oci/shop?repository_url=ghcr.io/example/shop","bom-ref":"a"}},`, `{"ref":"a"}`, "not_affected"},

		{image + hexOf("a") + `","bom-ref":"a"}},`, `{"ref":"a","versions":[{"version":"9.9","status":"unaffected"}]}`, ""},
		{image + hexOf("a") + `","bom-ref":"a"}},`, `{"ref":"a","versions":[{"version":"sha256:` + hexOf("a") + `","status":"unaffected"}]}`,
			"not_affected"},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"},{"version":"4.17.20","status":"affected"}]}`, ""},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"},{"range":"vers:npm/>=4","status":"affected"}]}`,
			""},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"},{"range":"< 5","status":"affected"}]}`, ""},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"},` +
			`{"range":"vers:npm/<4.17.20","status":"affected"}]}`,
			"not_affected"},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"affected"}]},{"ref":"pkg:npm/lodash"}`, ""},
		{"", `{"ref":"pkg:npm/lodash"},{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"}]}`, "not_affected"},
		{components(`{"type":"application","name":"other","bom-ref":"b"},`+lodash(`,"purl":"pkg:npm/lodash"`)) +
			`"dependencies":[{"ref":"b","dependsOn":["c"]},{"ref":"c","dependsOn":["a"]},{"ref":"a","dependsOn":["b"]}],`, `{"ref":"a"}`,
			"not_affected"},
		{components(`{"type":"application","name":"other","bom-ref":"b"},{"type":"library","name":"c","bom-ref":"c"},`+
			lodash(`,"purl":"pkg:npm/lodash"`)) + `"dependencies":[{"ref":"b","dependsOn":["c"]},{"ref":"c","dependsOn":["a","b"]}],`,
			`{"ref":"a"}`, ""},
		{components(`{"type":"container","name":"shop","version":"sha256:`+hexOf("a")+`","bom-ref":"b"},`+lodash(`,"purl":"pkg:npm/lodash"`)) +
			`"dependencies":[{"ref":"b","dependsOn":["a"]}],`, `{"ref":"a"}`, "not_affected"},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","range":"vers:npm/>5","status":"unaffected"}]}`, ""},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"range":"vers:npm/>5","status":"unaffected"}]}`, ""},
		{"", `{"ref":"pkg:npm/lodash@4.17.20","versions":[{"range":"vers:npm/*","status":"unaffected"}]}`, ""},
		{"", `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"},{"version":"4","status":"affected"}]}`,
			"not_affected"},
	} {
		if got := told(t, doc(c.more, c.affects)); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.more, c.affects, got, c.want)
		}
	}
}

// Identifiers that contradict each other are about nothing, and so are words that say nothing.
func TestOpenVEXSaysMore(t *testing.T) {
	doc := func(vulnerability, product, why string) string {
		return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.test/vex/1","author":"Example",
			"timestamp":"2026-01-02T03:04:05Z","version":1,
			"statements":[{"vulnerability":{` + vulnerability + `},"products":[{` + product + `}],"status":"not_affected",` + why + `}]}`
	}
	const cve, lodash, why = `"name":"CVE-2021-23337"`, `"@id":"pkg:npm/lodash@4.17.20"`, `"impact_statement":"no"`
	for _, c := range []struct{ vulnerability, product, why, want string }{
		{cve, lodash, why, "not_affected"},
		{cve, lodash, `"impact_statement":" "`, "refused"},
		{cve, lodash, `"impact_statement":"\t\n"`, "refused"},
		{cve, lodash, `"impact_statement":"\u200b"`, "refused"},
		{cve, lodash, `"impact_statement":"-"`, "refused"},
		{cve, lodash, `"justification":" "`, "refused"},

		{cve + `,"@id":"https://nvd.nist.gov/vuln/detail/CVE-2021-23337"`, lodash, why, "not_affected"},
		{cve + `,"@id":"https://example.test/17"`, lodash, why, "not_affected"},
		{cve + `,"@id":"https://github.com/advisories/GHSA-35jh-r3h4-6jhm"`, lodash, why, "not_affected"},
		{cve + `,"@id":"https://nvd.nist.gov/vuln/detail/CVE-2020-28500"`, lodash, why, ""},
		{`"name":"CVE-2020-28500","@id":"https://nvd.nist.gov/vuln/detail/CVE-2021-23337"`, lodash, why, ""},
		{cve + `,"@id":"https://github.com/advisories/GHSA-29mw-wpgm-hmr9"`, lodash, why, ""},
		{`"name":"CVE-2020-28500","aliases":["CVE-2021-23337"]`, lodash, why, ""},
		{`"name":"CVE-2020-28500","aliases":["GHSA-35jh-r3h4-6jhm"]`, lodash, why, ""},
		{cve + `,"aliases":["GHSA-29mw-wpgm-hmr9"]`, lodash, why, "not_affected"},
		{`"name":"CGA-1234","aliases":["CVE-2021-23337"]`, lodash, why, "not_affected"},
		{`"name":"CGA-1234","aliases":["CVE-2021-23337","GHSA-29mw-wpgm-hmr9"]`, lodash, why, ""},

		{cve, `"@id":"pkg:npm/lodash","identifiers":{"purl":"pkg:npm/lodash@4.17.20"}`, why, "not_affected"},
		{cve, `"@id":"pkg:npm/lodash@4.17.20","identifiers":{"purl":"pkg:npm/lodash@4.17.21"}`, why, ""},
		{cve, `"@id":"PKG:npm/lodash@4.17.21","identifiers":{"purl":"pkg:npm/lodash@4.17.20"}`, why, ""},
		{cve, `"@id":"ghcr.io/other/app:1","identifiers":{"purl":"pkg:npm/lodash@4.17.20"}`, why, ""},
		{cve, `"@id":"ghcr.io/example/shop:1.2","identifiers":{"purl":"pkg:npm/lodash@4.17.20"}`, why, ""},
		{cve, `"@id":"cpe:2.3:a:other:appliance:1:*:*:*:*:*:*:*","identifiers":{"purl":"pkg:npm/lodash@4.17.20"}`, why, ""},
		{cve, lodash + `,"identifiers":{"cpe23":"cpe:2.3:a:other:appliance:1:*:*:*:*:*:*:*"}`, why, ""},
		{cve, lodash + `,"identifiers":{"cpe22":"cpe:/a:lodash:lodash:4.17.21"}`, why, ""},
		{cve, lodash + `,"identifiers":{"cpe22":"cpe:/a:lodash:lodash:4.17.20"}`, why, "not_affected"},
		{cve, lodash + `,"identifiers":{"cpe22":"lodash"}`, why, ""},
		{cve, lodash + `,"identifiers":{"swid":"x"}`, why, ""},
		{cve, `"identifiers":{"cpe23":"cpe:2.3:a:lodash:lodash:4.17.20:*:*:*:*:*:*:*"}`, why, ""},
	} {
		if got := told(t, doc(c.vulnerability, c.product, c.why)); got != c.want {
			t.Errorf("%s %s %s: %q, want %q", c.vulnerability, c.product, c.why, got, c.want)
		}
	}
}

// Of an advisory of several CVEs, an alias answers for its own only, and a statement that is called by a CVE for that one, whatever its
// aliases are.
func TestAliasOfOneCVE(t *testing.T) {
	const both = `"DSA-5678-1"`
	for _, c := range []struct{ name, aliases, want string }{
		{"DSA-5678-1", ``, "not_affected"},
		{"GHSA-1", ``, ""},
		{"GHSA-2", ``, ""},
		{"GHSA-12", ``, "not_affected"},
		{"CVE-2024-0001", both, ""},
		{"CVE-2024-0001", `"CVE-2024-0002"`, ""},
		{"GHSA-1", `"CVE-2024-0001"`, ""},
		{"GHSA-2", `"CVE-2024-0001","CVE-2024-0002"`, "not_affected"},
		{"X-1", both, "not_affected"},
		{"GHSA-1", both, ""},
		{"CVE-2024-0001", `],"@id":"https://example.test/GHSA-12","more":[`, ""},
	} {
		f := facts()
		f.Findings[2].Aliases = []string{"GHSA-1", "GHSA-2", "GHSA-12"}
		f.Findings[2].Speaks = map[string][]string{"DSA-5678-1": f.Findings[2].CVEs, "GHSA-1": {"CVE-2024-0001"}, "GHSA-12": f.Findings[2].CVEs}
		text := openvex(`{"@id":"pkg:deb/debian/curl"}`, c.name, "not_affected")
		d, err := Parse("a.json", []byte(strings.Replace(text, `{"name":`, `{"aliases":[`+c.aliases+`],"name":`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := Mark([]*Document{d}, f, clock()); err != nil {
			t.Fatal(err)
		}
		if got := f.Findings[2]; got.VEXStatus != engine.Maybe(c.want) || len(got.VEX) != 1 {
			t.Errorf("%s (%s): %q of %d statements, want %q", c.name, c.aliases, got.VEXStatus, len(got.VEX), c.want)
		}
	}
}

func TestMayHold(t *testing.T) {
	for text, want := range map[string]bool{
		"vers:npm/*": true, "vers:npm/1.5.0": true, "vers:npm/=1.5.0": true, "vers:npm/1.4.0": false, "vers:npm/!=1.5.0": false,
		"vers:npm/>=1.5.0": true, "vers:npm/>1.5.0": false, "vers:npm/<1.5.0": false, "vers:npm/<=1.5.0": true, "vers:npm/<2": true,
		"vers:npm/>=1.0.0|<2.0.0": true, "vers:npm/>=1.0.0|<1.5.0": false, "vers:npm/>=2.0.0|<3.0.0": false,
		"vers:npm/<1.0.0|>=2.0.0": false, "vers:npm/<1.0.0|>=1.2.0": true, "vers:npm/>=1.0.0|<1.2.0|>=1.4.0|<1.6.0": true,
		"vers:npm/>=1.0.0|<1.2.0|>=1.6.0|<1.8.0": false, "vers:npm/>=1.0.0|<1.2.0|1.5.0": true, "vers:unknown/<1": true, "<1": true,
		"vers:npm/": true, "vers:npm/<>1": true, "npm/<1": true, "vers:npm": true,
	} {
		if got := mayHold(text, "1.5.0"); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// A later version of a document replaces the earlier one, whatever the times of its statements, and nothing counts in a finding's favour
// before its time.
func TestVersionsAndTimes(t *testing.T) {
	doc := func(version int, status, at string) string {
		text := openvex(`{"@id":"pkg:deb/debian/curl"}`, "DSA-5678-1", status)
		return strings.Replace(text, `"2026-01-02T03:04:05Z","version":1`, fmt.Sprintf(`"%s","version":%d`, at, version), 1)
	}
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"alone": {[]string{doc(1, "not_affected", "2026-01-01T00:00:00Z")}, "not_affected"},
		"a newer statement": {[]string{doc(1, "not_affected", "2026-01-01T00:00:00Z"), doc(1, "affected", "2026-02-01T00:00:00Z")},
			"affected"},
		"an older statement of a newer version": {[]string{doc(1, "not_affected", "2026-03-01T00:00:00Z"),
			doc(2, "affected", "2026-02-01T00:00:00Z")}, "affected"},
		"tomorrow's":         {[]string{doc(1, "not_affected", "2030-01-01T00:00:00Z")}, ""},
		"tomorrow's warning": {[]string{doc(1, "affected", "2030-01-01T00:00:00Z")}, "affected"},
	} {
		var docs []*Document
		for i, text := range c.texts {
			d, err := Parse(fmt.Sprint(i), []byte(text))
			if err != nil {
				t.Fatal(name, err, text)
			}
			docs = append(docs, d)
		}
		f := facts()
		if err := Mark(docs, f, clock()); err != nil {
			t.Fatal(err)
		}
		if got := f.Findings[2].VEXStatus; got != engine.Maybe(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for v, want := range map[[2]string]int{{"1", "2"}: -1, {"1.10.0", "1.9.0"}: 1, {"1.0.0-1", "1.0.0"}: 0, {"", "1"}: -1} {
		if got := compareVersions(v[0], v[1]); got != want {
			t.Errorf("%v: %d", v, got)
		}
	}
}
