package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

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
	kind  engine.GapKind // of a gap that names the path, with code 1
	path  string         // begins that gap's path; "" for one without
	heavy bool           // takes seconds of a processor: left out by -short
}

// mostMemory is the largest resident set on hostile input, in bytes.
const mostMemory = 256 << 20

func (c hostile) check(t *testing.T) {
	h := &hostileDir{caseDir: caseDir{t, t.TempDir()}}
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
	t.Logf("exit %d, %3d MB, %.1f s, %.1f s of a processor", code, peak>>20, time.Since(start).Seconds(),
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	if code != c.code {
		t.Fatalf("exit %d, want %d\n%s", code, c.code, excerpt(said.String()))
	}
	if peak > mostMemory {
		t.Errorf("%d MB resident", peak>>20)
	}
	if !strings.Contains(said.String(), c.says) || c.says == "" {
		t.Errorf("it does not say %q: %s", c.says, excerpt(said.String()))
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
		c.gap(h)
	}
}

// excerpt is the beginning of a text.
func excerpt(s string) string { return s[:min(len(s), 1500)] }

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

// gap looks for the gap that the case expects.
func (c hostile) gap(h *hostileDir) {
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
	h.t.Errorf("no gap of kind %s at %q: %s", c.kind, c.path, strings.Join(all, "; "))
}
