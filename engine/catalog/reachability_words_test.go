package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// Which programs a command line starts: its first word, what a shell or a wrapper runs in turn, and the archive of java -jar. A program
// that is missed leaves its packages unknown; one that is made up marks packages that nothing starts.
func TestStartedPrograms(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", ""}, {"nginx", "nginx"}, {"nginx|-g|daemon off;", "nginx"}, {"/usr/sbin/nginx|-g|x", "/usr/sbin/nginx"},
		{"sh|-c|nginx -g x", "sh nginx"}, {"/bin/sh|-c|exec nginx", "/bin/sh nginx"}, {"bash|-ec|nginx", "bash nginx"}, {"sh|-c|", "sh"},
		{"sh|-c|exec", "sh"}, {"sh|-c|$X y", "sh"}, {"sh|-c|X=1 y", "sh"}, {"sh|-c|cd /srv && run", "sh cd"}, {"sh|-c|`x`", "sh"},
		{"sh|-c|(x)", "sh"},
		{"tini|--|nginx|-g", "tini nginx"}, {"tini|-g|--|/bin/sh|-c|nginx", "tini /bin/sh nginx"}, {"env|A=1|B=2|web|x", "env web"},
		{"gosu|app|web", "gosu app"}, {"dumb-init|web", "dumb-init web"}, {"su-exec|app|web", "su-exec app"},
		{"java|-jar|/srv/app.jar", "java /srv/app.jar"}, {"java|-Xmx1g|-jar|app.jar|x", "java ./app.jar"}, {"java|-jar", "java"},
		{"java|app.jar", "java"},
		{"/opt/jdk/bin/java|-jar|a/b.jar", "/opt/jdk/bin/java a/b.jar"}, {"sh|-c|java -jar app.jar", "sh java ./app.jar"},
		{"-jar|x", "-jar"}, {"python|-c|web", "python"},
	} {
		var words []string
		if c.line != "" {
			words = strings.Split(c.line, "|")
		}
		if got := strings.Join(startedPrograms(words), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
}

// The names in what package databases say of relations, without versions, architectures and conflicts, and all of several alternatives.
func TestRelationNames(t *testing.T) {
	for _, c := range []struct{ typ, raw, want string }{
		{"deb", "libc6 (>= 2.36), libtls3:any | libtls, mail-agent [amd64] <!nocheck>", "libc6|libtls3|libtls|mail-agent"}, {"deb", "", ""},
		{"deb", "a,,b", "a|b"}, {"deb", "a(= 1)", "a"}, {"deb", " , ", ""},
		{"apk", "so:libc.musl.so.1 tls>=3 x<2 y~1 z=1 !old /bin/sh", "so:libc.musl.so.1|tls|x|y|z|/bin/sh"}, {"apk", "a,b", "a,b"},
		{"alpm", "glibc>=2\nsh=1\nlib<3\npython:optional\nx y", "glibc|sh|lib|python|x y"},
		{"rpm", "libc.so.6()(64bit)\n/bin/sh\nrtld(GNU_HASH)", "libc.so.6()(64bit)|/bin/sh|rtld(GNU_HASH)"},
		{"rpm", "!x\n\ny", "y"},
	} {
		got := slices.Collect(relationNames(c.typ, c.raw))
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s, %q: %q, want %q", c.typ, c.raw, got, c.want)
		}
		for name := range relationNames(c.typ, c.raw) { // whoever has enough gets no more
			if name != got[0] {
				t.Errorf("%s, %q: %q after the end", c.typ, c.raw, name)
			}
			break
		}
	}
	long := strings.Repeat("x", engine.MaxRelations/2)
	for _, c := range []struct{ a, b, want string }{
		{"a", "b", "a,b"}, {"a", "", "a"}, {"", "b", "b"}, {"", "", ""}, {long, long, long + "," + long}, {long, long + "x", ""},
		{"", long + long, long + long},
		{"", long + long + "x", ""},
	} {
		if got := joinRelations(c.a, c.b, ","); got != c.want {
			t.Errorf("%d and %d bytes: %d, want %d", len(c.a), len(c.b), len(got), len(c.want))
		}
	}
}

