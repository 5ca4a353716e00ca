package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine"
)

// FuzzReadSBOM checks that any document is an error, or has packages with names, versions and source packages.
func FuzzReadSBOM(f *testing.F) {
	story, err := os.ReadFile(filepath.Join("..", "..", "cmd", "veto", "testdata", "script", "sbom.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range txtar.Parse(story).Files {
		if strings.HasSuffix(file.Name, ".json") {
			f.Add(file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ReadSBOM(raw)
		if err != nil {
			return
		}
		for _, p := range s.Packages {
			if p.Name == "" || p.Version == "" || p.Type == "" || p.PURL == "" || p.Source.Name == "" || p.Source.Version == "" {
				t.Errorf("%+v", p)
			}
		}
		for _, c := range s.Gaps {
			if c.Kind == "" || c.Count < 0 || c.Subject == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

// Tools write source packages, epochs and names in ways of their own; each has to become the name that advisories have.
func TestSBOMPackages(t *testing.T) {
	const debian = `{"type":"operating-system","name":"debian","version":"12"},`
	for name, c := range map[string]struct {
		components string
		want       engine.Package
		gaps       int
	}{
		"syft, another source": {debian + `{"type":"library","name":"libssl3","version":"3.0.17-1",` +
			`"purl":"pkg:deb/debian/libssl3@3.0.17-1?arch=amd64&distro=debian-12&upstream=openssl%403.0.17-2"}`,
			engine.Package{Name: "libssl3", Version: "3.0.17-1", Ecosystem: "Debian:12",
				Source: engine.Source{Name: "openssl", Version: "3.0.17-2"}}, 0},
		"trivy, with an epoch": {debian + `{"type":"library","name":"login","version":"1:4.13","purl":"pkg:deb/debian/login@4.13?epoch=1",` +
			`"properties":[{"name":"aquasecurity:trivy:SrcName","value":"shadow"},{"name":"aquasecurity:trivy:SrcVersion","value":"4.13"},` +
			`{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}]}`,
			engine.Package{Name: "login", Version: "1:4.13", Ecosystem: "Debian:12", Source: engine.Source{Name: "shadow", Version: "1:4.13"}}, 0},
		"no source": {debian + `{"type":"library","name":"libssl3","version":"3.0.17-1","purl":"pkg:deb/debian/libssl3@3.0.17-1"}`,
			engine.Package{Name: "libssl3", Version: "3.0.17-1", Ecosystem: "Debian:12",
				Source: engine.Source{Name: "libssl3", Version: "3.0.17-1"}}, 1},
		"the distribution from the package URLs": {`{"type":"library","name":"busybox","version":"1.36",` +
			`"purl":"pkg:apk/alpine/busybox@1.36?distro=alpine-3.19.1&upstream=busybox"}`,
			engine.Package{Name: "busybox", Version: "1.36", Ecosystem: "Alpine:v3.19", Source: engine.Source{Name: "busybox", Version: "1.36"}}, 0},
		"no distribution": {`{"type":"library","name":"busybox","version":"1.36","purl":"pkg:apk/alpine/busybox@1.36?upstream=busybox"}`,
			engine.Package{Name: "busybox", Version: "1.36", Source: engine.Source{Name: "busybox", Version: "1.36"}}, 1},
		"a scope": {`{"type":"library","name":"core","version":"7.1.0","purl":"pkg:npm/%40babel/core@7.1.0"}`,
			engine.Package{Name: "@babel/core", Version: "7.1.0", Ecosystem: "npm"}, 0},
		"python's names": {`{"type":"library","name":"Ruamel.Yaml","version":"0.1","purl":"pkg:pypi/Ruamel.Yaml@0.1"}`,
			engine.Package{Name: "ruamel-yaml", Version: "0.1", Ecosystem: "PyPI"}, 0},
		"a Go module": {`{"type":"library","name":"x","version":"v0.7.0","purl":"pkg:golang/golang.org/x/net@v0.7.0"}`,
			engine.Package{Name: "golang.org/x/net", Version: "v0.7.0", Ecosystem: "Go"}, 0},
		"Go's library": {`{"type":"library","name":"stdlib","version":"v1.21.1","purl":"pkg:golang/stdlib@v1.21.1"}`,
			engine.Package{Name: "stdlib", Version: "1.21.1", Ecosystem: "Go"}, 0},
		"maven": {`{"type":"library","group":"org.x","name":"y","version":"1","purl":"pkg:maven/org.x/y@1?type=jar"}`,
			engine.Package{Name: "org.x:y", Version: "1", Ecosystem: "Maven"}, 0},
		"an unknown type": {`{"type":"library","name":"y","version":"1","purl":"pkg:conan/y@1"}`,
			engine.Package{Name: "y", Version: "1"}, 0},
	} {
		s, err := ReadSBOM([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[` + c.components + `]}`))
		if err != nil || len(s.Packages) != 1 || len(s.Gaps) != c.gaps {
			t.Errorf("%s: %v, %+v", name, err, s)
			continue
		}
		got := s.Packages[0]
		if c.want.Source.Name == "" {
			c.want.Source = engine.Source{Name: c.want.Name, Version: c.want.Version}
		}
		if got.Name != c.want.Name || got.Version != c.want.Version || got.Ecosystem != c.want.Ecosystem || got.Source != c.want.Source {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
