package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vetoci/veto/engine/image/imagetest"
)

const registryUser, registryPassword = "gate", "s3cret-word"

// realRegistry starts Debian's docker-registry on loopback with htpasswd authentication and returns its address.
func realRegistry(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	secrets := filepath.Join(dir, "htpasswd")
	return startRegistry(t, filepath.Join(dir, "data"), fmt.Sprintf("}\nauth: {htpasswd: {realm: test, path: %s}", secrets), func() {
		b, err := exec.Command("htpasswd", "-Bbn", registryUser, registryPassword).Output()
		if err != nil {
			t.Fatalf("htpasswd: %v", err)
		}
		if err := os.WriteFile(secrets, b, 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

// startRegistry starts Debian's docker-registry on loopback over the storage in dir, with more of its configuration from http on, after
// what has to be prepared for that.
func startRegistry(t *testing.T, dir, more string, prepare ...func()) string {
	t.Helper()
	bin := os.Getenv("VETO_REGISTRY_BIN")
	if bin == "" {
		t.Skip("no registry: set VETO_REGISTRY_BIN to docker-registry's path")
	}
	for _, do := range prepare {
		do()
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yml")
	writeText(
		t,
		config,
		fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q%s}\n", dir,
			address, more),
	)
	cmd := exec.CommandContext(t.Context(), bin, "serve", config)
	cmd.Env = []string{"HOME=" + dir} // REGISTRY_… would change its configuration
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the registry did not start")
	return ""
}

// pushLayout uploads an OCI layout as repository:tag with plain requests (distribution-spec, "Pushing").
func pushLayout(t *testing.T, address, repository, tag, layout string) {
	t.Helper()
	send := func(method, url, contentType string, body io.Reader, size int64) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, url, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = size
		req.Header.Set("Content-Type", contentType)
		req.SetBasicAuth(registryUser, registryPassword)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, url, resp.Status)
		}
		return resp
	}
	blob := func(digest string) {
		f, err := os.Open(filepath.Join(layout, "blobs", strings.Replace(digest, ":", "/", 1)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		at := send("POST", "http://"+address+"/v2/"+repository+"/blobs/uploads/", "", nil, 0).Header.Get("Location")
		if strings.HasPrefix(at, "/") {
			at = "http://" + address + at
		}
		sep := "?"
		if strings.Contains(at, "?") {
			sep = "&"
		}
		send("PUT", at+sep+"digest="+digest, "application/octet-stream", f, info.Size())
	}
	type descriptor struct{ MediaType, Digest string }
	var index struct{ Manifests []descriptor }
	readJSON(t, filepath.Join(layout, "index.json"), &index)
	d := index.Manifests[0]
	path := filepath.Join(layout, "blobs", strings.Replace(d.Digest, ":", "/", 1))
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	readJSON(t, path, &manifest)
	blob(manifest.Config.Digest)
	for _, l := range manifest.Layers {
		blob(l.Digest)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	send("PUT", "http://"+address+"/v2/"+repository+"/manifests/"+tag, d.MediaType, bytes.NewReader(b), int64(len(b)))
}

// goodRegistry holds the good image as shop/web.
func goodRegistry(t *testing.T) imageRegistry {
	t.Helper()
	m, err := describeImage(".", goodImage)
	if err != nil {
		t.Fatal(err)
	}
	m.Compression = imagetest.Gzip
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	return imageRegistry{"shop/web": p}
}

// imageRegistry holds one image in each repository, under every tag; its layers are served in parts, too.
type imageRegistry map[string]*imagetest.Packed

func (images imageRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	for repository, p := range images {
		rest, ok := strings.CutPrefix(r.URL.Path, "/v2/"+repository+"/")
		switch {
		case !ok:
			continue
		case strings.HasPrefix(rest, "manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Write(p.Manifest)
		case name == p.ConfigDigest:
			w.Write(p.Config)
		case slices.Contains(p.Digests, name):
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.Layers[slices.Index(p.Digests, name)]))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		return
	}
	if r.URL.Path != "/v2/" {
		w.WriteHeader(http.StatusNotFound)
	}
}

// cuttingProxy forwards connections to a server and breaks each one after some bytes of its answers: least to most of them, by chance.
func cuttingProxy(t *testing.T, server string, seed uint64, least, most int64) (address string, seen func() (cuts int, bytes int64)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	rnd, n, all := rand.New(rand.NewPCG(seed, 1)), 0, int64(0)
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server)
			if err != nil {
				down.Close()
				continue
			}
			mu.Lock()
			size := least + rnd.Int64N(most-least)
			mu.Unlock()
			go func() {
				_, _ = io.Copy(up, down)
				up.Close()
			}()
			go func() {
				sent, _ := io.CopyN(down, up, size)
				mu.Lock()
				all += sent
				if sent == size {
					n++
				}
				mu.Unlock()
				if sent == size {
					_ = down.(*net.TCPConn).SetLinger(0) // a reset, as when a peer dies
				}
				down.Close()
				up.Close()
			}()
		}
	}()
	return l.Addr().String(), func() (int, int64) {
		mu.Lock()
		defer mu.Unlock()
		return n, all
	}
}
