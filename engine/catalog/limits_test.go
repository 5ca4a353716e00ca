package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// A file with as many packages, files or faults as are read is read whole; with one more it is a limit, and what was read before is kept. A
// file that ends in silence at a limit would hide every package behind it.
func TestLimitsOfDatabases(t *testing.T) {
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const stanza = "Package: p%d\nStatus: install ok installed\nVersion: 1\n\n"
	for name, c := range map[string]struct {
		path            string
		body            func(n int) string
		most            int
		packages, files int // of a file with as many as may be
		faults          int
	}{
		"packages of dpkg": {dpkgStatus, func(n int) string { return lines(n, stanza) }, engine.MaxPackages, engine.MaxPackages, 0, 0},
		"packages of apk": {"lib/apk/db/installed", func(n int) string { return lines(n, "P:p%d\nV:1\n\n") }, engine.MaxPackages,
			engine.MaxPackages, 0, 0},
		"packages of rpm's manifest": {"var/lib/rpmmanifest/container-manifest-2",
			func(n int) string { return lines(n, "p%d\t1-1\t\t\t\t\t\t\t\t\n") },
			engine.MaxPackages, engine.MaxPackages, 0, 0},
		"packages of Composer": {"srv/vendor/composer/installed.json", func(n int) string {
			return "[" + strings.TrimSuffix(lines(n, `{"name":"p%d","version":"1"},`), ",") + "]"
		}, engine.MaxPackages, engine.MaxPackages, 0, 0},
		"packages of .NET": {"app/a.deps.json", func(n int) string {
			return `{"libraries":{` + strings.TrimSuffix(lines(n, `"p%d/1":{"type":"package"},`), ",") + "}}"
		}, engine.MaxPackages, engine.MaxPackages, 0, 0},
		"packages of Dart": {"app/pubspec.lock", func(n int) string {
			return "packages:\n" + lines(n, "  p%d:\n    source: hosted\n    version: \"1\"\n")
		}, engine.MaxPackages, engine.MaxPackages, 0, 0},
		"packages of Dart, before another section": {"app/pubspec.lock", func(n int) string {
			return "packages:\n" + lines(n, "  p%d:\n    source: hosted\n    version: \"1\"\n") + "sdks:\n  dart: \">=3.0.0\"\n"
		}, engine.MaxPackages, engine.MaxPackages, 0, 0},
		"files of dpkg": {dpkgInfo + "/a.list", func(n int) string { return lines(n, "/f%d\n") }, engine.MaxOwnedFiles, 0,
			engine.MaxOwnedFiles, 0},
		"files of apk": {"lib/apk/db/installed", func(n int) string { return "P:a\nV:1\nF:usr\n" + lines(n, "R:f%d\n") + "\n" },
			engine.MaxOwnedFiles, 1, engine.MaxOwnedFiles, 0},
		"files of pacman": {pacmanLocal + "a-1-1/files", func(n int) string { return "%FILES%\n" + lines(n, "f%d\n") + "\n" },
			engine.MaxOwnedFiles, 0, engine.MaxOwnedFiles, 0},
		"faults of dpkg": {dpkgStatus, func(n int) string { return lines(n, "fault %d\n\n") }, engine.MaxGaps, 0, 0, engine.MaxGaps},
		"faults of apk": {"lib/apk/db/installed", func(n int) string { return lines(n, "fault %d\n\n") }, engine.MaxGaps, 0, 0,
			engine.MaxGaps},
		"faults of accounts": {"etc/passwd", func(n int) string { return lines(n, "fault %d\n") }, engine.MaxGaps, 0, 0, engine.MaxGaps},
		"faults of Composer": {"srv/vendor/composer/installed.json", func(n int) string {
			return "[" + strings.TrimSuffix(lines(n, `%d,`), ",") + "]"
		}, engine.MaxGaps, 0, 0, engine.MaxGaps},
		"faults of .NET": {"app/a.deps.json", func(n int) string {
			return `{"libraries":{` + strings.TrimSuffix(lines(n, `"/%d":{"type":"package"},`), ",") + "}}"
		}, engine.MaxGaps, 0, 0, engine.MaxGaps},
		"faults of Dart": {"app/pubspec.lock", func(n int) string { return "packages:\n" + lines(n, "  p%d:\n    source: hosted\n") },
			engine.MaxGaps, 0, 0, engine.MaxGaps},
	} {
		for _, over := range []bool{false, true} {
			n := c.most
			if over {
				n++
			}
			ev, err := inspectorOf(t, c.path).Inspect(t.Context(), fileAt(c.path, []byte(c.body(n))))
			limit := (*engine.LimitError)(nil)
			files := 0
			for _, o := range ev.Owned {
				files += len(o.Files)
			}
			switch {
			case over && !errors.As(err, &limit) && (c.files == 0 || len(ev.Gaps) == 0): // a package with too many files may be the gap
				t.Errorf("%s, one more than there may be: %d packages, %d files, %d gaps, %v", name, len(ev.Packages), files, len(ev.Gaps), err)
			case !over && (err != nil || len(ev.Packages) != c.packages || files != c.files || len(ev.Gaps) != c.faults):
				t.Errorf("%s, as many as there may be: %d packages, %d files, %d gaps, %v", name, len(ev.Packages), files, len(ev.Gaps), err)
			case over && len(ev.Packages) < min(c.packages, engine.MaxPackages) && c.files == 0:
				t.Errorf("%s: of what was read before the limit there are %d packages", name, len(ev.Packages))
			}
		}
	}
	accountLines := func(n int) (engine.Evidence, error) {
		return accounts{}.Inspect(t.Context(), fileAt("etc/passwd", []byte(strings.Repeat("a:x:1:1::/:/bin/sh\n", n))))
	}
	if ev, err := accountLines(engine.MaxAccountLines); err != nil || len(ev.Traits.Accounts) != engine.MaxAccountLines {
		t.Errorf("as many accounts as there may be: %v", err)
	}
	if _, err := accountLines(engine.MaxAccountLines + 1); err == nil {
		t.Error("more accounts than there may be are no limit")
	}
}

