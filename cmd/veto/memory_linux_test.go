package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// peakMemory scans in a process of its own, which is to end with a code, and returns its largest resident set, in bytes.
func peakMemory(t *testing.T, want int, stdin, source string) int64 {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "scan", source, "-q", "--no-cache", "--now", clock, "--db",
		quickstart(t, "advisories"))
	cmd.Env = []string{runMain + "=1", "HOME=" + t.TempDir(), "GOMAXPROCS=2"}
	if stdin != "" {
		f, err := os.Open(stdin)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin = struct{ io.Reader }{f} // no file for the child: a pipe
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	peak, err := runWatched(cmd)
	if code, _ := exitCode(err); code != want {
		t.Fatalf("%s: exit %d, want %d: %v: %s", source, code, want, err, &stderr)
	}
	return peak
}

// Memory does not grow with the bytes of an image: 2,000 files with 64 MB, 1 GB and 4 GB of content in a plain layer, with 64 MB and 1 GB
// in a compressed one, from a file and from a pipe. The configurations name no diff ID that holds, so that what is hashed ends in exit 3,
// after everything has been read. With -short, nothing of 1 GB is hashed.
func TestMemoryDoesNotGrow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := map[string]int64{}
	note := func(what string, size, peak int64) {
		t.Logf("%-16s %5d MB of content: %3d MB resident at most", what, size>>20, peak>>20)
		if _, ok := first[what]; !ok {
			first[what] = peak
		}
		if peak > first[what]+24<<20 || peak > 200<<20 { // a small archive that passes by is kept, up to engine.MaxRetained
			t.Errorf("%s: %d MB, and %d MB for the smallest", what, peak>>20, first[what]>>20)
		}
	}
	for _, size := range []int64{64 << 20, 1 << 30, 4 << 30} {
		p := filepath.Join(dir, fmt.Sprintf("plain%d.tar", size>>20))
		if err := imagetest.WriteSparseArchive(p, 2000, size); err != nil {
			t.Fatal(err)
		}
		note("plain", size, peakMemory(t, exitDenied, "", p))
		if size < 1<<30 || size < 4<<30 && !testing.Short() {
			note("plain, by a pipe", size, peakMemory(t, exitUndecided, p, "-"))
		}
	}
	for _, size := range []int64{64 << 20, 1 << 30} {
		if size >= 1<<30 && testing.Short() {
			continue
		}
		p := writePacked(t, dir, size)
		note("gzip", size, peakMemory(t, exitUndecided, "", p))
		note("gzip, by a pipe", size, peakMemory(t, exitUndecided, p, "-"))
	}
}

// writePacked writes an archive whose one layer is a hollow one packed with gzip.
func writePacked(t *testing.T, dir string, size int64) string {
	t.Helper()
	var layer bytes.Buffer
	z, err := gzip.NewWriterLevel(&layer, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if err := imagetest.WriteZeroLayer(z, 2000, size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	config := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:` + strings.Repeat("0", 64) + `"]}}`
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, m := range []struct {
		name string
		body []byte
	}{
		{"config.json", []byte(config)}, {"layer.tar.gz", layer.Bytes()},
		{"manifest.json", []byte(`[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar.gz"]}]`)},
	} {
		if err := tw.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(m.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, fmt.Sprintf("packed%d.tar", size>>20))
	if err := os.WriteFile(p, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}
