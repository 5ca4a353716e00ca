package image_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
	"github.com/vetoci/veto/engine/registry"
)

// ranged is a registry that serves ranges and counts what travels of blobs.
type ranged struct {
	t       *testing.T
	address string
	answers map[string]answer
	refuse  bool // to serve ranges
	left    int  // how many requests for blobs are answered, when it is not 0
	mu      sync.Mutex
	asked   int
	sent    int
}

func newRanged(t *testing.T) *ranged {
	t.Setenv("HOME", t.TempDir())
	s := &ranged{t: t, answers: map[string]answer{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.address = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *ranged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	a, ok := s.answers[name]
	switch {
	case r.URL.Path == "/v2/":
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case strings.Contains(r.URL.Path, "/manifests/"):
		w.Header().Set("Content-Type", a.mediaType)
		w.Write(a.body)
	default:
		s.mu.Lock()
		if s.left--; s.left == 0 {
			a.body = nil
		}
		s.mu.Unlock()
		if a.body == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if s.refuse {
			r.Header.Del("Range")
		}
		c := &counted{ResponseWriter: w}
		http.ServeContent(c, r, "", time.Time{}, bytes.NewReader(a.body))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		s.sent += c.n
	}
}

type counted struct {
	http.ResponseWriter
	n int
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n += n
	return n, err
}

// put offers an image under the tag "1".
func (s *ranged) put(p *imagetest.Packed) {
	s.answers["1"] = answer{ociManifest, p.Manifest}
	s.answers[p.ConfigDigest] = answer{"", p.Config}
	for i, d := range p.Digests {
		s.answers[d] = answer{"", p.Layers[i]}
	}
}

func (s *ranged) pack(m imagetest.Image) *imagetest.Packed {
	s.t.Helper()
	p, err := imagetest.Pack(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(p)
	return p
}

// open opens the image and returns its only layer.
func (s *ranged) open(toc bool) engine.Layer {
	s.t.Helper()
	c := registry.New(registry.Options{Timeout: 5 * time.Second})
	m, err := image.Open(s.t.Context(), s.address+"/shop/web:1", image.Options{Registry: c, TOC: toc})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { m.Close() })
	return m.Layers()[0]
}

// shown is what a walk shows: entries with their bodies, in order.
type shown struct {
	Entry engine.Entry
	Body  string
}

// look walks a layer and reads the bodies that want picks.
func look(t *testing.T, l engine.Layer, want func(e engine.Entry) bool) ([]shown, engine.Verified, error) {
	var out []shown
	v, err := l.Walk(t.Context(), func(f *engine.File) error {
		s := shown{Entry: f.Entry}
		if f.Type == engine.TypeFile && want(f.Entry) {
			b, err := f.Bytes(1 << 30)
			if err != nil {
				s.Body = "error: " + err.Error() // as an inspector: it must not matter
			} else {
				s.Body = string(b)
			}
		}
		out = append(out, s)
		return nil
	})
	return out, v, err
}

func all(engine.Entry) bool { return true }

func gaps(t *testing.T, l engine.Layer) []engine.Gap {
	t.Helper()
	s, ok := l.(engine.Sketched)
	if !ok {
		t.Fatal("the layer has no gaps to tell of")
	}
	return s.Gaps()
}

// grain is content that packs badly.
func grain(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(64))
	}
	return b
}

// every is a layer with every kind of entry.
func every() []imagetest.Entry {
	long := strings.Repeat("long/", 60) + "name"
	return []imagetest.Entry{
		imagetest.Dir("./"),
		imagetest.Dir("etc/"),
		imagetest.File("./etc/os-release", "ID=debian\n"),
		imagetest.File("etc/empty", ""),
		imagetest.File("/etc/absolute", "absolute"),
		imagetest.Symlink("lib", "usr/lib"),
		imagetest.Hardlink("etc/second", "./etc/os-release"),
		{Path: "dev/null", Type: tar.TypeChar, Mode: 0o666},
		{Path: "dev/sda", Type: tar.TypeBlock, Mode: 0o660, GID: 6},
		{Path: "run/pipe", Type: tar.TypeFifo},
		{Path: "usr/bin/su", Body: grain(1, 5000), Mode: 0o4755, UID: 0, GID: 42},
		{Path: long, Body: []byte("far away"), UID: 70000, GID: 80000},
		{Path: "näme/日本", Body: []byte("utf-8 \" \\ \n")},
		imagetest.Whiteout("etc/gone"),
		imagetest.Opaque("srv"),
		imagetest.File("etc/twice", "first"),
		imagetest.File("etc/twice", "second"),
		{Path: "zeros", Body: make([]byte, 3000)},
		{Path: "last", Body: grain(2, 70_000)},
		imagetest.Dir("after/"),
		imagetest.File("after/empty", ""),
	}
}

