package catalog

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// What the files of a package are decides whether anything of it can run. A package taken for one without code would have its
// vulnerabilities set aside.
func TestPackageContent(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		modes []fs.FileMode
		want  engine.Maybe
	}{
		"a program":               {[]string{"usr/bin/x"}, []fs.FileMode{0o755}, ""},
		"a program of its owner":  {[]string{"usr/share/x/run"}, []fs.FileMode{0o100}, ""},
		"a library":               {[]string{"usr/lib/x86_64-linux-gnu/libx.so.1"}, nil, ""},
		"a plug-in":               {[]string{"usr/share/x/plugin.so"}, nil, ""},
		"a kernel module":         {[]string{"lib/modules/x.ko.xz"}, nil, ""},
		"a script":                {[]string{"usr/share/x/y.py"}, nil, ""},
		"a script in upper case":  {[]string{"usr/share/x/Y.PY"}, nil, ""},
		"a helper without suffix": {[]string{"usr/lib/x/helper"}, nil, ""},
		"data without suffix":     {[]string{"usr/share/x/table"}, nil, "data"},
		"headers":                 {[]string{"usr/include/x.hpp"}, nil, "headers"},
		"headers of another kind": {[]string{"usr/include/x"}, nil, "headers"},
		"a static library":        {[]string{"usr/share/x.a", "usr/share/x.pc"}, nil, "headers"},
		"headers and data":        {[]string{"usr/share/x/a.dat", "usr/include/x.h"}, nil, "headers"},
		"headers and a program":   {[]string{"usr/include/x.h", "usr/bin/x"}, []fs.FileMode{0, 0o755}, ""},
		"data":                    {[]string{"usr/share/x/a.dat"}, nil, "data"},
		"data and a manual":       {[]string{"usr/share/man/man1/x.1.gz", "usr/share/x/a.dat"}, nil, "data"},
		"a manual":                {[]string{"usr/share/man/man1/x.1.gz"}, nil, "docs"},
		"an example that is code": {[]string{"usr/share/doc/x/example.py"}, []fs.FileMode{0o755}, "docs"},
		"a translation":           {[]string{"usr/share/locale/de/x.mo"}, nil, "docs"},
		"a copyright": {[]string{"usr/share/doc/x/copyright", "usr/share/doc/x/changelog.gz", "usr/share/doc/x/NEWS.Debian.gz"},
			nil, "empty"},
		"a copyright elsewhere":     {[]string{"usr/share/x/copyright"}, nil, "data"},
		"nothing":                   {nil, nil, "empty"},
		"what is no longer there":   {[]string{"usr/bin/gone"}, []fs.FileMode{fs.ModeIrregular}, "empty"},
		"a folder":                  {[]string{"usr/lib/x"}, []fs.FileMode{fs.ModeDir | 0o755}, "empty"},
		"through a link at the top": {[]string{"lib/libx.so"}, nil, ""},
	} {
		a := &assembly{tree: &engine.Tree{Nodes: map[string]*engine.Node{"lib": {Entry: engine.Entry{Path: "lib", Type: engine.TypeSymlink,
			Link: "usr/lib"}}}}}
		content := &packageContent{}
		var files []engine.OwnedFile
		for i, p := range c.files {
			mode := fs.FileMode(0o644)
			if i < len(c.modes) {
				mode = c.modes[i]
			}
			files = append(files, engine.OwnedFile{Path: p})
			e := engine.Entry{Path: p, Type: engine.TypeFile, Mode: mode}
			switch {
			case mode == fs.ModeIrregular:
				continue
			case mode.IsDir():
				e.Type = engine.TypeDir
			case p == "lib/libx.so":
				e.Path = "usr/lib/libx.so"
			}
			a.tree.Nodes[e.Path] = &engine.Node{Entry: e}
		}
		a.addFiles(content, files)
		if got := content.noCode(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := (*packageContent)(nil).noCode(); got != "" {
		t.Errorf("a package whose files are not known: %q", got)
	}
}

// dpkg's list of files counts before its checksums, and the list of one architecture before one of none: checksums lack links and
// configuration.
func TestPackageContentOfLists(t *testing.T) {
	const sum = "5d41402abc4b2a76b9719d911017c592"
	base := []item{{path: dpkgStatus, body: status("x=1")}, {path: "usr/bin/x", body: "x"}, {path: "usr/share/x/a.dat", body: "x"}}
	list := func(name, path string) item {
		return item{path: dpkgInfo + "/" + name + ".list", body: "/" + path + "\n"}
	}
	sums := func(name, path string) item {
		return item{path: dpkgInfo + "/" + name + ".md5sums", body: sum + "  " + path + "\n"}
	}
	for name, c := range map[string]struct {
		items []item
		want  engine.Maybe
	}{
		"a list":                        {[]item{list("x", "usr/share/x/a.dat")}, "data"},
		"checksums alone":               {[]item{sums("x", "usr/share/x/a.dat")}, "data"},
		"a list and checksums":          {[]item{list("x", "usr/share/x/a.dat"), sums("x", "usr/bin/x")}, "data"},
		"an empty list and checksums":   {[]item{list("x", ""), sums("x", "usr/bin/x")}, "empty"},
		"of its architecture":           {[]item{list("x:amd64", "usr/share/x/a.dat"), list("x", "usr/bin/x")}, "data"},
		"of another architecture":       {[]item{list("x:arm64", "usr/share/x/a.dat"), list("x", "usr/bin/x")}, ""},
		"of another architecture alone": {[]item{list("x:arm64", "usr/share/x/a.dat")}, ""},
		"of nobody":                     {[]item{list("y", "usr/share/x/a.dat")}, ""},
		"two lists, code in the other": {[]item{list("x", "usr/share/x/a.dat"),
			{path: dpkgStatusD + "/x.md5sums", body: sum + "  usr/bin/x\n"}}, "data"},
		"two sums, code in the other one": {[]item{sums("x", "usr/share/x/a.dat"),
			{path: dpkgStatusD + "/x.md5sums", body: sum + "  usr/bin/x\n"}}, ""},
	} {
		inv := assembled(t, layersOf(t, append(slices.Clone(base), c.items...)))
		if got := inv.Packages[0].NoCode; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		reached := ""
		if c.want != "" {
			reached = "no"
		}
		if got := inv.Packages[0].Reached; got != reached {
			t.Errorf("%s: reached %q, want %q", name, got, reached)
		}
	}
}

// Kernels do not run in a container, and third parties' packages are not the distribution's: both decide whether a finding counts.
func TestKernelsAndThirdParties(t *testing.T) {
	for name, want := range map[string]bool{
		"deb linux-image-6.1.0-1-amd64": true, "deb linux-libc-dev": true, "deb linux-headers-amd64": true, "deb linux": false,
		"deb linux-perf":  false,
		"deb kernel-core": false, "deb linux-base": false, "rpm kernel": true, "rpm kernel-default": true, "rpm kernel-core": true,
		"rpm kernel-rt-core":      true,
		"rpm kernel-default-base": true, "rpm kernel-tools": false, "rpm linux": false, "apk linux": true, "apk linux-lts": true,
		"apk linux-pam":     false,
		"apk linux-headers": true, "alpm linux": true, "alpm linux-zen": true, "alpm linux-firmware": false, "apk kernel": false,
	} {
		typ, name, _ := strings.Cut(name, " ")
		if got := isKernel(typ, name); got != want {
			t.Errorf("%s %s: %v", typ, name, got)
		}
	}
	for _, c := range []struct {
		p    engine.Package
		want bool
	}{
		{engine.Package{Type: "deb", Vendor: "Ivan <ivan@NodeSource.com>"}, true},
		{engine.Package{Type: "deb", Vendor: "Debian <x@debian.org>"}, false},
		{engine.Package{Type: "deb", Version: "15.4-1.pgdg120+1"}, true}, {engine.Package{Type: "deb", Version: "8.2+sury"}, true},
		{engine.Package{Type: "deb", Version: "5:24.0.1-1~debian.12~bookworm"}, true},
		{engine.Package{Type: "deb", Version: "1.2-1~bookworm"}, true},
		// on Fedora it is the distribution
		{engine.Package{Type: "deb", Version: "1.2-1+deb12u1"}, false}, {engine.Package{Type: "rpm", Vendor: "Fedora Project"}, false},
		{engine.Package{Type: "rpm", Vendor: "AlmaLinux"}, false}, {engine.Package{Type: "rpm", Version: "1-1.pgdg"}, false},
		{engine.Package{Type: "apk", Vendor: "docker"}, false}, {engine.Package{Type: "rpm", Vendor: "Oracle and/or its affiliates"}, true},
	} {
		if got := isThirdParty(&c.p); got != c.want {
			t.Errorf("%s %q by %q: %v", c.p.Type, c.p.Version, c.p.Vendor, got)
		}
	}
}