// What a package needs is reached however it says so: by a name, by something that another package provides, by a path, and through links;
// a package in between without code is passed, but not reached itself.
func TestReachOfPackages(t *testing.T) {
	stanza := func(name, fields string) string {
		return "Package: " + name + "\nStatus: install ok installed\nVersion: 1\n" + fields + "\n"
	}
	chain := []item{
		{path: dpkgStatus, body: stanza("web", "Depends: meta, /usr/lib/tool\n") + stanza("meta", "Depends: virtual\n") + stanza("real",
			"Provides: virtual (= 2)\n") +
			stanza("tool", "") + stanza("idle", "Depends: web\n") + stanza("other", "Provides: unused\n")},
		{path: dpkgInfo + "/web.list", body: "/bin/web\n"}, {path: dpkgInfo + "/meta.list", body: "/usr/share/doc/meta/copyright\n"},
		{path: dpkgInfo + "/tool.list", body: "/usr/lib/tool.d/run\n"}, {path: "usr/share/doc/meta/copyright", body: "c"},
		{path: "bin", link: "usr/bin"}, {path: "usr/bin/web", body: "web"}, {path: "usr/lib/tool", link: "tool.d/run"},
		{path: "usr/lib/tool.d/run", body: "x"},
	}
	inv := assembled(t, layersOf(t, chain))
	for _, c := range []struct {
		config engine.Config
		want   string
	}{
		{engine.Config{Entrypoint: []string{"web"}}, "real tool web"},
		{engine.Config{Entrypoint: []string{"/bin/web"}}, "real tool web"},
		{engine.Config{Env: []string{"A=b", "PATH=/bin"}, Cmd: []string{"web"}}, "real tool web"},
		{engine.Config{Env: []string{"PATH=/srv"}, Cmd: []string{"web"}}, ""},
		{engine.Config{Env: []string{"PATH=/srv:/bin"}, Cmd: []string{"web"}}, "real tool web"},
		{engine.Config{WorkingDir: "/usr", Cmd: []string{"bin/web"}}, "real tool web"},
		{engine.Config{WorkingDir: "/srv", Cmd: []string{"bin/web"}}, ""},
		{engine.Config{Entrypoint: []string{"/absent"}, Cmd: []string{"web"}}, "real tool web"},
		{engine.Config{Entrypoint: []string{"/usr/lib/tool"}}, "tool"},
		{engine.Config{Entrypoint: []string{"/usr/bin"}}, ""},
	} {
		if got := strings.Join(reachedBy(inv, c.config), " "); got != c.want {
			t.Errorf("%+v reaches %q, want %q", c.config, got, c.want)
		}
	}
}

// Forged packages that each need a file of the next do not make a scan search all lists of files without end.
func TestReachEnds(t *testing.T) {
	var db strings.Builder
	items := []item{{path: "usr/bin/f0", body: "x"}}
	const n = 3 * maxScans
	for i := range n {
		name := strings.Repeat("p", i+1)
		db.WriteString("Package: " + name + "\nStatus: install ok installed\nVersion: 1\nDepends: /usr/bin/f" + strings.Repeat("0", i+2) + "\n\n")
		path := "usr/bin/f" + strings.Repeat("0", i+1)
		items = append(items, item{path: dpkgInfo + "/" + name + ".list", body: "/" + path + "\n"}, item{path: path, body: "x"})
	}
	items = append(items, item{path: dpkgStatus, body: db.String()})
	if got := len(reachedBy(assembled(t, layersOf(t, items)), engine.Config{Cmd: []string{"/usr/bin/f0"}})); got != maxScans {
		t.Errorf("%d packages are reached, want %d: one for each search", got, maxScans)
	}
}

// A program in no package reaches the packages of the libraries that the loader would find for it: in its own folders first, then in those
// of the system, for every architecture.
func TestReachOfLibraries(t *testing.T) {
	const at = "opt/app/bin/own"
	for name, c := range map[string]struct {
		library string // where it is
		runPath []string
		want    bool
	}{
		"in its own folder":       {"opt/app/lib/libx.so", []string{"$ORIGIN/../lib"}, true},
		"in braces":               {"opt/app/lib/libx.so", []string{"${ORIGIN}/../lib"}, true},
		"in the second folder":    {"srv/lib/libx.so", []string{"/opt/none:/srv/lib"}, true},
		"in the second run path":  {"srv/lib/libx.so", []string{"/opt/none", "/srv/lib"}, true},
		"without a run path":      {"opt/app/lib/libx.so", nil, false},
		"in /usr/local/lib":       {"usr/local/lib/libx.so", nil, true},
		"of x86-64":               {"usr/lib/x86_64-linux-gnu/libx.so", nil, true},
		"of arm64":                {"usr/lib/aarch64-linux-gnu/libx.so", nil, true},
		"of arm":                  {"usr/lib/arm-linux-gnueabihf/libx.so", nil, true},
		"of arm, by another name": {"usr/lib/arm-linux-gnu/libx.so", nil, false},
		"in /lib64":               {"lib64/libx.so", nil, true},
		"in /usr/lib64":           {"usr/lib64/libx.so", nil, true},
		"in a folder of its own":  {"usr/lib/x/libx.so", nil, false},
		"a folder of that name":   {"usr/lib/libx.so/y", nil, false},
	} {
		facts := layersOf(t, []item{{path: dpkgStatus, body: status("libx=1")}, {path: dpkgInfo + "/libx.list", body: "/" + c.library + "\n"},
			{path: c.library, body: "x"}, {path: at, body: "x"}})
		facts[0].Evidence = append(facts[0].Evidence, engine.Evidence{Inspector: programs{}.Name(), Path: at, Layer: 1,
			Traits: &engine.Traits{Program: &engine.Program{Needed: []string{"libx.so", "a/libx.so"}, RunPath: c.runPath}}})
		got := reachedBy(assembled(t, facts), engine.Config{Cmd: []string{"/" + at}})
		if slices.Contains(got, "libx") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
