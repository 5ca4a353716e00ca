package registry_test

import (
	"context"
	"errors"
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
