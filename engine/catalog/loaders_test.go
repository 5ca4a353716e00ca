package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
)

// zipWith packs files, given as NAME and BODY in turn, behind a line.
func zipWith(t testing.TB, line string, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(line)
	z := zip.NewWriter(&b)
	z.SetOffset(int64(b.Len()))
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// summarize says what one inspector found: packages with their place in the file, gaps, and the error.
func summarize(t testing.TB, insp engine.Inspector, path string, body []byte) string {
	t.Helper()
	f := engine.NewFile(engine.Entry{Path: path, Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}, bytes.NewReader(body))
	ev, err := insp.Inspect(context.Background(), f)
	var out []string
	for _, p := range ev.Packages {
		place := ""
		for _, l := range p.Locations {
			place = " in " + l.Path
		}
		out = append(out, p.Name+" "+p.Version+place)
	}
	for _, g := range ev.Gaps {
		out = append(out, string(g.Kind))
	}
	if err != nil {
		out = append(out, "error")
	}
	return strings.Join(out, "; ")
}

func TestPythonArchives(t *testing.T) {
	const header, line = "Name: x\nVersion: 1\n\n", "#!/usr/bin/python3\n"
	inner := string(zipWith(t, "", "y-2.dist-info/METADATA", "Name: y\nVersion: 2\n\n"))
	for name, c := range map[string]struct {
		path string
		body []byte
		want string
	}{
		"a wheel":                               {"x-1-py3-none-any.whl", zipWith(t, "", "x-1.dist-info/METADATA", header), "x 1"},
		"a wheel without metadata":              {"x-1-py3-none-any.whl", zipWith(t, "", "x.py", "1"), "x 1"},
		"a wheel of data alone":                 {"x-1-py3-none-any.whl", zipWith(t, "", "x.txt", "1"), ""},
		"a wheel with a list alone":             {"x-1-py3-none-any.whl", zipWith(t, "", "x-1.dist-info/RECORD", "1"), "x 1"},
		"a wheel with another name":             {"x-9-py3-none-any.whl", zipWith(t, "", "x-1.dist-info/METADATA", header), "x 1"},
		"a folder with another name":            {"x.whl", zipWith(t, "", "y-3.dist-info/METADATA", header), "y 3; x 1"},
		"an egg":                                {"x-1-py3.9.egg", zipWith(t, "", "EGG-INFO/PKG-INFO", header), "x 1"},
		"an egg without metadata":               {"x-1-py3.9.egg", zipWith(t, "", "EGG-INFO/zip-safe", ""), "x 1"},
		"information in a file":                 {"x.pyz", zipWith(t, "", "x-1-py3.9.egg-info", header), "x 1 in x-1-py3.9.egg-info"},
		"information in a file of another name": {"x.pyz", zipWith(t, "", "y-2-py3.9.egg-info", header), "x 1 in y-2-py3.9.egg-info"},
		"an egg that says nothing":              {"x.egg", zipWith(t, "", "x.py", ""), "malformed"},
		"a program": {"app", zipWith(t, line, "__main__.py", "", "lib/x-1.dist-info/METADATA", header),
			"x 1 in lib/x-1.dist-info"},
		"a program of the shell":     {"app", zipWith(t, "#!/bin/sh\n", "x-1.dist-info/METADATA", header), ""},
		"a program without a line":   {"app", zipWith(t, "", "x-1.dist-info/METADATA", header), "x 1 in x-1.dist-info"},
		"a program without packages": {"app.pyz", zipWith(t, "#!/usr/bin/python3\n", "__main__.py", ""), ""},
		"a wheel in a program":       {"app.pex", zipWith(t, "", ".deps/y.whl", inner), "y 2 in .deps/y.whl"},
		"a folder in a program": {"app.pex", zipWith(t, "", ".deps/x.whl/x-1.dist-info/METADATA", header),
			"x 1 in .deps/x.whl/x-1.dist-info"},
		"upper case":                   {"X.WHL", zipWith(t, "", "x-1.DIST-INFO/METADATA", header), "x 1"},
		"an empty file, then PKG-INFO": {"x.whl", zipWith(t, "", "x-1.dist-info/METADATA", "", "x-1.dist-info/PKG-INFO", header), "x 1"},
		"damaged metadata":             {"x.whl", zipWith(t, "", "x-1.dist-info/METADATA", "no header"), "malformed; x 1"},
		"no archive":                   {"x.whl", []byte("no archive"), "error"},
		"no archive without its name":  {"x.zip", []byte("PK\x03\x04 no archive"), ""},
		"a script":                     {"app", []byte("#!/usr/bin/python3\nimport sys\n"), ""},
	} {
		got := summarize(t, pythonArchives{}, c.path, c.body)
		if !slices.Equal(sortedParts(got), sortedParts(c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func sortedParts(s string) []string { return slices.Sorted(strings.SplitSeq(s, "; ")) }

// Archives in archives, many files and large ones end at limits, and a limit is an error.
func TestLimitsOfPythonArchives(t *testing.T) {
	body := zipWith(t, "", "x-1.dist-info/METADATA", "Name: x\nVersion: 1\n\n")
	for i := range engine.MaxNestedArchives + 1 {
		body = zipWith(t, "", fmt.Sprintf("%d.whl", i), string(body))
	}
	if got := summarize(t, pythonArchives{}, "x.whl", body); got != "error" {
		t.Errorf("nested: %q", got)
	}
	bomb := zipWith(t, "", "x-1.dist-info/METADATA", strings.Repeat("x", engine.MaxMetadata+1))
	if got := summarize(t, pythonArchives{}, "x.whl", bomb); got != "error" {
		t.Errorf("a large file: %q", got)
	}
}

func TestPythonArchivesWants(t *testing.T) {
	for p, want := range map[string]bool{"opt/x.whl": true, "usr/lib/x.EGG": true, "usr/lib/x.pyz": true, "a/x.zip": true,
		"usr/bin/x": false, "opt/x": true, "usr/local/bin/x": true, "opt/README": false, "etc/x": false, "opt/x.txt": false, "var/x": false} {
		if got := (pythonArchives{}).Wants(p, 0o644, 1000); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
	if !(pythonArchives{}).Wants("usr/bin/x", 0o755, 1000) || (pythonArchives{}).Wants("usr/bin/x", 0o755, 10) {
		t.Error("an executable file may be one, and a tiny one is none")
	}
}

func TestChisel(t *testing.T) {
	pack := func(lines ...string) []byte {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = z.Close() }()
		return z.EncodeAll([]byte(strings.Join(lines, "\n")+"\n"), nil)
	}
	const head = `{"jsonwall":"1.0","schema":"1.0","count":2}`
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"packages": {pack(head, `{"kind":"package","name":"x","version":"1","arch":"amd64"}`, `{"kind":"path","path":"/"}`),
			"x 1; unsupported"},
		"another format": {pack(`{"jsonwall":"2.0"}`, `{"kind":"package","name":"x","version":"1"}`), "error"},
		"no packages":    {pack(head), "error"},
		"no version": {pack(head, `{"kind":"package","name":"x"}`, `{"kind":"package","name":"y","version":"2"}`),
			"y 2; malformed; unsupported"},
		"another case":   {pack(head, `{"kind":"package","name":"x","version":"1","Version":"9"}`), "x 1; unsupported"},
		"no JSON":        {pack(head, "x"), "error"},
		"a number":       {pack(head, `{"kind":"package","name":"x","version":1}`), "error"},
		"not compressed": {[]byte(head + "\n"), "error"},
		"too large":      {pack(head, strings.Repeat(`{"kind":"path"}`+"\n", engine.MaxPackageDB/10)), "error"},
		"cut off":        {pack(head, `{"kind":"package","name":"x","version":"1"}`)[:20], "error"},
	} {
		if got := summarize(t, chisel{}, "var/lib/chisel/manifest.wall", c.body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestJournals(t *testing.T) {
	hot := journalMagic + strings.Repeat("\x00", 504)
	for name, c := range map[string]struct{ path, body, want string }{
		"a hot journal":               {"var/lib/rpm/rpmdb.sqlite-journal", hot, "error"},
		"a journal that is done with": {"var/lib/rpm/rpmdb.sqlite-journal", strings.Repeat("\x00", 512), ""},
		"a log of changes":            {"usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "x", "error"},
	} {
		if got := summarize(t, rpm{}, c.path, []byte(c.body)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if (rpm{}).Wants("var/lib/rpm/rpmdb.sqlite-journal", 0o644, 0) || !(rpm{}).Wants("var/lib/rpm/rpmdb.sqlite-journal", 0o644, 1) {
		t.Error("an empty journal says nothing, another is read")
	}
}

func FuzzPythonArchive(f *testing.F) {
	f.Add(zipWith(f, "", "x-1.dist-info/METADATA", "Name: x\nVersion: 1\n\n"))
	f.Add(zipWith(f, "#!/usr/bin/python3\n", "EGG-INFO/PKG-INFO", "Name: x\nVersion: 1\n\n", "y.whl", "PK"))
	f.Fuzz(func(t *testing.T, body []byte) { summarize(t, pythonArchives{}, "x.whl", body) })
}

func FuzzChisel(f *testing.F) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(z.EncodeAll([]byte(`{"jsonwall":"1.0"}`+"\n"+`{"kind":"package","name":"x","version":"1"}`+"\n"), nil))
	f.Fuzz(func(t *testing.T, body []byte) { summarize(t, chisel{}, "var/lib/chisel/manifest.wall", body) })
}

func FuzzComposerRuntime(f *testing.F) {
	f.Add([]byte("<?php return array('root' => ['name' => \"a\"]," +
		" 'versions' => array('a/b' => array('pretty_version' => '1' . '2', 0 => NULL)));"))
	f.Add([]byte("<?php /* x */ return [ # y\n 'versions' => [],];"))
	f.Fuzz(func(t *testing.T, body []byte) {
		f := manifestReader{read: readComposerRuntime}
		summarize(t, f, "srv/vendor/composer/installed.php", body)
	})
}
