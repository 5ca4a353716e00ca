package catalog

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// packageLine returns what of a package's database advisories and policies go by.
func packageLine(p engine.Package) string {
	line := fmt.Sprintf("%s %s", p.Name, p.Version)
	for _, x := range [][2]string{{" ", string(p.Arch)}, {" from ", p.Source.Name + " " + p.Source.Version}, {" by ", string(p.Vendor)},
		{" needs ", strings.ReplaceAll(p.Depends, "\n", ",")}, {" provides ", strings.ReplaceAll(p.Provides, "\n", ",")},
		{" under ", strings.Join(p.Licenses, ",")}} {
		if strings.TrimSpace(x[1]) != "" && x[1] != p.Name+" "+p.Version {
			line += x[0] + x[1]
		}
	}
	return line
}

// inspected returns the lines of a file's packages, gaps and error, as its only inspector sees it.
func inspected(t *testing.T, path, body string) string {
	t.Helper()
	ev, err := inspectorOf(t, path).Inspect(t.Context(), fileAt(path, []byte(body)))
	var out []string
	for _, p := range ev.Packages {
		out = append(out, packageLine(p))
	}
	for _, g := range ev.Gaps {
		out = append(out, string(g.Kind)+": "+g.Detail)
	}
	if err != nil {
		out = append(out, "error: "+err.Error())
	}
	return strings.Join(out, "; ")
}

