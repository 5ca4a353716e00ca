package catalog

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// layerOf returns a merged tree of one layer with these files, and the layer's facts, as the real inspectors make them.
func layerOf(t *testing.T, files map[string]string, modes map[string]fs.FileMode) (*engine.Tree, []engine.LayerFacts) {
	t.Helper()
	lf := engine.LayerFacts{Info: engine.LayerInfo{Index: 1, DiffID: "sha256:01"}}
	tree := &engine.Tree{Nodes: map[string]*engine.Node{}}
	for p, body := range files {
		mode := fs.FileMode(0o644)
		if m, ok := modes[p]; ok {
			mode = m
		}
		e := engine.Entry{Path: p, Type: engine.TypeFile, Mode: mode, Size: int64(len(body))}
		lf.Entries = append(lf.Entries, e)
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			tree.Nodes[dir] = &engine.Node{Entry: engine.Entry{Path: dir, Type: engine.TypeDir, Mode: 0o755}, Layer: 1, Brought: 1}
		}
		tree.Nodes[p] = &engine.Node{Entry: e, Layer: 1, Brought: 1, BodyLayer: 1, BodyPath: p}
		for _, insp := range All() {
			if !wants(insp, p, mode, []byte(body), false) {
				continue
			}
			f := engine.NewFileAt(e, strings.NewReader(body))
			ev, err := insp.Inspect(t.Context(), f)
			if err != nil {
				t.Fatalf("%s of %s: %v", insp.Name(), p, err)
			}
			if ev.Sums, err = f.Sums(engine.MD5); err != nil {
				t.Fatal(err)
			}
			ev.Inspector, ev.Path, ev.Layer = insp.Name(), p, 1
			lf.Evidence = append(lf.Evidence, ev)
		}
	}
	return tree, []engine.LayerFacts{lf}
}

