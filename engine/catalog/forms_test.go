package catalog

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// The build information of a program names a package for each module, or there is a gap: for a folder in a module's place, for a module of
// a workspace, for a program without modules, and for packages in it that are of none of the modules.
func TestGoModulesWithoutVersions(t *testing.T) {
	main := debug.Module{Path: "example.test/app", Version: "(devel)"}
	dep := func(path, version string, replaced ...string) *debug.Module {
		m := &debug.Module{Path: path, Version: version}
		if replaced != nil {
			m.Replace = &debug.Module{Path: replaced[0], Version: replaced[1]}
		}
		return m
	}
	standard := []string{"fmt", "main", "vendor/golang.org/x/net/idna"}
	for name, c := range map[string]struct {
		info  debug.BuildInfo
		paths []string
		gap   string
	}{
		"modules": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "v1.0.0")}},
			append(standard, "a.test/b/c", "example.test/app/x"), ""},
		"a fork in its place": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "v1.0.0", "c.test/d", "v1.0.0")}},
			[]string{"a.test/b"}, ""},
		"a folder in its place": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "v1.0.0", "./b", "")}}, standard,
			"from a folder"},
		"a folder with a version": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "v1.0.0", "../b", "v1.0.0")}}, standard,
			"from a folder"},
		"a folder of Windows": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "v1.0.0", `C:\b`, "")}}, standard,
			"from a folder"},
		"of a workspace": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "(devel)")}}, standard, "from a folder"},
		"the application's own": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("example.test/app/lib", "v0.0.0", "./lib", "")}},
			standard, ""},
		"not in its own folder": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("example.test/app/lib", "v0.0.0", "./../lib", "")}},
			standard, "from a folder"},
		"without modules": {debug.BuildInfo{Path: "app"}, append(standard, "a.test/b"),
			"without modules, so that the versions of its packages are unknown: a.test/b"},
		"without modules, vendored": {debug.BuildInfo{Path: "app"}, []string{"x.test/app/vendor/a.test/b"}, "unknown: a.test/b"},
		"nothing but a version":     {debug.BuildInfo{}, nil, "without modules"},
		"the toolchain":             {debug.BuildInfo{Path: "cmd/gofmt"}, append(standard, "cmd/vendor/golang.org/x/mod"), ""},
		"called like the toolchain": {debug.BuildInfo{Path: "cmd/gofmt"}, append(standard, "a.test/b"), "without modules"},
		"more than it names": {debug.BuildInfo{Main: main, Deps: []*debug.Module{dep("a.test/b", "v1.0.0")}},
			[]string{"a.test/b", "a.test/bc"}, "no module for packages"},
		"a test": {debug.BuildInfo{Main: main}, []string{"example.test/app_test", "example.test/app.test"}, "no module"},
	} {
		c.info.GoVersion = "go1.25.0"
		got := ""
		for _, g := range modulesOf(&c.info, c.paths).Gaps {
			got += g.Detail
		}
		if (c.gap == "") != (got == "") || !strings.Contains(got, c.gap) {
			t.Errorf("%s: %q, want %q", name, got, c.gap)
		}
	}
}

// A name with type arguments is of its own package, whatever they are.
func TestTypeArguments(t *testing.T) {
	for name, want := range map[string]string{
		"slices.Grow[[]math/big.Word]":                                  "slices Grow",
		"slices.EqualFunc[go.shape.[]*regexp/syntax.Regexp,go.shape.*]": "slices EqualFunc",
		"a.test/b.(*T[go.shape.map[string][]int]).M":                    "a.test/b T.M",
		"a.test/b.F": "a.test/b F",
	} {
		if path, symbol := splitSymbol(name); path+" "+symbol != want {
			t.Errorf("%s: %s %s", name, path, symbol)
		}
	}
}

// Whatever the name and the mode of a library of Go are, its modules are found, and damaged information is a gap while its table is there.
func TestGoProgramsUnderAnyName(t *testing.T) {
	info := "path\tx\nmod\tx\tv1.0.0\t\ndep\tgolang.org/x/text\tv0.3.5\th1:x=\n"
	whole := program("go1.21.1", info)
	for _, name := range []string{"api", "api.sh", "api.py", "out_plugin.so", "README"} {
		for _, executable := range []bool{true, false} {
			for _, stream := range []bool{true, false} {
				if got := look(t, name, executable, whole, stream); !got.packages["golang.org/x/text@v0.3.5"] {
					t.Errorf("%s (executable %v, stream %v): %v", name, executable, stream, got)
				}
			}
		}
	}
	damaged := bytes.Replace(whole, []byte(goMagic), []byte("\xff Go buildinf;"), 1)
	table := []byte("\xf1\xff\xff\xff\x00\x00\x01\x08")
	copy(damaged[128+64:], table)
	if got := look(t, "api", true, damaged, false); !strings.Contains(got.gap, "a Go program whose build information cannot be read") {
		t.Errorf("damaged, without sections: %+v", got)
	}
	large := append(slices.Clone(damaged), make([]byte, engine.MaxProgramHeld)...)
	if got := look(t, "api", true, large, true); !strings.Contains(got.gap, "a Go program whose build information cannot be read") {
		t.Errorf("damaged, large, as a stream: %+v", got)
	}
}

