package catalog

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// repeated makes an archive whose central directory lists one file n times; its content is zeros.
func repeated(t testing.TB, name string, n, size int) string {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(make([]byte, size))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	sums := le.AppendUint32(nil, crc32.ChecksumIEEE(make([]byte, size)))
	sums = le.AppendUint32(sums, uint32(packed.Len())) // small
	sums = le.AppendUint32(sums, uint32(size))         // small
	sums = le.AppendUint16(sums, uint16(len(name)))    // small
	local := append([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00"), sums...)
	local = append(append(append(local, 0, 0), name...), packed.Bytes()...)
	entry := append([]byte("PK\x01\x02\x14\x00\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00"), sums...)
	entry = append(append(entry, make([]byte, 16)...), name...)
	out := append(local, bytes.Repeat(entry, n)...)
	end := append([]byte("PK\x05\x06"), make([]byte, 18)...)
	le.PutUint16(end[8:], uint16(n))  // the low half, as readers compare it
	le.PutUint16(end[10:], uint16(n)) // likewise
	le.PutUint32(end[12:], uint32(n*len(entry)))
	le.PutUint32(end[16:], uint32(len(local)))
	return string(append(out, end...))
}

// An archive that lists one file many times, or more files than it says, ends at a limit: otherwise a small file costs minutes and
// gigabytes.
func TestJavaRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		n    int
		size int
		want string
	}{
		"one manifest, many times":    {"META-INF/MANIFEST.MF", 100_000, 8<<20 - 1, "limit bytes of what is in an archive"},
		"a list of more than it says": {"a", 65536 * 12, 1, "limit bytes of the list of files of an archive"},
		"a large archive in it":       {"a.jar", 1, engine.MaxArchiveHeld + 1, "limit bytes of a file in an archive"},
	} {
		body := repeated(t, c.file, c.n, c.size)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got := opened(t, "srv/app.jar", body)
		runtime.ReadMemStats(&after)
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		t.Logf("%s: %d bytes, %d MB allocated", name, len(body), (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}

// A blank file of any language is an error or a gap, and no panic.
func TestBlankManifests(t *testing.T) {
	for _, p := range []string{"srv/vendor/composer/installed.json", "app/web.deps.json", "opt/conda/conda-meta/x.json",
		"app/lib/x-1/ebin/x.app",
		"usr/lib/ruby/gems/3.1.0/specifications/x-1.gemspec", "srv/a.jar"} {
		for _, got := range inspectAll(t, p, 0o644, []byte(" \n")) {
			if got.Error == "" && got.Gaps == nil {
				t.Errorf("%s says nothing of a blank %s", got.By, p)
			}
		}
	}
}

// A program with a list of crates that is too large to be held ends at a limit, in whatever blocks it is read. Without it nobody would
// judge the crates, and no gap would say so.
func TestLargeRustProgram(t *testing.T) {
	for _, block := range []int{1, 7, 9, 10, 100, 4096} {
		m := newMarkSearch(crateSection)
		for rest := []byte(strings.Repeat("x", 95) + "\x00.dep-v0\x00" + strings.Repeat("y", 50)); len(rest) > 0; {
			n, err := m.Write(rest[:min(block, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !m.has(crateSection) {
			t.Errorf("in blocks of %d the name is not seen", block)
		}
	}
	body := bytes.Replace(program("go1.21", ""), []byte(goMagic), make([]byte, len(goMagic)), 1)
	body = append(append(body, make([]byte, engine.MaxProgramHeld)...), "\x00.dep-v0\x00"...)
	e := engine.Entry{Path: "usr/bin/x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
	_, err := programs{}.Inspect(t.Context(), engine.NewFile(e, bytes.NewReader(body)))
	if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) || !strings.Contains(limit.What, "Rust") {
		t.Errorf("%v, want a limit", err)
	}
}

// A file lists only packages of its ecosystem, and is a gap or an error when it cannot be read.
func TestLanguagesHonest(t *testing.T) {
	otp := `{application, ssh, [{vsn, "5.1"}]}.`
	for name, c := range map[string]struct{ path, body, want string }{
		"a library that only leads to others": {"app/a.deps.json",
			`{"targets": {"x": {"A/1": {"runtime": {"a.dll": {}}}, "B/2": {}}},` +
				` "libraries": {"A/1": {"type": "package"}, "B/2": {"type": "package"}}}`, "A 1"},
		"a licence that is a text": {"srv/vendor/composer/installed.json",
			`[{"name": "a/b", "version": "1", "license": "MIT"}, {"name": 5}, {"name": "c/d", "version": "2"}]`, "a/b 1 MIT, c/d 2, malformed"},
		"interpolated":        {"srv/specifications/x.gemspec", "s.name = \"#{x}\"\ns.version = \"1\"\n", "malformed"},
		"no list":             {"app/pubspec.lock", "\x00 garbage\n", "error"},
		"Erlang in a release": {"app/lib/ssh-5.1/ebin/ssh.app", otp, "unsupported"},
		"a comment": {"app/lib/x-1/ebin/x.app",
			"%% {application, old, [{vsn, \"0\"}]}\n{application, x, [{vsn, \"1\"}]}.", "x 1"},
		"an archive of Nix": {"nix/x.nar", "\r\x00\x00\x00\x00\x00\x00\x00nix-archive-1", ""},
		"upper case":        {"srv/APP.JAR", "no archive", "error"},
	} {
		var got []string
		for _, p := range inspectAll(t, c.path, 0o644, []byte(c.body)) {
			for _, k := range p.Packages {
				got = append(got, strings.Join(append([]string{k.Name, k.Version}, k.Licenses...), " "))
			}
			for _, g := range p.Gaps {
				kind, _, _ := strings.Cut(g, ":")
				got = append(got, kind)
			}
			if p.Error != "" {
				got = append(got, "error")
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

// A library shaded into an archive does not hide the archive itself, whose group is unknown.
func TestJavaOwn(t *testing.T) {
	shaded, class := pomOf("cglib", "cglib", "3.2.12"), member{"a/B.class", "x"}
	for path, want := range map[string]string{
		"lib/guice-4.2.3.jar":    "cglib:cglib 3.2.12, ? guice 4.2.3",
		"lib/cglib-3.2.12.jar":   "cglib:cglib 3.2.12",
		"lib/service-3.2.12.jar": "cglib:cglib 3.2.12", // built under a name of its own
		"srv/app.jar":            "cglib:cglib 3.2.12",
	} {
		if got := strings.Join(opened(t, path, zipped(t, shaded, class)), ", "); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
