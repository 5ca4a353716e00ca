package catalog

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
)

// item is one entry of a layer: a file with a body, a link, or a whiteout by its name.
type item struct{ path, body, link string }

// layersOf returns the facts of layers as the real inspectors make them, with MD5 checksums.
func layersOf(t *testing.T, layers ...[]item) []engine.LayerFacts {
	t.Helper()
	var out []engine.LayerFacts
	for i, items := range layers {
		lf := engine.LayerFacts{Info: engine.LayerInfo{Index: i + 1, DiffID: engine.Digest(fmt.Sprintf("sha256:%064d", i+1))}}
		for _, it := range items {
			e := engine.Entry{Path: it.path, Type: engine.TypeFile, Mode: 0o644, Size: int64(len(it.body)), Link: it.link}
			if it.link != "" {
				e.Type = engine.TypeSymlink
			} else if strings.Contains(it.path, "bin/") {
				e.Mode = 0o755
			}
			lf.Entries = append(lf.Entries, e)
			for _, insp := range All() {
				if e.Type != engine.TypeFile || !wants(insp, e.Path, e.Mode, []byte(it.body), true) {
					continue
				}
				ev, err := insp.Inspect(context.Background(), engine.NewFile(e, bytes.NewReader([]byte(it.body))))
				if err != nil {
					ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapMalformed, Detail: err.Error()})
				}
				sum := md5.Sum([]byte(it.body))
				ev.Inspector, ev.Path, ev.Layer, ev.Sums.MD5 = insp.Name(), e.Path, i+1, hex.EncodeToString(sum[:])
				for j := range ev.Gaps {
					ev.Gaps[j].Path, ev.Gaps[j].Layer = engine.Maybe(e.Path), engine.Maybe(lf.Info.DiffID)
				}
				lf.Evidence = append(lf.Evidence, ev)
			}
		}
		out = append(out, lf)
	}
	return out
}

