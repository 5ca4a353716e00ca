package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A scan writes nothing that nobody asked for: it works for a user who can write nowhere.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	// Everything that the user reads stands in one folder of root's; its TMPDIR, HOME and working directory are there too.
	dir := unwritable(t)
	work := filepath.Join(dir, "work")
	for _, source := range []string{"./save.tar", "./docker.tar", "./layout", "-"} {
		scan := exec.Command(filepath.Join(dir, "veto"), "scan", "--config", "quickstart/veto.yaml", "--db", "quickstart/advisories", source)
		scan.Dir = work
		scan.Env = []string{"HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + filepath.Join(dir, "tmp"), "PATH=/usr/bin:/bin"}
		scan.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if source == "-" {
			f, err := os.Open(filepath.Join(work, "docker.tar"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cat := exec.Command("cat") // a pipe, which cannot seek
			cat.Stdin = f
			if scan.Stdin, err = cat.StdoutPipe(); err != nil {
				t.Fatal(err)
			}
			if err := cat.Start(); err != nil {
				t.Fatal(err)
			}
			defer cat.Wait()
		}
		out, err := scan.CombinedOutput()
		if code, _ := exitCode(err); code != exitDenied || !strings.Contains(string(out), "5 changes would pass") {
			t.Errorf("%s as another user: %v\n%s", source, err, out)
		}
	}
}

// unwritable is a folder that everybody may read and only root may write: a copy of veto, the quickstart's files in work, its image in
// every form, and empty folders home and tmp.
func unwritable(t *testing.T) string {
	t.Helper()
	self, err := exec.LookPath("veto") // main_test.go makes it
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"home", "tmp", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	work := filepath.Join(dir, "work")
	for _, args := range [][]string{{"-r", quickstart(t, "."), filepath.Join(work, "quickstart")}, {"-L", self, filepath.Join(dir, "veto")}} {
		if out, err := exec.Command("cp", args...).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}
	for p := dir; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for form, name := range map[string]string{"save": "save.tar", "docker": "docker.tar", "oci": "layout"} {
		if err := mkimage([]string{form, filepath.Join(work, name), quickstart(t, "image.txt")}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
