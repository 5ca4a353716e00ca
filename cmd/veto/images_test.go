package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// testdata is the folder of real advisories; a test that needs it skips without, and CI fails on a skip.
func testdata(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("VETO_TESTDATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "osv")); err != nil {
		t.Skip("no advisories: set VETO_TESTDATA")
	}
	return dir
}

// images is the folder of real images.
func images(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("VETO_IMAGES")
	if dir == "" {
		t.Skip("no real images: set VETO_IMAGES")
	}
	return dir
}

// clock is what tests of real data set --now to: a day on which shared advisories are fresh.
const clock = "2026-11-23"

// vetoIn runs one command line in a process of its own, in dir, and returns its exit code and what it wrote.
func vetoIn(t testing.TB, dir string, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = append([]string{runMain + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "VETO_CACHE=" + t.TempDir()}, environ...)
	if err := cmd.Run(); err != nil {
		if code = cmd.ProcessState.ExitCode(); code < 0 {
			t.Fatalf("veto %v: %v", args, err)
		}
	}
	return code, out.String(), errs.String()
}

// databaseDir builds the database of the shared advisories, once for all tests of this process.
func databaseDir(t testing.TB) string {
	t.Helper()
	source := testdata(t)
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "veto-db-")
		if err != nil {
			built.failed = err.Error()
			return
		}
		code, _, stderr := vetoIn(t, dir, nil, "db", "update", "--db", dir, "--source", filepath.Join(source, "osv"),
			"--source", "kev="+filepath.Join(source, "kev", "known_exploited_vulnerabilities.json"),
			"--ecosystem", "Debian,Alpine,npm,PyPI,Go,AlmaLinux,RubyGems,Packagist,Maven,crates.io", "--as-of", clock, "--now", clock)
		if built.dir = dir; code != 0 {
			built.failed = stderr
		}
	})
	if built.failed != "" {
		t.Fatal(built.failed)
	}
	return built.dir
}

var built struct {
	once        sync.Once
	dir, failed string
}

func scanJSON(t testing.TB, args ...string) (*engine.Run, int) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "run.json")
	args = append([]string{"scan", "-q", "-o", "json=" + out, "--db", databaseDir(t), "--now", clock}, args...)
	code, _, stderr := vetoIn(t, dir, nil, args...)
	if _, err := os.Stat(out); err != nil {
		t.Fatalf("exit %d: %s%v", code, stderr, err)
	}
	return scanFile(t, out), code
}

func scanFile(t testing.TB, path string) *engine.Run {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r engine.Run
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// The same image in every wrapping gives the same packages and findings, but for the digests of compressed layers.
func TestEveryWrappingGivesTheSame(t *testing.T) {
	dir := images(t)
	var want *engine.Report
	for _, name := range []string{"web.tar", "web-oci", "web-gz.tar", "web-zstd"} {
		run, code := scanJSON(t, filepath.Join(dir, name))
		if code != exitDenied || len(run.Reports) != 1 {
			t.Fatalf("%s: exit %d, %d reports; errors %+v", name, code, len(run.Reports), run.Reports[0].Errors)
		}
		r := &run.Reports[0]
		if len(r.Findings) < 100 || len(r.Packages) < 450 {
			t.Errorf("%s: %d findings in %d packages: too few to be this image", name, len(r.Findings), len(r.Packages))
		}
		t.Logf("%s: %d packages, %d findings, %d gaps", name, len(r.Packages), len(r.Findings), len(r.Gaps))
		if want == nil {
			want = r
			continue
		}
		for what, pair := range map[string][2]any{"packages": {want.Packages, r.Packages}, "findings": {want.Findings, r.Findings},
			"gaps": {want.Gaps, r.Gaps}, "os": {want.OS, r.OS}} {
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Errorf("%s: %s differ from web.tar's (-web.tar +%s):\n%.3000s", name, what, name, diff)
			}
		}
	}
}
