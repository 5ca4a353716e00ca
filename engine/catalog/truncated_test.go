package catalog

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine"
)

// identities returns the packages of evidence, and the distribution.
func identities(ev engine.Evidence) string {
	var out []string
	for _, p := range ev.Packages {
		out = append(out, p.Name+"@"+p.Version)
	}
	if ev.OS != nil {
		out = append(out, ev.OS.ID+string(ev.OS.VersionID))
	}
	return strings.Join(out, " ")
}

// A file that is cut off within a line is a gap or an error, unless its packages are the same. Otherwise a package would be missing, or
// have half a version, and nothing would say so.
func TestCutOff(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	gaps := map[string]int{}
	for _, name := range cases {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, body := a.Files[0].Name, unescape(a.Files[0].Data)
		for _, insp := range All() {
			if !wants(insp, p, 0o644, body, false) {
				continue
			}
			inspect := func(b []byte) (engine.Evidence, error) {
				e := engine.Entry{Path: p, Type: engine.TypeFile, Mode: 0o644, Size: int64(len(b))}
				return insp.Inspect(context.Background(), engine.NewFileAt(e, bytes.NewReader(b)))
			}
			full, err := inspect(body)
			if err != nil || len(full.Gaps) > 0 || identities(full) == "" {
				continue // of what is a gap already, or no list of packages, nothing can be lost
			}
			for i := 1; i < len(body); i++ {
				if body[i-1] == '\n' || body[i] == '\n' || body[i] == '\r' {
					continue
				}
				ev, err := inspect(body[:i])
				if err != nil || len(ev.Gaps) > 0 {
					gaps[insp.Name()]++
				} else if got := identities(ev); got != identities(full) && got != "" {
					t.Errorf("%s, %s: cut off at byte %d there is no gap and\n%s\nin place of\n%s", name, insp.Name(), i, got, identities(full))
				} else if got == "" {
					t.Errorf("%s, %s: cut off at byte %d there is neither a package nor a gap", name, insp.Name(), i)
				}
			}
		}
	}
	if t.Log(gaps); len(gaps) < 13 {
		t.Errorf("only %d inspectors were tried", len(gaps))
	}
}

// A file of packages that is empty, or is no such file at all, is a gap, and lists nothing.
func TestEmptyAndStrange(t *testing.T) {
	for _, p := range []string{
		"etc/os-release", "var/lib/dpkg/status", "lib/apk/db/installed", "var/lib/rpm/Packages", "var/lib/rpm/Packages.db",
		"var/lib/rpm/rpmdb.sqlite",
		"var/lib/rpmmanifest/container-manifest-2", "var/lib/pacman/local/a-1-1/desc", "srv/node_modules/a/package.json",
		"srv/a.dist-info/METADATA", "srv/a.egg-info",
		"srv/a.jar", "srv/specifications/a.gemspec", "srv/vendor/composer/installed.json", "srv/a.deps.json", "opt/conda/conda-meta/a.json",
		"usr/lib/R/library/a/DESCRIPTION",
		"usr/lib/elixir/lib/a/ebin/a.app", "srv/pubspec.lock", "usr/share/sbom/a.spdx.json", "opt/bitnami/a/.spdx-a.spdx", "srv/Cargo.lock",
	} {
		for name, body := range map[string]string{"empty": "", "zeros": strings.Repeat("\x00", 5000),
			"strange": "\x7f\xff\xfe strange {[<% \n\t: =\n" + strings.Repeat("A", 5000) + "\n"} {
			inv := assembled(t, layersOf(t, []item{{path: p, body: body}}))
			if len(inv.Gaps) == 0 {
				t.Errorf("%s, %s: no gap, and packages %q", p, name, summary(inv))
			}
			if len(inv.Packages) > 0 {
				t.Errorf("%s, %s: packages %q", p, name, summary(inv))
			}
		}
	}
}