// jars are forms of one archive that Java takes.
func TestJavaForms(t *testing.T) {
	plain := stored(t, member{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"}, member{"Main.class", "x"}, pomOf("g", "a", "1.2"))
	commented := func(comment string) string {
		b := []byte(plain)
		binary.LittleEndian.PutUint16(b[len(b)-2:], uint16(len(comment))) // short
		return string(b) + comment
	}
	end := zipEndSig + strings.Repeat("\x00", zipEndSize-4)
	for name, c := range map[string]struct {
		file, body string
		quiet      bool
	}{
		"its own name":                   {"app.jar", plain, false},
		"no extension":                   {"app", plain, false},
		"another extension":              {"app.txt", plain, false},
		"an end in its comment":          {"app.jar", commented(end + "!"), false},
		"an end in its comment, exactly": {"app.jar", commented("x" + end), false},
		"behind a script":                {"app", "#!/bin/sh\nexec java -jar \"$0\"\n" + plain, false},
		"behind anything":                {"app", "anything" + plain, false},
		"before anything":                {"app", plain + "anything", false},
		"before another archive":         {"app", plain + stored(t, member{"a.txt", "x"}), false},
		"in an archive, by another name": {"app.jar", stored(t, member{"Other.class", "x"}, member{"lib/x.bin", plain}), false},
		"its properties escaped": {"app", stored(t, member{"A.class", "x"},
			member{"META-INF/maven/g/a/pom.properties", "group\\u0049d:g\nartifactId a\nversion=1.\\\n  2\n"}), false},
		"its properties moved": {"app", stored(t, member{"A.class", "x"},
			member{"WEB-INF/classes/META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1.2\n"}), false},
		"no archive of Java":              {"app.zip", stored(t, member{"word/document.xml", "x"}, member{"lib/a.jar", plain}), true},
		"a module of the JDK":             {"java.base.jmod", jmodSig + stored(t, member{"classes/module-info.class", "x"}), true},
		"what is no archive":              {"data.zip", "PK\x03\x04 and nothing more", true},
		"a signed extension of a browser": {"a.xpi", stored(t, member{"META-INF/manifest.mf", "x"}, member{"a.js", "x"}), true},
	} {
		for _, stream := range []bool{true, false} {
			got := look(t, c.file, false, []byte(c.body), stream)
			if found := got.packages["g:a@1.2"] || stream && got.gap != ""; found == c.quiet || c.quiet && got.gap != "" {
				t.Errorf("%s (stream %v): %+v", name, stream, got)
			}
		}
	}
	hidden := []byte(plain[:strings.Index(plain, zipListSig)] + end) // a list of nothing, behind files
	if got := look(t, "app.jar", false, hidden, false); got.gap == "" {
		t.Errorf("an empty list behind files: %+v", got)
	}
}

// appended puts bytes behind a program; put names places of it that are filled with numbers.
func appended(t *testing.T, body string) []byte {
	t.Helper()
	b := elfFile(elf.ELFCLASS64, binary.LittleEndian, section{name: ".text", typ: elf.SHT_PROGBITS, data: make([]byte, 300)})
	return append(b, body...)
}

// A .NET program in a single file lists its libraries in its bundle.
func TestDotNetBundle(t *testing.T) {
	deps := `{"targets":{"x":{"A/1.0.0":{"runtime":{"a.dll":{}}}}},"libraries":{"A/1.0.0":{"type":"package"}}}`
	sig := "\x8b\x12\x02\xb9\x6a\x61\x20\x38" + bundleSignature
	host := appended(t, "")
	bundle := func(major uint32, offset, size int64) []byte {
		b := append(slices.Clone(host), sig...)
		at := len(b)
		copy(b[100:], sig) // in the section of the code: room for the offset is before it
		b = b[:at-len(sig)]
		binary.LittleEndian.PutUint64(b[92:], uint64(len(b)+len(deps))) // a size
		b = append(b, deps...)
		for _, v := range []any{major, uint32(0), uint32(1)} {
			b, _ = binary.Append(b, binary.LittleEndian, v)
		}
		b = append(b, 2, 'i', 'd')
		b, _ = binary.Append(b, binary.LittleEndian, []int64{offset, size, 0, 0, 0})
		return b
	}
	at := int64(len(host))
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"whole":            {bundle(6, at, int64(len(deps))), "A@1.0.0"},
		"no list":          {bundle(6, 0, 0), "no list of its libraries"},
		"too old":          {bundle(1, at, int64(len(deps))), "does not say where"},
		"a list elsewhere": {bundle(6, 1<<40, 5), "not in the file"},
		"a size below 0":   {bundle(6, at, -5), "not in the file"},
		"only the mark":    {appended(t, "\xd0\x07\x00\x00\x00\x00\x00\x00"+sig), "cannot be read"},
	} {
		got := look(t, "app", true, c.body, false)
		if !got.packages[c.want] && !strings.Contains(got.gap, c.want) {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
	plain := slices.Clone(host)
	copy(plain[100:], sig)
	if got := look(t, "app", true, append(plain, "more"...), false); got.gap != "" {
		t.Errorf("a host without a bundle: %+v", got)
	}
	if got := look(t, "app", true, appended(t, "MEI\x0c\x0b\x0a\x0b\x0e"), false); !strings.Contains(got.gap, "PyInstaller") {
		t.Errorf("PyInstaller: %+v", got)
	}
}

// nativeImage makes a program with the symbols of a native image of GraalVM; its segment is the whole file.
func nativeImage(t *testing.T, sbom []byte, length uint64, symbols ...string) []byte {
	t.Helper()
	names := "\x00" + strings.Join(symbols, "\x00") + "\x00"
	const data = 0x2000
	table := make([]byte, 24*(len(symbols)+1))
	for i, s := range symbols {
		b := table[24*(i+1):]
		binary.LittleEndian.PutUint32(b, uint32(strings.Index(names, "\x00"+s+"\x00")+1)) // short
		b[6] = 1
		address := uint64(data)
		if s == "sbom_length" {
			address = data - 8
		}
		binary.LittleEndian.PutUint64(b[8:], address)
	}
	b := elfFile(elf.ELFCLASS64, binary.LittleEndian, section{name: ".text", typ: elf.SHT_PROGBITS, data: []byte("x")},
		section{name: ".dynsym", typ: elf.SHT_DYNSYM, link: 3, data: table}, section{name: ".dynstr", typ: elf.SHT_STRTAB, data: []byte(names)})
	b = append(b, make([]byte, data-len(b))...)
	binary.LittleEndian.PutUint64(b[data-8:], length)
	b = append(b, sbom...)
	at := len(b)
	var p bytes.Buffer
	for _, v := range []any{uint32(elf.PT_LOAD), uint32(elf.PF_R), uint64(0), uint64(0), uint64(0), uint64(at), uint64(at),
		uint64(4096)} { // a size
		if err := binary.Write(&p, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	b = append(b, p.Bytes()...)
	binary.LittleEndian.PutUint64(b[32:], uint64(at)) // a size
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[56:], 1)
	return b
}

// A native image of GraalVM has the packages of its bill of materials, or is a gap.
func TestNativeImages(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","group":"g","name":"a",` +
		`"version":"1.2","purl":"pkg:maven/g/a@1.2"}]}`))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	length := uint64(packed.Len()) // a size
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"with a bill":     {nativeImage(t, packed.Bytes(), length, "sbom", "sbom_length", "graal_create_isolate"), "g:a@1.2"},
		"without":         {nativeImage(t, nil, 0, "main", "graal_create_isolate"), "without a bill of materials"},
		"cut off":         {nativeImage(t, packed.Bytes()[:30], 30, "sbom", "sbom_length"), "cannot be read"},
		"longer":          {nativeImage(t, packed.Bytes(), 1<<40, "sbom", "sbom_length"), "cannot be read"},
		"nothing in it":   {nativeImage(t, nil, 0, "sbom", "sbom_length"), "cannot be read"},
		"another program": {nativeImage(t, nil, 0, "main", "sbom"), ""},
	} {
		got := look(t, "app", true, c.body, false)
		if c.want == "" && got.gap != "" || c.want != "" && !got.packages[c.want] && !strings.Contains(got.gap, c.want) {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

// FuzzELF checks that no program makes its readers panic.
func FuzzELF(f *testing.F) {
	f.Add(program("go1.21.1", "path\tx\nmod\tx\tv1.0.0\t\n"))
	f.Add(elfFile(elf.ELFCLASS32, binary.BigEndian, section{name: ".text", typ: elf.SHT_PROGBITS, data: []byte("x")}))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, stream := range []bool{true, false} {
			e := engine.Entry{Path: "x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
			_, _ = programs{}.Inspect(t.Context(), fileOf(e, body, stream))
		}
	})
}

// FuzzZipList checks that an archive's lists are read within their limits, whatever they are.
func FuzzZipList(f *testing.F) {
	f.Add([]byte(stored(f, member{"a", "b"}, member{"c.jar", stored(f, member{"d", "e"})})))
	f.Add([]byte(zipLocatorSig + strings.Repeat("\xff", 60) + zipEndSig + strings.Repeat("\xff", 18)))
	f.Fuzz(func(t *testing.T, body []byte) {
		left := int64(1 << 20)
		z := &zipReader{at: bytes.NewReader(body), size: int64(len(body)), read: func(n int64) error {
			if left -= n; left < 0 {
				return &engine.LimitError{What: "x", Limit: 1 << 20}
			}
			return nil
		}}
		all, _ := z.entries()
		for i := range all {
			_, _ = z.data(&all[i])
		}
	})
}