type packing struct {
	name string
	c    imagetest.Compression
	o    imagetest.TOC
}

func packings() []packing {
	return []packing{
		{"eStargz", imagetest.EStargz, imagetest.TOC{}},
		{"eStargz in chunks", imagetest.EStargz, imagetest.TOC{ChunkSize: 999}},
		{"eStargz together", imagetest.EStargz, imagetest.TOC{ChunkSize: 999, MinChunkSize: 4000}},
		{"stargz", imagetest.EStargz, imagetest.TOC{Legacy: true}},
		{"zstd:chunked", imagetest.ZstdChunked, imagetest.TOC{}},
		{"zstd:chunked in chunks", imagetest.ZstdChunked, imagetest.TOC{ChunkSize: 999}},
	}
}

func TestTOC(t *testing.T) {
	for _, c := range packings() {
		t.Run(c.name, func(t *testing.T) {
			s := newRanged(t)
			s.pack(imagetest.Image{Compression: c.c, TOC: c.o, Layers: []imagetest.Layer{{Entries: every()}}})
			l := s.open(false)
			want, v, err := look(t, l, all)
			if err != nil || v != engine.VerifiedContent || gaps(t, l) != nil {
				t.Fatalf("pulled: %s, %v, gaps %v", v, err, gaps(t, l))
			}
			extra := 0
			if c.c == imagetest.EStargz {
				extra = 1 // the table itself is a file of the tar, and so of the image
			}
			if len(want) != len(every())+extra || extra == 1 && want[len(want)-1].Entry.Path != "stargz.index.json" {
				t.Errorf("pulled: %d entries, want %d, the last is %+v", len(want), len(every())+extra, want[len(want)-1].Entry)
			}
			l = s.open(true)
			for range 2 {
				got, v, err := look(t, l, all)
				if err != nil || v != engine.VerifiedClaimed {
					t.Fatalf("by its table: %s, %v", v, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-pulled +by its table):\n%.3000s", diff)
				}
			}
			g := gaps(t, l)
			if len(g) != 1 || g[0].Kind != engine.GapTOCOnly || string(g[0].Layer) != string(l.Info().DiffID) || g[0].Path != "" {
				t.Errorf("gaps: %+v", g)
			}
		})
	}
}

// What builders add to help runtimes are files of the image: whoever unpacks the tar has them, and that is nearly every runtime.
func TestLandmarks(t *testing.T) {
	for _, mark := range []string{".prefetch.landmark", ".no.prefetch.landmark"} {
		for _, toc := range []bool{false, true} {
			s := newRanged(t)
			s.pack(imagetest.Image{Compression: imagetest.EStargz, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
				imagetest.File(mark, "\x0f"), imagetest.File("srv/app", "app")}}}})
			got, _, err := look(t, s.open(toc), all)
			if err != nil || len(got) != 3 || got[0].Entry.Path != mark || got[0].Body != "\x0f" || got[2].Entry.Path != "stargz.index.json" {
				t.Errorf("%s, by its table %v: %+v, %v", mark, toc, got, err)
			}
			if toc && !strings.HasPrefix(got[2].Body, "{") {
				t.Errorf("the table's own body: %.40q", got[2].Body)
			}
		}
	}
}

// dpkgLayer has what scans want, many small files next to each other, between what they do not want.
func dpkgLayer() []imagetest.Entry {
	entries := []imagetest.Entry{{Path: "usr/lib/first.so", Body: grain(10, 3<<20)}}
	for i := range 800 {
		entries = append(entries,
			imagetest.Entry{Path: fmt.Sprintf("var/lib/dpkg/info/p%03d.list", i), Body: grain(uint64(100+i), 300+i%7*200)},
			imagetest.Entry{Path: fmt.Sprintf("var/lib/dpkg/info/p%03d.postinst", i), Body: grain(uint64(10000+i), 400)})
	}
	return append(entries, imagetest.Entry{Path: "usr/lib/last.so", Body: grain(11, 3<<20)},
		imagetest.File("var/lib/dpkg/status", "Package: x\n"))
}

