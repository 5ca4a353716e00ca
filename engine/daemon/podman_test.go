package daemon_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/daemon"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// realPodman starts Podman's service with a storage of its own, which holds one image, and returns its socket.
func realPodman(t *testing.T, archive []byte) string {
	t.Helper()
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
		all := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
			"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"}
		cmd := exec.CommandContext(t.Context(), bin, append(all, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
		return cmd
	}
	file := filepath.Join(dir, "image.tar")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := podman("load", "-q", "-i", file).CombinedOutput(); err != nil {
		t.Fatalf("podman load: %v\n%s", err, out)
	}
	socket := filepath.Join(dir, "p.sock")
	service := podman("system", "service", "--time=0", "unix://"+socket)
	var log bytes.Buffer
	service.Stdout, service.Stderr = &log, &log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Process.Kill(); service.Wait() })
	for range 200 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("podman's service did not start")
	return ""
}

// A real daemon has the image that it was given.
func TestRealPodman(t *testing.T) {
	image := imagetest.Image{Name: name, Config: map[string]any{"User": "app"}, Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=debian\n")}}, {Entries: []imagetest.Entry{imagetest.File("srv/data", strings.Repeat("0123456789abcdef", 1<<16))}}}}
	packed, err := imagetest.Pack(image)
	if err != nil {
		t.Fatal(err)
	}
	var given bytes.Buffer
	if err := imagetest.WriteDockerArchive(&given, image); err != nil {
		t.Fatal(err)
	}
	socket := realPodman(t, given.Bytes())
	o := daemon.Podman(func(key string) string { return map[string]string{"CONTAINER_HOST": "unix://" + socket}[key] })
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
		if string(got.ID) != packed.ConfigDigest || !slices.Equal(got.RepoTags, []string{name}) || got.OS != "linux" || got.Architecture != "amd64" || got.Size < 1<<20 {
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
	check(t, err, "there is no such image", "podman pull example.test/none:1")
	_, err = export(t.Context(), o, "example.test/none:1")
	check(t, err, "there is no such image", "registry:example.test/none:1")
	if !errors.Is(err, daemon.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, n := range []int64{0, 1, 600, 4096, 1 << 20} {
		o.Host = "unix://" + cutting(t, socket, n)
		_, err := export(t.Context(), o, name)
		check(t, err, "asking podman at "+o.Host, "podman")
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
