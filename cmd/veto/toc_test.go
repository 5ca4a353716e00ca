package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// tocStory is a registry on loopback with one image of layers with tables of contents, and a folder from which it is scanned.
type tocStory struct {
	caseDir
	packed *imagetest.Packed
	ref    string
	mu     sync.Mutex
	asked  int // requests for layers
	sent   int // bytes of layers
}

const denyingImage = `name example.test/denied:1
layer FROM debian:12
text etc/os-release ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n
text var/lib/dpkg/status Package: nghttp2\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.52.0-1\n\n` +
	`Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n
text srv/decoy Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n
`

func newTOCStory(t *testing.T, description string, c imagetest.Compression, edit func([]byte) []byte) *tocStory {
	t.Helper()
	s := &tocStory{caseDir: caseDir{t, t.TempDir()}}
	m, err := describeImage(s.dir, description)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	bulk := make([]byte, 4<<20)
	for i := range bulk {
		bulk[i] = byte(r.Uint32())
	}
	m.Layers[0].Entries = append(m.Layers[0].Entries, imagetest.Entry{Path: "srv/bulk.bin", Body: bulk}, imagetest.File("srv/last", "last"))
	m.Compression, m.TOC = c, imagetest.TOC{Edit: edit}
	if s.packed, err = imagetest.Pack(m); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.ref = strings.TrimPrefix(server.URL, "http://") + "/shop/web:1"
	return s
}

func (s *tocStory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.URL.Path == "/v2/":
	case strings.Contains(r.URL.Path, "/manifests/1"):
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Write(s.packed.Manifest)
	case name == s.packed.ConfigDigest:
		w.Write(s.packed.Config)
	case slices.Contains(s.packed.Digests, name):
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		http.ServeContent(&tocCount{w, &s.sent}, r, "", time.Time{}, bytes.NewReader(s.packed.Layers[slices.Index(s.packed.Digests, name)]))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

type tocCount struct {
	http.ResponseWriter
	n *int
}

func (c *tocCount) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	*c.n += n
	return n, err
}

// judge scans the image, and returns what veto said, the only report, and how many bytes of the layer travelled.
func (s *tocStory) judge(code int, cache string, args ...string) (said string, report engine.Report, sent int) {
	s.t.Helper()
	s.sent, s.asked = 0, 0
	got, stdout, stderr := vetoIn(s.t, s.dir, []string{"VETO_CACHE=" + cache}, s.scan(append(args, "--now", clock, s.ref)...)...)
	if got != code {
		s.t.Fatalf("%v: exit %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	return stdout + stderr, readRun(s.t, filepath.Join(s.dir, "run.json")).Reports[0], s.sent
}

func tocGaps(r engine.Report) (fingerprint string, n int) {
	for _, c := range r.Gaps {
		if c.Kind == engine.GapTOCOnly {
			fingerprint = c.Fingerprint
			n++
		}
	}
	return fingerprint, n
}

// What is read by a table of contents is what a pull reads, for a fraction of the bytes; but it is a gap that denies until it is waived.
func TestTOCScan(t *testing.T) {
	t.Parallel()
	for _, c := range []imagetest.Compression{imagetest.EStargz, imagetest.ZstdChunked} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			s := newTOCStory(t, denyingImage, c, nil)
			_, pulled, whole := s.judge(exitDenied, t.TempDir())
			_, listed, part := s.judge(exitDenied, t.TempDir(), "--toc")
			if diff := cmp.Diff(pulled.Findings, listed.Findings); diff != "" || len(pulled.Findings) == 0 {
				t.Errorf("%d findings; by its table (-pulled +listed):\n%s", len(pulled.Findings), diff)
			}
			if diff := cmp.Diff(pulled.Packages, listed.Packages); diff != "" {
				t.Errorf("packages (-pulled +listed):\n%s", diff)
			}
			if whole < 4<<20 || part*10 > whole {
				t.Errorf("%d bytes travelled, %d by the table", whole, part)
			}
			if _, n := tocGaps(pulled); n != 0 || pulled.Layers[0].Verified != engine.VerifiedContent {
				t.Errorf("pulled: %d gaps, %s", n, pulled.Layers[0].Verified)
			}
			if _, n := tocGaps(listed); n != 1 || listed.Layers[0].Verified != engine.VerifiedClaimed {
				t.Errorf("by its table: %d gaps, %s", n, listed.Layers[0].Verified)
			}

			s = newTOCStory(t, goodImage, c, nil)
			s.judge(exitPass, t.TempDir())
			said, listed, _ := s.judge(exitDenied, t.TempDir(), "--toc")
			fingerprint, n := tocGaps(listed)
			if n != 1 || !strings.Contains(said, "assessment-incomplete") || !strings.Contains(said, "table of contents") {
				t.Errorf("%d gaps: %s", n, said)
			}
			s.waive(fingerprint)
			if _, listed, _ = s.judge(exitPass, t.TempDir(), "--toc", "--waivers", "waivers.yaml"); listed.Gaps[0].WaivedBy == "" {
				t.Errorf("not waived: %+v", listed.Gaps)
			}
		})
	}
}

