package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// part reads some bytes of the blob.
func part(ctx context.Context, o registry.Options, address string, from, n int64) ([]byte, error) {
	r, _, err := registry.New(o).Resolve(ctx, address+"/shop/web:1")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.BlobRange(ctx, digest(layer), int64(len(layer)), from, n)
}

// spans answers requests for the blob as RFC 9110, 14 says, each time after rewrite; n counts the requests.
func spans(rewrite func(w http.ResponseWriter, n int, from, to int) bool) fault {
	return func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
			panic(fmt.Sprintf("range %q: %v", r.Header.Get("Range"), err))
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(layer)))
		if rewrite != nil && rewrite(w, n, from, to) {
			return true
		}
		w.WriteHeader(http.StatusPartialContent)
		w.Write(layer[from : to+1])
		return true
	}
}

func TestBlobRange(t *testing.T) {
	address, seen := serve(t, spans(nil))
	all := int64(len(layer))
	for _, c := range []struct{ from, n int64 }{{0, 1}, {0, all}, {all - 1, 1}, {17, 4711}, {5, 0}, {all, 0}} {
		b, err := part(t.Context(), options(), address, c.from, c.n)
		if err != nil || !bytes.Equal(b, layer[c.from:c.from+c.n]) {
			t.Errorf("%d bytes from %d on: %d bytes, %v", c.n, c.from, len(b), err)
		}
	}
	if n := seen.of("/blobs/"); n != 4 {
		t.Errorf("%d requests, want 4: nothing needs none", n)
	}
	for _, c := range []struct{ from, n int64 }{{-1, 1}, {0, -1}, {0, all + 1}, {all, 1}, {all + 1, 0}, {1 << 62, 1 << 62}, {1, 1<<63 - 1}} {
		if b, err := part(t.Context(), options(), address, c.from, c.n); err == nil {
			t.Errorf("%d bytes from %d on: %d bytes and no error", c.n, c.from, len(b))
		}
	}
	if n := seen.of("/blobs/"); n != 4 {
		t.Errorf("%d requests, want 4: what is not there is not asked for", n)
	}
}

// A part may be cut like a whole, fail like a whole, and be asked for in the middle of either.
func TestBlobRangePassingFaults(t *testing.T) {
	for name, f := range map[string]fault{
		"503 once": spans(func(w http.ResponseWriter, n, _, _ int) bool {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n == 1
		}),
		"cut three times": spans(func(w http.ResponseWriter, n, from, to int) bool {
			if n > 3 {
				return false
			}
			w.Header().Set("Content-Length", fmt.Sprint(to+1-from))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(layer[from : from+100])
			panic(http.ErrAbortHandler)
		}),
		"size unknown": spans(func(w http.ResponseWriter, _, from, to int) bool {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", from, to))
			return false
		}),
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, f)
			if b, err := part(t.Context(), options(), address, 1000, 50_000); err != nil || !bytes.Equal(b, layer[1000:51_000]) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}

func TestNoRanges(t *testing.T) {
	answer := func(span string, b []byte) fault {
		return spans(func(w http.ResponseWriter, _, _, _ int) bool {
			w.Header().Set("Content-Range", span)
			w.WriteHeader(http.StatusPartialContent)
			w.Write(b)
			return true
		})
	}
	for name, f := range map[string]fault{
		"the whole":       always("/blobs/", send(layer)),
		"no range":        answer("", layer[10:20]),
		"another start":   answer("bytes 9-19/131072", layer[9:20]),
		"another end":     answer("bytes 10-20/131072", layer[10:21]),
		"another size":    answer("bytes 10-19/131073", layer[10:20]),
		"another unit":    answer("lines 10-19/131072", layer[10:20]),
		"fewer bytes":     answer("bytes 10-19/131072", layer[10:15]),
		"whole after cut": resumedWhole(),
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, f)
			b, err := part(t.Context(), options(), address, 10, 10)
			check(t, err, "serves no ranges", "--toc")
			if !errors.Is(err, registry.ErrNoRanges) || b != nil {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if !strings.Contains(err.Error(), address+"/shop/web") {
				t.Errorf("it does not say what was asked: %v", err)
			}
		})
	}
}

// resumedWhole cuts a part, and answers what is left of it with the whole blob.
func resumedWhole() fault {
	return spans(func(w http.ResponseWriter, n, from, to int) bool {
		if n == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(to+1-from))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(layer[from : from+3])
			panic(http.ErrAbortHandler)
		}
		w.Write(layer)
		return true
	})
}

func TestBlobRangeFaults(t *testing.T) {
	for name, c := range map[string]struct {
		f    fault
		says string
	}{
		"missing":    {always("/blobs/", status(404)), "404"},
		"refused":    {always("/blobs/", status(403)), "403"},
		"too far":    {always("/blobs/", status(416)), "416"},
		"more bytes": {spans(func(w http.ResponseWriter, _, _, _ int) bool { w.WriteHeader(206); w.Write(layer); return true }), "more bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, c.f)
			_, err := part(t.Context(), options(), address, 10, 10)
			check(t, err, c.says, "")
			if errors.Is(err, registry.ErrNoRanges) {
				t.Errorf("it is called a lack of ranges: %v", err)
			}
		})
	}
	address, _ := serve(t, nil)
	r, _, err := registry.New(options()).Resolve(t.Context(), address+"/shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	limit := (*engine.LimitError)(nil)
	if _, err := r.BlobRange(t.Context(), digest(layer), 1<<40, 0, engine.MaxBlobRange+1); !errors.As(err, &limit) {
		t.Errorf("too much for the memory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.BlobRange(ctx, digest(layer), int64(len(layer)), 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
}
