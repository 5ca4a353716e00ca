package image_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
	"github.com/vetoci/veto/engine/registry"
)

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
)

// testRegistry is a registry with one repository, shop/web: what it answers by digest or tag.
type testRegistry struct {
	address string
	answers map[string]answer
	asked   map[string]int
}

type answer struct {
	mediaType string
	body      []byte
}

func newShelf(t *testing.T) *testRegistry {
	t.Setenv("HOME", t.TempDir())
	s := &testRegistry{answers: map[string]answer{}, asked: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		s.asked[name]++
		a, ok := s.answers[name]
		if !ok && r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", a.mediaType)
		w.Write(a.body)
	}))
	t.Cleanup(server.Close)
	s.address = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *testRegistry) put(mediaType string, body []byte) string {
	d := imagetest.Digest(body)
	s.answers[d] = answer{mediaType, body}
	return d
}

func (s *testRegistry) image(t *testing.T, m imagetest.Image) *imagetest.Packed {
	t.Helper()
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	s.put("application/octet-stream", p.Config)
	for _, l := range p.Layers {
		s.put("application/octet-stream", l)
	}
	s.put(ociManifest, p.Manifest)
	return p
}

func (s *testRegistry) tag(tag, mediaType string, body []byte) {
	s.answers[tag] = answer{mediaType, body}
}

func (s *testRegistry) open(t *testing.T, name, platform string) (engine.Image, error) {
	c := registry.New(registry.Options{Timeout: 5 * time.Second})
	return image.Open(t.Context(), s.address+"/"+name, image.Options{Platform: platform, Registry: c})
}

func two(compression imagetest.Compression, platform string) imagetest.Image {
	return imagetest.Image{Platform: platform, Compression: compression, Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=debian\n")}},
		{Entries: []imagetest.Entry{imagetest.File("srv/platform", platform)}},
	}}
}

