package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/vetoci/veto"

// goPackage is what the house's tests read of `go list -json`.
type goPackage struct {
	ImportPath, Dir               string
	GoFiles, TestGoFiles, Imports []string
}

// listPackages lists all packages of this module.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestGoFiles", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// What the house allows.
const (
	maxFile      = 400  // lines
	maxFunc      = 60   // lines
	maxColumns   = 140  // of a line; a tab counts one
	maxInterface = 4    // methods
	maxEngine    = 1200 // lines of engine's own functions, without blank lines and comments; its types are the facts, and may grow
)
