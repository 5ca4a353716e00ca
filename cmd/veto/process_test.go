package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

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

func exitCode(err error) (int, bool) {
	exit, ok := err.(interface{ ExitCode() int })
	if !ok {
		return 0, false
	}
	return exit.ExitCode(), true
}

// linkVeto puts the tests' own veto into a folder, as the command veto.
func linkVeto(t *testing.T, dir string) {
	t.Helper()
	self, err := exec.LookPath("veto") // main_test.go makes it
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "veto")); err != nil {
		t.Fatal(err)
	}
}
