package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// update rewrites the goldens in the scripts; read the difference before committing it.
func updating() *bool { return flag.Bool("update", false, "rewrite goldens") }

// runMain makes this test binary be veto itself.
const runMain = "RUN_MAIN_OF_VETO"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	update := updating()
	testscript.Main(testMain{m, update}, map[string]func(){
		"veto":    main,
		"mkimage": mkimageMain,
	})
}

type testMain struct {
	m      *testing.M
	update *bool
}

func (t testMain) Run() int { return t.m.Run() }

// TestScript runs every story in testdata/script. Commands of veto's own: `exits N CMD…` runs and wants that exit code.
func TestScript(t *testing.T) {
	repo := root(t)
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		UpdateScripts:      flag.Lookup("update").Value.String() == "true",
		RequireUniqueNames: true,
		Setup:              scriptEnv(repo),
		Cmds:               map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

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

func exitCode(err error) (int, bool) {
	exit, ok := err.(interface{ ExitCode() int })
	if !ok {
		return 0, false
	}
	return exit.ExitCode(), true
}

// mkimageMain packs an image from a folder: the description is imagetest's.
func mkimageMain() {
	if err := mkimage(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(2)
	}
}
