package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
)

// hostile is one image made to hurt, end to end. Whatever it is, the answer is 1 or 3, within mostMemory, and nothing that it holds
// reaches a terminal or a report as it is. Only what a link leads to outside may pass: it is not there.
type hostile struct {
	name string
	// image writes the image and returns its source; "-" is standard input, from in.
	image func(h *hostileDir) string
	code  int
	says  string
	kind  engine.GapKind // of a fact that names the path, with code 1
	path  string         // begins that fact's path; "" for one without
}

// mostMemory is the largest resident set on hostile input, in bytes.
const mostMemory = 256 << 20

type hostileDir struct {
	faultDir
	in io.Reader
}

// blob is a layer as an archive stores it.
type hostileBlob struct {
	packed bytes.Buffer
	plain  hash.Hash
}

// layer makes a layer of what write writes; pack is "", "gzip" or "zstd".
func (h *hostileDir) layer(pack string, write func(w io.Writer)) *hostileBlob {
	b := &hostileBlob{plain: sha256.New()}
	var z io.WriteCloser
	switch pack {
	case "gzip":
		z, _ = gzip.NewWriterLevel(&b.packed, gzip.BestSpeed)
	case "zstd":
		z, _ = zstd.NewWriter(&b.packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	default:
		write(io.MultiWriter(&b.packed, b.plain))
		return b
	}
	write(io.MultiWriter(z, b.plain))
	if err := z.Close(); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// entries makes a layer of tar headers with bodies.
func (h *hostileDir) entries(pack string, write func(add func(hd tar.Header, body []byte))) *hostileBlob {
	return h.layer(pack, func(w io.Writer) {
		tw := tar.NewWriter(w)
		write(func(hd tar.Header, body []byte) {
			if hd.Typeflag == 0 {
				hd.Typeflag = tar.TypeReg
			}
			if hd.Mode == 0 {
				hd.Mode = 0o644
			}
			hd.Size = int64(len(body))
			if err := tw.WriteHeader(&hd); err != nil {
				h.t.Fatal(err)
			}
			if _, err := tw.Write(body); err != nil {
				h.t.Fatal(err)
			}
		})
		if err := tw.Close(); err != nil {
			h.t.Fatal(err)
		}
	})
}

// base is what an honest image begins with.
func (h *hostileDir) base() *hostileBlob {
	return h.entries("", func(add func(tar.Header, []byte)) {
		add(tar.Header{Name: "etc/os-release"}, []byte("ID=debian\nVERSION_ID=\"12\"\n"))
		add(tar.Header{Name: "var/lib/dpkg/status"},
			[]byte("Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n"))
	})
}

// save writes a docker save archive of layers; a blob that stands several times is stored once.
func (h *hostileDir) save(layers ...*hostileBlob) string {
	f, err := os.Create(filepath.Join(h.dir, "image.tar"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.writeSave(f, layers)
	if err := f.Close(); err != nil {
		h.t.Fatal(err)
	}
	return "./image.tar"
}

func (h *hostileDir) writeSave(w io.Writer, layers []*hostileBlob) {
	tw := tar.NewWriter(w)
	add := func(name string, body []byte) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			h.t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			h.t.Fatal(err)
		}
	}
	var names, diffs []string
	stored := map[*hostileBlob]string{}
	for i, l := range layers {
		if stored[l] == "" {
			stored[l] = fmt.Sprintf("%d/layer.tar", i)
			add(stored[l], l.packed.Bytes())
		}
		names, diffs = append(names, stored[l]), append(diffs, "sha256:"+hex.EncodeToString(l.plain.Sum(nil)))
	}
	config, _ := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "config": map[string]any{"User": "app"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	manifest, _ := json.Marshal([]any{map[string]any{"Config": "config.json", "Layers": names}})
	add("config.json", config)
	add("manifest.json", manifest)
	if err := tw.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// one is an image of the base and one layer of entries.
func one(pack string, write func(add func(tar.Header, []byte))) func(*hostileDir) string {
	return func(h *hostileDir) string { return h.save(h.base(), h.entries(pack, write)) }
}

func TestHostile(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	if err := os.WriteFile(canary, []byte("Package: canary-of-the-host\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(hostileTrees(canary), hostileBlobs()...) {
		t.Run(c.name, func(t *testing.T) {
			c.check(t)
		})
	}
}

func (c hostile) check(t *testing.T) {
	h := &hostileDir{faultDir: faultDir{t, t.TempDir()}}
	source := c.image(h)
	h.write("veto.yaml", "version: 1\nrules: {database-stale: warn}\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, h.bare(source, "--no-cache", "-o", "text=run.txt", "-o", "sarif=run.sarif", "-o", "junit=run.xml",
		"-o", "markdown=run.md", "-o", "github=run.github")...)
	cmd.Dir, cmd.Stdin = h.dir, h.in
	cmd.Env = []string{runMain + "=1", "HOME=" + t.TempDir(), "GOMAXPROCS=2"}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	peak, err := runWatched(cmd)
	code, _ := exitCode(err)
	t.Logf("exit %d, %3d MB, %.1f s", code, peak>>20, time.Since(start).Seconds())
	if code != c.code {
		t.Fatalf("exit %d, want %d\n%s", code, c.code, short(said.String()))
	}
	if peak > mostMemory {
		t.Errorf("%d MB resident", peak>>20)
	}
	if !strings.Contains(said.String(), c.says) || c.says == "" {
		t.Errorf("it does not say %q: %s", c.says, short(said.String()))
	}
	h.clean("what it prints", said.String())
	for _, name := range []string{"run.json", "run.txt", "run.sarif", "run.xml", "run.md", "run.github"} {
		b, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		h.clean(name, string(b))
	}
	if c.kind != "" {
		c.fact(h)
	}
}

// runWatched runs a process and returns its largest resident set, in bytes, as the kernel has it. (The one that wait(2) returns is never
// less than that of the process which began it.)
func runWatched(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)); err == nil {
			_, rest, _ := strings.Cut(string(b), "VmHWM:")
			var kb int64
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				peak = max(peak, kb<<10)
			}
		}
		select {
		case err := <-done:
			return peak, err
		case <-time.After(3 * time.Millisecond):
		}
	}
}