func TestRegistryImage(t *testing.T) {
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		s := newShelf(t)
		p := s.image(t, two(c, ""))
		s.tag("1", ociManifest, p.Manifest)
		m, err := s.open(t, "shop/web:1", "")
		if err != nil {
			t.Fatal(err)
		}
		want := engine.Identity{Name: s.address + "/shop/web:1", Named: true, Source: "registry", Digest: engine.Digest(p.ManifestDigest),
			ConfigDigest: engine.Digest(p.ConfigDigest), Platform: engine.Platform{OS: "linux", Architecture: "amd64"}}
		if diff := cmp.Diff(want, m.Identity()); diff != "" {
			t.Error(diff)
		}
		if n := s.asked[p.Digests[0]]; n != 0 {
			t.Errorf("opening pulled a layer %d times", n)
		}
		for _, l := range m.Layers() {
			for range 2 { // each walk pulls anew
				var paths []string
				v, err := l.Walk(t.Context(), func(f *engine.File) error { paths = append(paths, f.Path); return nil })
				if err != nil || v != engine.VerifiedContent || len(paths) != 1 || !l.Rereadable() {
					t.Errorf("layer %d: %v %s %v", l.Info().Index, paths, v, err)
				}
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// index puts an index of the images and of attestations into the registry, under the tag "1".
func (s *testRegistry) index(t *testing.T, platforms ...string) map[string]*imagetest.Packed {
	t.Helper()
	packed := map[string]*imagetest.Packed{}
	list := []map[string]any{
		{"mediaType": ociManifest, "digest": imagetest.Digest([]byte("a")), "size": 1,
			"platform":    map[string]any{"os": "unknown", "architecture": "unknown"},
			"annotations": map[string]any{"vnd.docker.reference.type": "attestation-manifest"}},
		{"mediaType": ociManifest, "digest": imagetest.Digest([]byte("b")), "size": 1,
			"platform": map[string]any{"os": "unknown", "architecture": "unknown"}},
	}
	for _, name := range platforms {
		p := s.image(t, two(imagetest.Gzip, name))
		packed[name] = p
		parts := append(strings.Split(name, "/"), "")
		list = append(list, map[string]any{"mediaType": ociManifest, "digest": p.ManifestDigest, "size": len(p.Manifest),
			"platform": map[string]any{"os": parts[0], "architecture": parts[1], "variant": parts[2]}})
	}
	b, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": list})
	if err != nil {
		t.Fatal(err)
	}
	s.tag("1", ociIndex, b)
	return packed
}

func TestRegistryPlatforms(t *testing.T) {
	s := newShelf(t)
	packed := s.index(t, "linux/arm64", "linux/amd64", "linux/arm/v7", "linux/arm/v6")
	for asked, want := range map[string]string{"": "linux/amd64", "linux/arm64": "linux/arm64", "linux/arm64/v8": "linux/arm64",
		"linux/arm/v6": "linux/arm/v6"} {
		m, err := s.open(t, "shop/web:1", asked)
		if err != nil {
			t.Errorf("%q: %v", asked, err)
			continue
		}
		if got := m.Identity(); got.Platform.String() != want || got.Digest != engine.Digest(packed[want].ManifestDigest) {
			t.Errorf("%q: %s %s", asked, got.Platform, got.Digest)
		}
		partial, ok := m.(engine.Partial)
		if !ok || asked == "" && len(partial.Unscanned()) != 3 || asked != "" && partial.Unscanned() != nil {
			t.Errorf("%q leaves out %v", asked, partial.Unscanned())
		}
		m.Close()
	}
	_, err := s.open(t, "shop/web:1", "linux/s390x")
	refused(t, err, "no image for linux/s390x", "linux/arm64")
	if got := engine.ProblemOf(err); strings.Contains(string(got.Hint), "unknown") {
		t.Errorf("attestations are listed: %s", got.Hint)
	}
	if m, err := s.open(t, "shop/web:1", "linux/arm"); err != nil {
		t.Error(err)
	} else {
		others := m.(engine.Several).Others()
		if len(others) != 1 || m.Identity().Platform.String() != "linux/arm/v7" || others[0].Identity().Platform.String() != "linux/arm/v6" {
			t.Errorf("linux/arm is %s and %v", m.Identity().Platform, others)
		}
		m.Close()
	}
	s.tag("one", ociManifest, packed["linux/arm64"].Manifest)
	_, err = s.open(t, "shop/web:one", "linux/amd64")
	refused(t, err, "the image is for linux/arm64, not for linux/amd64", "")
	if m, err := s.open(t, "shop/web:one", ""); err != nil {
		t.Errorf("the only image there is: %v", err)
	} else {
		m.Close()
	}
}

// refused holds an error against its words: it names the image, and it is not the caller's mistake.
func refused(t *testing.T, err error, says, hint string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", says)
		return
	}
	got := engine.ProblemOf(err)
	if !strings.Contains(got.What, says) || !strings.Contains(string(got.Hint), hint) || !strings.Contains(got.What, "shop/web") {
		t.Errorf("error %q, hint %q, want %q and %q", got.What, got.Hint, says, hint)
	}
	if usage := (*engine.UsageError)(nil); errors.As(err, &usage) {
		t.Errorf("a fault of the registry's is called the caller's: %v", err)
	}
}

func TestRegistryRefuses(t *testing.T) {
	digest := imagetest.Digest([]byte("x"))
	for name, c := range map[string]struct {
		mediaType, manifest, says, hint string
	}{
		"garbage":  {"text/html", "<html>", "the manifest", ""},
		"empty":    {ociManifest, "", "the manifest", ""},
		"no image": {ociManifest, `{"schemaVersion":2}`, "no image", ""},
		"schema 1": {"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1,"fsLayers":[]}`,
			"schema 1", "skopeo copy docker://"},
		"schema 1, unsaid": {"application/json", `{"schemaVersion":1}`, "schema 1", "skopeo copy docker://"},
		"two in one":       {"", `{"schemaVersion":2,"config":{},"manifests":[]}`, "CVE-2021-41190", ""},
		"another type than its answer": {ociIndex, `{"schemaVersion":2,"mediaType":"` + ociManifest + `","config":{}}`, "what leads to it says",
			""},
		"a chart": {ociManifest, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"` + digest +
			`","size":1},"layers":[]}`, "artifact", ""},
		"config gone": {ociManifest, `{"schemaVersion":2,"config":{"digest":"` + digest + `","size":1},"layers":[]}`, "404", ""},
		"config huge": {ociManifest, `{"schemaVersion":2,"config":{"digest":"` + digest + `","size":99999999},"layers":[]}`, "limit",
			""},
		"config of no size": {ociManifest, `{"schemaVersion":2,"config":{"digest":"` + digest + `","size":-1},"layers":[]}`, "size is -1",
			""},
		"config elsewhere": {ociManifest, `{"schemaVersion":2,"config":{"digest":"sha256:../../../token","size":1},"layers":[]}`,
			"malformed", ""},
		"empty index": {ociIndex, `{"schemaVersion":2,"manifests":[]}`, "lists no image", ""},
		"index of what is gone": {ociIndex, `{"schemaVersion":2,"manifests":[{"mediaType":"` + ociIndex + `","digest":"` + digest +
			`","size":1}]}`, "404", ""},
		"index of attestations": {ociIndex, `{"schemaVersion":2,"manifests":[{"mediaType":"` + ociManifest + `","digest":"` + digest +
			`","size":1,"platform":{"os":"unknown","architecture":"unknown"}}]}`, "404", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.tag("1", c.mediaType, []byte(c.manifest))
			_, err := s.open(t, "shop/web:1", "")
			refused(t, err, c.says, c.hint)
		})
	}
}

// What a registry sends in place of what was asked for is never judged.
func TestRegistrySwaps(t *testing.T) {
	other := func(b []byte) []byte { c := append([]byte{}, b...); c[len(c)/2] ^= 1; return c }
	for name, part := range map[string]func(p *imagetest.Packed) string{
		"config":   func(p *imagetest.Packed) string { return p.ConfigDigest },
		"manifest": func(p *imagetest.Packed) string { return p.ManifestDigest },
		"layer":    func(p *imagetest.Packed) string { return p.Digests[1] },
	} {
		s := newShelf(t)
		p := s.index(t, "linux/amd64")["linux/amd64"]
		a := s.answers[part(p)]
		s.answers[part(p)] = answer{a.mediaType, other(a.body)}
		m, err := s.open(t, "shop/web:1", "")
		if name != "layer" {
			refused(t, err, "digest", "")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Layers()[1].Walk(t.Context(), func(*engine.File) error { return nil }); err == nil {
			t.Error("a layer with other content passes")
		}
		m.Close()
	}
	_, err := image.Open(t.Context(), "127.0.0.1:1/x:1", image.Options{})
	if err == nil {
		t.Error(fmt.Errorf("opened without a client"))
	}
}
