package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// A pull whose connections break again and again ends in the right answer or in exit 3, never in a part of the answer.
func TestRegistryThatIsCut(t *testing.T) {
	t.Parallel()
	server := realRegistry(t)
	big, small := filepath.Join(images(t), "web-oci"), quickstartLayout(t)
	pushLayout(t, server, "shop/web", "1.0", big)
	pushLayout(t, server, "shop/small", "1.0", small)
	dir := t.TempDir()
	out := filepath.Join(dir, "run.json")
	env := []string{"VETO_REGISTRY_USER=" + registryUser, "VETO_REGISTRY_PASSWORD=" + registryPassword}
	right, undecided, broken := 0, 0, 0
	whole := map[string]*engine.Run{}
	for name, local := range map[string]string{"web": big, "small": small} {
		whole[name], _ = scanReal(t, local)
	}
	try := func(name string, seed uint64, least, most int64) {
		t.Helper()
		address, cuts := cuttingProxy(t, server, seed, least, most)
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := vetoIn(t, dir, env, "scan", address+"/shop/"+name+":1.0", "--db", databaseDir(t), "--now", clock, "-q", "--no-cache",
			"-o", "json="+out)
		n, _ := cuts()
		broken += n
		switch code {
		case exitUndecided:
			undecided++
		case exitDenied:
			right++
			if diff := cmp.Diff(whole[name].Reports[0].Findings, readRun(t, out).Reports[0].Findings); diff != "" {
				t.Errorf("%s, seed %d: another answer:\n%.2000s", name, seed, diff)
			}
		default:
			t.Errorf("%s, seed %d: exit %d: %s", name, seed, code, stderr)
		}
	}
	for seed := range uint64(sample(2)) {
		try("web", seed, 20<<20, 80<<20)
	}
	try("web", 9, 1<<20, 2<<20)
	for seed := range uint64(20) {
		try("small", seed, 100, 200+int64(seed)*1500)
	}
	t.Logf("%d pulls gave the right answer, %d none; %d connections were cut", right, undecided, broken)
	if right == 0 || undecided == 0 || broken < 20 {
		t.Error("this tested nothing")
	}
}

// What the cache holds is not pulled again: manifest and configuration travel, layers do not.
func TestCachedLayersAreNotPulled(t *testing.T) {
	t.Parallel()
	server := realRegistry(t)
	pushLayout(t, server, "shop/web", "1.0", filepath.Join(images(t), "web-zstd"))
	dir, kept := t.TempDir(), t.TempDir()
	env := []string{"VETO_REGISTRY_USER=" + registryUser, "VETO_REGISTRY_PASSWORD=" + registryPassword, "VETO_CACHE=" + kept}
	var runs [2]*engine.Run
	var travelled [2]int64
	for i := range runs {
		address, seen := cuttingProxy(t, server, 1, 1<<40, 1<<41)
		out := filepath.Join(dir, "run.json")
		code, _, stderr := vetoIn(t, dir, env, "scan", address+"/shop/web:1.0", "--db", databaseDir(t), "--now", clock, "-q", "-o", "json="+out)
		if code != exitDenied {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		runs[i] = readRun(t, out)
		_, travelled[i] = seen()
	}
	t.Logf("%d bytes travelled for the first scan, %d for the second", travelled[0], travelled[1])
	if travelled[0] < 100<<20 || travelled[1] > 64<<10 {
		t.Error("the second scan was to pull no layer")
	}
	for _, run := range runs {
		run.Reports[0].Image.Name = "" // the addresses differ
	}
	if diff := cmp.Diff(runs[0], runs[1]); diff != "" {
		t.Errorf("another answer:\n%.2000s", diff)
	}
}
