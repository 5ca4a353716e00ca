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

// maxBeside bounds the manifests beside images in an index that are read for what they refer to.
const maxBeside = 256

// beside is what an index holds besides images: BuildKit's attestations, artifacts with a subject.
type beside struct {
	c    content
	list []descriptor
}

// Referrers lists what refers to the image, sorted: an engine.Referred. In an index only what belongs to this very manifest counts.
func (m *image) Referrers(ctx context.Context) ([]engine.Referrer, error) {
	out, err := m.beside.of(ctx, m.id.Digest)
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

func (b beside) of(ctx context.Context, image engine.Digest) ([]engine.Referrer, error) {
	if len(b.list) > maxBeside {
		return nil, &engine.LimitError{What: "number of artifacts in an index", Limit: maxBeside}
	}
	var out []engine.Referrer
	for _, d := range b.list {
		r := engine.Referrer{Digest: d.Digest, Subject: image, MediaType: d.MediaType, ArtifactType: engine.Maybe(d.ArtifactType), Size: d.Size, Source: "index"}
		about := engine.Digest(d.Annotations["vnd.docker.reference.digest"])
		if about != "" && about != image {
			continue
		}
		doc, err := b.read(ctx, d)
		switch {
		case errors.Is(err, fs.ErrNotExist): // an archive of one platform keeps the whole index
		case err != nil:
			return nil, err
		default:
			if about == "" && doc.Subject != nil {
				about = doc.Subject.Digest
			}
			r.ArtifactType = engine.Maybe(orElse(string(r.ArtifactType), doc.ArtifactType))
			for _, l := range doc.Layers {
				if p := l.Annotations["in-toto.io/predicate-type"]; p != "" && !slices.Contains(r.Predicates, p) {
					r.Predicates = append(r.Predicates, p)
				}
			}
			slices.Sort(r.Predicates)
		}
		if about == image {
			out = append(out, r)
		}
	}
	return out, nil
}

func (b beside) read(ctx context.Context, d descriptor) (*document, error) {
	if _, err := newHash(d.Digest); err != nil {
		return nil, err
	}
	if d.Size > engine.MaxManifest {
		return nil, &engine.LimitError{What: "size of a manifest", Limit: engine.MaxManifest}
	}
	s := candidates{c: b.c}
	return s.load(ctx, &candidate{descriptor: d})
}