// inspectorOf returns the only inspector that wants a file.
func inspectorOf(t *testing.T, path string) engine.Inspector {
	t.Helper()
	var found engine.Inspector
	for _, insp := range All() {
		if wants(insp, path, 0o644, make([]byte, 100), false) {
			if found != nil {
				t.Fatalf("%s and %s want %s", found.Name(), insp.Name(), path)
			}
			found = insp
		}
	}
	if found == nil {
		t.Fatalf("nobody wants %s", path)
	}
	return found
}

// A text of many lines or records is left when the context ends; its error is the inspector's, so that nobody takes half a list for a whole
// one.
func TestInspectorsEndWithTheirContext(t *testing.T) {
	for path, body := range map[string]string{
		dpkgStatus: status("a=1"), "lib/apk/db/installed": "P:a\nV:1\n\n", "var/lib/rpmmanifest/container-manifest-2": "a\t1-1\t\t\t\t\t\t\t\t\n",
		"var/lib/rpm/Packages.db": rpmDatabase(rpmHeader(nil)), "a.jar": zipped(t, pomOf("a", "b", "1")),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e := engine.Entry{Path: path, Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
		if _, err := inspectorOf(t, path).Inspect(ctx, engine.NewFileAt(e, strings.NewReader(body))); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", path, err)
		}
	}
}

var errBroken = errors.New("the source broke off")

// breaking is a source that fails.
type breaking struct{}

func (breaking) Read([]byte) (int, error)          { return 0, errBroken }
func (breaking) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

// A file that cannot be read is an error of every inspector that reads it, and not a file without packages.
func TestInspectorsPassErrorsOn(t *testing.T) {
	for _, path := range []string{
		"etc/os-release", "etc/passwd", dpkgStatus, dpkgInfo + "/a.list", "lib/apk/db/installed", "var/lib/rpm/Packages.db",
		"var/lib/rpmmanifest/container-manifest-2", pacmanLocal + "a-1-1/desc", "srv/node_modules/a/package.json", "srv/a.dist-info/METADATA",
		"srv/a.jar", "srv/a.nar", "srv/specifications/a.gemspec", "srv/vendor/composer/installed.json", "srv/a.deps.json",
		"opt/conda-meta/a.json",
		"usr/lib/R/library/a/DESCRIPTION", "srv/a/ebin/a.app", "srv/pubspec.lock", "usr/share/sbom/a.json", "usr/share/doc/a/copyright",
		"opt/jdk/release", "srv/go/VERSION",
	} {
		insp := inspectorOf(t, path)
		e := engine.Entry{Path: path, Type: engine.TypeFile, Mode: 0o644, Size: 100}
		for kind, f := range map[string]*engine.File{"a stream": engine.NewFile(e, breaking{}), "a source": engine.NewFileAt(e, breaking{})} {
			if ev, err := insp.Inspect(t.Context(), f); !errors.Is(err, errBroken) {
				t.Errorf("%s of %s that breaks off: %+v, %v", path, kind, ev, err)
			}
		}
	}
	e := engine.Entry{Path: "usr/bin/node", Type: engine.TypeFile, Mode: 0o755, Size: 1 << 20}
	for _, insp := range []engine.Inspector{programs{}, signature{}} {
		for kind, f := range map[string]*engine.File{"a stream": engine.NewFile(e, breaking{}), "a source": engine.NewFileAt(e, breaking{})} {
			if ev, err := insp.Inspect(t.Context(), f); !errors.Is(err, errBroken) {
				t.Errorf("%s of %s that breaks off: %+v, %v", insp.Name(), kind, ev, err)
			}
		}
	}
	for _, insp := range []engine.Inspector{programs{}, signature{}} {
		if _, err := insp.Inspect(t.Context(), engine.NewFile(e, bytes.NewReader(elfHeader()))); err == nil {
			t.Errorf("%s: a program that ends before its size is no error", insp.Name())
		}
	}
}
