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
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	bin := filepath.Join(t.TempDir(), "veto")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/veto")
	cmd.Dir = root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	// Everything that the user reads stands in one folder of root's; its TMPDIR, HOME and working directory are there too.
	dir := t.TempDir()
	for _, name := range []string{"home", "tmp", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-r", filepath.Join(root(t), "examples", "quickstart"),
		filepath.Join(dir, "work")).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	for p := dir; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Dir(bin), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	work := filepath.Join(dir, "work")
	for _, form := range []string{"save", "docker", "oci"} {
		out := filepath.Join(work, form+".tar")
		if form == "oci" {
			out = filepath.Join(work, "layout")
		}
		if err := mkimage([]string{form, out, quickstart(t, "image.txt")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, source := range []string{"./save.tar", "./docker.tar", "./layout", "-"} {
		scan := exec.Command(bin, "scan", "--config", "quickstart/veto.yaml", "--db", "quickstart/advisories", source)
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