// A package of dpkg counts in every state in which its files are in place; one that runs into another, or lacks what names it, is a gap and
// no other package.
func TestDpkgStanzas(t *testing.T) {
	const ok = "Status: install ok installed\n"
	for name, c := range map[string]struct{ body, want string }{
		"plain": {"Package: a\n" + ok + "Version: 1\n\n", "a 1"},
		"all fields": {"Package: a\n" + ok + "Architecture: amd64\nVersion: 1:2-3\nSource: src (4-5)\nMaintainer: M <m@x>\n" +
			"Pre-Depends: p\nDepends: d\nProvides: v\n\n", "a 1:2-3 amd64 from src 4-5 by M <m@x> needs p,d provides v"},
		"a source of the same": {"Package: a\n" + ok + "Version: 1\nSource: src\n\n", "a 1 from src 1"},
		"unpacked":             {"Package: a\nStatus: install ok unpacked\nVersion: 1\n\n", "a 1"},
		"half-installed":       {"Package: a\nStatus: install reinstreq half-installed\nVersion: 1\n\n", "a 1"},
		"config-files":         {"Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\n", ""},
		"not-installed":        {"Package: a\nStatus: unknown ok not-installed\nVersion: 1\n\n", ""},
		"no status":            {"Package: a\nVersion: 1\n\n", "malformed: stanza at line 1: package \"a\" has no Status"},
		"half a status":        {"Package: a\nStatus: install ok\nVersion: 1\n\n", "malformed: stanza at line 1: package \"a\" has no Status"},
		"no name":              {ok + "Version: 1\n\n", "malformed: stanza at line 1: package \"\" has no name or no version"},
		"no version":           {"Package: a\n" + ok + "\n", "malformed: stanza at line 1: package \"a\" has no name or no version"},
		"two in one": {"Package: a\n" + ok + "Version: 1\nPackage: b\n" + ok + "Version: 2\n\n",
			"malformed: stanza at line 1: the field Package stands twice"},
		"continued lines": {"Package: a\n" + ok + "Version: 1\nDescription: x\n Package: b\n\tVersion: 2\n\n", "a 1"},
		"no field": {"Package: a\n" + ok + "Version: 1\nwhat is this\n\n",
			"malformed: stanza at line 1: \"what is this\" is no field"},
		"a field with a space": {"Package: a\n" + ok + "Version: 1\nwhat is: this\n\n",
			"malformed: stanza at line 1: \"what is: this\" is no field"},
		"the line of a fault": {"Package: a\n" + ok + "Version: 1\n\nPackage: b\n\n",
			"a 1; malformed: stanza at line 5: package \"b\" has no Status"},
		"many empty lines": {"\n\n\nPackage: a\n" + ok + "Version: 1\n\n\n\n", "a 1"},
		"nothing":          {"", ""},
	} {
		if got := inspected(t, dpkgStatus, c.body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for body, want := range map[string]string{
		"Package: a\nVersion: 1\n": "a 1", "Package: a\nVersion: 1": "a 1; malformed: " + cutOff, "Package: a\nVersion: 1\nDescription: x": "a 1",
		"Package: a\nStatus: x\nVersion: 1\n": "a 1", "Version: 1\n": "malformed: stanza at line 1: package \"\" has no name or no version",
	} {
		if got := inspected(t, dpkgStatusD+"/a", body); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

// dpkg's lists name the files of a package, with checksums where they have any; a line that is neither is an error, because the files after
// it would be nobody's.
func TestDpkgFiles(t *testing.T) {
	const sum = "5D41402ABC4B2A76B9719D911017C592"
	for name, c := range map[string]struct {
		file, body string
		want       *engine.Owned
	}{
		"a list": {"a.list", "/.\n/usr\n/usr/bin/x\n\n",
			&engine.Owned{Type: "deb", Package: "a", Files: []engine.OwnedFile{{Path: "usr"}, {Path: "usr/bin/x"}}}},
		"of an architecture": {"a:amd64.list", "/x\n",
			&engine.Owned{Type: "deb", Package: "a", Arch: "amd64", Files: []engine.OwnedFile{{Path: "x"}}}},
		"checksums": {"a.md5sums", sum + "  usr/bin/x y\n", &engine.Owned{Type: "deb", Package: "a",
			Files: []engine.OwnedFile{{Path: "usr/bin/x y", Sum: "md5:" + strings.ToLower(sum)}}}},
		"a path that leads out": {"a.list", "/../../etc/x\n",
			&engine.Owned{Type: "deb", Package: "a", Files: []engine.OwnedFile{{Path: "etc/x"}}}},
		"a short checksum": {"a.md5sums", sum[1:] + "  usr/bin/x\n", nil},
		"no checksum":      {"a.md5sums", "usr/bin/x\n", nil},
		"one space":        {"a.md5sums", sum + " usr/bin/x\n", nil},
		"nothing":          {"a.list", "", &engine.Owned{Type: "deb", Package: "a"}},
	} {
		ev, err := dpkgFiles{}.Inspect(t.Context(), fileAt(dpkgInfo+"/"+c.file, []byte(c.body)))
		if (err != nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.want != nil {
			if diff := cmp.Diff([]engine.Owned{*c.want}, ev.Owned); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
	for p, want := range map[string]bool{
		dpkgInfo + "/a.list": true, dpkgInfo + "/a.md5sums": true, dpkgInfo + "/a.postinst": false, dpkgStatusD + "/a.md5sums": true,
		dpkgStatusD + "/a.list": false, "srv/a.list": false,
	} {
		if got := (dpkgFiles{}).Wants(p, 0o644, 1); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
	for p, want := range map[string]bool{dpkgStatus: true, dpkgStatusD + "/a": true, dpkgStatusD + "/a.md5sums": false, dpkgStatusD: false,
		"srv/status": false} {
		if got := (dpkg{}).Wants(p, 0o644, 1); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
}

// A record of apk is a package with its origin and files; records that run into each other are a gap.
func TestApkRecords(t *testing.T) {
	const path = "lib/apk/db/installed"
	for name, c := range map[string]struct{ body, want string }{
		"plain": {"P:a\nV:1-r0\n\n", "a 1-r0"},
		"all fields": {"C:Q1x\nP:a\nV:1-r0\nA:x86_64\no:src\nL:MIT\nD:so:x y\np:z\nF:usr\nR:b\nZ:Q1x\n\n",
			"a 1-r0 x86_64 from src 1-r0 needs so:x y provides z under MIT"},
		"no version":    {"P:a\n\n", "malformed: record at line 1: package \"a\" has no name or no version"},
		"no name":       {"V:1\n\n", "malformed: record at line 1: package \"\" has no name or no version"},
		"two in one":    {"P:a\nV:1\nP:b\n\n", "malformed: record at line 1: the field P stands twice"},
		"two versions":  {"P:a\nV:1\nV:2\n\n", "malformed: record at line 1: the field V stands twice"},
		"no field":      {"P:a\nV:1\nxy\n\n", "malformed: record at line 1: \"xy\" is no field"},
		"a long field":  {"P:a\nV:1\nxy:z\n\n", "malformed: record at line 1: \"xy:z\" is no field"},
		"a fault later": {"P:a\nV:1\n\nP:b\n\n", "a 1; malformed: record at line 4: package \"b\" has no name or no version"},
		"cut off": {"P:a\nV:1\n\nP:b\nV:2",
			"a 1; malformed: record at line 4: package \"b\" has no name or no version; malformed: " + cutOff},
	} {
		got := inspected(t, path, c.body)
		if name == "cut off" { // in whatever order
			if !strings.Contains(got, "a 1;") || !strings.Contains(got, cutOff) || strings.Contains(got, "b 2") {
				t.Errorf("%s: %q", name, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	sum := sha1.Sum([]byte("content"))
	recorded := "Z:Q1" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
	body := "P:a\nV:1\nA:x86_64\n" + recorded + "R:top\nF:usr/bin\nR:b\n" + recorded + "R:c\nZ:md5x\nR:d\nZ:Q1AAAA\nR:e\n" +
		"Z:Q2" + recorded[4:] + "\n"
	ev, err := apk{}.Inspect(t.Context(), fileAt(path, []byte(body)))
	want := []engine.Owned{{Type: "apk", Package: "a", Arch: "x86_64", Files: []engine.OwnedFile{{Path: "top"},
		{Path: "usr/bin/b", Sum: "sha1:" + hex.EncodeToString(sum[:])}, {Path: "usr/bin/c"}, {Path: "usr/bin/d"}, {Path: "usr/bin/e"}}}}
	if diff := cmp.Diff(want, ev.Owned); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for p, want := range map[string]bool{path: true, "usr/" + path: true, "srv/" + path: false} {
		if got := (apk{}).Wants(p, 0o644, 1); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
}

// A package of pacman is its description, and its files are those of its folder's list.
func TestPacman(t *testing.T) {
	for name, c := range map[string]struct{ path, body, want string }{
		"plain": {"a-1-1/desc", "%NAME%\na\n\n%VERSION%\n1-1\n\n", "a 1-1"},
		"all fields": {"a-1-1/desc",
			"%NAME%\na\n\n%VERSION%\n1-1\n\n%BASE%\nsrc\n\n%ARCH%\nx86_64\n\n%PACKAGER%\nM <m@x>\n\n%LICENSE%\nMIT\nISC\n\n%DEPENDS%\nb>=1\nc\n\n" +
				"%PROVIDES%\nd=1\n\n",
			"a 1-1 x86_64 from src 1-1 by M <m@x> needs b>=1,c provides d=1 under MIT,ISC"},
		"no name":                 {"a-1-1/desc", "%VERSION%\n1-1\n\n", "error: no %NAME% or no %VERSION%"},
		"no version":              {"a-1-1/desc", "%NAME%\na\n\n%VERSION%\n\n", "error: no %NAME% or no %VERSION%"},
		"a section twice":         {"a-1-1/desc", "%NAME%\na\n\n%NAME%\nb\n\n", "error: the section %NAME% stands twice"},
		"in no section":           {"a-1-1/desc", "a\n", "error: \"a\" is in no section"},
		"a value in percent":      {"a-1-1/desc", "%NAME%\n%a%\n\n%VERSION%\n1\n\n", "%a% 1"},
		"cut off":                 {"a-1-1/desc", "%NAME%\na\n\n%VERSION%\n1", "error: " + cutOff},
		"a folder of no package":  {"a/files", "%FILES%\nusr/\n\n", "error: the folder \"a\" is not called by a package and its version"},
		"a folder without a name": {"-1-1/files", "%FILES%\nusr/\n\n", "error: the folder \"-1-1\" is not called by a package and its version"},
	} {
		if got := inspected(t, pacmanLocal+c.path, c.body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	ev, err := pacman{}.Inspect(t.Context(),
		fileAt(pacmanLocal+"a-b-1-1/files", []byte("%FILES%\nusr/\nusr/bin/x\n/etc/../etc/y\n\n%BACKUP%\nz\n\n")))
	want := []engine.Owned{{Type: "alpm", Package: "a-b", Files: []engine.OwnedFile{{Path: "usr/bin/x"}, {Path: "etc/y"}}}}
	if diff := cmp.Diff(want, ev.Owned); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
