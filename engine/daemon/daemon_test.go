package daemon_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/daemon"
	"github.com/vetoci/veto/engine/image/imagetest"
)

const name = "example.test/shop/web:1.0"

// saved is what a daemon exports: more than one read's worth.
func saved(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	big := strings.Repeat("0123456789abcdef", 1<<14)
	if err := imagetest.WriteDockerArchive(&b, imagetest.Image{Name: name, Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=debian\n")}},
		{Entries: []imagetest.Entry{imagetest.File("srv/data", big)}}}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const id = "sha256:d16eecfef9f692df796a3e75d619e377079768c026b4d9de646f5e60c2893d7d"

// standIn is a daemon in the words of the Docker Engine API 1.41; fault answers a path in its place when it has an entry.
type standIn struct {
	archive []byte
	fault   map[string]http.HandlerFunc
	mu      sync.Mutex
	asked   []string
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.Path)
	s.mu.Unlock()
	if f := s.fault[r.URL.Path]; f != nil {
		f(w, r)
		return
	}
	w.Header().Set("Api-Version", "1.41")
	switch r.URL.Path {
	case "/_ping":
		fmt.Fprint(w, "OK")
	case "/v1.41/images/" + name + "/json":
		fmt.Fprintf(w, `{"Id":%q,"RepoTags":["z:1",%q],"RepoDigests":[],"Architecture":"arm64","Os":"linux","Size":4711,"Config":{"Env":null}}`,
			id, name)
	case "/v1.41/images/" + name + "/get":
		w.Header().Set("Content-Type", "application/x-tar")
		for b := s.archive; len(b) > 0; b = b[min(len(b), 1000):] {
			w.Write(b[:min(len(b), 1000)])
			w.(http.Flusher).Flush()
		}
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"No such image: x"}`)
	}
}

// listen serves h on a socket of its own.
func listen(t *testing.T, h http.Handler) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "d.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener, s.Config.ErrorLog = l, log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return path
}

func options(path string) daemon.Options {
	return daemon.Options{Program: "docker", From: "DOCKER_HOST", Host: "unix://" + path, UserAgent: "veto/test", Timeout: 5 * time.Second}
}

func export(ctx context.Context, o daemon.Options, image string) ([]byte, error) {
	c, err := daemon.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r, err := c.Export(ctx, image)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func TestExport(t *testing.T) {
	s := &standIn{archive: saved(t)}
	path := listen(t, s)
	for _, host := range []string{"unix://" + path, "http+unix://" + path, "http+unix://" + strings.ReplaceAll(path, "/", "%2F")} {
		o := options("")
		o.Host = host
		b, err := export(t.Context(), o, name)
		if err != nil || !bytes.Equal(b, s.archive) {
			t.Fatalf("%s: %d bytes of %d, %v", host, len(b), len(s.archive), err)
		}
	}
	if n := files(t, s.archive); n < 4 {
		t.Errorf("the archive has %d files", n)
	}
	o := options("")
	o.Host, o.Sockets = "", []string{filepath.Join(path, "no", "directory"), "/nonexistent/x.sock", path, "/dev/null"}
	if b, err := export(t.Context(), o, name); err != nil || len(b) != len(s.archive) {
		t.Errorf("the first socket that is there: %d bytes, %v", len(b), err)
	}
}

func files(t *testing.T, archive []byte) (n int) {
	for r := tar.NewReader(bytes.NewReader(archive)); ; n++ {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestInspect(t *testing.T) {
	c, err := daemon.Open(t.Context(), options(listen(t, &standIn{})))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Inspect(t.Context(), name)
	want := &daemon.Image{ID: id, RepoTags: []string{name, "z:1"}, RepoDigests: []string{}, Architecture: "arm64", OS: "linux", Size: 4711}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// check holds an error against what it must say, in one line.
func check(t *testing.T, err error, says, hint string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	got := engine.ProblemOf(err)
	if !strings.Contains(got.What, says) || !strings.Contains(string(got.Hint), hint) || strings.ContainsAny(got.What, "\n\x1b") {
		t.Errorf("error %q\nhint %q\nwant %q and %q", got.What, got.Hint, says, hint)
	}
}
