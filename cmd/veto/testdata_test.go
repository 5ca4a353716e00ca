package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
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

// clock is what tests set --now to: the day of the examples' advisories, on which they are fresh.
const clock = "2026-11-23"

// databaseDir is the database of the real advisories, built once for all tests of this process.
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

// built is the database that databaseDir made.
var built struct {
	once        sync.Once
	dir, failed string
}

// needOracles skips the test unless foreign tools and old modules may be fetched: CI does, a plain `go test` does not.
func needOracles(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: foreign tools take minutes")
	}
	if os.Getenv("VETO_ORACLES") == "" {
		t.Skip("set VETO_ORACLES=1 to compare with foreign tools")
	}
}

// needTools skips the test where a program or a file is not there.
func needTools(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := exec.LookPath(p); err != nil {
			if _, err := os.Stat(p); err != nil {
				t.Skipf("no %s here", p)
			}
		}
	}
}

// sample is how many of n things a test looks at: all of them, or with -short one in five.
func sample(n int) int {
	if testing.Short() {
		return max(n/5, 1)
	}
	return n
}

// osvRecord is what the oracles read of a record; it shares no code with veto.
type osvRecord struct {
	ID, Withdrawn, Summary     string
	Aliases, Upstream, Related []string
	Affected                   []struct {
		Package  struct{ Ecosystem, Name string }
		Versions []string
		Ranges   []struct {
			Type   string
			Events []map[string]string
		}
	}
}

// readRecords reads all records of an ecosystem as plain JSON.
func readRecords(t *testing.T, ecosystem string) []osvRecord {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(testdata(t), "osv", ecosystem, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out []osvRecord
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var rec osvRecord
		if err := json.Unmarshal(b, &rec); err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}
