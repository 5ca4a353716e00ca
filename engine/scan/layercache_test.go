package scan

import (
	"context"
	"testing"

	"github.com/vetoci/veto/engine"
)

// hashedLayer is a memoryLayer whose blob has a digest, and whose walks say one after the other how far they verified it.
type hashedLayer struct {
	memoryLayer
	hash  engine.Digest
	walks []engine.Verified
	n     int
}

func (l *hashedLayer) Hash(context.Context) (engine.Digest, error) { return l.hash, nil }

func (l *hashedLayer) Walk(ctx context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	if _, err := l.memoryLayer.Walk(ctx, visit); err != nil {
		return "", err
	}
	l.n++
	return l.walks[l.n-1], nil
}

type hashedImage struct {
	memoryImage
	layer *hashedLayer
}

func (m hashedImage) Layers() []engine.Layer { return []engine.Layer{m.layer} }

// mapCache is a layer cache in a map.
type mapCache map[string]*engine.LayerFacts

func (m mapCache) Load(key string) (*engine.LayerFacts, bool) {
	lf, ok := m[key]
	return lf, ok
}

func (m mapCache) Store(key string, lf *engine.LayerFacts) error {
	m[key] = lf
	return nil
}

const blob, other = engine.Digest("sha256:b10b"), engine.Digest("sha256:0bad")

// readCached reads an image of one layer, in which etc/anchor is a link, so that a second walk is needed. It returns the layer's
// verification.
func readCached(t *testing.T, cache mapCache, hash engine.Digest, walks ...engine.Verified) (verified engine.Verified, walked int) {
	t.Helper()
	l := &hashedLayer{hash: hash, walks: walks}
	l.info = engine.LayerInfo{Index: 1, Digest: blob, DiffID: "sha256:d1ff"}
	l.again = true
	l.files = []engine.Node{entry("want", "a"), entry("usr/hidden", "anchored"), link("etc/anchor", "../usr/hidden")}
	p := parts()
	if cache != nil {
		p.Cache = cache
	}
	in, err := tryRead(t.Context(), p, hashedImage{layer: l})
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Packages) != 2 || len(in.Gaps) > 0 {
		t.Fatalf("%d packages, gaps %+v", len(in.Packages), in.Gaps)
	}
	return in.Layers[0].Verified, l.n
}

// What the cache keeps under a digest is content that veto has hashed to that digest, and nothing else: whoever puts other content under
// the digest of an honest layer would otherwise be judged by the honest one.
func TestOnlyHashedContentIsCached(t *testing.T) {
	const content, claimed = engine.VerifiedContent, engine.VerifiedClaimed
	for name, c := range map[string]struct {
		hash   engine.Digest
		walks  []engine.Verified
		stored int // facts of the walk, and of the second walk behind links
		want   engine.Verified
	}{
		"verified":                      {blob, []engine.Verified{content, content}, 2, content},
		"not verified":                  {blob, []engine.Verified{claimed, claimed}, 0, claimed},
		"hashed to another digest":      {other, []engine.Verified{content, content}, 0, content},
		"not hashed":                    {"", []engine.Verified{content, content}, 0, content},
		"not verified by the last walk": {blob, []engine.Verified{content, claimed}, 1, claimed},
	} {
		t.Run(name, func(t *testing.T) {
			cache := mapCache{}
			if got, _ := readCached(t, cache, c.hash, c.walks...); got != c.want || len(cache) != c.stored {
				t.Errorf("the layer is %s and %d facts are stored, want %s and %d", got, len(cache), c.want, c.stored)
			}
		})
	}
}

// A cached layer is not walked again, but for whoever cannot show by its hash that it is the same one.
func TestCachedLayersAreNotRead(t *testing.T) {
	cache := mapCache{}
	content := []engine.Verified{engine.VerifiedContent, engine.VerifiedContent}
	readCached(t, cache, blob, content...)
	if got, walked := readCached(t, cache, blob, content...); walked != 0 || got != engine.VerifiedContent {
		t.Errorf("%d walks of a cached layer, verified %q", walked, got)
	}
	for _, hash := range []engine.Digest{other, ""} {
		if _, walked := readCached(t, cache, hash, content...); walked != 2 {
			t.Errorf("%d walks of a layer whose hash is %q, want 2", walked, hash)
		}
	}
}

// What a walk found counts only for the diff ID that it has checked.
func TestTheCacheKnowsDiffIDs(t *testing.T) {
	l := &memoryLayer{info: engine.LayerInfo{Digest: blob, DiffID: "sha256:1"}}
	p := parts()
	p.Cache = mapCache{}
	c := newLayerCache(&p)
	if c.key(l) == c.key(l, "behind") {
		t.Error("what stands behind links has the key of the layer")
	}
	readAs := func(diffID engine.Digest) int {
		l := &hashedLayer{hash: blob, walks: []engine.Verified{engine.VerifiedContent, engine.VerifiedContent}}
		l.info = engine.LayerInfo{Digest: blob, DiffID: diffID}
		if _, err := tryRead(t.Context(), p, hashedImage{layer: l}); err != nil {
			t.Fatal(err)
		}
		return l.n
	}
	if n := readAs("sha256:1"); n != 1 {
		t.Fatalf("%d walks", n)
	}
	if n := readAs("sha256:1"); n != 0 {
		t.Errorf("the same diff ID: %d walks", n)
	}
	if n := readAs("sha256:2"); n != 1 { // and it takes the place of the first
		t.Errorf("another diff ID: %d walks", n)
	}
}
