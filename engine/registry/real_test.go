package registry_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// real is Debian's docker-registry on loopback, behind a certificate of a private authority's.
type real struct {
	t       *testing.T
	address string
	http    *http.Client
}

func startReal(t *testing.T, a *authority) *real {
	t.Helper()
	bin := os.Getenv("VETO_REGISTRY_BIN")
	if bin == "" {
		t.Skip("no registry: set VETO_REGISTRY_BIN to docker-registry's path")
	}
	serve(t, nil) // for its environment without stored credentials
	dir := t.TempDir()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool()}}}
	r := &real{t: t, address: l.Addr().String(), http: client}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cert, key := a.issue("registry.test")
	writeFile(t, cert, dir, "cert.pem")
	writeFile(t, key, dir, "key.pem")
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\n"+
		"http: {addr: %q, tls: {certificate: %s, key: %s}}\n",
		filepath.Join(dir, "data"), r.address, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	writeFile(t, []byte(config), dir, "config.yml")
	cmd := exec.CommandContext(t.Context(), bin, "serve", filepath.Join(dir, "config.yml"))
	cmd.Env = []string{"HOME=" + dir} // REGISTRY_… would change its configuration
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", r.address); err == nil {
			c.Close()
			return r
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the registry did not start")
	return nil
}

func (r *real) send(method, path, contentType string, body []byte) *http.Response {
	r.t.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = "https://" + r.address + path
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	return resp
}

func (r *real) blob(b []byte) {
	at, err := url.Parse(r.send("POST", "/v2/shop/web/blobs/uploads/", "", nil).Header.Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	q := at.Query()
	q.Set("digest", string(digest(b)))
	at.RawQuery = q.Encode()
	r.send("PUT", at.String(), "application/octet-stream", b)
}

func (r *real) manifest(tag, kind string, b []byte) {
	r.send("PUT", "/v2/shop/web/manifests/"+tag, kind, b)
}

// A real registry with a private authority: what it has, parts of it, and what refers to it.
func TestRealRegistry(t *testing.T) {
	a := newAuthority(t)
	real := startReal(t, a)
	config := []byte(`{"os":"linux","architecture":"amd64"}`)
	real.blob(layer)
	real.blob(config)
	descriptor := func(kind string, b []byte) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, kind, digest(b), len(b))
	}
	pack := func(more string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]%s}`, manifestType,
			descriptor("application/vnd.oci.image.config.v1+json", config), descriptor("application/vnd.oci.image.layer.v1.tar", layer), more)
	}
	image, sig := pack(""), pack(`,"annotations":{"a":"b"}`)
	real.manifest("1", manifestType, image)
	dash := strings.Replace(string(digest(image)), ":", "-", 1)
	real.manifest(dash+".sig", manifestType, sig)
	real.manifest(dash, indexType, fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":`+
		`[{"mediaType":%q,"digest":%q,"size":%d,"artifactType":%q}]}`,
		indexType, manifestType, digest(sig), len(sig), sbomType))

	o := options()
	_, _, err := registry.New(o).Resolve(t.Context(), real.address+"/shop/web:1")
	check(t, err, "unknown authority", "--ca-file")
	o.CertDirs = []string{t.TempDir()}
	writeFile(t, a.pem, o.CertDirs[0], real.address, "ca.crt")
	b, m, err := pull(o, real.address+"/shop/web:1")
	if err != nil || !bytes.Equal(b, layer) || m.Digest != digest(image) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	r, _, err := registry.New(o).Resolve(t.Context(), real.address+"/shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct{ from, n int64 }{{0, 1}, {4711, 50_000}, {int64(len(layer)) - 7, 7}, {0, int64(len(layer))}} {
		got, err := r.BlobRange(t.Context(), digest(layer), int64(len(layer)), c.from, c.n)
		if err != nil || !bytes.Equal(got, layer[c.from:c.from+c.n]) {
			t.Errorf("%d bytes from %d on: %d bytes, %v", c.n, c.from, len(got), err)
		}
	}
	got, err := r.Referrers(t.Context(), m.Digest)
	want := []engine.Referrer{
		{Digest: digest(sig), Subject: m.Digest, MediaType: manifestType, ArtifactType: "application/vnd.oci.image.config.v1+json",
			Size: int64(len(sig)), Source: "cosign-tag"},
		{Digest: digest(sig), Subject: m.Digest, MediaType: manifestType, ArtifactType: sbomType, Size: int64(len(sig)), Source: "tag"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if got, err := r.Referrers(t.Context(), digest(sig)); err != nil || len(got) != 0 {
		t.Errorf("of the signature: %v, %v", got, err)
	}
	_, err = r.BlobRange(t.Context(), engine.Digest("sha256:"+strings.Repeat("0", 64)), 10, 0, 5)
	check(t, err, "404", "docker save")
}
