package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// push uploads an OCI layout as repository:tag with plain requests (distribution-spec, "Pushing").
func push(t *testing.T, address, repository, tag, layout string) {
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

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// An image in a real registry behind a password is judged as the same image on disk, and not at all without the password.
func TestRealRegistry(t *testing.T) {
	address := realRegistry(t)
	layout := filepath.Join(images(t), "web-oci")
	push(t, address, "shop/web", "1.0", layout)
	ref := address + "/shop/web:1.0"
	db := databaseDir(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "run.json")
	code, _, stderr := vetoIn(t, dir, []string{"VETO_REGISTRY_USER=" + registryUser, "VETO_REGISTRY_PASSWORD=" + registryPassword},
		"scan", ref, "--db", db, "--now", clock, "-q", "-o", "json="+out)
	if code != exitDenied {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	pulled := scanFile(t, out)
	local, _ := scanJSON(t, layout)
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
