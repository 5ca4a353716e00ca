package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gomodule "golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// The README's `go install`: the module as a proxy would serve it, without a replaced dependency or a file name that modules may not have,
// installs a veto that runs.
func TestInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it builds veto once more")
	}
	t.Parallel()
	const version = "v0.0.1"
	proxy := filepath.Join(t.TempDir(), "proxy")
	at := filepath.Join(proxy, module, "@v")
	writeText(t, filepath.Join(at, "list"), version+"\n")
	writeText(t, filepath.Join(at, version+".info"), `{"Version":"`+version+`","Time":"2026-11-23T00:00:00Z"}`)
	mod, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(at, version+".mod"), string(mod))
	f, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := modzip.CreateFromDir(f, gomodule.Version{Path: module, Version: version}, root(t)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	downloads, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	bin, modules := t.TempDir(), t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "install", module+"/cmd/veto@latest")
	cmd.Dir = t.TempDir()
	cmd.Env = append(cleanEnv(), "GOBIN="+bin, "GOMODCACHE="+modules, "GOSUMDB=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
		"GOFLAGS=-trimpath -modcacherw", "GOPROXY=file://"+proxy+",file://"+strings.TrimSpace(string(downloads))+"/cache/download")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go install: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "veto"), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "veto") {
		t.Errorf("veto version: %v: %s", err, out)
	}
}
