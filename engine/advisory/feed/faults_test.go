package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// A server may ask to be left alone for a while, an hour at most; what will not pass by itself is not tried again.
func TestWaitAfterStatus(t *testing.T) {
	for _, c := range []struct {
		status int
		after  string
		want   time.Duration
	}{
		{500, "", 0}, {503, "7", 7 * time.Second}, {429, "7", 7 * time.Second}, {408, "1", time.Second}, {599, "0", 0}, {503, "soon", 0},
		{503, "-5", 0}, {503, "3600", time.Hour}, {503, "3601", time.Hour}, {499, "7", never}, {400, "", never},
		{404, "7", never}, {301, "", never},
	} {
		r := &http.Response{StatusCode: c.status, Header: http.Header{}}
		r.Header.Set("Retry-After", c.after)
		if got := waitAfterStatus(r); got != c.want {
			t.Errorf("%d, Retry-After %q: %s, want %s", c.status, c.after, got, c.want)
		}
	}
}

// A certificate of an unknown authority is no passing fault, and the hint says how to name the authority.
func TestUnknownAuthority(t *testing.T) {
	requests := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	defer s.Close()
	s.Config.ErrorLog = nil
	_, err := FetchKEV(t.Context(), s.URL, Options{Pause: time.Hour})
	hint := (*engine.HintError)(nil)
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, "--ca-file") || requests != 0 ||
		!strings.Contains(err.Error(), "attempt 1 of 4") {
		t.Errorf("%v after %d requests", err, requests)
	}
	if _, err := FetchKEV(t.Context(), s.URL, Options{Client: s.Client(), Attempts: 1}); err == nil || requests != 1 {
		t.Errorf("with the authority: %v after %d requests", err, requests)
	}
}