func short(s string) string { return s[:min(len(s), 1500)] }

// clean holds what veto writes to text that no terminal, CI or browser takes for anything else, and that nothing of the host is in.
func (h *hostileDir) clean(name, text string) {
	if strings.Contains(text, "canary-of-the-host") {
		h.t.Errorf("%s holds what a file of the host says", name)
	}
	if !utf8.ValidString(text) {
		h.t.Errorf("%s is not UTF-8", name)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::error::pwned") || strings.HasSuffix(name, ".md") && strings.Contains(line, "<script") {
			h.t.Errorf("%s: %.100q", name, line)
		}
		for _, r := range line {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) && name != "run.json") {
				h.t.Errorf("%s has the character %U: %.100q", name, r, line)
				return
			}
		}
	}
}

// fact looks for the gap.
func (c hostile) fact(h *hostileDir) {
	var run engine.Run
	if err := json.Unmarshal([]byte(h.read("run.json")), &run); err != nil {
		h.t.Fatal(err)
	}
	var all []string
	for _, f := range run.Reports[0].Gaps {
		if f.Kind == c.kind && strings.HasPrefix(string(f.Path), c.path) && (f.Path == "") == (c.path == "") {
			return
		}
		if len(all) < 10 {
			all = append(all, fmt.Sprintf("%s %.60q %.100s", f.Kind, f.Path, f.Detail))
		}
	}
	h.t.Errorf("no fact of kind %s at %q: %s", c.kind, c.path, strings.Join(all, "; "))
}