func assembled(t *testing.T, facts []engine.LayerFacts) *engine.Inventory {
	t.Helper()
	trees, err := image.Merge(facts)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Assemble(trees[0], facts)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// summary returns "type/name@version layer owner" of every package.
func summary(inv *engine.Inventory) string {
	var out []string
	for _, p := range inv.Packages {
		s := fmt.Sprintf("%s/%s@%s L%s", p.Type, p.Name, p.Version, strings.TrimLeft(strings.TrimPrefix(string(p.Layer), "sha256:"), "0"))
		if p.Unlisted {
			s += " unlisted"
		}
		if p.OwnedBy != "" {
			s += " owned by " + string(p.OwnedBy)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

const debian = "ID=debian\nVERSION_ID=\"12\"\n"

func status(packages ...string) string {
	var b strings.Builder
	for _, p := range packages {
		name, version, _ := strings.Cut(p, "=")
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nMaintainer: A <a@debian.org>\nArchitecture: amd64\n"+
			"Version: %s\n\n", name, version)
	}
	return b.String()
}

func TestAttribution(t *testing.T) {
	release := item{path: "etc/os-release", body: debian}
	at := func(body string) item { return item{path: dpkgStatus, body: body} }
	for name, c := range map[string]struct {
		layers [][]item
		want   string
	}{
		"each by the layer that brought it": {[][]item{{release, at(status("a=1"))}, {at(status("a=1", "b=1"))}}, "deb/a@1 L1, deb/b@1 L2"},
		"an upgrade is brought anew": {[][]item{{release, at(status("a=1", "b=1"))}, {at(status("a=2", "b=1"))}},
			"deb/a@2 L2, deb/b@1 L1"},
		"away in between":           {[][]item{{release, at(status("a=1"))}, {at(status())}, {at(status("a=1"))}}, "deb/a@1 L3"},
		"back to the first version": {[][]item{{release, at(status("a=1"))}, {at(status("a=2"))}, {at(status("a=1"))}}, "deb/a@1 L3"},
		"the database was removed in between": {[][]item{{release, at(status("a=1"))}, {{path: "var/lib/dpkg/.wh.status"}},
			{at(status("a=1"))}}, "deb/a@1 L3"},
		"the database is removed at the end": {[][]item{{release, at(status("a=1"))}, {{path: "var/lib/dpkg/.wh.status"}}},
			"deb/a@1 L1 unlisted"},
		"its folder is made opaque and filled": {[][]item{{release, at(status("a=1", "b=1"))},
			{{path: "var/lib/dpkg/.wh..wh..opq"}, at(status("a=1"))}}, "deb/a@1 L1"},
		"distroless: a file for each package": {[][]item{{release, {path: "var/lib/dpkg/status.d/a", body: "Package: a\nVersion: 1\n"}},
			{{path: "var/lib/dpkg/status.d/b", body: "Package: b\nVersion: 2\n"}}}, "deb/a@1 L1, deb/b@2 L2"},
		"a node module that was upgraded in place": {[][]item{{{path: "srv/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`}},
			{{path: "srv/node_modules/x/package.json", body: `{"name":"x","version":"1.0.1"}`}}}, "npm/x@1.0.1 L2"},
		"a node module that was touched": {[][]item{{{path: "srv/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`}},
			{{path: "srv/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0","y":1}`}}}, "npm/x@1.0.0 L1"},
		"a node module that is gone": {[][]item{{{path: "srv/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`}},
			{{path: "srv/.wh.node_modules"}}}, ""},
	} {
		if diff := cmp.Diff(c.want, summary(assembled(t, layersOf(t, c.layers...)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOneThingIsOneThing(t *testing.T) {
	inv := assembled(t, layersOf(t, []item{
		{path: "b/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`},
		{path: "a/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`},
	}, []item{{path: "c/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`}}))
	if len(inv.Packages) != 1 || len(inv.Packages[0].Locations) != 3 || inv.Packages[0].Locations[0].Path != "a/node_modules/x/package.json" {
		t.Errorf("%+v", inv.Packages)
	}
}

func TestOwnership(t *testing.T) {
	const at = "usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA"
	const body = "Name: six\nVersion: 1.16.0\n"
	sum := md5.Sum([]byte(body))
	recorded := hex.EncodeToString(sum[:]) + "  " + at + "\n"
	release, db := item{path: "etc/os-release", body: debian}, item{path: dpkgStatus, body: status("python3-six=1.16.0-4")}
	file := item{path: at, body: body}
	sums := func(text string) item { return item{path: dpkgInfo + "/python3-six.md5sums", body: text} }
	list := item{path: dpkgInfo + "/python3-six.list", body: "/.\n/usr\n/" + at + "\n"}
	for name, c := range map[string]struct {
		layers [][]item
		owned  bool
	}{
		"owned":                      {[][]item{{release, db, file, list, sums(recorded)}}, true},
		"listed, but no checksum":    {[][]item{{release, db, file, list}}, false},
		"another checksum":           {[][]item{{release, db, file, list, sums("00000000000000000000000000000000  " + at + "\n")}}, false},
		"the owner is not installed": {[][]item{{release, {path: dpkgStatus, body: status("other=1")}, file, list, sums(recorded)}}, false},
		"the owner is only configured": {[][]item{{release,
			{path: dpkgStatus, body: strings.Replace(status("python3-six=1"), "installed\n", "config-files\n", 1)}, file, list, sums(recorded)}},
			false},
		"written again by a later layer": {[][]item{{release, db, file, list, sums(recorded)}, {file}}, true},
		"other content by a later layer": {[][]item{{release, db, file, list, sums(recorded)}, {{path: at, body: file.body + "\n"}}}, false},
		"other content, and its checksum": {[][]item{{release, db, {path: at, body: file.body + "\n"}, list,
			sums("00000000000000000000000000000000  " + at + "\n")}, {file, sums(recorded)}}, false},
		"a forged list in a later layer": {[][]item{{release, db}, {file, list, sums(recorded)}}, false},
		"nobody's":                       {[][]item{{release, db, file}}, false},
		"of one architecture":            {[][]item{{release, db, file, {path: dpkgInfo + "/python3-six:amd64.md5sums", body: recorded}}}, true},
		"of another architecture": {[][]item{{release, db, file, {path: dpkgInfo + "/python3-six:arm64.md5sums", body: recorded}}},
			false},
		"listed through a merged folder": {[][]item{{release, db, {path: "lib", link: "usr/lib"}, file,
			sums(strings.Replace(recorded, "usr/lib", "lib", 1))}}, true},
	} {
		inv := assembled(t, layersOf(t, c.layers...))
		got := false
		for _, p := range inv.Packages {
			if p.Type == "pypi" {
				got = p.OwnedBy == "deb/python3-six"
			}
		}
		if got != c.owned || !strings.Contains(summary(inv), "pypi/six@1.16.0") {
			t.Errorf("%s: owned %v, want %v: %s", name, got, c.owned, summary(inv))
		}
	}
}

func TestGaps(t *testing.T) {
	jar := func(p string) item { return item{path: p, body: "no archive: " + p} }
	sum := md5.Sum([]byte(jar("usr/share/java/owned.jar").body))
	inv := assembled(t, layersOf(t, []item{
		{path: "etc/os-release", body: debian}, {path: dpkgStatus, body: status("libowned-java=1")},
		{path: dpkgInfo + "/libowned-java.md5sums", body: hex.EncodeToString(sum[:]) + "  usr/share/java/owned.jar\n"},
		jar("usr/share/java/owned.jar"), jar("srv/lib/a.jar"), jar("srv/lib/b.jar"), jar("gone.jar"),
	}, []item{{path: ".wh.gone.jar"}}))
	var got []string
	for _, c := range inv.Gaps {
		got = append(got, fmt.Sprintf("%s %s %s %d", c.Kind, c.Subject, c.Path, c.Count))
	}
	if diff := cmp.Diff([]string{"malformed  srv/lib/a.jar 0", "malformed  srv/lib/b.jar 0"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownOS(t *testing.T) {
	for name, release := range map[string]item{
		"none":      {path: "etc/motd", body: "x"},
		"malformed": {path: "etc/os-release", body: "what is this"},
		"sid":       {path: "etc/os-release", body: "ID=debian\n"},
		"another":   {path: "etc/os-release", body: "ID=plan9\nVERSION_ID=4\n"},
		"alpine":    {path: "etc/os-release", body: "ID=alpine\nVERSION_ID=3.20.1\n"}, // dpkg's packages are not Alpine's
	} {
		inv := assembled(t, layersOf(t, []item{release, {path: dpkgStatus, body: status("a=1", "b=2")}}))
		found := false
		for _, c := range inv.Gaps {
			found = found || c.Kind == engine.GapUnknownOS && c.Count == 2 && c.Subject == "deb packages"
		}
		if !found || inv.Packages[0].Ecosystem != "" {
			t.Errorf("%s: gaps %+v, ecosystem %q", name, inv.Gaps, inv.Packages[0].Ecosystem)
		}
	}
}

func TestPackageURLs(t *testing.T) {
	inv := assembled(t, layersOf(t, []item{{path: "etc/os-release", body: debian}, {path: dpkgStatus, body: status("a=1:2.0+b~c")},
		{path: "x/node_modules/@s/b/package.json", body: `{"name":"@s/b","version":"1.0.0"}`}}))
	var got []string
	for _, p := range inv.Packages {
		got = append(got, p.PURL)
	}
	want := []string{"pkg:deb/debian/a@1:2.0%2Bb~c?arch=amd64&distro=debian-12", "pkg:npm/%40s/b@1.0.0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Layers are read concurrently: the order in which evidence arrives must not change the inventory.
func TestOrderOfEvidence(t *testing.T) {
	facts := layersOf(t, []item{{path: "etc/os-release", body: debian}, {path: "usr/lib/os-release", body: debian},
		{path: dpkgStatus, body: status("a=1", "b=1")},
		{path: "b/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`},
		{path: "a/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`},
		{path: "srv/a.jar", body: "PK1"}, {path: "srv/b.jar", body: "PK2"}},
		[]item{{path: dpkgStatus, body: status("a=1", "b=2", "c=1")}, {path: "srv/c.gemspec", body: "x"}})
	want := assembled(t, facts)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		for i := range facts {
			evs := facts[i].Evidence
			r.Shuffle(len(evs), func(i, j int) { evs[i], evs[j] = evs[j], evs[i] })
		}
		got := assembled(t, facts)
		want.Gaps, got.Gaps = engine.IdentifyGaps(want.Gaps), engine.IdentifyGaps(got.Gaps)
		want.Annotate, got.Annotate, want.Reach, got.Reach = nil, nil, nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

// What only names a package does not install it: a list of a .NET application's libraries of which no file is there, and an SBOM of what
// was copied out of another distribution or is of the build alone.
func TestWhatIsNotInstalled(t *testing.T) {
	const deps = `{"targets":{"net8.0":{"A/1.0.0":{"runtime":{"lib/net8.0/A.dll":{}}},"B/2.0.0":{"runtime":{"lib/net8.0/B.dll":{}}}}},
		"libraries":{"A/1.0.0":{"type":"package"},"B/2.0.0":{"type":"package"}}}`
	const sbom = `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
		{"type":"library","name":"libgomp","version":"8.5.0-26.el8","purl":"pkg:rpm/almalinux/libgomp@8.5.0-26.el8"},
		{"type":"library","name":"x","version":"1.0","purl":"pkg:pypi/x@1.0"},
		{"type":"library","name":"t","version":"1.0","scope":"excluded","purl":"pkg:pypi/t@1.0"}]}`
	const spdx = `{"spdxVersion":"SPDX-2.3","packages":[
		{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]},
		{"SPDXID":"SPDXRef-b","name":"b","versionInfo":"1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/b@1"}]}],
		"relationships":[{"spdxElementId":"SPDXRef-b","relationshipType":"TEST_DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-a"}]}`
	base := []item{{path: "etc/os-release", body: debian}, {path: dpkgStatus, body: status("p=1")}}
	for name, c := range map[string]struct {
		items []item
		want  string
	}{
		"one of two libraries": {[]item{{path: "app/x.deps.json", body: deps}, {path: "app/a.dll", body: "MZ"}}, "deb/p@1 nuget/A@1.0.0"},
		"the framework's": {[]item{{path: "app/x.deps.json", body: deps},
			{path: "usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/B.dll", body: "MZ"}}, "deb/p@1"},
		"NuGet's cache": {[]item{{path: "app/x.deps.json", body: deps},
			{path: "root/.nuget/packages/b/2.0.0/lib/net8.0/B.dll", body: "MZ"}}, "deb/p@1 nuget/B@2.0.0"},
		"another distribution's": {[]item{{path: "opt/x/sboms/auditwheel.cdx.json", body: sbom}}, "deb/p@1 pypi/x@1.0"},
		"of the tests":           {[]item{{path: "app/sbom.spdx.json", body: spdx}}, "deb/p@1 npm/a@1"},
	} {
		inv := assembled(t, layersOf(t, append(slices.Clone(base), c.items...)))
		var got []string
		for _, p := range inv.Packages {
			got = append(got, p.Type+"/"+p.Name+"@"+p.Version)
		}
		if s := strings.Join(got, " "); s != c.want || len(inv.Gaps) > 0 {
			t.Errorf("%s: %s, want %s; %+v", name, s, c.want, inv.Gaps)
		}
	}
}
