package catalog

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

func streamed(body []byte) *engine.File {
	e := engine.Entry{Path: "usr/bin/x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
	return engine.NewFile(e, iotest.HalfReader(bytes.NewReader(body)))
}

// searchBuildInfo finds in a stream what debug/buildinfo finds with random access, in real programs: this test and the go command.
func TestSearchEqualsBuildInfo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	programs := []string{self}
	for _, name := range []string{"go", "gofmt"} {
		if p, err := exec.LookPath(name); err == nil {
			programs = append(programs, p)
		}
	}
	for _, p := range programs {
		body, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := buildinfo.Read(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		all, err := searchBuildInfo(streamed(body), io.Discard)
		if err != nil || len(all) == 0 || all[0].GoVersion != want.GoVersion {
			t.Errorf("%s: %v, %v", p, all, err)
			continue
		}
		if diff := cmp.Diff(want.Deps, all[0].Deps); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p, diff)
		}
	}
}

func TestSearchBuildInfo(t *testing.T) {
	const info = "path\tx\nmod\tx\tv1.0.0\t\ndep\tgolang.org/x/net\tv0.7.0\th1:x=\n"
	small := program("go1.21.1", info)
	blob := small[128:]
	// at puts the build information at an offset, with the rest of the bytes in between from a generator, and other things first.
	at := func(offset int, before ...[]byte) []byte {
		rnd := rand.New(rand.NewPCG(1, uint64(offset)))
		b := append([]byte{}, small[:128]...)
		for len(b) < offset {
			b = append(b, byte(rnd.Uint32()))
		}
		for i, decoy := range before {
			copy(b[256*(i+1):], decoy)
		}
		return append(b, blob...)
	}
	decoy := program("go1.21.1", strings.Replace(info, "v0.7.0", "v0.0.1", 1))[128:]
	magic := []byte(goMagic)
	pointers := append(append([]byte{}, magic...), 8, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	for name, c := range map[string]struct {
		body []byte
		want string // versions of golang.org/x/net
		err  string
	}{
		"at once":                         {small, "v0.7.0", ""},
		"far away":                        {at(5_000_000 &^ 15), "v0.7.0", ""},
		"across blocks":                   {at(goSearchBlock - 16), "v0.7.0", ""},
		"the magic alone, before it":      {at(1<<20, magic, append(magic, "xyz and more"...)), "v0.7.0", ""},
		"what is not at a multiple of 16": {at(1<<20 + 8), "", ""},
		"pointers, then what is inline":   {at(1<<20, pointers), "v0.7.0", "Go before 1.18"},
		"a decoy, then the program's own": {at(1<<20, decoy), "v0.0.1 v0.7.0", ""},
		"the same twice":                  {at(1<<20, blob), "v0.7.0", ""},
		"pointers alone":                  {at(1<<20, pointers)[:1<<20], "", "Go before 1.18"},
		"another language":                {at(1 << 20)[:1<<20], "", ""},
		"no ELF":                          {[]byte("\x7fELF"), "", "cannot be read"},
	} {
		got, err := searchBuildInfo(streamed(c.body), io.Discard)
		var versions []string
		for _, info := range got {
			for _, d := range info.Deps {
				versions = append(versions, d.Version)
			}
		}
		version := strings.Join(versions, " ")
		if version != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", name, version, err, c.want, c.err)
		}
	}
	cut := engine.NewFile(engine.Entry{Path: "x", Type: engine.TypeFile, Mode: 0o755, Size: 1 << 20}, bytes.NewReader(at(1 << 19)[:1<<19]))
	if _, err := searchBuildInfo(cut, io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stream that ends early: %v", err)
	}
}

// A program that is too large to be held has the same modules and checksums when it is streamed.
func TestLargeGoProgramInAStream(t *testing.T) {
	body := make([]byte, engine.MaxProgramHeld+(1<<20))
	copy(body, program("go1.21.1", "path\tx\nmod\tx\tv1.0.0\t\n"))
	want, err := programs{}.Inspect(context.Background(),
		engine.NewFileAt(engine.Entry{Path: "x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}, bytes.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	f := streamed(body)
	got, err := programs{}.Inspect(context.Background(), f)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-at random +streamed):\n%s", err, diff)
	}
	sums, err := f.Sums(engine.AllSums)
	at := engine.NewFileAt(f.Entry, bytes.NewReader(body))
	if wantSums, werr := at.Sums(engine.AllSums); err != nil || werr != nil || sums != wantSums {
		t.Errorf("%+v, %v; want %+v, %v", sums, err, wantSums, werr)
	}
}

// FuzzSearchBuildInfo checks that whatever is found has a version of Go, and that no body makes the search panic.
func FuzzSearchBuildInfo(f *testing.F) {
	f.Add(program("go1.21.1", "path\tx\nmod\tx\tv1.0.0\t\n"))
	f.Add([]byte(goMagic + "\x08\x02"))
	f.Add([]byte("\x7fELF\x01\x02" + strings.Repeat("\xff", 100)))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, _ := searchBuildInfo(streamed(body), io.Discard)
		for _, info := range all {
			if !strings.HasPrefix(info.GoVersion, "go") && !strings.HasPrefix(info.GoVersion, "devel") {
				t.Errorf("%q", info.GoVersion)
			}
		}
	})
}
