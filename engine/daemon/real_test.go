package daemon_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/daemon"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// realDaemons are those of this machine: VETO_PODMAN_BIN and VETO_DOCKERD_BIN name their programs. Each has a storage of its own and
// runs no container.
func realDaemons(t *testing.T) map[string]func(dir, socket string) *exec.Cmd {
	t.Helper()
	out := map[string]func(string, string) *exec.Cmd{}
	command := func(dir, bin string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, args...) // start ends it
		cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
		return cmd
	}
	if bin := os.Getenv("VETO_PODMAN_BIN"); bin != "" {
		out["podman"] = func(dir, socket string) *exec.Cmd {
			return command(dir, bin, "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir",
				filepath.Join(dir, "tmp"),
				"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "system", "service", "--time=0",
				"unix://"+socket)
		}
	}
	if bin := os.Getenv("VETO_DOCKERD_BIN"); bin != "" {
		out["docker"] = func(dir, socket string) *exec.Cmd {
			return command(dir, bin, "--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "run"), "--pidfile",
				filepath.Join(dir, "pid"),
				"--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "-H",
				"unix://"+socket)
		}
	}
	if len(out) == 0 {
		t.Skip("no daemon: set VETO_PODMAN_BIN to podman's path, or VETO_DOCKERD_BIN to dockerd's")
	}
	return out
}

// start runs a daemon until the test ends, gives it an archive over its API, and returns its socket.
func start(t *testing.T, daemon func(dir, socket string) *exec.Cmd, archive []byte) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pod") // the paths must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "p.sock")
	service := daemon(dir, socket)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	service.Stdout, service.Stderr = log, log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Process.Signal(syscall.SIGTERM) // dockerd ends the programs that it started, too
		late := time.AfterFunc(10*time.Second, func() { service.Process.Kill() })
		defer late.Stop()
		service.Wait()
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	for range 400 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://d/v1.41/images/load", bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-tar")
	resp, err := transport.RoundTrip(req)
	if err == nil {
		var said []byte
		if said, err = io.ReadAll(resp.Body); err == nil && (resp.StatusCode != http.StatusOK || bytes.Contains(said, []byte("errorDetail"))) {
			err = fmt.Errorf("%s: %s", resp.Status, said)
		}
		resp.Body.Close()
	}
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("loading the image: %v\n%s", err, said)
	}
	return socket
}

// A real daemon has the image that it was given.
func TestRealDaemon(t *testing.T) {
	image := imagetest.Image{Name: name, Config: map[string]any{"User": "app"}, Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=debian\n")}},
		{Entries: []imagetest.Entry{imagetest.File("srv/data", strings.Repeat("0123456789abcdef", 1<<16))}}}}
	packed, err := imagetest.Pack(image)
	if err != nil {
		t.Fatal(err)
	}
	var given bytes.Buffer
	if err := imagetest.WriteDockerArchive(&given, image); err != nil {
		t.Fatal(err)
	}
	for program, run := range realDaemons(t) {
		t.Run(program, func(t *testing.T) {
			socket := start(t, run, given.Bytes())
			o := daemon.Docker(environment("DOCKER_HOST", "unix://"+socket))
			if program == "podman" {
				o = daemon.Podman(environment("CONTAINER_HOST", "unix://"+socket))
			}
			compareReal(t, o, socket, packed)
		})
	}
}

// compareReal holds a daemon's answers against what it was given.
func compareReal(t *testing.T, o daemon.Options, socket string, packed *imagetest.Packed) {
	c, err := daemon.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, n := range []string{name, packed.ConfigDigest, strings.TrimPrefix(packed.ConfigDigest, "sha256:")[:12]} {
		got, err := c.Inspect(t.Context(), n)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		if string(got.ID) != packed.ConfigDigest || !slices.Equal(got.RepoTags, []string{name}) || got.OS != "linux" ||
			got.Architecture != "amd64" || got.Size < 1<<20 {
			t.Errorf("%s: %+v", n, got)
		}
		archive, err := export(t.Context(), o, n)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		if diff := cmp.Diff(packed.DiffIDs, diffIDs(t, archive, packed.ConfigDigest)); diff != "" {
			t.Errorf("%s: layers -given +exported:\n%s", n, diff)
		}
	}
	_, err = c.Inspect(t.Context(), "example.test/none:1")
	check(t, err, "there is no such image", o.Program+" pull example.test/none:1")
	_, err = export(t.Context(), o, "example.test/none:1")
	check(t, err, "there is no such image", "registry:example.test/none:1")
	if !errors.Is(err, daemon.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, n := range []int64{0, 1, 600, 4096, 1 << 20} {
		o.Host = "unix://" + cutting(t, socket, n)
		_, err := export(t.Context(), o, name)
		check(t, err, "asking "+o.Program+" at "+o.Host, o.Program)
	}
}

// diffIDs are the digests of an archive's layers in their order, after checking that its configuration is the one given.
func diffIDs(t *testing.T, archive []byte, config string) (out []string) {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = b
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("manifest.json: %d images, %v", len(manifest), err)
	}
	if got := imagetest.Digest(files[manifest[0].Config]); got != config {
		t.Errorf("configuration %s, want %s", got, config)
	}
	for _, l := range manifest[0].Layers {
		out = append(out, imagetest.Digest(files[l]))
	}
	return out
}

// cutting leads to a socket and closes the connections of each export after n bytes of its answer; pings pass.
func cutting(t *testing.T, socket string, n int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("unix", socket)
			if err != nil {
				down.Close()
				return
			}
			go func() {
				defer down.Close()
				defer up.Close()
				for { // one request, one answer, as the client sends them
					request := make([]byte, 4096)
					k, err := down.Read(request)
					if err != nil {
						return
					}
					if _, err := up.Write(request[:k]); err != nil {
						return
					}
					if bytes.Contains(request[:k], []byte("/get ")) {
						io.CopyN(down, up, n)
						return
					}
					answer := make([]byte, 4096)
					if k, err = up.Read(answer); err != nil {
						return
					}
					if _, err := down.Write(answer[:k]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return path
}
