package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A signal ends veto within a second wherever it stands: in a read that nobody feeds, in a write that nobody takes, in a policy.
func TestInterruptedAnywhere(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(root(t), "examples", "passing", "image.tar")
	db := filepath.Join(root(t), "examples", "quickstart", "advisories")
	scan := func(more ...string) []string {
		return append([]string{"scan", image, "--db", db, "-q", "--no-cache"}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		both bool // the FIFO has a writer that says nothing; else none
	}{
		"an image that is a pipe":         {[]string{"scan", "./fifo.tar", "--db", db, "-q"}, false},
		"an image that says nothing":      {[]string{"scan", "./fifo.tar", "--db", db, "-q"}, true},
		"standard input":                  {[]string{"scan", "-", "--db", db, "-q"}, false},
		"the configuration":               {scan("--config", "fifo.tar"), false},
		"waivers":                         {scan("--waivers", "fifo.tar"), true},
		"a VEX document":                  {scan("--vex", "fifo.tar"), false},
		"an output that nobody reads":     {scan("-o", "json=fifo.tar"), false},
		"facts":                           {[]string{"judge", "fifo.tar"}, true},
		"a run":                           {[]string{"render", "fifo.tar"}, false},
		"an SBOM":                         {[]string{"scan", "sbom:fifo.tar", "--db", db, "-q"}, true},
		"a policy that evaluates forever": {scan("--policy", "slow.rego", "--no-default-policy"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fifo := filepath.Join(dir, "fifo.tar")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			writeText(t, filepath.Join(dir, "slow.rego"), slowPolicy)
			if c.both {
				f, err := os.OpenFile(fifo, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}
			in, silent, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			defer in.Close()
			cmd := exec.Command(self, c.args...)
			var stderr bytes.Buffer
			cmd.Dir, cmd.Stdin, cmd.Stderr, cmd.Env = dir, in, &stderr, append(cleanEnv(), runMain+"=veto", "HOME="+dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				t.Fatalf("it ended by itself: %v\n%s", err, &stderr)
			case <-time.After(1500 * time.Millisecond):
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second): // a busy machine; a hang is forever
				_ = cmd.Process.Kill()
				t.Fatal("it goes on after a signal")
			}
			if cmd.ProcessState.ExitCode() != exitUndecided || !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), &stderr)
			}
		})
	}
}

// slowPolicy would go through some 10^12 steps.
const slowPolicy = `package own

# METADATA
# title: Slow
deny["own-slow"] contains "slow" if {
	some a in numbers.range(1, 10000)
	some b in numbers.range(1, 10000)
	some c in numbers.range(1, 10000)
	a * b * c == 0
}
`
