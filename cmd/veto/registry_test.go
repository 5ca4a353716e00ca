package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An image in a real registry behind a password is judged as the same image on disk, and not at all without the password.
func TestRealRegistry(t *testing.T) {
	t.Parallel()
	address := realRegistry(t)
	layout := filepath.Join(images(t), "web-oci")
	pushLayout(t, address, "shop/web", "1.0", layout)
	ref := address + "/shop/web:1.0"
	db := databaseDir(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "run.json")
	code, _, stderr := vetoIn(t, dir, []string{"VETO_REGISTRY_USER=" + registryUser, "VETO_REGISTRY_PASSWORD=" + registryPassword},
		"scan", ref, "--db", db, "--now", clock, "-q", "-o", "json="+out)
	if code != exitDenied {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	pulled := readRun(t, out)
	local, _ := scanReal(t, layout)
	if diff := cmp.Diff(local.Reports[0].Findings, pulled.Reports[0].Findings); diff != "" {
		t.Errorf("findings of the pulled image differ (-local +pulled):\n%.3000s", diff)
	}
	for _, l := range pulled.Reports[0].Layers {
		if l.Verified != "content" {
			t.Errorf("layer %d is %s", l.Index, l.Verified)
		}
	}
	code, _, stderr = vetoIn(t, dir, nil, "scan", ref, "--db", db, "--now", clock, "-q", "-o", "json="+out)
	if code != exitUndecided || !strings.Contains(stderr, "hint:") || strings.Contains(stderr, registryPassword) {
		t.Errorf("without a password: exit %d, %s", code, stderr)
	}
	code, _, stderr = vetoIn(t, dir, []string{"VETO_REGISTRY_USER=" + registryUser, "VETO_REGISTRY_PASSWORD=wrong-word"}, "scan", ref, "--db",
		db, "--now", clock, "-q")
	if code != exitUndecided || strings.Contains(stderr, "wrong-word") {
		t.Errorf("with a wrong password: exit %d, %s", code, stderr)
	}
}
