package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine"
)

var update = flag.Bool("update", false, "write what the cases want anew")

// parsed is what a case wants: the evidence of one inspector, and its error.
type parsed struct {
	By       string `json:"by"`
	OS       *engine.OS
	Packages []engine.Package
	Owned    []engine.Owned
	Gaps     []string
	Error    string
}

// inspectAll shows a file to every inspector that wants it.
func inspectAll(t testing.TB, path string, mode fs.FileMode, body []byte) []parsed {
	t.Helper()
	var out []parsed
	for _, insp := range All() {
		if !wants(insp, path, mode, body, false) {
			continue
		}
		f := engine.NewFile(engine.Entry{Path: path, Type: engine.TypeFile, Mode: mode, Size: int64(len(body))}, bytes.NewReader(body))
		ev, err := insp.Inspect(context.Background(), f)
		p := parsed{By: insp.Name(), OS: ev.OS, Packages: ev.Packages, Owned: ev.Owned}
		for _, c := range ev.Gaps {
			p.Gaps = append(p.Gaps, string(c.Kind)+": "+c.Detail)
		}
		if err != nil {
			p.Error = err.Error()
		}
		out = append(out, p)
	}
	return out
}

// A case is one txtar file: the first file is one of the image, with its path; `want` is what the inspectors say of it. As txtar holds
// text, an escape \xNN in the first file is that byte.
func TestParsers(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) < 20 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			in := a.Files[0]
			got, err := json.MarshalIndent(inspectAll(t, in.Name, 0o755, unescape(in.Data)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "want", Data: got})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(a.Files[1].Data), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func unescape(b []byte) []byte {
	for _, e := range [][2]string{{`\x00`, "\x00"}, {`\x01`, "\x01"}, {`\xff`, "\xff"}, {"\\r\n", "\r\n"}, {"\\\n", ""},
		{`\xEF\xBB\xBF`, "\xEF\xBB\xBF"}} {
		b = bytes.ReplaceAll(b, []byte(e[0]), []byte(e[1]))
	}
	return b
}

