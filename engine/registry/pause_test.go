package registry_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine/registry"
)

// Who is told to stop while waiting for the next attempt makes no further one.
func TestStoppedWhileWaiting(t *testing.T) {
	address, seen := serve(t, always("/manifests/", status(503)))
	stop := errors.New("told to stop")
	o := options()
	o.Sleep = func(context.Context, time.Duration) error { return stop }
	if _, _, err := registry.New(o).Resolve(t.Context(), address+"/shop/web:1"); err == nil || !strings.Contains(err.Error(), stop.Error()) {
		t.Errorf("%v, want %q", err, stop)
	}
	if n := seen.of("/manifests/"); n != 1 {
		t.Errorf("%d requests for the manifest, want 1", n)
	}
}

// The same between parts of a list of referrers, between pieces of a blob, and when the pause itself is called off.
func TestStoppedWhileWaitingForMore(t *testing.T) {
	stop := errors.New("told to stop")
	for path, ask := range map[string]func(*registry.Repository) error{
		"/referrers/": func(r *registry.Repository) error {
			_, err := r.Referrers(t.Context(), digest(manifest))
			return err
		},
		"/blobs/": func(r *registry.Repository) error {
			_, err := r.BlobRange(t.Context(), digest(layer), int64(len(layer)), 5, 1000)
			return err
		},
	} {
		cut := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", indexType)
			w.Header().Set("Content-Range", "bytes 5-1004/131072")
			w.Header().Set("Content-Length", "1000")
			if path == "/blobs/" {
				w.WriteHeader(http.StatusPartialContent)
			}
			w.Write(layer[5:100])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		address, seen := serve(t, always(path, cut))
		o := options()
		o.Sleep = func(context.Context, time.Duration) error { return stop }
		r, _, err := registry.New(o).Resolve(t.Context(), address+"/shop/web:1")
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(r); err == nil || !strings.Contains(err.Error(), stop.Error()) {
			t.Errorf("%s: %v, want %q", path, err, stop)
		}
		if n := seen.of(path); n != 1 {
			t.Errorf("%s: %d requests, want 1", path, n)
		}
		o.Sleep, o.Timeout = nil, 50*time.Millisecond
		if r, _, err = registry.New(o).Resolve(t.Context(), address+"/shop/web:1"); err != nil {
			t.Fatal(err)
		}
		if err := ask(r); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}
