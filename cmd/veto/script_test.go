package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs every story in testdata/script.
func TestScript(t *testing.T) {
	repo := root(t)
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		UpdateScripts:      updating(),
		RequireUniqueNames: true,
		Setup:              scriptEnv(repo),
		Cmds:               scriptCommands(),
	})
}
