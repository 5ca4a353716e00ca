package main

import (
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

func scriptEnv(repo string) func(*testscript.Env) error {
	return func(env *testscript.Env) error {
		env.Setenv("REPO", repo)
		env.Setenv("VETO_CACHE", filepath.Join(env.WorkDir, ".cache"))
		env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
		env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache-home"))
		env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
		return nil
	}
}

// exits runs a command and compares its exit code: `exits 3 veto scan x.tar`.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ok bool
		if got, ok = exitCode(err); !ok {
			ts.Fatalf("%v: %v", args[1:], err)
		}
	}
	if got != want {
		ts.Fatalf("%v: exit %d, want %d", args[1:], got, want)
	}
}
