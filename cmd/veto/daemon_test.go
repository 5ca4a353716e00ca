package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// An image of a daemon is judged as the archive that it exports; whatever is less than that archive is not judged at all.
func TestDaemonStory(t *testing.T) {
	t.Parallel()
	f := &caseDir{t, t.TempDir()}
	f.good()
	whole := f.read("image.tar")
	good := serveDaemon(t, "example.test/good:1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, whole) })
	var cuts []string
	for _, n := range []int{0, 512, len(whole) / 3, len(whole) / 2, len(whole) - 1024, len(whole) - 1} {
		cuts = append(cuts, serveDaemon(t, "example.test/good:1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, whole[:n]) }),
			serveDaemon(t, "example.test/good:1", func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, whole[:n])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}),
			serveDaemon(t, "example.test/good:1", func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, whole[:n]+`{"errorDetail":{"message":"no space left"},"error":"no space left"}`+"\r\n")
			}))
	}
	scan := func(host string, args ...string) (int, string) {
		code, stdout, stderr := vetoIn(t, f.dir, []string{"DOCKER_HOST=" + host, "CONTAINER_HOST=" + host}, f.scan(args...)...)
		return code, stdout + stderr
	}
	if code, out := scan(good, "./image.tar"); code != exitPass {
		t.Fatalf("the archive: exit %d:\n%s", code, out)
	}
	want := readRun(t, filepath.Join(f.dir, "run.json"))
	for _, prefix := range []string{"docker", "podman"} {
		if code, out := scan(good, prefix+":example.test/good:1"); code != exitPass {
			t.Fatalf("%s: exit %d:\n%s", prefix, code, out)
		}
		sameFacts(t, want, readRun(t, filepath.Join(f.dir, "run.json")))
	}
	for i, host := range cuts {
		code, out := scan(host, "docker:example.test/good:1")
		if code != exitUndecided || !strings.Contains(out, "docker save") && !strings.Contains(out, "cut short") && !strings.Contains(out,
			"unexpected EOF") {
			t.Errorf("cut %d: exit %d:\n%s", i, code, out)
		}
	}
	for _, c := range []struct {
		host, source string
		code         int
		says         string
	}{
		{good, "docker:example.test/other:1", exitUndecided, "docker pull example.test/other:1"},
		{good, "podman:example.test/other:1", exitUndecided, "podman pull example.test/other:1"},
		{"unix://" + filepath.Join(f.dir, "none.sock"), "docker:example.test/good:1", exitUndecided, "no such socket"},
		{"ssh://u@h", "docker:example.test/good:1", exitUsage, "ssh -nNT -L"},
		{good, "docker:../x", exitUsage, "../x"},
	} {
		if code, out := scan(c.host, c.source); code != c.code || !strings.Contains(strings.Join(strings.Fields(out), " "), c.says) {
			t.Errorf("%s at %s: exit %d, want %d and %q:\n%s", c.source, c.host, code, c.code, c.says, out)
		}
	}
}

// The same with a real Podman: the image that it was given is the one that is judged.
func TestRealPodman(t *testing.T) {
	t.Parallel()
	bin := os.Getenv("VETO_PODMAN_BIN")
	if bin == "" {
		t.Skip("no podman: set VETO_PODMAN_BIN to its path")
	}
	dir, err := os.MkdirTemp("", "pod") // Podman's paths must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	podman := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), bin,
			append([]string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
				"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
		return cmd
	}
	f := &caseDir{t, t.TempDir()}
	f.good()
	if out, err := podman("load", "-q", "-i", filepath.Join(f.dir, "image.tar")).CombinedOutput(); err != nil {
		t.Fatalf("podman load: %v\n%s", err, out)
	}
	socket := filepath.Join(dir, "p.sock")
	service := podman("system", "service", "--time=0", "unix://"+socket)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Process.Kill(); service.Wait() })
	for n := 0; ; n++ {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			break
		}
		if n == 200 {
			t.Fatal("podman's service did not start")
		}
		time.Sleep(50 * time.Millisecond)
	}
	scan := func(source string) *engine.Run {
		code, stdout, stderr := vetoIn(t, f.dir, []string{"CONTAINER_HOST=unix://" + socket}, f.scan(source)...)
		if code != exitPass {
			t.Fatalf("%s: exit %d:\n%s%s", source, code, stdout, stderr)
		}
		return readRun(t, filepath.Join(f.dir, "run.json"))
	}
	sameFacts(t, scan("./image.tar"), scan("podman:example.test/good:1"))
}
