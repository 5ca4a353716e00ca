package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine/registry"
)

// A registry on loopback, a tunnel's end for one, must not bring credentials onto a network without TLS.
func TestPlainTokenServiceElsewhere(t *testing.T) {
	address, _ := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://192.0.2.1/token",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	o := options()
	o.User, o.Password, o.Host, o.Timeout = "gate", "s3cret-word", address, 200*time.Millisecond
	_, _, err := pull(o, address+"/shop/web:1")
	check(t, err, "plain HTTP is refused", "--plain-http")
}

// The same for where it keeps its blobs.
func TestPlainStorageElsewhere(t *testing.T) {
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		http.Redirect(w, r, "http://192.0.2.1/x?signature=s3cret", http.StatusTemporaryRedirect)
		return true
	})
	o := options()
	o.Timeout = 200 * time.Millisecond
	_, _, err := pull(o, address+"/shop/web:1")
	check(t, err, "plain HTTP is refused", "--plain-http")
}

// An answer without a length may be cut after its last byte: there is nothing left to ask for.
func TestCutAfterTheLastByte(t *testing.T) {
	address, seen := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.Write(layer)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	b, _, err := pull(options(), address+"/shop/web:1")
	if err != nil || !bytes.Equal(b, layer) || seen.of("/blobs/") != 1 {
		t.Errorf("%d bytes after %d requests, %v", len(b), seen.of("/blobs/"), err)
	}
}

// A credential helper is a program of the user's, and may wait for somebody who is not there.
func TestCredentialHelperHangs(t *testing.T) {
	address, _ := serve(t, nil)
	dir := t.TempDir()
	helper := "#!/bin/sh\nexec sleep 3\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-hang"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"credHelpers":{%q:"hang"}}`, address), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	o := options()
	o.Timeout = 20 * time.Millisecond
	start := time.Now()
	_, _, err := registry.New(o).Resolve(t.Context(), address+"/shop/web:1")
	check(t, err, "stored credentials", "credential helpers")
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %s", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := registry.New(options()).Resolve(ctx, address+"/shop/web:1"); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("a context that is over: %v", err)
	}
}
