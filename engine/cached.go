package engine

import "context"

// recall returns what the cache knows of a layer, or nil. The digest under which it is asked is one that veto has hashed, or that the
// registry is bound to: what an image claims about a layer is never enough.
func (s *scan) recall(ctx context.Context, l Layer) (*LayerFacts, error) {
	hashed, ok := l.(Hashed)
	claimed := l.Info().Digest
	if s.p.Cache == nil || !ok || claimed == "" {
		return nil, nil
	}
	lf, ok := s.p.Cache.Load(s.key(l))
	if !ok {
		return nil, nil
	}
	if digest, err := hashed.Hash(ctx); err != nil || digest != claimed {
		return nil, err
	}
	lf.Info.Verified = VerifiedContent
	return lf, nil
}

// keep stores what a walk to the end of a verified blob has shown. A cache that cannot be written only makes the next scan slower.
func (s *scan) keep(ctx context.Context, l Layer, lf *LayerFacts) error {
	cached, err := s.cacheable(ctx, l, lf.Info)
	if cached {
		_ = s.p.Cache.Store(s.key(l), lf)
	}
	return err
}

// cacheable says whether what a layer that has been read holds may be kept under its digest.
func (s *scan) cacheable(ctx context.Context, l Layer, info LayerInfo) (bool, error) {
	hashed, ok := l.(Hashed)
	if s.p.Cache == nil || !ok || info.Digest == "" || info.Verified != VerifiedContent {
		return false, nil
	}
	digest, err := hashed.Hash(ctx)
	return digest == info.Digest, err
}

// walkVersion changes whenever the same blob and the same inspectors would give other facts: what counts as an entry, a limit.
const walkVersion = "walk/2"

// key names what the inspectors learn from a layer. With Verify the diff ID is part of it, so that only a walk that checked it counts.
func (s *scan) key(l Layer, more ...string) string {
	info := l.Info()
	parts := []string{walkVersion, string(info.Digest), ""}
	if s.p.Verify {
		parts[2] = string(info.DiffID)
	}
	for _, insp := range s.p.Inspectors {
		parts = append(parts, insp.Name())
	}
	return Fingerprint(append(parts, more...)...)
}