// fuzz shows any body to the inspectors that want a path, as a stream and with random access: both have to say the same.
func fuzz(f *testing.F, pattern, path string) {
	cases, err := filepath.Glob("testdata/" + pattern + "*.txtar")
	if err != nil || len(cases) == 0 {
		f.Fatalf("no seeds for %s: %v", pattern, err)
	}
	for _, name := range cases {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(unescape(a.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, insp := range All() {
			if !wants(insp, path, 0o755, body, false) {
				continue
			}
			e := engine.Entry{Path: path, Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
			streamed, serr := insp.Inspect(context.Background(), engine.NewFile(e, bytes.NewReader(body)))
			random, rerr := insp.Inspect(context.Background(), engine.NewFileAt(e, bytes.NewReader(body)))
			if diff := cmp.Diff(streamed, random); diff != "" || (serr == nil) != (rerr == nil) {
				t.Errorf("%s reads a stream and a source differently: %v, %v\n%s", insp.Name(), serr, rerr, diff)
			}
			for _, p := range streamed.Packages {
				if p.Name == "" || p.Version == "" || p.Source.Name == "" {
					t.Errorf("%s made a package without a name or version: %+v", insp.Name(), p)
				}
			}
		}
	})
}

func FuzzOSRelease(f *testing.F)   { fuzz(f, "os-release", "etc/os-release") }
func FuzzDpkg(f *testing.F)        { fuzz(f, "dpkg-status", "var/lib/dpkg/status") }
func FuzzDpkgFiles(f *testing.F)   { fuzz(f, "dpkg-md5sums", "var/lib/dpkg/info/x.md5sums") }
func FuzzApk(f *testing.F)         { fuzz(f, "apk", "lib/apk/db/installed") }
func FuzzNpm(f *testing.F)         { fuzz(f, "npm", "srv/node_modules/a/package.json") }
func FuzzPacman(f *testing.F)      { fuzz(f, "pacman-desc", pacmanLocal+"x-1-1/desc") }
func FuzzPacmanFiles(f *testing.F) { fuzz(f, "pacman-files", pacmanLocal+"x-1-1/files") }
func FuzzRPMManifest(f *testing.F) {
	fuzz(f, "rpm-manifest", "var/lib/rpmmanifest/container-manifest-2")
}
func FuzzRPM(f *testing.F)       { fuzz(f, "rpm-", "var/lib/rpm/Packages") }
func FuzzGem(f *testing.F)       { fuzz(f, "gem-", "usr/lib/ruby/gems/3.1.0/specifications/x-1.gemspec") }
func FuzzComposer(f *testing.F)  { fuzz(f, "composer-", "srv/vendor/composer/installed.json") }
func FuzzNuGet(f *testing.F)     { fuzz(f, "nuget-", "app/web.deps.json") }
func FuzzConda(f *testing.F)     { fuzz(f, "conda-", "opt/conda/conda-meta/x.json") }
func FuzzCRAN(f *testing.F)      { fuzz(f, "cran-", "usr/lib/R/library/x/DESCRIPTION") }
func FuzzHex(f *testing.F)       { fuzz(f, "hex-", "app/lib/x-1/ebin/x.app") }
func FuzzPub(f *testing.F)       { fuzz(f, "pub-", "app/pubspec.lock") }
func FuzzImageSBOM(f *testing.F) { fuzz(f, "sbom-", "usr/share/sbom/app.json") }
func FuzzPython(f *testing.F) {
	fuzz(f, "python", "usr/lib/python3/dist-packages/a-1.dist-info/METADATA")
}

// FuzzGo starts from a program that debug/buildinfo reads.
func FuzzGo(f *testing.F) {
	f.Add(program("go1.21.1", "path\tx\nmod\tx\tv1.0.0\t\ndep\ty\tv1.2.3\t\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := engine.Entry{Path: "usr/bin/x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
		ev, err := programs{}.Inspect(context.Background(), engine.NewFileAt(e, bytes.NewReader(body)))
		for _, p := range ev.Packages {
			if err == nil && (p.Name == "" || p.Version == "") {
				t.Errorf("a module without a name or version: %+v", p)
			}
		}
	})
}

// Wants runs for every entry of every layer: an allocation there costs seconds of a scan.
func TestWantsDoesNotAllocate(t *testing.T) {
	paths := []string{"usr/share/doc/x/copyright", "srv/app/node_modules/@a/b/package.json",
		"usr/lib/python3/dist-packages/a-1.dist-info/METADATA",
		"var/lib/dpkg/info/libc6:amd64.list", "usr/bin/x", "a/b/c.jar", "var/lib/dpkg/status"}
	for _, insp := range All() {
		for _, p := range paths {
			if n := testing.AllocsPerRun(100, func() { insp.Wants(p, 0o755, 1000) }); n > 0 {
				t.Errorf("%s allocates %v times for %s", insp.Name(), n, p)
			}
		}
	}
}

func BenchmarkDpkg(b *testing.B) {
	body := []byte(strings.Repeat("Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nSource: nginx (1.22)\n"+
		"Version: 1.22.1-9\nDescription: x\n more\n more\n\n", 700))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		f := engine.NewFileAt(engine.Entry{Path: dpkgStatus, Type: engine.TypeFile, Size: int64(len(body))}, bytes.NewReader(body))
		if ev, err := (dpkg{}).Inspect(context.Background(), f); err != nil || len(ev.Packages) != 700 {
			b.Fatal(len(ev.Packages), err)
		}
	}
}

// A file over its limit is an error of that kind, before a byte is read.
func TestOversized(t *testing.T) {
	for _, path := range []string{"etc/os-release", dpkgStatus, dpkgInfo + "/a.list", "lib/apk/db/installed",
		"a/node_modules/b/package.json", "a-1.dist-info/METADATA"} {
		e := engine.Entry{Path: path, Type: engine.TypeFile, Mode: 0o644, Size: engine.MaxPackageDB + 1}
		for _, insp := range All() {
			if _, sniffing := insp.(engine.Sniffing); sniffing || !insp.Wants(e.Path, e.Mode, e.Size) {
				continue
			}
			_, err := insp.Inspect(context.Background(), engine.NewFile(e, strings.NewReader("")))
			if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) {
				t.Errorf("%s over %s: %v, want a limit", insp.Name(), path, err)
			}
		}
	}
}
