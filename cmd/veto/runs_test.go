package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// scanReal scans over the database of real advisories, in a process of its own.
func scanReal(t testing.TB, args ...string) (*engine.Run, int) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "run.json")
	args = append([]string{"scan", "-q", "-o", "json=" + out, "--db", databaseDir(t), "--now", clock}, args...)
	code, _, stderr := vetoIn(t, dir, nil, args...)
	if _, err := os.Stat(out); err != nil {
		t.Fatalf("exit %d: %s%v", code, stderr, err)
	}
	return readRun(t, out), code
}

// readRun reads what `-o json` wrote.
func readRun(t testing.TB, path string) *engine.Run {
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

// scanHere scans in this process, over the quickstart's advisories and with the cache in kept, and returns the exit code and the run as
// JSON.
func scanHere(t testing.TB, now func() time.Time, source, kept string, more ...string) (int, []byte) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "run.json")
	var stderr bytes.Buffer
	sys := &system{stdin: strings.NewReader(""), stdout: &stderr, stderr: &stderr, environ: []string{"VETO_CACHE=" + kept}, dir: t.TempDir(),
		now: now, width: 100}
	code := run(t.Context(), append([]string{"scan", source, "-q", "-o", "json=" + out, "--now", clock, "--config",
		quickstart(t, "veto.yaml"), "--db", quickstart(t, "advisories")}, more...), sys)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("exit %d: %v: %s", code, err, &stderr)
	}
	return code, b
}

// scanSettled is scanHere with a clock a minute ahead, so that files count as settled and the cache remembers their hashes.
func scanSettled(t *testing.T, source, kept string, more ...string) (int, *engine.Run) {
	t.Helper()
	code, b := scanHere(t, func() time.Time { return time.Now().Add(time.Minute) }, source, kept, more...)
	r := &engine.Run{}
	if err := json.Unmarshal(b, r); err != nil {
		t.Fatal(err)
	}
	return code, r
}

// quickstartLayout makes the quickstart's image as an OCI layout, whose layers are kept.
func quickstartLayout(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if err := mkimage([]string{"oci", dir, quickstart(t, "image.txt")}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// writeLayout writes an image as an OCI layout, and returns the folder and what is in it.
func writeLayout(t *testing.T, m imagetest.Image) (string, *imagetest.Packed) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if err := imagetest.WriteOCILayout(dir, m); err != nil {
		t.Fatal(err)
	}
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	return dir, p
}

// sameFacts compares what two sources of one image brought: all but how it is named, and how surely each layer is known.
func sameFacts(t *testing.T, want, got *engine.Run) {
	t.Helper()
	a, b := want.Reports[0], got.Reports[0]
	if a.Image.Digest != b.Image.Digest {
		t.Errorf("digest %s, want %s", b.Image.Digest, a.Image.Digest)
	}
	if diff := cmp.Diff(a.Packages, b.Packages); diff != "" {
		t.Errorf("packages -archive +daemon:\n%s", diff)
	}
	if diff := cmp.Diff(a.Layers, b.Layers, cmpopts.IgnoreFields(engine.LayerInfo{}, "Verified", "Digest")); diff != "" {
		t.Errorf("layers -archive +daemon:\n%s", diff)
	}
}
