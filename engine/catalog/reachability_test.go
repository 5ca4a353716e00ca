package catalog

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// reachedBy returns the names of the packages that a configuration reaches, sorted.
func reachedBy(inv *engine.Inventory, c engine.Config) []string {
	packages := slices.Clone(inv.Packages)
	inv.Reach(c, packages)
	names := []string{}
	for _, p := range packages {
		if p.Reached == "yes" {
			names = append(names, p.Name)
		}
	}
	sort.Strings(names)
	return names
}

func TestReach(t *testing.T) {
	deb := []item{
		{path: dpkgStatus, body: strings.Join([]string{
			"Package: web\nStatus: install ok installed\nVersion: 1\nPre-Depends: libc6 (>= 2.36)\nDepends: libtls3:any | libtls, mail-agent\n",
			"Package: libc6\nStatus: install ok installed\nVersion: 1\nDepends: gcc-base\n",
			"Package: gcc-base\nStatus: install ok installed\nVersion: 1\nDepends: libc6\n",
			"Package: libtls3t64\nStatus: install ok installed\nVersion: 1\nProvides: libtls3 (= 1), libtls\n",
			"Package: postfix\nStatus: install ok installed\nVersion: 1\nProvides: mail-agent\n",
			"Package: dash\nStatus: install ok installed\nVersion: 1\n",
			"Package: libicu\nStatus: install ok installed\nVersion: 1\n",
			"Package: web-doc\nStatus: install ok installed\nVersion: 1\n",
			"Package: idle\nStatus: install ok installed\nVersion: 1\nDepends: web\n"}, "\n")},
		{path: dpkgInfo + "/web.list", body: "/.\n/usr/sbin/web\n"},
		{path: dpkgInfo + "/dash.list", body: "/bin/sh\n/bin/dash\n"},
		{path: dpkgInfo + "/libicu.list", body: "/usr/lib/x86_64-linux-gnu/libicu.so.72\n"},
		{path: "bin", link: "usr/bin"}, {path: "usr/bin/dash", body: "dash"}, {path: "usr/bin/sh", link: "dash"},
		{path: "usr/sbin/web", body: "web"}, {path: "usr/local/bin/own", body: "own"}, {path: "usr/local/lib/libown.so.1", body: "lib"},
		{path: "usr/lib/x86_64-linux-gnu/libicu.so.72", body: "icu"}, {path: "srv/app.jar", body: "-"},
	}
	apk := []item{
		{path: "lib/apk/db/installed",
			body: "P:web\nV:1-r0\nD:so:libc.musl.so.1 tls>=3 !old /bin/sh\nF:usr/sbin\nR:web\n\nP:musl\nV:1-r0\np:so:libc.musl.so.1=1\nF:lib\n" +
				"R:libc.so.1\n\nP:tls\nV:3-r0\nF:lib\nR:libtls.so.3\n\nP:old\nV:1-r0\n\nP:busybox\nV:1-r0\nF:bin\nR:busybox\nR:sh\n\n"},
		{path: "usr/sbin/web", body: "web"}, {path: "lib/libc.so.1", body: "c"}, {path: "lib/libtls.so.3", body: "t"},
		{path: "bin/busybox", body: "b"}, {path: "bin/sh", link: "/bin/busybox"},
	}
	worlds := map[string]*engine.Inventory{"apk": assembled(t, layersOf(t, apk))}
	facts := layersOf(t, deb)
	for _, p := range []struct {
		path    string
		program engine.Program
	}{
		{"usr/local/bin/own", engine.Program{Needed: []string{"libown.so.1", "libabsent.so", "../x"}, RunPath: []string{"$ORIGIN/../lib"}}},
		{"usr/local/lib/libown.so.1", engine.Program{Needed: []string{"libicu.so.72"}}},
	} {
		facts[0].Evidence = append(facts[0].Evidence,
			engine.Evidence{Inspector: programs{}.Name(), Path: p.path, Layer: 1, Traits: &engine.Traits{Program: &p.program}})
	}
	facts[0].Evidence = append(facts[0].Evidence, engine.Evidence{Inspector: java{}.Name(), Path: "srv/app.jar", Layer: 1,
		Packages: []engine.Package{{Name: "g:a", Version: "1", Type: "maven", Locations: []engine.Location{{Path: "BOOT-INF/lib/a.jar"}}}}})
	worlds["deb"] = assembled(t, facts)
	all := []string{"gcc-base", "libc6", "libtls3t64", "postfix", "web"}
	for name, c := range map[string]struct {
		world  string
		config engine.Config
		want   []string
	}{
		"dependencies": {"deb", engine.Config{Entrypoint: []string{"web"}}, all},
		"by its path":  {"deb", engine.Config{Cmd: []string{"/usr/sbin/web", "-g"}}, all},
		"a shell's program": {"deb", engine.Config{Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"exec web -g"}},
			append([]string{"dash"}, all...)},
		"a script":         {"deb", engine.Config{Entrypoint: []string{"/start.sh"}, Cmd: []string{"web"}}, all},
		"a linked program": {"deb", engine.Config{Entrypoint: []string{"own"}}, []string{"libicu"}},
		"an archive": {"deb",
			engine.Config{WorkingDir: "/srv", Entrypoint: []string{"java"}, Cmd: []string{"-Xmx1g", "-jar", "app.jar"}}, []string{"g:a"}},
		"nothing":               {"deb", engine.Config{}, []string{}},
		"what is not there":     {"deb", engine.Config{Cmd: []string{"absent"}}, []string{}},
		"what apk derived":      {"apk", engine.Config{Cmd: []string{"web"}}, []string{"busybox", "musl", "tls", "web"}},
		"another search path":   {"deb", engine.Config{Env: []string{"PATH=/usr/local/bin"}, Cmd: []string{"web"}}, []string{}},
		"a program in a folder": {"deb", engine.Config{WorkingDir: "/usr", Cmd: []string{"sbin/web"}}, all},
	} {
		if diff := cmp.Diff(c.want, reachedBy(worlds[c.world], c.config)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// In a real image, the package of each program reaches the packages of all libraries that the program is linked with by its ELF tables.
func TestReachOfRealPrograms(t *testing.T) {
	dir := os.Getenv("VETO_IMAGES")
	if dir == "" {
		t.Skip("VETO_IMAGES is not set")
	}
	var items []item
	needed, base := map[string][]string{}, map[string]string{}
	for _, layer := range []string{"base.tar", "stack.tar"} {
		f, err := os.Open(filepath.Join(dir, layer))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := tar.NewReader(f)
		for h, err := r.Next(); !errors.Is(err, io.EOF); h, err = r.Next() {
			if err != nil {
				t.Fatal(err)
			}
			it := item{path: strings.Trim(path.Clean("/"+h.Name), "/"), link: h.Linkname}
			switch lib := strings.Contains(path.Base(it.path), ".so"); {
			case h.Typeflag == tar.TypeSymlink && lib:
				base[path.Base(it.path)] = path.Base(h.Linkname)
			case h.Typeflag == tar.TypeReg && (lib || h.Mode&0o111 != 0) && h.Size < 32<<20:
				b, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if e, err := elf.NewFile(bytes.NewReader(b)); err == nil {
					needed[it.path], _ = e.ImportedLibraries()
					base[path.Base(it.path)] = it.path
				}
			case h.Typeflag == tar.TypeReg && strings.HasPrefix(it.path, "var/lib/dpkg/"):
				b, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				it.body = string(b)
			case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink:
				continue
			}
			items = append(items, it)
		}
	}
	inv := assembled(t, layersOf(t, last(items)))
	owner := ownersByList(items)
	programs, libraries := 0, 0
	for p := range needed {
		if owner[p] == "" || !strings.HasPrefix(p, "usr/bin/") && !strings.HasPrefix(p, "usr/sbin/") {
			continue
		}
		programs++
		reached := reachedBy(inv, engine.Config{Entrypoint: []string{"/" + p}})
		for todo, seen := slices.Clone(needed[p]), map[string]bool{}; len(todo) > 0; todo = todo[1:] {
			at := base[todo[0]]
			if at != "" && !strings.Contains(at, "/") {
				at = base[at]
			}
			if o := owner[at]; at != "" && o != "" && !seen[at] { // one of 32 MB or more was not read
				seen[at] = true
				libraries++
				if !slices.Contains(reached, o) {
					t.Errorf("%s of %s is linked with %s of %s, which is not reached", p, owner[p], at, o)
				}
				todo = append(todo, needed[at]...)
			}
		}
	}
	t.Logf("%d programs, linked with %d libraries of packages", programs, libraries)
	if programs < 300 || libraries < 1000 {
		t.Error("too few to be this image")
	}
}

// last keeps the last item of each path.
func last(items []item) []item {
	at := map[string]int{}
	for i := range items {
		at[items[i].path] = i
	}
	var out []item
	for i := range items {
		if at[items[i].path] == i {
			out = append(out, items[i])
		}
	}
	return out
}

// ownersByList returns the package that lists each path in dpkg's lists of files.
func ownersByList(items []item) map[string]string {
	out := map[string]string{}
	for _, it := range items {
		name, ok := strings.CutSuffix(strings.TrimPrefix(it.path, "var/lib/dpkg/info/"), ".list")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, ":")
		for _, p := range strings.Split(it.body, "\n") {
			p = strings.TrimPrefix(p, "/")
			if first, _, _ := strings.Cut(p, "/"); first == "lib" || first == "bin" || first == "sbin" || first == "lib64" {
				p = "usr/" + p
			}
			out[p] = name
		}
	}
	return out
}
