package main

import (
	"archive/tar"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

var nodeManifest = regexp.MustCompile(`(^|/)(node_modules|usr/share/nodejs|usr/lib/([^/]+/)?nodejs)/(@[^/]+/)?[^/@]+/package\.json$`)

// manifest is a Python or Node manifest that a layer holds.
type manifest struct{ typ, name, version, sum string }

// manifests reads layer tars without veto: the Python and Node manifests, and the checksums that dpkg records, both by path.
func manifests(t *testing.T, layers ...string) (found map[string]manifest, recorded map[string]string) {
	t.Helper()
	found, recorded = map[string]manifest{}, map[string]string{}
	for _, layer := range layers {
		f, err := os.Open(layer)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for r := tar.NewReader(f); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(h.Name, "./")
			python := strings.HasSuffix(name, ".dist-info/METADATA") || strings.HasSuffix(name, ".egg-info/PKG-INFO") || strings.HasSuffix(name,
				".egg-info")
			node := nodeManifest.MatchString(name)
			sums := strings.HasPrefix(name, "var/lib/dpkg/info/") && strings.HasSuffix(name, ".md5sums")
			if h.Typeflag != tar.TypeReg || !python && !node && !sums {
				continue
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if sums {
				for _, line := range strings.Split(string(b), "\n") {
					if sum, p, ok := strings.Cut(line, "  "); ok {
						recorded[p] = sum
					}
				}
				continue
			}
			m := manifest{typ: "npm"}
			if python {
				m.typ = "pypi"
				for _, line := range strings.Split(string(b), "\n") {
					if v, ok := strings.CutPrefix(line, "Name: "); ok && m.name == "" {
						m.name = strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(strings.TrimSpace(v)))
					}
					if v, ok := strings.CutPrefix(line, "Version: "); ok && m.version == "" {
						m.version = strings.TrimSpace(v)
					}
				}
			} else {
				var p struct{ Name, Version string }
				if json.Unmarshal(b, &p) == nil {
					m.name, m.version = p.Name, p.Version
				}
			}
			sum := md5.Sum(b)
			if m.sum = hex.EncodeToString(sum[:]); m.name != "" && m.version != "" {
				found[name] = m
			}
		}
	}
	return found, recorded
}

// Of the web image, every Python and Node package that dpkg owns is listed and marked, and none raises a finding of PyPI's or npm's. What
// dpkg does not own is judged by them.
func TestOwnedTruth(t *testing.T) {
	t.Parallel()
	dir := images(t)
	found, recorded := manifests(t, filepath.Join(dir, "base.tar"), filepath.Join(dir, "stack.tar"), filepath.Join(dir, "app.tar"))
	run, _ := scanReal(t, filepath.Join(dir, "web.tar"))
	report := run.Reports[0]
	owned := func(at string) bool { return recorded[at] != "" && recorded[at] == found[at].sum }
	at := map[string]engine.Package{} // by "path name version"
	listed := map[string]int{}
	for _, p := range report.Packages {
		for _, l := range p.Locations {
			if p.Type == "pypi" || p.Type == "npm" {
				at[l.Path+" "+strings.ToLower(p.Name)+" "+p.Version] = p
				listed[p.Type]++
			}
		}
	}
	count := map[string]int{}
	for path, m := range found {
		p, ok := at[path+" "+strings.ToLower(m.name)+" "+m.version]
		// A package that stands in several places is the distribution's when all of them are.
		all := !slices.ContainsFunc(p.Locations, func(l engine.Location) bool { return !owned(l.Path) })
		switch {
		case !ok:
			t.Errorf("%s: %s %s is not listed", path, m.name, m.version)
		case all != strings.HasPrefix(string(p.OwnedBy), "deb/"):
			t.Errorf("%s: %s %s: owned by %q; dpkg's checksums say %v", path, m.name, m.version, p.OwnedBy, all)
		}
		if owned(path) {
			count[m.typ+" owned"]++
		} else {
			count[m.typ+" not owned"]++
		}
	}
	for _, f := range report.Findings {
		if f.Package.Type != "pypi" && f.Package.Type != "npm" {
			continue
		}
		count[f.Package.Type+" findings"]++
		if !slices.ContainsFunc(f.Package.Locations, func(l engine.Location) bool { return !owned(l.Path) }) {
			t.Errorf("%s: %s of %v, which dpkg owns", f.ID, f.Package.Name, f.Package.Locations)
		}
	}
	t.Logf("%v; listed %v", count, listed)
	if count["pypi owned"] < 1 || count["npm owned"] < 1 {
		t.Errorf("%v: too few to be this image", count)
	}
}

// A file that pip wrote over, and one whose owner a later layer made up, are judged by both ecosystems' advisories; one that dpkg owns by
// its own.
func TestForgedOwnership(t *testing.T) {
	t.Parallel()
	const at = "usr/lib/python3/dist-packages/Django-3.2.19.egg-info/PKG-INFO"
	const django = "Metadata-Version: 2.1\nName: Django\nVersion: 3.2.19\n"
	sum := md5.Sum([]byte(django))
	list := imagetest.File("var/lib/dpkg/info/python3-django.md5sums", hex.EncodeToString(sum[:])+"  "+at+"\n")
	status := imagetest.File("var/lib/dpkg/status",
		"Package: python3-django\nStatus: install ok installed\nArchitecture: all\nSource: python-django\nVersion: 3:3.2.19-1\n\n")
	debian := imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
	for name, c := range map[string]struct {
		layers [][]imagetest.Entry
		both   bool
	}{
		"owned":        {[][]imagetest.Entry{{debian, status, list, imagetest.File(at, django)}}, false},
		"forged later": {[][]imagetest.Entry{{debian, status}, {list, imagetest.File(at, django)}}, true},
		"written over": {[][]imagetest.Entry{{debian, status, list, imagetest.File(at, django)},
			{imagetest.File(at, django+"Installer: pip\n")}}, true},
		"in the one layer": {[][]imagetest.Entry{{debian, status, list, imagetest.File(at, django+"Installer: pip\n")}}, true},
	} {
		image := imagetest.Image{Name: "example.test/owned:1"}
		for _, entries := range c.layers {
			image.Layers = append(image.Layers, imagetest.Layer{CreatedBy: "RUN x", Entries: entries})
		}
		out := filepath.Join(t.TempDir(), "image.tar")
		if err := packImage("save", out, image); err != nil {
			t.Fatal(err)
		}
		run, _ := scanReal(t, out)
		count, listed := map[string]int{}, false
		for _, p := range run.Reports[0].Packages {
			listed = listed || p.Type == "pypi" && p.Name == "django"
		}
		for _, f := range run.Reports[0].Findings {
			count[f.Package.Type]++
		}
		t.Logf("%s: %v", name, count)
		if !listed || count["deb"] < 5 || (count["pypi"] > 0) != c.both {
			t.Errorf("%s: %v findings, both expected: %v; listed: %v", name, count, c.both, listed)
		}
	}
}