// What nobody reads does not travel, and neighbours travel together.
func TestTOCTravels(t *testing.T) {
	for _, c := range packings() {
		if c.o.ChunkSize != 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			s := newRanged(t)
			p := s.pack(imagetest.Image{Compression: c.c, TOC: c.o, Layers: []imagetest.Layer{{Entries: dpkgLayer()}}})
			l := s.open(true)
			s.asked, s.sent = 0, 0
			read := 0
			got, _, err := look(t, l, func(e engine.Entry) bool {
				return strings.HasSuffix(e.Path, ".list") || strings.HasSuffix(e.Path, "/status")
			})
			for _, g := range got {
				read += len(g.Body)
			}
			if err != nil || read < 700_000 {
				t.Fatalf("%d bytes read, %v", read, err)
			}
			blob := len(p.Layers[0])
			t.Logf("%d bytes of %d in %d requests, for %d of content", s.sent, blob, s.asked, read)
			if s.sent > blob/3 || s.asked > 16 {
				t.Errorf("%d bytes of %d in %d requests", s.sent, blob, s.asked)
			}
			s.asked, s.sent = 0, 0
			if _, _, err := look(t, l, func(engine.Entry) bool { return false }); err != nil || s.asked != 0 {
				t.Errorf("a second walk that reads nothing: %d requests, %v", s.asked, err)
			}
		})
	}
}

// A layer without a table that veto can hold against its manifest is pulled, and no gap is left.
func TestNoTOC(t *testing.T) {
	keep := func(p *imagetest.Packed) []byte { return p.Manifest }
	replace := func(old, now string) func(p *imagetest.Packed) []byte {
		return func(p *imagetest.Packed) []byte { return bytes.ReplaceAll(p.Manifest, []byte(old), []byte(now)) }
	}
	// note adds an annotation to the layer.
	note := func(key, value string) func(p *imagetest.Packed) []byte {
		return func(p *imagetest.Packed) []byte {
			return bytes.Replace(p.Manifest, []byte(`"digest":"`+p.Digests[0]),
				fmt.Appendf(nil, `"annotations":{%q:%q},"digest":"%s`, key, value, p.Digests[0]), 1)
		}
	}
	larger := func(p *imagetest.Packed) []byte {
		return regexp.MustCompile(`position":"(\d+):(\d+):(\d+):1`).ReplaceAll(p.Manifest, []byte(`position":"$1:$2:99999999:1`))
	}
	edit := func(old, now string) imagetest.TOC {
		return imagetest.TOC{Edit: func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(now), 1) }}
	}
	for name, c := range map[string]struct {
		c        imagetest.Compression
		o        imagetest.TOC
		manifest func(p *imagetest.Packed) []byte
		refuse   bool
	}{
		"gzip":                     {imagetest.Gzip, imagetest.TOC{}, keep, false},
		"plain":                    {imagetest.Plain, imagetest.TOC{}, keep, false},
		"a footer and no digest":   {imagetest.EStargz, imagetest.TOC{}, replace("containerd.io/", "elsewhere.example/"), false},
		"a position and no digest": {imagetest.ZstdChunked, imagetest.TOC{}, replace("manifest-checksum", "manifest-sum"), false},
		"a digest and no position": {imagetest.ZstdChunked, imagetest.TOC{}, replace("manifest-position", "manifest-place"), false},
		"a table of another type":  {imagetest.ZstdChunked, imagetest.TOC{}, replace(`:1"`, `:2"`), false},
		"a digest and no footer": {imagetest.Gzip, imagetest.TOC{},
			note("containerd.io/snapshot/stargz/toc.digest", imagetest.Digest(nil)), false},
		"a table that is too large":   {imagetest.ZstdChunked, imagetest.TOC{}, larger, false},
		"eStargz of another version":  {imagetest.EStargz, edit(`"version": 1`, `"version": 2`), keep, false},
		"zstd of another version":     {imagetest.ZstdChunked, edit(`"version": 1`, `"version": 2`), keep, false},
		"eStargz, and no ranges":      {imagetest.EStargz, imagetest.TOC{}, keep, true},
		"zstd:chunked, and no ranges": {imagetest.ZstdChunked, imagetest.TOC{}, keep, true},
		"zstd:chunked in eStargz only": {imagetest.ZstdChunked, imagetest.TOC{},
			replace("io.github.containers.zstd-chunked.manifest-checksum", "containerd.io/snapshot/stargz/toc.digest"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRanged(t)
			p := s.pack(imagetest.Image{Compression: c.c, TOC: c.o, Layers: []imagetest.Layer{{Entries: every()}}})
			s.refuse = c.refuse
			s.answers["1"] = answer{ociManifest, c.manifest(p)}
			l := s.open(true)
			got, v, err := look(t, l, all)
			if err != nil || v != engine.VerifiedContent || len(got) < len(every()) || gaps(t, l) != nil {
				t.Errorf("%d entries, %s, %v, gaps %v", len(got), v, err, gaps(t, l))
			}
		})
	}
}
