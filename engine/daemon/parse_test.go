package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/vetoci/veto/engine"
)

func FuzzImage(f *testing.F) {
	f.Add([]byte(`{"Id":"sha256:` + strings.Repeat("0",
		64) + `","RepoTags":["a:1"],"RepoDigests":null,"Architecture":"arm64","Os":"linux","Size":1}`))
	f.Add([]byte(`{"id":"x","Size":1e99}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if img, err := parseImage(b); (err == nil) != (img != nil) || err == nil && !imageID.MatchString(string(img.ID)) {
			t.Errorf("%+v, %v", img, err)
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, h := range []string{"unix:///var/run/docker.sock", "http+unix://%2Frun%2Fd.sock", "tcp://127.0.0.1:2375", "tcp://[::1]:2376/",
		"ssh://u@h", "npipe://x", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, host string) {
		p, err := Options{Program: "docker", From: "DOCKER_HOST", Host: host}.parseHost()
		switch usage := (*engine.UsageError)(nil); {
		case err == nil && p.network == "unix" && !filepath.IsAbs(p.address), err == nil && p.network == "tcp" && !p.tls &&
			!strings.Contains(p.address, "127.") && !strings.Contains(p.address, ":") && !strings.Contains(p.address, "localhost"):
			t.Errorf("%q is %+v", host, p)
		case err != nil && !errors.As(err, &usage) && !strings.Contains(err.Error(), "TLS"):
			t.Errorf("%q: %v", host, err)
		}
	})
}

// However an answer comes in pieces, it ends well only when its last two blocks are zeros.
func FuzzArchive(f *testing.F) {
	f.Add(make([]byte, 1024), []byte{7})
	f.Add(bytes.Repeat([]byte("a"), 512), []byte("x"))
	f.Add([]byte(`{"errorDetail":{},"error":"x"}`), []byte{0, 1})
	f.Fuzz(func(t *testing.T, b, end []byte) {
		whole := append(bytes.Repeat(b, 1+len(end)%40), end...)
		for _, r := range []io.Reader{bytes.NewReader(whole), iotest.HalfReader(bytes.NewReader(whole)),
			iotest.DataErrReader(bytes.NewReader(whole))} {
			ctx, cancel := context.WithCancelCause(t.Context())
			a := &exportStream{body: io.NopCloser(r), client: &Client{options: Options{Program: "docker"}}, name: "x", ctx: ctx, cancel: cancel,
				timeout: time.Minute}
			a.timer = time.AfterFunc(a.timeout, func() { cancel(nil) })
			got, err := io.ReadAll(a)
			ends := len(whole)%512 == 0 && len(whole) >= 1024 && len(bytes.Trim(whole[len(whole)-1024:], "\x00")) == 0
			if !bytes.HasPrefix(whole, got) || (err == nil) != ends || ends && len(got) != len(whole) {
				t.Errorf("%d of %d bytes, %v", len(got), len(whole), err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if _, err := a.Read(make([]byte, 1)); err == nil {
				t.Error("it can be read after its end")
			}
		}
	})
}
