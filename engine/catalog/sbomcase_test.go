package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vetoci/veto/engine"
)

// TestSBOMCases has what tools write, and what somebody may write who wants less to be judged. Each line of want is a package (ecosystem,
// name, version, source, paths) or a gap.
func TestSBOMCases(t *testing.T) {
	const debian = `{"type":"operating-system","name":"debian","version":"12"},`
	for name, c := range map[string]struct {
		doc  string
		want []string
	}{
		"upper case: Trivy's package URLs have none": {
			cdx(`{"type":"library","name":"github.com/BurntSushi/toml","version":"v1.2.0","purl":"pkg:golang/github.com/burntsushi/toml@v1.2.0"},` +
				`{"type":"library","name":"JSONStream","version":"1.3.5","purl":"pkg:npm/jsonstream@1.3.5"}`),
			[]string{"Go github.com/BurntSushi/toml v1.2.0", "npm JSONStream 1.3.5"}},
		"upper case: group and name": {
			cdx(`{"type":"library","group":"github.com/BurntSushi","name":"toml","version":"v1.2.0",` +
				`"purl":"pkg:golang/github.com/burntsushi/toml@v1.2.0"}`),
			[]string{"Go github.com/BurntSushi/toml v1.2.0"}},
		"upper case: only the package URL has it": {
			cdx(`{"type":"library","name":"toml","version":"v1.2.0","purl":"pkg:golang/github.com/BurntSushi/toml@v1.2.0"}`),
			[]string{"Go github.com/BurntSushi/toml v1.2.0"}},
		"a letter that folds to another one is another name": {
			cdx(`{"type":"library","name":"loda` + "\u017f" + `h","version":"1","purl":"pkg:npm/lodash@1"}`),
			[]string{"npm lodash 1"}},
		"Syft before 1.38: the major version as a subpath": {
			cdx(`{"type":"library","name":"github.com/go-jose/go-jose/v3","version":"v3.0.0",` +
				`"purl":"pkg:golang/github.com/go-jose/go-jose@v3.0.0#v3"}`),
			[]string{"Go github.com/go-jose/go-jose/v3 v3.0.0"}},
		"a subpath that is a folder of the module": {
			cdx(`{"type":"library","name":"genproto","version":"v0.1.0","purl":"pkg:golang/google.golang.org/genproto@v0.1.0#googleapis/api"}`),
			[]string{"Go google.golang.org/genproto v0.1.0"}},
		"a Go program without a version is judged by its name, as an image's is": {
			cdx(`{"type":"library","name":"example.test/api","purl":"pkg:golang/example.test/api"}`),
			[]string{"Go example.test/api (devel)"}},
		"keys that differ in case": {
			`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"lodash","version":"1",` +
				`"purl":"pkg:npm/lodash@1"}],"Components":[]}`,
			[]string{`error: the key "Components" stands twice in one object`}},
		"two distributions": {
			cdx(debian + `{"type":"operating-system","name":"debian","version":"11"},{"type":"library","name":"x","version":"1",` +
				`"purl":"pkg:deb/debian/x@1?upstream=x&distro=debian-11"}`),
			[]string{" x 1 x@1", "gap unknown_os distribution packages 0"}},
		"the same distribution twice": {
			cdx(debian + debian + `{"type":"library","name":"x","version":"1","purl":"pkg:deb/debian/x@1?upstream=x&distro=debian-12.15"}`),
			[]string{"Debian:12 x 1 x@1"}},
		"packages of other releases": {
			cdx(debian + `{"type":"library","name":"x","version":"1","purl":"pkg:deb/debian/x@1?upstream=x&distro=debian-11"},` +
				`{"type":"library","name":"y","version":"1","purl":"pkg:deb/ubuntu/y@1?upstream=y"}`),
			[]string{" x 1 x@1", " y 1 y@1", "gap unknown_os deb package of another release 2"}},
		"Alpine's release without its name": {
			cdx(`{"type":"library","name":"busybox","version":"1.36.1-r29",` +
				`"purl":"pkg:apk/alpine/busybox@1.36.1-r29?distro=3.20.1&upstream=busybox"}`),
			[]string{"Alpine:v3.20 busybox 1.36.1-r29 busybox@1.36.1-r29"}},
		"package URLs that do not agree": {
			cdx(`{"type":"library","name":"x","version":"1","purl":"pkg:deb/debian/x@1?upstream=x&distro=debian-12"},` +
				`{"type":"library","name":"y","version":"1","purl":"pkg:deb/debian/y@1?upstream=y"}`),
			[]string{" x 1 x@1", " y 1 y@1", "gap unknown_os distribution packages 0"}},
		"the SBOM of one package": {
			`{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"component":{"type":"application","name":"lodash","version":"4.17.11",` +
				`"purl":"pkg:npm/lodash@4.17.11"}}}`,
			[]string{"called lodash:4.17.11", "npm lodash 4.17.11"}},
		"the SBOM of a folder": {
			`{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"component":{"type":"application","name":"shop","purl":"pkg:npm/shop"}}}`,
			[]string{"called shop"}},
		"components of every type without a package URL": {
			cdx(`{"type":"platform","name":"node","version":"1"},{"type":"firmware","name":"f","version":"1"},{"type":"device-driver","name":"f"},` +
				`{"name":"untyped"},{"type":"Library","name":"odd"},{"type":"file","name":"/a"},{"type":"data","name":"d"},` +
				`{"type":"application","name":"go.mod"}`),
			[]string{"gap unsupported component without a package URL 5"}},
		"many package URLs that are none are one gap": {
			cdx(`{"type":"library","name":"a","purl":"x1"},{"type":"library","name":"a","purl":"x2"},{"type":"file","name":"a","purl":"x3"}`),
			[]string{"gap malformed package URL 3"}},
		"places": {
			cdx(`{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1","properties":[{"name":"syft:location:0:path",` +
				`"value":"/srv/a/package.json"},{"name":"aquasecurity:trivy:FilePath","value":"../srv/b"}],` +
				`"evidence":{"occurrences":[{"location":"/"},{"location":""}]}}`),
			[]string{"npm a 1 in srv/a/package.json srv/b"}},
		"a mark at the beginning": {
			"\xef\xbb\xbf" + cdx(`{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}`),
			[]string{"npm a 1"}},
		"a name with its distribution, without advisories": {
			cdx(`{"type":"operating-system","name":"redhat","version":"9.4"},{"type":"library","name":"bash","version":"5.1.8-9.el9",` +
				`"purl":"pkg:rpm/redhat/bash@5.1.8-9.el9?arch=x86_64&distro=redhat-9.4"}`),
			[]string{" bash 5.1.8-9.el9 bash@5.1.8-9.el9", "gap unknown_os distribution packages 0"}},
		"SPDX: two package URLs of one package": {
			spdx(``, `{"SPDXID":"a","name":"a","versionInfo":"1","externalRefs":[`+ref("pkg:npm/a@1")+`,`+ref("pkg:npm/lodash@4.17.11")+`]}`),
			[]string{"npm a 1", "npm lodash 4.17.11"}},
		"SPDX: nothing to judge them by": {
			spdx(``, `{"SPDXID":"a","name":"a","primaryPackagePurpose":"LIBRARY"},{"SPDXID":"b","name":"b"},`+
				`{"SPDXID":"c","name":"c","primaryPackagePurpose":"INSTALL","versionInfo":"1"},`+
				`{"SPDXID":"d","name":"usr/bin/x","primaryPackagePurpose":"APPLICATION"},{"SPDXID":"e","name":"e","primaryPackagePurpose":"FILE",`+
				`"versionInfo":"1"}`),
			[]string{"gap unsupported component without a package URL 3"}},
		"SPDX: every package is described": {
			spdx(`"a","b","c"`,
				`{"SPDXID":"a","name":"a","versionInfo":"1"},{"SPDXID":"b","name":"b","versionInfo":"2","primaryPackagePurpose":"LIBRARY"},`+
					`{"SPDXID":"c","name":"shop","primaryPackagePurpose":"CONTAINER","externalRefs":[`+ref("pkg:oci/shop@sha256:00")+`]}`),
			[]string{"called shop", "gap unsupported component without a package URL 2"}},
		"SPDX: Trivy's words, Java's underscore": {
			spdx(``, `{"SPDXID":"a","name":"debian","versionInfo":"12.15","primaryPackagePurpose":"OPERATING_SYSTEM"},`+
				`{"SPDXID":"b","name":"login","versionInfo":"1:4.13","sourceInfo":"built package from: shadow 1:4.13",`+
				`"externalRefs":[`+ref("pkg:deb/debian/login@4.13?epoch=1&distro=debian-12.15")+`]},`+
				`{"SPDXID":"c","name":"stdlib","versionInfo":"v1.21.1","sourceInfo":"package found in: usr/local/bin/api",`+
				`"externalRefs":[`+ref("pkg:golang/stdlib@v1.21.1")+`]}`),
			[]string{"Debian:12 login 1:4.13 shadow@1:4.13", "Go stdlib 1.21.1 in usr/local/bin/api"}},
		"an attestation": {`{"predicateType":"https://spdx.dev/Document","predicate":{"spdxVersion":"SPDX-2.3"}}`,
			[]string{"error: it is a statement about an image, not an SBOM"}},
		"GitHub's export": {`{"sbom":{"spdxVersion":"SPDX-2.3"}}`, []string{"error: it holds an SBOM and is none"}},
		"SPDX 3": {`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`,
			[]string{"error: it is neither CycloneDX nor SPDX"}},
		"tag-value": {"SPDXVersion: SPDX-2.3\n", []string{"error: not JSON: invalid character 'S' looking for beginning of value"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(ReadSBOM([]byte(c.doc)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func cdx(components string) string {
	return `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[` + components + `]}`
}

func spdx(described, packages string) string {
	return `{"spdxVersion":"SPDX-2.3","documentDescribes":[` + described + `],"packages":[` + packages + `]}`
}

func ref(purl string) string {
	return `{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"` + purl + `"}`
}

// told returns an SBOM as lines.
func told(s *SBOM, err error) []string {
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	var out []string
	for _, n := range s.Names {
		out = append(out, "called "+n)
	}
	for _, p := range s.Packages {
		line := fmt.Sprintf("%s %s %s", p.Ecosystem, p.Name, p.Version)
		if engine.OfDistribution(p.Type) {
			line += " " + p.Source.Name + "@" + p.Source.Version
		}
		if len(p.Locations) > 0 {
			line += " in"
		}
		for _, l := range p.Locations {
			line += " " + l.Path
		}
		out = append(out, line)
	}
	for _, c := range s.Gaps {
		out = append(out, strings.TrimSpace(fmt.Sprintf("gap %s %s %d", c.Kind, c.Subject, c.Count)))
	}
	return out
}
