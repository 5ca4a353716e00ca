package image

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sort"

	"github.com/vetoci/veto/engine"
)

// maxIndexArtifacts is how many manifests of an index that are no images are read for what they refer to: BuildKit makes one for each
// platform.
const maxIndexArtifacts = 256

// indexArtifacts are the manifests of an index that are no images: BuildKit's attestations, artifacts with a subject.
type indexArtifacts struct {
	content imageContent
	list    []descriptor
}

// Referrers implements engine.Referred. It lists what refers to the image, sorted by digest, subject and source, each artifact once. Of an
// index it lists only what refers to this image's manifest.
func (m *image) Referrers(ctx context.Context) ([]engine.Referrer, error) {
	out, err := m.artifacts.referrersOf(ctx, m.id.Digest)
	if err != nil {
		return nil, err
	}
	if m.referrers != nil {
		more, err := m.referrers(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return cmp.Or(cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Source, b.Source)) < 0
	})
	return slices.CompactFunc(out, func(a, b engine.Referrer) bool { return a.Digest == b.Digest && a.Subject == b.Subject }), nil
}

// referrersOf lists those artifacts that refer to the manifest image.
func (b indexArtifacts) referrersOf(ctx context.Context, image engine.Digest) ([]engine.Referrer, error) {
	if len(b.list) > maxIndexArtifacts {
		return nil, &engine.LimitError{What: "number of artifacts in an index", Limit: maxIndexArtifacts}
	}
	var out []engine.Referrer
	for _, d := range b.list {
		r := engine.Referrer{Digest: d.Digest, Subject: image, MediaType: d.MediaType, ArtifactType: engine.Maybe(d.ArtifactType),
			Size: d.Size, Source: "index"}
		subject := engine.Digest(d.Annotations["vnd.docker.reference.digest"])
		if subject != "" && subject != image {
			continue
		}
		doc, err := b.load(ctx, d)
		switch {
		case errors.Is(err, fs.ErrNotExist): // an archive of one platform keeps the whole index, but not every manifest
		case err != nil:
			return nil, err
		default:
			if subject == "" && doc.Subject != nil {
				subject = doc.Subject.Digest
			}
			r.ArtifactType = cmp.Or(r.ArtifactType, engine.Maybe(doc.ArtifactType))
			for _, l := range doc.Layers {
				if p := l.Annotations["in-toto.io/predicate-type"]; p != "" && !slices.Contains(r.Predicates, p) {
					r.Predicates = append(r.Predicates, p)
				}
			}
			slices.Sort(r.Predicates)
		}
		if subject == image {
			out = append(out, r)
		}
	}
	return out, nil
}

// load reads the manifest of an artifact.
func (b indexArtifacts) load(ctx context.Context, d descriptor) (*ociManifest, error) {
	if _, err := newHash(d.Digest); err != nil {
		return nil, err
	}
	if d.Size > engine.MaxManifest {
		return nil, &engine.LimitError{What: "size of a manifest", Limit: engine.MaxManifest}
	}
	s := candidates{content: b.content}
	return s.load(ctx, d)
}
