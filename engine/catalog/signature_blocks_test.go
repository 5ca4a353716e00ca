package catalog

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/vetoci/veto/engine"
)

// A program's version is found in whatever blocks the program is read: otherwise a version at the border of two blocks would be missed, or
// half of one would be taken for it.
func TestSignaturesInBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for _, c := range signatureCases() {
		for range rounds {
			before := make([]byte, r.IntN(700))
			for i := range before {
				before[i] = 1
			}
			body := append(append(before, c.text...), bytes.Repeat([]byte{2}, 300)...)
			s := &versionSearch{kind: programByName(c.path)}
			most := 1 + r.IntN(400)
			for rest := body; len(rest) > 0; {
				n := min(1+r.IntN(most), len(rest))
				if _, err := s.Write(rest[:n]); err != nil {
					break
				}
				rest = rest[n:]
			}
			_, want, _ := strings.Cut(c.want, " ")
			if s.version != want {
				t.Fatalf("%s with %q at %d, in blocks of up to %d: %q, want %q", c.path, c.text, len(before), most, s.version, want)
			}
		}
	}
}

// The surest mark decides, wherever it stands, and reading ends once it is found: a program holds the names and versions of others too.
func TestSurestSignature(t *testing.T) {
	for _, c := range []struct {
		path   string
		blocks []string
		want   string
		ended  bool
	}{
		{"redis-server", []string{"7.2.5buildkitsandbox-1\x00", "Redis version 2.8.23\x00"}, "2.8.23", false},
		{"redis-server", []string{"Redis version 2.8.23\x00", "7.2.5buildkitsandbox-1\x00"}, "2.8.23", true},
		{"redis-server", []string{"7.2.5buildkitsandbox-1\x007.2.6buildkitsandbox-1\x00", "7.2.7buildkitsandbox-1\x00"}, "7.2.5", false},
		{"curl", []string{"curl 7.1.1\x00 curl/8.10.1\x00"}, "8.10.1", false},
	} {
		s := &versionSearch{kind: programByName(c.path)}
		ended := false
		for _, b := range c.blocks {
			_, err := s.Write([]byte(b + strings.Repeat("\x00", 300)))
			ended = ended || err != nil
		}
		if s.version != c.want || ended != c.ended {
			t.Errorf("%s in %q: %q, ended %v; want %q, %v", c.path, c.blocks, s.version, ended, c.want, c.ended)
		}
	}
}

// What follows a mark is a version only if it has as many numbers as versions of the program have, and what its own style puts behind them.
func TestVersionAfter(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"node", "20.11.1", "20.11.1"}, {"node", "20.11.1.", "20.11.1"}, {"node", "20.11.1-rc1", "20.11.1"}, {"node", "20.11", ""},
		{"node", "20..11.1", ""}, {"node", ".20.11.1", ""}, {"node", "v20.11.1", ""}, {"node", "", ""}, {"node", "1.2.3.4 ", "1.2.3.4"},
		{"postgresql", "16.4 ", "16.4"}, {"postgresql", "16 ", ""}, {"postgresql", "9.6.24", "9.6.24"},
		{"openssl", "1.1.1w  11 Sep", "1.1.1w"}, {"openssl", "1.0.2zh ", "1.0.2zh"}, {"openssl", "1.0.2zhx", "1.0.2zh"},
		{"openssl", "3.4.0 22", "3.4.0"},
		{"openssl", "1.1.1W", "1.1.1"}, {"openssl", "1.1.1z", "1.1.1z"}, {"openssl", "1.1.1a", "1.1.1a"}, {"openssl", "1.1.1w", "1.1.1w"},
		{"python", "3.12.4\x00", "3.12.4"}, {"python", "3.12.4+\x00", "3.12.4"}, {"python", "3.13.0rc1\x00", "3.13.0rc1"},
		{"python", "3.13.0a12\x00", "3.13.0a12"}, {"python", "3.13.0b2+\x00", "3.13.0b2"}, {"python", "3.12.4 x", ""}, {"python", "3.12.4", ""},
		{"python", "3.13.0rc\x00", ""}, {"python", "3.13.0a", ""}, {"python", "3.13.0c1\x00", ""}, {"python", "3.12.4++\x00", ""},
	} {
		if got := versionAfter([]byte(c.text), c.name); got != c.want {
			t.Errorf("%s, %q: %q, want %q", c.name, c.text, got, c.want)
		}
	}
	for text, want := range map[string]string{
		"7.2.5": "7.2.5", "x7.2.5": "7.2.5", "7.2.5\x00\x00": "7.2.5", "7.2": "", "7.2.5.1": "", "7.2.5.": "7.2.5", ".7.2.5": "7.2.5", "": "",
		"\x00": "",
	} {
		if got := versionBefore([]byte(text)); got != want {
			t.Errorf("before, %q: %q, want %q", text, got, want)
		}
	}
}

