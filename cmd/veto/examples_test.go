package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestExamples packs each example's image from its description and runs each example's test.txtar. A folder without one fails.
func TestExamples(t *testing.T) {
	update := updating()
	repo := root(t)
	folders, err := os.ReadDir(filepath.Join(repo, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	var scripts []string
	for _, d := range folders {
		dir := filepath.Join(repo, "examples", d.Name())
		if description := filepath.Join(dir, "image.txt"); exists(description) {
			checkPacked(t, description, filepath.Join(dir, "image.tar"), update)
		}
		script := filepath.Join(dir, "test.txtar")
		if !exists(script) {
			t.Errorf("examples/%s has no test.txtar", d.Name())
			continue
		}
		scripts = append(scripts, script)
	}
	// testscript names a script by its file, so each runs under its folder's name.
	for _, script := range scripts {
		t.Run(filepath.Base(filepath.Dir(script)), func(t *testing.T) {
			testscript.Run(t, testscript.Params{Files: []string{script}, UpdateScripts: update, Setup: scriptEnv(repo),
				Cmds: scriptCommands()})
		})
	}
}

// checkPacked holds a committed image against its description: the packing is deterministic.
func checkPacked(t *testing.T, description, image string, update bool) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image.tar")
	if err := mkimage([]string{"save", out, description}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if update {
		if err := os.WriteFile(image, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(image); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what its description packs to (%v); go test ./cmd/veto -run Examples -update", image, err)
	}
}