func (s *tocStory) waive(fingerprint string) {
	s.write("waivers.yaml",
		fmt.Sprintf("version: 1\nwaivers:\n  - match: {fingerprint: %s}\n    reason: our own builder makes the tables\n"+
			"    owner: \"@shop\"\n    expires: 2027-01-31\n", fingerprint))
}

// The cache holds what was verified: a layer in it needs no table, and what a table said never enters it.
func TestTOCCache(t *testing.T) {
	t.Parallel()
	s := newTOCStory(t, goodImage, imagetest.EStargz, nil)
	cache := t.TempDir()
	for range 2 {
		if _, listed, sent := s.judge(exitDenied, cache, "--toc"); sent == 0 || listed.Layers[0].Verified != engine.VerifiedClaimed {
			t.Errorf("%d bytes travelled, %s", sent, listed.Layers[0].Verified)
		}
	}
	if _, _, sent := s.judge(exitPass, cache); sent != len(s.packed.Layers[0]) {
		t.Errorf("a pull after that: %d bytes of %d", sent, len(s.packed.Layers[0]))
	}
	_, listed, sent := s.judge(exitPass, cache, "--toc")
	if _, n := tocGaps(listed); n != 0 || sent != 0 || listed.Layers[0].Verified != engine.VerifiedContent {
		t.Errorf("a layer that the cache holds: %d gaps, %d bytes, %s", n, sent, listed.Layers[0].Verified)
	}
}

// A layer that the cache holds may still have to be read for what a later layer's link leads to. What a table says then is a gap, and stays
// out of the cache.
func TestTOCBehindLinks(t *testing.T) {
	t.Parallel()
	below := strings.ReplaceAll(denyingImage, "var/lib/dpkg/", "opt/dpkg/")
	cache := t.TempDir()
	newTOCStory(t, below, imagetest.EStargz, nil).judge(exitDenied, cache) // nothing is installed
	s := newTOCStory(t, below+"layer RUN ln -s\nlink var/lib/dpkg /opt/dpkg\n", imagetest.EStargz, nil)
	for range 2 {
		_, listed, _ := s.judge(exitDenied, cache, "--toc")
		if _, n := tocGaps(listed); n != 2 || len(listed.Findings) == 0 || listed.Layers[0].Verified != engine.VerifiedClaimed {
			t.Errorf("%d gaps, %d findings, %s", n, len(listed.Findings), listed.Layers[0].Verified)
		}
	}
	_, pulled, sent := s.judge(exitDenied, cache)
	if _, n := tocGaps(pulled); n != 0 || len(pulled.Findings) == 0 || sent < 4<<20 || pulled.Layers[0].Verified != engine.VerifiedContent {
		t.Errorf("pulled: %d gaps, %d findings, %d bytes, %s", n, len(pulled.Findings), sent, pulled.Layers[0].Verified)
	}
	_, listed, sent := s.judge(exitDenied, cache, "--toc")
	if _, n := tocGaps(listed); n != 0 || len(listed.Findings) == 0 || sent != 0 {
		t.Errorf("after that: %d gaps, %d findings, %d bytes", n, len(listed.Findings), sent)
	}
}

