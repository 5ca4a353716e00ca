package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

const lastModified = "Sun, 22 Nov 2026 08:00:00 GMT"

// bucket serves an export of npm; misbehave may answer instead.
func bucket(t testing.TB, misbehave func(w http.ResponseWriter, r *http.Request, n int32) bool) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	body := pack(t, file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Deflate},
		file{"A-2.json", osvJSON("A-2", "npm", "b") + strings.Repeat(" ", 5000), zip.Store})
	count := new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := count.Add(1)
		if misbehave != nil && misbehave(w, r, n) {
			return
		}
		switch r.URL.Path {
		case "/osv/ecosystems.txt":
			fmt.Fprintln(w, "npm\nDebian")
		case "/osv/npm/all.zip":
			w.Header().Set("Last-Modified", lastModified)
			http.ServeContent(w, r, "", time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), bytes.NewReader(body))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s, count
}

// pull reads npm's export from a server and returns how many records it had, and what is left in its folder.
func pull(t testing.TB, base string, o Options) (records int, asOf string, err error) {
	t.Helper()
	o.Dir, o.Pause = t.TempDir(), time.Millisecond
	defer func() {
		left, e := os.ReadDir(o.Dir)
		if e != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, e)
		}
	}()
	s, err := OpenOSV(base+"/osv", o)
	if err != nil {
		return 0, "", err
	}
	x, err := s.Export(context.Background(), "npm")
	if err != nil {
		return 0, "", err
	}
	err = x.Each(context.Background(), func(*advisory.Advisory) error { records++; return nil })
	return records, x.AsOf, errors.Join(err, x.Close())
}

func TestServer(t *testing.T) {
	s, _ := bucket(t, nil)
	var last Progress
	records, asOf, err := pull(t, s.URL, Options{Progress: func(p Progress) { last = p }})
	if records != 2 || asOf != "2026-11-22T08:00:00Z" || err != nil {
		t.Errorf("%d records as of %q, %v", records, asOf, err)
	}
	if want := (Progress{"read", "npm", 2, 2}); last != want {
		t.Errorf("last progress %+v", last)
	}
	src, err := OpenOSV(s.URL+"/osv/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := src.Ecosystems(context.Background()); err != nil || strings.Join(names, " ") != "Debian npm" {
		t.Errorf("ecosystems %v, %v", names, err)
	}
}

// What passes by itself is tried again; what does not, is not. Nothing is ever left half-written.
func TestServerFaults(t *testing.T) {
	cut := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100000")
		w.WriteHeader(http.StatusOK)
		w.Write([]byte("PK\x03\x04 the beginning"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		fault    func(http.ResponseWriter)
		o        Options
		want     string
		requests int32
	}{
		"404":            {status(404), Options{}, "404", 1},
		"403":            {status(403), Options{}, "403", 1},
		"401":            {status(401), Options{}, "401", 1},
		"500":            {status(500), Options{}, "500", 4},
		"503":            {status(503), Options{Attempts: 2}, "503", 2},
		"429":            {status(429), Options{}, "429", 4},
		"304 uninvited":  {status(304), Options{}, "304", 1},
		"206 uninvited":  {status(206), Options{}, "206", 1},
		"cut connection": {cut, Options{}, "unexpected EOF", 4},
		"stall": {func(w http.ResponseWriter) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			time.Sleep(300 * time.Millisecond)
		}, Options{Stall: 50 * time.Millisecond, Attempts: 2}, "nothing came for", 2},
		"no answer": {func(http.ResponseWriter) { time.Sleep(300 * time.Millisecond) }, Options{Stall: 50 * time.Millisecond, Attempts: 2},
			"nothing came for", 2},
		"announces too much": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(20_000))
			w.WriteHeader(200)
		}, Options{Limit: 10_000}, "over the limit", 1},
		"sends too much": {func(w http.ResponseWriter) {
			for range 100 {
				w.Write(make([]byte, 1000))
				w.(http.Flusher).Flush()
			}
		}, Options{Limit: 10_000}, "over the limit", 1},
		"a page instead": {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>sign in</html>") }, Options{}, "not a valid zip", 1},
		"redirect to http": {func(w http.ResponseWriter) { w.Header().Set("Location", "http://example.test/x"); w.WriteHeader(302) },
			Options{}, "refused", 1},
		"endless redirect": {func(w http.ResponseWriter) { w.Header().Set("Location", "/osv/npm/all.zip"); w.WriteHeader(302) },
			Options{Attempts: 1}, "more than 5 redirects", 5},
	} {
		t.Run(name, func(t *testing.T) {
			s, count := bucket(t, func(w http.ResponseWriter, _ *http.Request, _ int32) bool { c.fault(w); return true })
			_, _, err := pull(t, s.URL, c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if got := count.Load(); got != c.requests {
				t.Errorf("%d requests, want %d", got, c.requests)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		s, _ := bucket(t, nil)
		s.Close()
		if _, _, err := pull(t, s.URL, Options{}); err == nil || !errors.As(err, new(*engine.HintError)) {
			t.Errorf("error %v", err)
		}
	})
}

func TestServerRecovers(t *testing.T) {
	s, count := bucket(t, func(w http.ResponseWriter, _ *http.Request, n int32) bool {
		switch n {
		case 1:
			w.WriteHeader(503)
		case 2: // more bytes than the whole export, then cut: none of them may stay
			w.Header().Set("Content-Length", "1000000")
			w.Write(make([]byte, 500_000))
			panic(http.ErrAbortHandler)
		}
		return n <= 2
	})
	if records, _, err := pull(t, s.URL, Options{}); records != 2 || err != nil || count.Load() != 3 {
		t.Errorf("%d records, %v after %d requests", records, err, count.Load())
	}
}

func TestServerCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, count := bucket(t, func(w http.ResponseWriter, _ *http.Request, _ int32) bool {
		cancel()
		w.WriteHeader(500)
		return true
	})
	src, err := OpenOSV(s.URL+"/osv", Options{Dir: t.TempDir(), Pause: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Export(ctx, "npm"); err == nil || count.Load() != 1 {
		t.Errorf("%v after %d requests", err, count.Load())
	}
}
