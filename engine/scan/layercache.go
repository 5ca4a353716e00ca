package scan

import (
	"context"

	"github.com/vetoci/veto/engine"
)

// walkVersion changes whenever the same blob and the same inspectors would give other facts: what counts as an entry, a limit.
const walkVersion = "walk/3"

// layerCache keeps what was found in layers, under the digest of their blobs and the names of the inspectors. A nil layerCache keeps
// nothing.
type layerCache struct {
	kept       engine.LayerCache
	inspectors []string
}

func newLayerCache(p *Parts) *layerCache {
	if p.Cache == nil {
		return nil
	}
	c := &layerCache{kept: p.Cache}
	for _, insp := range p.Inspectors {
		c.inspectors = append(c.inspectors, insp.Name())
	}
	return c
}

// layer returns what is known of a whole layer, or nil. The digest under which it is asked is one that veto has hashed, or that the
// registry is bound to: what an image claims about a layer is never enough.
func (c *layerCache) layer(ctx context.Context, l engine.Layer) (*engine.LayerFacts, error) {
	hashed, ok := l.(engine.Hashed)
	claimed := l.Info().Digest
	if c == nil || !ok || claimed == "" {
		return nil, nil
	}
	lf, ok := c.kept.Load(c.key(l))
	if want := l.Info().DiffID; !ok || want != "" && want != lf.Info.DiffID { // else the walk says what contradicts
		return nil, nil
	}
	if digest, err := hashed.Hash(ctx); err != nil || digest != claimed {
		return nil, err
	}
	lf.Info.Verified = engine.VerifiedContent
	return lf, nil
}

// keepLayer stores what a walk to the end of a verified blob has shown. A cache that cannot be written only makes the next scan slower.
func (c *layerCache) keepLayer(ctx context.Context, l engine.Layer, lf *engine.LayerFacts) error {
	may, err := c.mayKeep(ctx, l, lf.Info)
	if may {
		_ = c.kept.Store(c.key(l), lf)
	}
	return err
}

// behindLinks returns the evidence of a second walk of a layer that looked for the things named.
func (c *layerCache) behindLinks(l engine.Layer, names []string) ([]engine.Evidence, bool) {
	lf, ok := c.kept.Load(c.key(l, names...))
	if !ok {
		return nil, false
	}
	return lf.Evidence, true
}

func (c *layerCache) keepBehindLinks(l engine.Layer, names []string, info engine.LayerInfo, list []engine.Evidence) {
	_ = c.kept.Store(c.key(l, names...), &engine.LayerFacts{Info: info, Evidence: list})
}

// mayKeep says whether what a walk has shown may be kept under the digest that the layer had before it: only where veto has hashed the
// blob, and found that digest.
func (c *layerCache) mayKeep(ctx context.Context, l engine.Layer, info engine.LayerInfo) (bool, error) {
	hashed, ok := l.(engine.Hashed)
	if c == nil || !ok || info.Digest == "" || info.Verified != engine.VerifiedContent {
		return false, nil
	}
	digest, err := hashed.Hash(ctx)
	return digest == info.Digest, err
}

// key names what the inspectors find in a layer.
func (c *layerCache) key(l engine.Layer, more ...string) string {
	parts := append([]string{walkVersion, string(l.Info().Digest)}, c.inspectors...)
	return engine.Fingerprint(append(parts, more...)...)
}
