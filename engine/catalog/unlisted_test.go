package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// A package that a layer removed from the database, and whose files are where they were, is still there. One that the package manager
// removed is not.
func TestUnlisted(t *testing.T) {
	release := item{path: "etc/os-release", body: debian}
	db := func(packages ...string) item { return item{path: dpkgStatus, body: status(packages...)} }
	list := func(pkg string, files ...string) item {
		return item{path: dpkgInfo + "/" + pkg + ".list", body: "/.\n/" + strings.Join(files, "\n/") + "\n"}
	}
	file := func(p string) item { return item{path: p, body: "content of " + p} }
	gone := func(p string) item {
		i := strings.LastIndexByte(p, '/') + 1
		return item{path: p[:i] + ".wh." + p[i:]}
	}
	conffiles := item{path: dpkgStatus, body: status("b=1") + strings.ReplaceAll(status("a=1"), "installed\n", "config-files\n")}
	for name, c := range map[string]struct {
		layers [][]item
		want   string
		gaps   string
	}{
		"the name alone was removed": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")}, {db("b=1")}},
			"deb/a@1 L1 unlisted, deb/b@1 L1", ""},
		"it was removed": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{db("b=1"), gone(dpkgInfo + "/a.list"), gone("usr/lib/a.so")}}, "deb/b@1 L1", ""},
		"it was removed and left its configuration": {[][]item{{release, db("a=1", "b=1"), list("a", "etc/a.conf", "usr/lib/a.so"),
			file("usr/lib/a.so"), file("etc/a.conf")}, {conffiles, gone("usr/lib/a.so")}}, "deb/b@1 L1", ""},
		"it was replaced by another that has its files": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{db("a2=2", "b=1"), list("a2", "usr/lib/a.so"), gone(dpkgInfo + "/a.list"), file("usr/lib/a.so")}}, "deb/a2@2 L2, deb/b@1 L1", ""},
		"its files are another package's now": {[][]item{{release, db("a=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{db("b=1"), list("b", "usr/lib/a.so")}}, "deb/b@1 L2", ""},
		"its list is gone too": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{db("b=1"), gone(dpkgInfo + "/a.list")}}, "deb/a@1 L1 unlisted, deb/b@1 L1", ""},
		"nothing says what its files are": {[][]item{{release, db("a=1", "b=1")}, {db("b=1")}}, "deb/b@1 L1", ""},
		"the database is gone": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so"), list("b", "usr/lib/b.so"), file("usr/lib/a.so")},
			{{path: "var/lib/.wh.dpkg"}}}, "deb/a@1 L1 unlisted", "unlisted var/lib/dpkg/status 1"},
		"the database and all files are gone": {[][]item{{release, db("a=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{{path: "var/lib/.wh.dpkg"}, {path: ".wh.usr"}}}, "", "unlisted etc/os-release 0"},
		"a distribution without packages": {[][]item{{release, file("bin/app")}}, "", "unlisted etc/os-release 0"},
		"no distribution":                 {[][]item{{file("bin/app")}}, "", ""},
		"an upgrade": {[][]item{{release, db("a=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{db("a=2"), file("usr/lib/a.so")}}, "deb/a@2 L2", ""},
		"a file of a distroless image is gone": {[][]item{{release, {path: "var/lib/dpkg/status.d/a", body: "Package: a\nVersion: 1\n"},
			{path: "var/lib/dpkg/status.d/b", body: "Package: b\nVersion: 1\n"}}, {gone("var/lib/dpkg/status.d/a")}},
			"deb/a@1 L1 unlisted, deb/b@1 L1", "unlisted var/lib/dpkg/status.d/a 1"},
		"it changed, and lost its name": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so"), file("usr/lib/a.so")},
			{db("b=1"), {path: "usr/lib/a.so", body: "other"}}}, "deb/b@1 L1", ""},
		"documentation alone is left": {[][]item{{release, db("a=1", "b=1"), list("a", "usr/lib/a.so", "usr/share/doc/a/copyright"),
			file("usr/lib/a.so"), file("usr/share/doc/a/copyright")}, {db("b=1"), gone("usr/lib/a.so")}}, "deb/b@1 L1", ""},
	} {
		inv := assembled(t, layersOf(t, c.layers...))
		var gaps []string
		for _, g := range inv.Gaps {
			gaps = append(gaps, fmt.Sprintf("%s %s %d", g.Kind, g.Path, g.Count))
		}
		if diff := cmp.Diff(c.want, summary(inv)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := strings.Join(gaps, ", "); got != c.gaps {
			t.Errorf("%s: gaps %q, want %q", name, got, c.gaps)
		}
	}
}

// Packages whose versions are another release's, or that only another distribution has, contradict os-release.
func TestReleasesThatContradict(t *testing.T) {
	deb := func(release string, packages ...string) []item {
		return []item{{path: "etc/os-release", body: release}, {path: dpkgStatus, body: status(packages...)}}
	}
	apks := func(release string, packages ...string) []item {
		text := ""
		for _, p := range packages {
			name, version, _ := strings.Cut(p, "=")
			text += "P:" + name + "\nV:" + version + "\nA:x86_64\n\n"
		}
		return []item{{path: "etc/os-release", body: release}, {path: "lib/apk/db/installed", body: text}}
	}
	const ubuntu, alpine, wolfi = "ID=ubuntu\nVERSION_ID=\"22.04\"\n", "ID=alpine\nVERSION_ID=3.20.1\n", "ID=wolfi\nVERSION_ID=20230201\n"
	for name, c := range map[string]struct {
		items []item
		want  bool
	}{
		"the release":       {deb(debian, "base-files=12.4+deb12u5", "a=1-1+deb12u1"), false},
		"no marks":          {deb(debian, "a=1-1", "b=2-1"), false},
		"an older release":  {deb(debian, "a=1-1+deb11u1", "b=2-1"), true},
		"one older package": {deb(debian, "a=1-1+deb11u1", "b=2-1+deb12u1", "c=3-1~deb12u1"), false},
		"an older base":     {deb(debian, "base-files=11.1+deb11u9", "b=2-1+deb12u1", "c=2-1+deb12u1"), true},
		"a derivative": {deb("ID=kali\nID_LIKE=debian\nVERSION_ID=\"2026.1\"\n", "base-files=1:2026.1.0", "a=1-1+deb11u1"),
			false},
		"Ubuntu":                           {deb(ubuntu, "a=1-1ubuntu0.22.04.1", "base-files=12ubuntu4.6"), false},
		"another Ubuntu":                   {deb(ubuntu, "a=1-1ubuntu0.20.04.1", "b=1-1ubuntu0.20.04.3"), true},
		"Debian's packages under Ubuntu":   {deb(ubuntu, "a=1-1+deb12u1", "b=1-1"), true},
		"Ubuntu's packages under Debian":   {deb(debian, "a=1-1ubuntu0.22.04.1", "b=1-1ubuntu1"), true},
		"one of Ubuntu's under Debian":     {deb(debian, "a=1-1ubuntu0.22.04.1", "b=1-1"), false},
		"Wolfi with glibc":                 {apks(wolfi, "glibc=2.40-r0", "bad=1.0-r0"), false},
		"musl under Wolfi":                 {apks(wolfi, "musl=1.2.5-r10"), true},
		"glibc under Alpine":               {apks(alpine, "glibc=2.40-r0"), true},
		"both under Alpine":                {apks(alpine, "glibc=2.35-r1", "musl=1.2.5-r0"), false},
		"Alpine":                           {apks(alpine, "alpine-release=3.20.1-r0", "alpine-baselayout=3.6.5-r0"), false},
		"another Alpine":                   {apks(alpine, "alpine-release=3.18.4-r0"), true},
		"Wolfi":                            {apks(wolfi, "wolfi-baselayout=20230201-r15"), false},
		"Alpine's packages under Wolfi":    {apks(wolfi, "alpine-baselayout=3.6.5-r0", "bad=1.0-r0"), true},
		"Wolfi's packages under Alpine":    {apks(alpine, "wolfi-baselayout=20230201-r15"), true},
		"Wolfi's packages at Chainguard's": {apks("ID=chainguard\nVERSION_ID=20230214\n", "wolfi-baselayout=20230201-r15"), false},
	} {
		inv := assembled(t, layersOf(t, c.items))
		got := false
		for _, g := range inv.Gaps {
			got = got || g.Subject == "release of the distribution" && g.Kind == engine.GapUnknownOS
		}
		if got != c.want {
			t.Errorf("%s: a contradiction: %v, want %v; gaps %+v", name, got, c.want, inv.Gaps)
		}
	}
}
