package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// runMain makes this test binary be veto itself.
const runMain = "RUN_MAIN_OF_VETO"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	if program := standIns()[filepath.Base(os.Args[0])]; program != nil {
		if err := program(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Bool("update", false, "rewrite goldens")
	testscript.Main(suite{m}, map[string]func(){
		"veto":    main,
		"mkimage": mkimageMain,
	})
}

// updating says whether goldens are to be rewritten; read the difference before committing it.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// suite is all tests, and what is left to do after them.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	code := s.m.Run()
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// mkimageMain is the command `mkimage` of the stories.
func mkimageMain() {
	if err := mkimage(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(2)
	}
}