// Requests carry the user agent, go to https only, also after a redirect, and keep the password out of what is shown.
func TestRequests(t *testing.T) {
	agent := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		fmt.Fprint(w, kev)
	}))
	defer s.Close()
	k, err := FetchKEV(t.Context(), strings.Replace(s.URL, "://", "://user:secret@", 1), Options{UserAgent: "veto/1"})
	if err != nil || agent != "veto/1" || strings.Contains(k.Name, "secret") || k.AsOf == "" {
		t.Errorf("%+v, %v, user agent %q", k, err, agent)
	}
	if _, err := FetchKEV(t.Context(), s.URL, Options{}); err != nil || agent != "Go-http-client/1.1" {
		t.Errorf("%v, user agent %q", err, agent)
	}
	for raw, want := range map[string]bool{"https://example.test": true, "http://localhost:1/x": true, "http://127.0.0.1/x": true,
		"http://[::1]/x":      true,
		"http://example.test": false, "http://127.0.0.1.example.test": false, "http://10.0.0.1": false,
		"ftp://localhost": false, "https://": false,
		"https://:443": false, "http://%zz": false} {
		if _, err := parseURL(raw); (err == nil) != want || err != nil && !errors.As(err, new(*engine.UsageError)) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// A download that cannot be kept is an error that is not tried again, and a visitor's error ends the reading.
func TestDownloadFaults(t *testing.T) {
	s, count := bucket(t, nil)
	o, err := OpenOSV(s.URL+"/osv", Options{Dir: filepath.Join(t.TempDir(), "absent")})
	if err != nil {
		t.Fatal(err)
	}
	if x, err := o.Export(t.Context(), "npm"); err == nil || count.Load() != 0 {
		t.Errorf("%+v, %v after %d requests", x, err, count.Load())
	}
	path := save(t, pack(t, file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Store}, file{"A-2.json", osvJSON("A-2", "npm", "a"), zip.Store}))
	local, err := OpenOSV(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := local.Export(t.Context(), "npm")
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	broken, visited := errors.New("out of order"), 0
	if err := x.Each(t.Context(), func(*advisory.Advisory) error { visited++; return broken }); !errors.Is(err, broken) || visited != 1 {
		t.Errorf("%v after %d records", err, visited)
	}
	ctx, cancel := context.WithCancel(t.Context())
	visited = 0
	err = x.Each(ctx, func(*advisory.Advisory) error { visited++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || visited != 1 {
		t.Errorf("cancelled: %v after %d records", err, visited)
	}
	if names, err := local.Ecosystems(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, %v", names, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for limit, fits := range map[int64]bool{info.Size(): true, info.Size() - 1: false} {
		local.options.Limit = limit
		x, err := local.Export(t.Context(), "npm")
		if limited := errors.As(err, new(*engine.LimitError)); limited == fits {
			t.Errorf("%d bytes, of which %d may be: %v", info.Size(), limit, err)
		}
		if err == nil {
			x.Close()
		}
	}
}

// A stalled download is given up after Stall without a byte; a slow one, of which something keeps coming, is not.
func TestSlowDownload(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 6 { // 0.6 s in all, which is longer than Stall
			fmt.Fprint(w, kev[i*len(kev)/6:(i+1)*len(kev)/6])
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	}))
	defer s.Close()
	if k, err := FetchKEV(t.Context(), s.URL, Options{Stall: 450 * time.Millisecond, Attempts: 1}); err != nil {
		t.Errorf("%+v, %v", k, err)
	}
}

// The files of a zip have honest names and sizes, alone and together.
func TestZipClaims(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(h zip.FileHeader) {
		h.CompressedSize64, h.CRC32 = 2, crc32.ChecksumIEEE([]byte("{}"))
		e, err := w.CreateRaw(&h)
		if err == nil {
			_, err = io.WriteString(e, "{}")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range engine.MaxFeedInflated/engine.MaxAdvisory + 1 {
		add(zip.FileHeader{Name: fmt.Sprint(i, ".json"), UncompressedSize64: engine.MaxAdvisory})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := listZip(bytes.NewReader(b.Bytes()), int64(b.Len()), "x"); !errors.As(err, new(*engine.LimitError)) {
		t.Errorf("%d files that claim too much together: %v", len(files), err)
	}
	regular := zip.FileHeader{Name: "A.json"}
	for name, c := range map[string]struct {
		change func(f *zip.FileHeader)
		want   bool
	}{
		"plain":           {func(*zip.FileHeader) {}, true},
		"largest":         {func(f *zip.FileHeader) { f.UncompressedSize64 = engine.MaxAdvisory }, true},
		"larger":          {func(f *zip.FileHeader) { f.UncompressedSize64 = engine.MaxAdvisory + 1 }, false},
		"a link":          {func(f *zip.FileHeader) { f.SetMode(os.ModeSymlink | 0o777) }, false},
		"a folder":        {func(f *zip.FileHeader) { f.Name = "a/"; f.SetMode(os.ModeDir | 0o755) }, false},
		"encrypted":       {func(f *zip.FileHeader) { f.Flags = 1 }, false},
		"in a folder":     {func(f *zip.FileHeader) { f.Name = "a/b/A.json" }, true},
		"the parent's":    {func(f *zip.FileHeader) { f.Name = "..A/A.json" }, false},
		"with a dot":      {func(f *zip.FileHeader) { f.Name = "./A.json" }, false},
		"twice a slash":   {func(f *zip.FileHeader) { f.Name = "a//A.json" }, false},
		"with a zero":     {func(f *zip.FileHeader) { f.Name = "a\x00.json" }, false},
		"the longest":     {func(f *zip.FileHeader) { f.Name = strings.Repeat("a", engine.MaxPath-5) + ".json" }, true},
		"longer":          {func(f *zip.FileHeader) { f.Name = strings.Repeat("a", engine.MaxPath-4) + ".json" }, false},
		"of another kind": {func(f *zip.FileHeader) { f.Name = "A.txt" }, false},
	} {
		f := regular
		c.change(&f)
		if err := checkZipFile(&zip.File{FileHeader: f}); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A directory's own name may have what a pattern would read otherwise.
func TestDirectoryWithPattern(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a[b]*?\`)
	for _, base := range []string{"npm", "Red Hat"} {
		if err := os.MkdirAll(filepath.Join(dir, base), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, base, "all.zip"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err := OpenOSV(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := o.Ecosystems(t.Context()); err != nil || !cmp.Equal(names, []string{"Red Hat", "npm"}) {
		t.Errorf("%q, %v", names, err)
	}
}

// Gzip inflates up to a limit, and everything else is as it is.
func TestGunzip(t *testing.T) {
	for _, c := range []struct {
		data  string
		limit int64
		want  string
	}{{"12345", 3, "12345"}, {"\x1f", 3, "\x1f"}, {"", 3, ""}, {string(packed(t, "12345")), 5, "12345"}} {
		if got, err := gunzip([]byte(c.data), c.limit); err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v", c.data, got, err)
		}
	}
	if got, err := gunzip(packed(t, "12345"), 4); !errors.As(err, new(*engine.LimitError)) {
		t.Errorf("%q, %v, want a limit", got, err)
	}
	for _, bad := range []string{"\x1f\x8b", "\x1f\x8b\x08", string(packed(t, "12345")[:20])} {
		if got, err := gunzip([]byte(bad), 100); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// A name in a message is on one line, and short.
func TestQuote(t *testing.T) {
	for text, want := range map[string]string{"a\nb": `"a\nb"`, strings.Repeat("a", 200): `"` + strings.Repeat("a", 200) + `"`,
		strings.Repeat("a", 201): `"` + strings.Repeat("a", 200) + `…"`} {
		if got := quote(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
