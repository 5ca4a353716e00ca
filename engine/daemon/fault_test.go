package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/daemon"
)

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const (
	getPath  = "/v1.41/images/" + name + "/get"
	jsonPath = "/v1.41/images/" + name + "/json"
)

// Whatever is less than a whole archive is an error, however the daemon puts it.
func TestShortArchive(t *testing.T) {
	whole := saved(t)
	part := func(n int, rest string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Write(whole[:n])
			w.(http.Flusher).Flush()
			io.WriteString(w, rest)
		}
	}
	for what, c := range map[string]struct {
		f          http.HandlerFunc
		says, hint string
	}{
		"nothing":            {answer(200, ""), "no end after 0 bytes", "docker save " + name},
		"cut between blocks": {part(2048, ""), "no end after 2048 bytes", "docker save"},
		"cut in a block":     {part(len(whole)-1, ""), "no end after", "docker save"},
		"no second block":    {part(2048, strings.Repeat("x", 512)+strings.Repeat("\x00", 512)), "no end after", "docker save"},
		"an error behind": {part(3000, `{"errorDetail":{"message":"layer is\ngone"},"error":"layer is\ngone"}`+"\r\n"),
			`it says "layer is\ngone"`, "docker save"},
		"a long error": {part(2048, `{"errorDetail":{"message":"`+strings.Repeat("x", 300000)+`"},"error":"x"}`), "no end",
			"docker save"},
		"an error that ends like a tar": {part(2048, `{"errorDetail":{},"error":"`+strings.Repeat("x", 2048-512+485)+`"}`), "it says",
			"docker save"},
		"connection cut": {func(w http.ResponseWriter, _ *http.Request) {
			part(2048, "")(w, nil)
			panic(http.ErrAbortHandler)
		}, "broke off: unexpected EOF", "docker save"},
		"length wrong": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
			part(2048, "")(w, nil)
			panic(http.ErrAbortHandler)
		}, "broke off: unexpected EOF", "docker save"},
		"no length, no chunks": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\n\r\n%s", whole[:2048])
		}, "no end after 2048 bytes", "docker save"},
	} {
		t.Run(what, func(t *testing.T) {
			path := listen(t, &standIn{fault: map[string]http.HandlerFunc{getPath: c.f}})
			_, err := export(t.Context(), options(path), name)
			check(t, err, c.says, c.hint)
			if !strings.Contains(err.Error(), "docker at unix://"+path) || !strings.Contains(err.Error(), name) {
				t.Errorf("it does not say who was asked for what: %v", err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for what, c := range map[string]struct {
		path       string
		f          http.HandlerFunc
		says, hint string
	}{
		"no such image": {getPath, answer(404, `{"message":"No such image"}`), "there is no such image",
			"docker pull " + name + "; from its registry, without the daemon: registry:" + name},
		"its error": {getPath, answer(500, `{"message":"driver \u001b[31mfailed"}`),
			`500 Internal Server Error: "driver \x1b[31mfailed"`, "docker save"},
		"an error in no JSON": {getPath, answer(500, "<html>"), "500 Internal Server Error", "docker save"},
		"a redirect": {getPath, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "302 Found", "docker save"},
		"unknown": {jsonPath, answer(404, ""), "there is no such image", "docker pull"},
		"no JSON": {jsonPath, answer(200, "hello"), "not the JSON of an image", ""},
		"no ID":   {jsonPath, answer(200, `{"Id":"x"}`), `no image ID: "x"`, ""},
		"a type":  {jsonPath, answer(200, `{"Id":"`+id+`","RepoTags":7}`), "not the JSON of an image", ""},
		"depth":   {jsonPath, answer(200, `{"Id":"`+id+`","Config":`+deep+`}`), "depth of JSON", ""},
		"size": {jsonPath, answer(200, `{"Id":"`+id+`","Comment":"`+strings.Repeat("x", engine.MaxConfig)+`"}`),
			"limit of 4194304", ""},
		"cut":                {jsonPath, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", ""},
		"not a daemon":       {"/_ping", answer(200, "<html>\x1b"), `is no docker daemon: 200, "<html>\x1b"`, "DOCKER_HOST"},
		"not a daemon's 404": {"/_ping", answer(404, ""), "is no docker daemon: 404", "DOCKER_HOST"},
	} {
		t.Run(what, func(t *testing.T) {
			o := options(listen(t, &standIn{fault: map[string]http.HandlerFunc{c.path: c.f}}))
			err := inspectOrExport(t, o, c.path)
			check(t, err, c.says, c.hint)
			if errors.Is(err, daemon.ErrNotFound) != strings.Contains(c.says, "no such image") {
				t.Errorf("found or not: %v", err)
			}
			if usage := (*engine.UsageError)(nil); errors.As(err, &usage) {
				t.Errorf("a daemon's fault is called the caller's: %v", err)
			}
		})
	}
}

func inspectOrExport(t *testing.T, o daemon.Options, path string) error {
	c, err := daemon.Open(t.Context(), o)
	if err != nil {
		return err
	}
	defer c.Close()
	if path == jsonPath {
		_, err := c.Inspect(t.Context(), name)
		return err
	}
	r, err := c.Export(t.Context(), name)
	if err == nil {
		r.Close()
	}
	return err
}

// A name never becomes another path.
func TestNames(t *testing.T) {
	s := &standIn{}
	c, err := daemon.Open(t.Context(), options(listen(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, n := range []string{"", "..", "a/../b", "/a", "a/", "a//b", "./a", "a?b", "a#b", "a%2fb", "a b", "a\nb", "ä", "-a",
		strings.Repeat("a", 513)} {
		_, inspected := c.Inspect(t.Context(), n)
		_, exported := c.Export(t.Context(), n)
		for _, err := range []error{inspected, exported} {
			if usage := (*engine.UsageError)(nil); !errors.As(err, &usage) {
				t.Errorf("%q: %v", n, err)
			}
		}
	}
	if len(s.asked) != 1 {
		t.Errorf("it was asked for %q", s.asked)
	}
}

func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	deaf := filepath.Join(dir, "deaf.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: deaf})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	o := options(deaf)
	_, err = daemon.Open(t.Context(), o)
	check(t, err, "asking docker at unix://"+deaf+": nothing listens there", "systemctl start docker")
	o.Host = "unix://" + filepath.Join(dir, "none.sock")
	_, err = daemon.Open(t.Context(), o)
	check(t, err, "there is no such socket", "DOCKER_HOST=unix:///path")
	o = daemon.Podman(func(string) string { return "" })
	o.Sockets = []string{filepath.Join(dir, "a.sock"), filepath.Join(dir, "b.sock")}
	_, err = daemon.Open(t.Context(), o)
	check(t, err, "no podman daemon: there is no socket at "+dir+"/a.sock, "+dir+"/b.sock", "systemctl --user start podman.socket")
	o = options("")
	o.Host = "tcp://127.0.0.1:1"
	_, err = daemon.Open(t.Context(), o)
	check(t, err, "asking docker at tcp://127.0.0.1:1: nothing listens there", "DOCKER_HOST")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = daemon.Open(t.Context(), options(file))
	check(t, err, "nothing listens there", "DOCKER_HOST")
}

// A daemon that answers no more does not hold the gate, and neither does a caller who wants no more.
func TestStops(t *testing.T) {
	wait := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
	}
	begin := func(w http.ResponseWriter, r *http.Request) {
		w.Write(saved(t)[:2048])
		w.(http.Flusher).Flush()
		wait(w, r)
	}
	for what, c := range map[string]struct {
		path string
		f    http.HandlerFunc
		says string
	}{
		"ping": {"/_ping", wait, "no answer in time"}, "before the archive": {getPath, wait, "no answer in time"},
		"amid the archive": {getPath, begin, "nothing came for 1s"}, "inspect": {jsonPath, wait, "no answer in time"},
	} {
		t.Run(what, func(t *testing.T) {
			o := options(listen(t, &standIn{fault: map[string]http.HandlerFunc{c.path: c.f}}))
			o.Timeout = 50 * time.Millisecond
			start := time.Now()
			err := error(nil)
			if c.path == getPath {
				_, err = export(t.Context(), o, name)
			} else {
				err = inspectOrExport(t, o, c.path)
			}
			check(t, err, c.says, "docker")
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("it took %s", d)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			o.Timeout = 10 * time.Second
			if c.path == getPath {
				_, err = export(ctx, o, name)
			} else if cl, e := daemon.Open(ctx, o); e != nil {
				err = e
			} else {
				_, err = cl.Inspect(ctx, name)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("called off: %v", err)
			}
		})
	}
}