func TestAccounts(t *testing.T) {
	inv, err := Assemble(layerOf(t, map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\n# a comment\ndaemon:*:1:1::/:/usr/sbin/nologin\nopen::1000:1000::/home/open:\r\n" +
			"root:x:5:5::/:/bin/sh\nweb:x:33:33::/var/www:/usr/sbin/nologin\nonly:x:7\n",
		"etc/shadow": "root:$y$j9T$x:19000:0:99999:7:::\nweb:!:19000::::::\nnobody::1::::::\n",
		"etc/group":  "sudo:x:27:open,web\nwheel:x:10:web\nempty:x:11:\n",
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Account{
		{Name: "root", Home: "/root", Shell: "/bin/bash", Login: true, Password: "set", Path: "etc/passwd"},
		{Name: "daemon", UID: 1, GID: 1, Home: "/", Shell: "/usr/sbin/nologin", Password: "locked", Path: "etc/passwd"},
		{Name: "web", UID: 33, GID: 33, Home: "/var/www", Shell: "/usr/sbin/nologin", Password: "locked", Groups: []string{"sudo", "wheel"},
			Path: "etc/passwd"},
		{Name: "open", UID: 1000, GID: 1000, Home: "/home/open", Login: true, Password: "empty", Groups: []string{"sudo"}, Path: "etc/passwd"},
	}
	if diff := cmp.Diff(want, inv.Accounts,
		cmp.Comparer(func(a, b []string) bool { return cmp.Equal(append([]string{}, a...), append([]string{}, b...)) })); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	if len(inv.Gaps) != 1 || inv.Gaps[0].Detail != "line 7: an account has 7 fields, this 3" {
		t.Errorf("gaps: %+v", inv.Gaps)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add("passwd", []byte("root:x:0:0:root:/root:/bin/bash\n"))
	f.Add("shadow", []byte("root:$y$j9T$x:19000:0:99999:7:::\n"))
	f.Add("group", []byte("sudo:x:27:open,web\n"))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		if name != "passwd" && name != "shadow" {
			name = "group"
		}
		e := engine.Entry{Path: "etc/" + name, Type: engine.TypeFile, Size: int64(len(body))}
		ev, err := accounts{}.Inspect(t.Context(), engine.NewFileAt(e, strings.NewReader(string(body))))
		if err == nil && ev.Traits != nil && len(ev.Traits.Accounts) == 0 {
			t.Error("traits of nothing")
		}
	})
}

func TestDescribe(t *testing.T) {
	const suid = 0o755 | fs.ModeSetuid
	tree, layers := layerOf(t, map[string]string{
		"var/lib/dpkg/status": "Package: passwd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n" +
			"Package: x-dev\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n" +
			"Package: x-data\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n" +
			"Package: x-doc\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n" +
			"Package: x-meta\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n" +
			"Package: unlisted\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n" +
			"Package: linux-libc-dev\nStatus: install ok installed\nArchitecture: amd64\nVersion: 6.1.1-1\nSource: linux\n\n" +
			"Package: nodejs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 20.1.0-1nodesource1\n" +
			"Maintainer: Ivan <ivan@nodesource.com>\n",
		"var/lib/dpkg/info/passwd.list": "/.\n/usr\n/usr/bin\n/usr/bin/passwd\n/usr/bin/chsh\n",
		"var/lib/dpkg/info/passwd.md5sums": "5d41402abc4b2a76b9719d911017c592  usr/bin/passwd\n" +
			"5d41402abc4b2a76b9719d911017c592  usr/bin/chsh\n",
		"usr/bin/passwd":                                 "hello",
		"usr/bin/chsh":                                   "other",
		"var/lib/dpkg/info/x-dev:amd64.list":             "/usr/include/x.h\n/usr/lib/x86_64-linux-gnu/libx.a\n/usr/share/doc/x-dev/copyright\n",
		"usr/include/x.h":                                "h",
		"usr/lib/x86_64-linux-gnu/libx.a":                "a",
		"usr/share/doc/x-dev/copyright":                  "c",
		"var/lib/dpkg/info/x-data.list":                  "/usr/share/x/table.dat\n",
		"usr/share/x/table.dat":                          "d",
		"var/lib/dpkg/info/x-doc.list":                   "/usr/share/doc/x-doc/manual.html\n/usr/share/doc/x-doc/copyright\n",
		"usr/share/doc/x-doc/manual.html":                "m",
		"usr/share/doc/x-doc/copyright":                  "c",
		"var/lib/dpkg/info/x-meta.list":                  "/usr/share/doc/x-meta/copyright\n/usr/share/doc/x-meta/changelog.gz\n",
		"usr/share/doc/x-meta/copyright":                 "c",
		"var/lib/dpkg/info/linux-libc-dev:amd64.list":    "/usr/include/linux/if.h\n",
		"var/lib/dpkg/info/linux-libc-dev:amd64.md5sums": "",
		"usr/include/linux/if.h":                         "h",
	}, map[string]fs.FileMode{"usr/bin/passwd": suid, "usr/bin/chsh": suid})
	inv, err := Assemble(tree, layers)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range inv.Packages {
		got[p.Name] = string(p.NoCode)
		if p.Kernel {
			got[p.Name] += " kernel"
		}
		if p.ThirdParty {
			got[p.Name] += " third party"
		}
	}
	want := map[string]string{"passwd": "", "x-dev": "headers", "x-data": "data", "x-doc": "docs", "x-meta": "empty", "unlisted": "",
		"linux-libc-dev": "headers kernel", "nodejs": " third party"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	for command, want := range map[string]string{"passwd": "passwd", "/usr/bin/chsh": "passwd", "bin/passwd": "passwd",
		"sh -c exec passwd": "passwd", "env X=1 passwd": "passwd", "nothing": "", "sh -c $X": ""} {
		c := engine.Config{WorkingDir: "/usr", Entrypoint: strings.SplitN(command, " ", 3)}
		packages := slices.Clone(inv.Packages)
		inv.Reach(c, packages)
		got := ""
		for _, p := range packages {
			if p.Reached == "yes" {
				got += p.Name
			}
		}
		if got != want {
			t.Errorf("%s reaches %q, want %q", command, got, want)
		}
	}
	files := engine.FileFacts(tree)
	inv.Annotate(files)
	for _, f := range files {
		switch f.Path {
		case "usr/bin/passwd":
			if f.OwnedBy != "deb/passwd" || f.Intact != "yes" {
				t.Errorf("%+v", f)
			}
		case "usr/bin/chsh":
			if f.OwnedBy != "deb/passwd" || f.Intact != "no" {
				t.Errorf("%+v", f)
			}
		case "usr/include/x.h":
			if f.OwnedBy != "deb/x-dev" || f.Intact != "unknown" {
				t.Errorf("%+v", f)
			}
		}
	}
}

// An SBOM in the image adds packages of types that no database lists; otherwise a stale one would add packages that are not installed.
func TestSBOMInTheImage(t *testing.T) {
	inv, err := Assemble(layerOf(t, map[string]string{
		"var/lib/dpkg/status": "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.20-1\n",
		"usr/share/sbom/app.json": `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
			{"type":"library","name":"openssl","version":"1.0","purl":"pkg:deb/debian/openssl@1.0?arch=amd64"},
			{"type":"library","name":"musl","version":"1.2-r0","purl":"pkg:apk/alpine/musl@1.2-r0"},
			{"type":"library","name":"left-pad","version":"1.3.0","purl":"pkg:npm/left-pad@1.3.0"},
			{"type":"library","name":"nobody knows","version":"1"}]}`,
		"srv/node_modules/left-pad/package.json": `{"name": "left-pad", "version": "1.3.0"}`,
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range inv.Packages {
		got = append(got, p.Type+" "+p.Name+" "+p.Version+" "+string(p.FoundBy)+" "+strings.Repeat("*", len(p.Locations)))
	}
	want := []string{"apk musl 1.2-r0 sbom *", "deb openssl 3.0.20-1 database *", "npm left-pad 1.3.0 manifest **"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
