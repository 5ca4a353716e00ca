package formats

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

var update = flag.Bool("update", false, "write the golden files")

func samples() map[string]*engine.Run {
	return map[string]*engine.Run{"denied": deniedRun(), "pass": passRun(), "undecided": undecidedRun(), "mixed": mixedRun(),
		"several": severalRun()}
}

func render(t testing.TB, name string, o Options, r *engine.Run) []byte {
	t.Helper()
	f, err := ByName(name, o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f(&b, r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	t.Parallel()
	docker := Options{Dockerfile: []byte(sampleDockerfile), DockerfilePath: "build/Dockerfile"}
	for run, r := range samples() {
		for _, c := range []struct {
			file, format string
			o            Options
		}{
			{"text", "text", Options{}}, {"full.text", "text", Options{Detail: "full"}}, {"narrow.text", "text", Options{Width: 60}},
			{"color.text", "text", Options{Color: true}}, {"junit.xml", "junit", Options{}}, {"md", "markdown", Options{}},
			{"github", "github", docker}, {"sarif", "sarif", Options{}}} {
			if (c.file == "sarif" || c.file == "full.text") && run != "mixed" && run != "undecided" || c.file == "color.text" && run != "pass" {
				continue
			}
			file := filepath.Join("testdata", run+"."+c.file)
			got := render(t, c.format, c.o, r)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("%s (-want +got; -update writes it):\n%s", file, d)
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	_, err := ByName("sariff", Options{})
	var usage *engine.UsageError
	var hint *engine.HintError
	if !errors.As(err, &usage) || !errors.As(err, &hint) || !strings.Contains(hint.Hint, "sarif") {
		t.Errorf("unknown format: %v", err)
	}
	if _, err := ByName("text", Options{Detail: "fulll"}); err == nil {
		t.Error("an unknown detail is accepted")
	}
}

// The same run gives the same bytes, and no format changes the run.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	repeats := 20
	if testing.Short() {
		repeats = 3
	}
	for name, r := range samples() {
		before := string(render(t, "json", Options{}, r))
		for _, f := range Names() {
			first := render(t, f, Options{Suppressed: true}, r)
			for range repeats {
				if !bytes.Equal(first, render(t, f, Options{Suppressed: true}, r)) {
					t.Fatalf("%s of %s differs from call to call", f, name)
				}
			}
		}
		if before != string(render(t, "json", Options{}, r)) {
			t.Errorf("a format changed the run %s", name)
		}
	}
}

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return f.left, errors.New("no space left on device")
	}
	f.left -= len(p)
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		f, err := ByName(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range []int{0, 20} {
			if err := f(&failing{room}, deniedRun()); err == nil || !strings.Contains(err.Error(), "no space") {
				t.Errorf("%s to a full disk: %v", name, err)
			}
		}
		if err := f(&bytes.Buffer{}, nil); err == nil {
			t.Errorf("%s of no run: no error", name)
		}
	}
}

func TestTextWidth(t *testing.T) {
	t.Parallel()
	for name, r := range samples() {
		for _, columns := range []int{60, 80, 100, 140} {
			for _, l := range strings.Split(string(render(t, "text", Options{Width: columns}, r)), "\n") {
				if utf8.RuneCountInString(l) > columns || strings.TrimRight(l, " ") != l {
					t.Errorf("%s at %d columns: %q", name, columns, l)
				}
			}
		}
	}
}
