package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/vetoci/veto/engine"
)

// pile is content by digest, whatever is asked for.
type pile map[engine.Digest][]byte

func (p pile) manifest(_ context.Context, d descriptor) ([]byte, error) { return p.get(d) }
func (p pile) config(_ context.Context, d descriptor) ([]byte, error)   { return p.get(d) }

func (p pile) layer(_ context.Context, d descriptor) (blob, error) {
	return blob{digest: d.Digest, size: d.Size, open: func(context.Context) (io.ReadCloser, error) {
		b, err := p.get(d)
		return io.NopCloser(bytes.NewReader(b)), err
	}}, nil
}

func (p pile) get(d descriptor) ([]byte, error) {
	b, ok := p[d.Digest]
	if !ok {
		return nil, fmt.Errorf("there is no %s", d.Digest)
	}
	return b, nil
}

// FuzzRemote opens any bytes as what a registry answers: whatever opens has the digest of those bytes or of one that they lead to,
// and a platform that was not asked for is never chosen.
func FuzzRemote(f *testing.F) {
	config := []byte(`{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}`)
	inner := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"digest":%q,"size":%d},"layers":[]}`, sha256Digest(config), len(config))
	index := func(platform string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[{"digest":%q,"size":%d,"platform":%s}]}`, sha256Digest(inner), len(inner),
			platform)
	}
	f.Add(inner, "", "")
	f.Add(index(`{"os":"linux","architecture":"amd64"}`), "application/vnd.oci.image.index.v1+json", "linux/amd64")
	f.Add(index(`{"os":"unknown","architecture":"unknown"}`), "", "linux/arm64")
	f.Add(index(`null`), "", "")
	f.Add([]byte(`{"schemaVersion":1,"fsLayers":[]}`), "application/vnd.docker.distribution.manifest.v1+prettyjws", "")
	f.Add([]byte(`{"schemaVersion":2,"config":{},"manifests":[]}`), "", "")
	f.Fuzz(func(t *testing.T, raw []byte, mediaType, platform string) {
		p := pile{sha256Digest(config): config, sha256Digest(inner): inner}
		root := descriptor{MediaType: mediaType, Digest: sha256Digest(raw), Size: int64(len(raw))}
		m, err := openOCI(t.Context(), p, root, raw, engine.Identity{Name: "x"}, Options{Platform: platform})
		if err != nil {
			return
		}
		if d := m.id.Digest; d != sha256Digest(raw) && d != sha256Digest(inner) {
			t.Errorf("opened %s", d)
		}
		if platform != "" && platform != "linux/amd64" {
			want, err := parseWanted(platform)
			if err != nil || !want.fits(m.id.Platform) {
				t.Errorf("asked for %q, opened %s", platform, m.id.Platform)
			}
		}
	})
}