// Old and short versions of Java get the form that advisories have; what is no version has none.
func TestJavaVersion(t *testing.T) {
	for from, want := range map[string]string{
		"1.8.0_352": "8.0.352", "17.0.9": "17.0.9", "23": "23.0.0", "11.0": "11.0.0", "11.0.20.1": "11.0.20.1", "1.7.0": "7.0.0",
		"": "", "1.": "", "x": "", "17-ea": "", "17.0.9+11": "", ".1": "",
	} {
		if got := javaVersion(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
	body := "JAVA_VERSION=\"17-ea\"\n"
	e := engine.Entry{Path: "opt/jdk/release", Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
	if ev, err := (signature{}).Inspect(t.Context(), engine.NewFileAt(e, strings.NewReader(body))); err == nil || len(ev.Packages) > 0 {
		t.Errorf("a release without a version is no error: %+v", ev)
	}
}

// Which files are looked into: programs of some size that are executable, their libraries, and the two kinds of release files.
func TestSignatureWants(t *testing.T) {
	const large = minKnownProgramSize
	for _, c := range []struct {
		path string
		mode fs.FileMode
		size int64
		want bool
	}{
		{"usr/bin/node", 0o755, large, true}, {"usr/bin/node", 0o755, large - 1, false}, {"usr/bin/node", 0o644, large, false},
		{"node", 0o111, large, true},
		{"usr/bin/nodejs", 0o755, large, true}, {"usr/bin/noded", 0o755, large, false}, {"usr/bin/php8.2", 0o755, large, true},
		{"usr/bin/phpx", 0o755, large, false},
		{"usr/bin/php", 0o755, large, true}, {"usr/bin/python3.12", 0o755, large, true}, {"usr/bin/python2.7", 0o755, large, true},
		{"usr/bin/python4.1", 0o755, large, false}, {"usr/bin/python3", 0o755, large, false}, {"usr/bin/python3.", 0o755, large, false},
		{"usr/bin/python3.x", 0o755, large, false}, {"usr/bin/" + strings.Repeat("p", 41), 0o755, large, false},
		{"usr/lib/libcrypto.so.3", 0o644, large, true}, {"usr/lib/libcrypto.so.3", 0o644, large - 1, false},
		{"usr/lib/libpython3.12.so.1.0", 0o644, large, true},
		{"usr/lib/libruby-3.1.so.3.1", 0o644, large, true}, {"usr/lib/libphp.so", 0o644, large, true},
		{"usr/lib/libssl.so.3", 0o644, large, false},
		{"usr/lib/node.so", 0o755, large, false},
		{"opt/jdk/release", 0o644, 10, true}, {"opt/jdk/release", 0o644, engine.MaxReleaseFile, false}, {"usr/local/go/VERSION", 0o644, 10, true},
		{"srv/x/go-1.22/VERSION", 0o644, 10, true}, {"srv/VERSION", 0o644, 10, false},
		{"usr/local/go/VERSION", 0o644, engine.MaxReleaseFile, false},
	} {
		if got := (signature{}).Wants(c.path, c.mode, c.size); got != c.want {
			t.Errorf("%s of %d bytes, %v: %v", c.path, c.size, c.mode, got)
		}
	}
}

// A program is recognised when it is streamed too. A large one can be read only once: then the inspector of programs looks for its version.
func TestSignaturesInStreams(t *testing.T) {
	inspect := func(insp engine.Inspector, size int, mode fs.FileMode) string {
		body := append(slices.Clone(elfHeader()), "\x00node.js/v20.11.1\x00"...)
		body = append(body, make([]byte, size-len(body))...)
		e := engine.Entry{Path: "usr/bin/node", Type: engine.TypeFile, Mode: mode, Size: int64(len(body))}
		return evidenceLine(insp.Inspect(t.Context(), engine.NewFile(e, iotest.HalfReader(bytes.NewReader(body)))))
	}
	const found, large = "Bitnami node 20.11.1", engine.MaxProgramHeld + 1
	for _, c := range []struct {
		insp engine.Inspector
		size int
		mode fs.FileMode
		want string
	}{
		{signature{}, minKnownProgramSize, 0o755, found}, {programs{}, minKnownProgramSize, 0o755, ""},
		{signature{}, large - 1, 0o755, found}, {programs{}, large - 1, 0o755, ""},
		{signature{}, large, 0o755, ""}, {programs{}, large, 0o755, found},
		{signature{}, large, 0o644, found}, // no executable: the other inspector does not want it
	} {
		if got := inspect(c.insp, c.size, c.mode); got != c.want {
			t.Errorf("%s of %d bytes, %v: %q, want %q", c.insp.Name(), c.size, c.mode, got, c.want)
		}
	}
}

// elfHeader is the header of an ELF file without segments and sections, which is no program of Go.
func elfHeader() []byte {
	b := program("go1.21.1", "")[:64]
	b[56] = 0 // no program headers
	return b
}

// The version that the linker's flags set counts where the go command knew none, when it is one and a version.
func TestMainVersion(t *testing.T) {
	const main, flags = "path\tx\nmod\tx\t(devel)\t\n", "build\t-ldflags=\"%s\"\n"
	for set, want := range map[string]string{
		"-X main.version=1.2.3":                           "v1.2.3",
		"-X main.version=v1.2.3":                          "v1.2.3",
		"-s -w -X 'example.test/x/version.Version=1.2.3'": "v1.2.3",
		"-X=main.gitVersion=1.2.3-rc1":                    "v1.2.3-rc1",
		"-X main.version=1.2.3 -X x.BuildVersion=v1.2.3":  "v1.2.3",
		"-X main.version=1.2.3 -X x.BuildVersion=1.2.4":   "(devel)",
		"-X main.commit=1.2.3":                            "(devel)",
		"-X main.version=dev":                             "(devel)",
		"-X main.version=1.2":                             "(devel)",
		"-X main.version=1-x":                             "(devel)",
		"-X main.version=1.2.3-rc.1":                      "v1.2.3-rc.1",
		"-X version=1.2.3":                                "v1.2.3",
		"-s -w":                                           "(devel)",
	} {
		ev, err := programs{}.Inspect(t.Context(), fileAt("usr/bin/x", program("go1.21.1", main+strings.Replace(flags, "%s", set, 1))))
		if got := evidenceLine(ev, err); got != "Go stdlib 1.21.1, Go x "+want+" main" {
			t.Errorf("%s: %q, want %s", set, got, want)
		}
	}
	const known = "path\tx\nmod\tx\tv2.0.0\t\nbuild\t-ldflags=\"-X main.version=1.2.3\"\n"
	ev, err := programs{}.Inspect(t.Context(), fileAt("usr/bin/x", program("go1.21.1", known)))
	if got := evidenceLine(ev, err); got != "Go stdlib 1.21.1, Go x v2.0.0 main" {
		t.Errorf("a version that the go command knew: %q", got)
	}
	const pseudo = "path\tx\nmod\tx\t%s\t\nbuild\t-ldflags=\"-X main.version=1.2.3\"\n"
	for _, v := range []string{"v0.0.0-20250503120000-0dd7d1fa893c", "v1.2.3-0.20250503120000-0dd7d1fa893c+dirty"} {
		ev, err := programs{}.Inspect(t.Context(), fileAt("usr/bin/x", program("go1.21.1", fmt.Sprintf(pseudo, v))))
		if got := evidenceLine(ev, err); got != "Go stdlib 1.21.1, Go x v1.2.3 main" {
			t.Errorf("a commit that the go command knew, %s: %q", v, got)
		}
	}
}

// fileAt is an executable file with random access.
func fileAt(path string, body []byte) *engine.File {
	e := engine.Entry{Path: path, Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
	return engine.NewFileAt(e, bytes.NewReader(body))
}