// Whatever is forged in a way that can be seen is exit 3; what cannot be seen without the tar is why the gap denies.
func TestTOCForgeries(t *testing.T) {
	t.Parallel()
	s := newTOCStory(t, goodImage, imagetest.ZstdChunked, nil)
	good := s.packed.Manifest
	key := []byte(`manifest-checksum":"sha256:`)
	s.packed.Manifest = bytes.Replace(good, key, append(bytes.Clone(key), "0000"...), 1)
	s.packed.Manifest = bytes.Replace(s.packed.Manifest, good[bytes.Index(good, key)+len(key)+60:][:4], nil, 1)
	said, _, _ := s.judge(exitUndecided, t.TempDir(), "--toc")
	if !strings.Contains(said, "table of contents") || !strings.Contains(said, "without --toc") {
		t.Errorf("a table with another digest: %s", said)
	}

	s = newTOCStory(t, goodImage, imagetest.EStargz, func(b []byte) []byte {
		return bytes.Replace(b, []byte(`chunkDigest": "sha256:`), []byte(`chunkDigest": "sha256:`+strings.Repeat("0", 64)+`", "was": "`), 1)
	})
	said, _, _ = s.judge(exitUndecided, t.TempDir(), "--toc")
	if !strings.Contains(said, "another digest") {
		t.Errorf("a table with another chunk: %s", said)
	}

	s = newTOCStory(t, denyingImage, imagetest.EStargz, hideStatus(t))
	_, pulled, _ := s.judge(exitDenied, t.TempDir())
	_, listed, _ := s.judge(exitDenied, t.TempDir(), "--toc")
	if len(pulled.Findings) == 0 || len(listed.Findings) != 0 {
		t.Errorf("%d findings, %d by the forged table", len(pulled.Findings), len(listed.Findings))
	}
	fingerprint, _ := tocGaps(listed)
	s.waive(fingerprint)
	s.judge(exitPass, t.TempDir(), "--toc", "--waivers", "waivers.yaml") // who waives the gap believes the table
	s.judge(exitDenied, t.TempDir(), "--waivers", "waivers.yaml")
}

// hideStatus gives the package database the body of another file.
func hideStatus(t *testing.T) func([]byte) []byte {
	return func(b []byte) []byte {
		var table struct {
			Version int              `json:"version"`
			Entries []map[string]any `json:"entries"`
		}
		if err := json.Unmarshal(b, &table); err != nil {
			t.Fatal(err)
		}
		kept := table.Entries[:0]
		for _, e := range table.Entries {
			switch e["name"] {
			case "var/lib/dpkg/status":
				continue
			case "srv/decoy":
				e["name"] = "var/lib/dpkg/status"
			}
			kept = append(kept, e)
		}
		table.Entries = kept
		b, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// A real registry serves what tables need.
func TestTOCRealRegistry(t *testing.T) {
	t.Parallel()
	address := realRegistry(t)
	for tag, c := range map[string]imagetest.Compression{"estargz": imagetest.EStargz, "zstd": imagetest.ZstdChunked} {
		f := &caseDir{t, t.TempDir()}
		m, err := describeImage(f.dir, denyingImage)
		if err != nil {
			t.Fatal(err)
		}
		m.Compression = c
		layout := filepath.Join(f.dir, "layout")
		if err := imagetest.WriteOCILayout(layout, m); err != nil {
			t.Fatal(err)
		}
		pushLayout(t, address, "shop/web", tag, layout)
		code, _, stderr := vetoIn(t, f.dir, []string{"VETO_REGISTRY_USER=" + registryUser, "VETO_REGISTRY_PASSWORD=" + registryPassword},
			f.scan("--toc", "--now", clock, address+"/shop/web:"+tag)...)
		if code != exitDenied {
			t.Fatalf("%s: exit %d: %s", c, code, stderr)
		}
		r := readRun(t, filepath.Join(f.dir, "run.json")).Reports[0]
		if _, n := tocGaps(r); n != 1 || len(r.Findings) == 0 {
			t.Errorf("%s: %d gaps, %d findings", c, n, len(r.Findings))
		}
	}
}

// Reading parts of layers and hashing the whole of them exclude each other.
func TestTOCUsage(t *testing.T) {
	t.Parallel()
	for _, more := range [][]string{{"--verify"}, {"--base", "./base.tar"}} {
		f := &caseDir{t, t.TempDir()}
		code, _, stderr := vetoIn(t, f.dir, nil, append(f.scan(f.good(), "--toc"), more...)...)
		if code != exitUsage || !strings.Contains(stderr, "--toc") {
			t.Errorf("%v: exit %d, %s", more, code, stderr)
		}
	}
}
