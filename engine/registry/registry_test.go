package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	served "github.com/google/go-containerregistry/pkg/registry"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

var manifest = []byte(`{"schemaVersion":2,"mediaType":"` + manifestType + `","config":{"digest":"sha256:0","size":1},"layers":[]}`)

// layer is long enough to come in several reads.
var layer = bytes.Repeat([]byte("0123456789abcdef"), 1<<13)

func digest(b []byte) engine.Digest {
	sum := sha256.Sum256(b)
	return engine.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// fault answers a request in place of the registry, or returns false to let it pass. n counts the requests of one path from 1.
type fault func(w http.ResponseWriter, r *http.Request, n int) bool

// serve starts a registry that holds shop/web:1 and its one blob, behind a fault. It returns its address and the paths asked for.
func serve(t *testing.T, f fault) (string, *requests) {
	t.Helper()
	t.Setenv("HOME", t.TempDir()) // no stored credentials
	t.Setenv("DOCKER_CONFIG", "")
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	inner := served.New(served.Logger(log.New(io.Discard, "", 0)))
	seen := &requests{n: map[string]int{}}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := seen.add(r)
		if r.Method != http.MethodGet || f == nil || !f(w, r, n) {
			inner.ServeHTTP(w, r)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	address := strings.TrimPrefix(s.URL, "http://")
	put(t, inner, "POST", "/v2/shop/web/blobs/uploads/?digest="+string(digest(layer)), layer)
	put(t, inner, "PUT", "/v2/shop/web/manifests/1", manifest)
	return address, seen
}

func put(t *testing.T, h http.Handler, method, path string, body []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", manifestType)
	h.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

type requests struct {
	mu    sync.Mutex
	n     map[string]int
	agent string
}

func (s *requests) add(r *http.Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agent = r.UserAgent()
	s.n[r.URL.Path]++
	return s.n[r.URL.Path]
}

func (s *requests) of(part string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, k := range s.n {
		if strings.Contains(path, part) {
			n += k
		}
	}
	return n
}

// pauses is a Sleep that only notes.
type pauses struct {
	mu  sync.Mutex
	all []time.Duration
}

func (p *pauses) sleep(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, d)
	return ctx.Err()
}

func options() registry.Options {
	return registry.Options{UserAgent: "veto/test", Timeout: 5 * time.Second, Sleep: (&pauses{}).sleep}
}

// pull reads the manifest and the whole blob.
func pull(o registry.Options, reference string) ([]byte, *registry.Manifest, error) {
	r, m, err := registry.New(o).Resolve(context.Background(), reference)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	rc, err := r.Blob(context.Background(), digest(layer), int64(len(layer)))
	if err != nil {
		return nil, m, err
	}
	b, err := io.ReadAll(rc)
	return b, m, errors.Join(err, rc.Close())
}

func TestPull(t *testing.T) {
	address, seen := serve(t, nil)
	for _, reference := range []string{address + "/shop/web:1", address + "/shop/web@" + string(digest(manifest)),
		address + "/shop/web:9@" + string(digest(manifest))} {
		b, m, err := pull(options(), reference)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, layer) || !bytes.Equal(m.Bytes, manifest) || m.Digest != digest(manifest) || m.MediaType != manifestType {
			t.Errorf("%s: %d bytes of layer, manifest %s %s", reference, len(b), m.Digest, m.MediaType)
		}
	}
	if seen.agent != "veto/test" {
		t.Errorf("user agent %q", seen.agent)
	}
	r, _, err := registry.New(options()).Resolve(t.Context(), address+"/shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := r.Manifest(t.Context(), digest(manifest)); err != nil || !bytes.Equal(m.Bytes, manifest) {
		t.Errorf("by digest: %v", err)
	}
	if _, err := r.Manifest(t.Context(), digest([]byte("x"))); err == nil ||
		!strings.Contains(err.Error(), "404 Not Found (MANIFEST_UNKNOWN)") {
		t.Errorf("a manifest that is not there: %v", err)
	}
}

func TestInvalidNames(t *testing.T) {
	for _, name := range []string{"Nginx", "shop/UPPER:1", "a b", "x@sha256:12", "x:", "x@y@z", "host:port/x", "", "x:\x1b[31m"} {
		_, _, err := registry.New(options()).Resolve(t.Context(), name)
		if usage := (*engine.UsageError)(nil); !errors.As(err, &usage) || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// Addresses that were typed for a reference:
	for name, shown := range map[string]string{"a/b?c=SECRET": "a/b?***", "u:SECRET@host/x:1": "***@host/x:1"} {
		_, _, err := registry.New(options()).Resolve(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", shown)) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Whatever goes wrong once must not matter.
func TestPassingFaults(t *testing.T) {
	once := func(path string, f func(w http.ResponseWriter)) fault {
		return func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 1 || !strings.Contains(r.URL.Path, path) {
				return false
			}
			f(w)
			return true
		}
	}
	status := func(code int) func(w http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	drop := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	half := func(b []byte) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			w.Write(b[:len(b)/2])
			panic(http.ErrAbortHandler)
		}
	}
	for name, f := range map[string]fault{
		"500 for the manifest": once("/manifests/", status(500)), "503 for a blob": once("/blobs/", status(503)),
		"429 for the manifest":               once("/manifests/", status(429)),
		"connection closed for the manifest": once("/manifests/", drop), "connection closed for a blob": once("/blobs/", drop),
		"manifest cut": once("/manifests/", half(manifest)), "blob cut, no ranges": once("/blobs/", half(layer)),
		"first contact fails": func(w http.ResponseWriter, r *http.Request, n int) bool {
			if r.URL.Path != "/v2/" || n > 1 {
				return false
			}
			w.WriteHeader(502)
			return true
		},
		"blob cut five times, with ranges": ranges(5, func(string) string { return "" }),
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, f)
			b, m, err := pull(options(), address+"/shop/web:1")
			if err != nil || !bytes.Equal(b, layer) || m.Digest != digest(manifest) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}

// ranges serves the blob with ranges, each time a little of it and then a cut, that many times. rewrite changes the Content-Range.
func ranges(cuts int, rewrite func(string) string) fault {
	return func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		from := 0
		if v := r.Header.Get("Range"); v != "" {
			if _, err := fmt.Sscanf(v, "bytes=%d-", &from); err != nil {
				panic(err)
			}
			span := fmt.Sprintf("bytes %d-%d/%d", from, len(layer)-1, len(layer))
			if other := rewrite(span); other != "" {
				span = other
			}
			w.Header().Set("Content-Range", span)
			w.Header().Set("Content-Length", fmt.Sprint(len(layer)-from))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(layer)))
		}
		if n > cuts {
			w.Write(layer[from:])
			return true
		}
		w.Write(layer[from : from+5000])
		panic(http.ErrAbortHandler)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.Write(layer[:1000])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	})
	r, _, err := registry.New(options()).Resolve(ctx, address+"/shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	rc, err := r.Blob(ctx, digest(layer), int64(len(layer)))
	if err == nil {
		_, err = io.ReadAll(rc)
		rc.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
