package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// fault is one thing that goes wrong, end to end: what veto is asked, and what it must answer. None may end in exit 0.
type fault struct {
	class, name string
	// prepare makes what the case needs in dir and returns the command line.
	prepare func(f *faultDir) []string
	code    int
	says    string // in what veto prints
	kind    engine.GapKind
	environ []string
}

// faultDir is the folder of one case.
type faultDir struct {
	t   *testing.T
	dir string
}

func (f *faultDir) write(name, text string) string {
	write1(f.t, filepath.Join(f.dir, name), text)
	return name
}

func (f *faultDir) read(name string) string {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// goodImage is what every broken image starts from.
const goodImage = `name example.test/good:1
config {"User": "app"}
layer FROM debian:12
text etc/os-release ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n
text var/lib/dpkg/status Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n
`

// image packs a description in some form and returns its path as an argument.
func (f *faultDir) image(form, description string) string {
	f.write("image.txt", description)
	out := "image.tar"
	if form == "oci" || form == "oci-zstd" {
		out = "image"
	}
	if err := mkimage([]string{form, filepath.Join(f.dir, out), filepath.Join(f.dir, "image.txt")}); err != nil {
		f.t.Fatal(err)
	}
	return "./" + out
}

func (f *faultDir) good() string { return f.image("save", goodImage) }

// scan is the usual command line over a database that has what the good image needs.
func (f *faultDir) scan(args ...string) []string {
	f.write("veto.yaml", "version: 1\nrules: {database-stale: warn}\n")
	return f.bare(args...)
}

// bare is scan without a configuration file.
func (f *faultDir) bare(args ...string) []string {
	return append([]string{"scan", "--db", filepath.Join(root(f.t), "examples", "quickstart", "advisories"), "-o", "json=run.json"}, args...)
}

func faults() []fault {
	return slices.Concat(sourceFaults(), digestFaults(), agreementFaults(), registryFaults(), pathFaults(), wordFaults(), typoFaults(),
		policyFaults(), waiverFaults(), shardFaults())
}

func TestFaults(t *testing.T) {
	classes := map[string]int{}
	for _, c := range faults() {
		classes[c.class]++
		t.Run(c.class+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
	total := 0
	for class, n := range classes {
		total += n
		if n < 5 {
			t.Errorf("class %s has %d faults, want at least 5", class, n)
		}
	}
	t.Logf("%d faults in %d classes", total, len(classes))
	if total < 60 {
		t.Errorf("%d faults, want at least 60", total)
	}
}

func (c fault) check(t *testing.T) {
	f := &faultDir{t, t.TempDir()}
	args := c.prepare(f)
	if args == nil {
		return
	}
	stale := strings.Contains(strings.Join(args, " "), "json=run.json")
	if stale {
		f.write("run.json", `{"verdict": "pass"}`) // of an earlier run: it must not survive
	}
	code, stdout, stderr := vetoIn(t, f.dir, c.environ, args...)
	said := stdout + stderr
	if code != c.code || code == 0 {
		t.Fatalf("veto %s: exit %d, want %d\n%s", strings.Join(args, " "), code, c.code, said)
	}
	if !strings.Contains(said, c.says) || c.says == "" {
		t.Errorf("it does not say %q:\n%s", c.says, said)
	}
	if code == exitUsage {
		if n := strings.Count(stderr, "veto: "); n == 0 || strings.Contains(stderr, "goroutine") {
			t.Errorf("not one clear line: %s", stderr)
		}
		return
	}
	if !stale {
		return
	}
	b, err := os.ReadFile(filepath.Join(f.dir, "run.json"))
	if err != nil {
		t.Fatalf("the requested output was not written: %v\n%s", err, said)
	}
	var run engine.Run
	if err := json.Unmarshal(b, &run); err != nil {
		t.Fatal(err)
	}
	want := map[int]engine.Verdict{exitDenied: engine.Denied, exitUndecided: engine.Undecided}[code]
	if run.Verdict != want || len(run.Reports) == 0 || run.Reports[0].Decision.Verdict != want {
		t.Errorf("the run's verdict is %s, want %s", run.Verdict, want)
	}
	if c.kind == "" {
		return
	}
	for _, r := range run.Reports {
		for _, fact := range r.Gaps {
			if fact.Kind == c.kind {
				return
			}
		}
	}
	t.Errorf("no gap of kind %s: %+v", c.kind, run.Reports[0].Gaps)
}
