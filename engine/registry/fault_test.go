package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// lasting is a fault that never passes, and what must be said about it.
type lasting struct {
	name       string
	f          fault
	says, hint string
	reference  string
}

// always answers every request of some path.
func always(path string, f http.HandlerFunc) fault {
	return func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.Contains(r.URL.Path, path) {
			return false
		}
		f(w, r)
		return true
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func send(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Write(b)
		w.(http.Flusher).Flush()
	}
}

// cutAfter announces size bytes, sends some and closes the connection.
func cutAfter(b []byte, size int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		send(b)(w, r)
		panic(http.ErrAbortHandler)
	}
}

func lastingFaults() []lasting {
	none := func(string) string { return "" }
	return []lasting{
		{name: "401", f: always("/", status(401)), says: "401 Unauthorized", hint: "docker login 127.0.0.1:"},
		{name: "403", f: always("/manifests/", status(403)), says: "403 Forbidden", hint: "VETO_REGISTRY_USER and VETO_REGISTRY_PASSWORD"},
		{name: "404", reference: "shop/web:2", says: "404 Not Found (MANIFEST_UNKNOWN)",
			hint: "docker save NAME -o app.tar && veto scan ./app.tar"},
		{name: "429", f: always("/manifests/", status(429)), says: "429 Too Many Requests", hint: "log in"},
		{name: "500", f: always("/manifests/", status(500)), says: "500 Internal Server Error", hint: "later"},
		{name: "a body that no one should print", f: always("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			send([]byte(`{"errors":[{"code":"\u001b[31mDENIED","message":"s3cret"}]}`))(w, r)
		}), says: "403 Forbidden", hint: "docker login"},
		{name: "another manifest", f: always("/manifests/", send([]byte("{}"))), reference: "shop/web@" + string(digest(manifest)),
			says: "digest", hint: "proxy"},
		{name: "another manifest than the header says", f: always("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", string(digest(manifest)))
			send([]byte("{}"))(w, r)
		}), says: "digest", hint: "proxy"},
		{name: "a manifest too large", f: always("/manifests/", send(make([]byte, engine.MaxManifest+1))), says: "limit of 4194304"},
		{name: "manifest cut every time", f: always("/manifests/", cutAfter([]byte("{"), 100)), says: "unexpected EOF", hint: "check"},
		{name: "missing blob", f: always("/blobs/", status(404)), says: "blob " + digest(layer).Short(), hint: "docker save"},
		{name: "blob cut every time", f: always("/blobs/", cutAfter(layer[:100], len(layer))), says: "at byte 100 of 131072", hint: "check"},
		{name: "blob cut too often", f: ranges(100, none), says: "cut 17 times", hint: "check"},
		{name: "a range that was not asked for", f: ranges(1, func(string) string { return "bytes 0-131071/131072" }),
			says: `range "bytes 0-131071/131072"`, hint: "check"},
		{name: "a range of something larger", f: ranges(1, func(s string) string { return s + "0" }),
			says: "asked for bytes 5000-131071 of 131072", hint: "check"},
		{name: "no range at all", f: ranges(1, func(string) string { return "nonsense" }), says: "nonsense", hint: "check"},
		{name: "a longer blob", f: always("/blobs/", send(append(layer[:len(layer):len(layer)], 'x'))), says: "than the 131072", hint: "check"},
		{name: "a shorter blob", f: always("/blobs/", send(layer[1:])), says: "it has 131071 bytes, and the image says 131072", hint: "check"},
		{name: "a blob announced shorter", f: always("/blobs/", func(w http.ResponseWriter, _ *http.Request) { w.Write(layer[:10]) }),
			says: "it has 10 bytes, and the image says 131072", hint: "check"},
	}
}

func TestLastingFaults(t *testing.T) {
	for _, c := range lastingFaults() {
		t.Run(c.name, func(t *testing.T) {
			address, _ := serve(t, c.f)
			reference := c.reference
			if reference == "" {
				reference = "shop/web:1"
			}
			_, _, err := pull(options(), address+"/"+reference)
			check(t, err, c.says, c.hint)
			if err != nil && !strings.Contains(err.Error(), address+"/shop/web") {
				t.Errorf("it does not say what was asked: %v", err)
			}
		})
	}
}

// check holds an error against what it must say, in one clean line.
func check(t *testing.T, err error, says, hint string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	got := engine.ProblemOf(err)
	if !strings.Contains(got.What, says) || !strings.Contains(string(got.Hint), hint) {
		t.Errorf("error %q\nhint %q\nwant %q and %q", got.What, got.Hint, says, hint)
	}
	if strings.ContainsAny(got.What, "\n\x1b?") || strings.Contains(got.What, "s3cret") {
		t.Errorf("not one clean line: %q", got.What)
	}
	if usage := (*engine.UsageError)(nil); errors.As(err, &usage) {
		t.Errorf("a registry's fault is called the caller's: %v", err)
	}
}

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		after, date string
		asked       int
		want        []time.Duration
	}{
		{"", "", 4, []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}},
		{"0", "", 4, []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}},
		{"7", "", 4, []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}},
		{"3600", "", 1, nil},
		{"99999999999999999999", "", 4, []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}},
		{"Mon, 23 Nov 2026 12:00:30 GMT", "Mon, 23 Nov 2026 12:00:00 GMT", 4,
			[]time.Duration{30 * time.Second, 30 * time.Second, 30 * time.Second}},
		{"Mon, 23 Nov 2026 13:00:30 GMT", "Mon, 23 Nov 2026 12:00:00 GMT", 1, nil},
		{"Mon, 23 Nov 2026 13:00:30 GMT", "today", 4, []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}},
		{"soon", "Mon, 23 Nov 2026 12:00:00 GMT", 4, []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}},
	} {
		address, seen := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Retry-After", c.after)
			if c.date != "" {
				w.Header().Set("Date", c.date)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		p := &pauses{}
		o := options()
		o.Sleep = p.sleep
		_, _, err := pull(o, address+"/shop/web:1")
		check(t, err, "429", "wait")
		if got := seen.of("/manifests/"); got != c.asked || fmt.Sprint(p.all) != fmt.Sprint(c.want) {
			t.Errorf("Retry-After %q: asked %d times with pauses %v, want %d and %v", c.after, got, p.all, c.asked, c.want)
		}
	}
}

func TestHang(t *testing.T) {
	wait := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
	}
	after := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { send(b)(w, r); wait(w, r) }
	}
	for name, f := range map[string]fault{
		"everything": always("/", wait), "the manifest": always("/manifests/", wait), "the blob": always("/blobs/", wait),
		"amid the manifest": always("/manifests/", after([]byte("{"))), "amid the blob": always("/blobs/", after(layer[:1000])),
		"one byte at a time": always("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				send([]byte(" "))(w, r)
				time.Sleep(10 * time.Millisecond)
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, f)
			o := options()
			o.Timeout = 100 * time.Millisecond
			start := time.Now()
			_, _, err := pull(o, address+"/shop/web:1")
			check(t, err, "reading", "VETO_REGISTRY_TIMEOUT")
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}
