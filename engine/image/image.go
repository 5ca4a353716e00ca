// Package image opens every kind of source as an engine.Image: saved archives, OCI layouts, registry references, images of a daemon,
// standard input and unpacked root directories. It also merges layers into one tree. It writes nothing to disk: uncompressed layers of a
// source that seeks are walked by seeking past the bodies, compressed ones are inflated once, as a stream.
package image

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// Options say how a source is opened. The zero value opens what needs neither a registry nor standard input.
type Options struct {
	// Platform picks one image of several, as "linux/arm64" or "linux/arm/v7"; empty is the only one there, else linux/amd64.
	Platform string
	// As is the name that the user gives the image (--as); empty takes the name from the source.
	As string
	// Verify hashes uncompressed local layers too.
	Verify bool
	// TOC reads a layer of a registry by its table of contents, where the manifest names that table's digest. Such a layer has a gap of kind
	// toc_only (engine.Sketched).
	TOC bool
	// Stdin is read for the source "-". A regular file is read in place, from where it stands. The caller closes it.
	Stdin io.Reader
	// Registry is the client for registry references.
	Registry *registry.Client
	// Export streams an image of the daemon that kind names ("docker", "podman") as a docker save archive. This package closes the stream.
	Export func(ctx context.Context, kind, name string) (io.ReadCloser, error)
	// Hashes remembers the digests of local blobs, and Now is the clock by which a file's last change is old enough. When either is nil,
	// every scan hashes them.
	Hashes Hashes
	Now    func() time.Time
}

// image is one opened image, of whatever kind of source.
type image struct {
	id        engine.Identity
	config    engine.Config
	layers    []engine.Layer
	unscanned []engine.Platform
	others    []*image       // that a runtime could pick in place of this one
	copies    []engine.Layer // of layers, in another compression
	gaps      []engine.Gap
	artifacts indexArtifacts
	referrers func(context.Context) ([]engine.Referrer, error) // what a registry says refers to the image; nil for other sources
	close     func() error
	once      sync.Once
	closeErr  error
}

func (m *image) Identity() engine.Identity { return m.id }
func (m *image) Config() engine.Config     { return m.config }
func (m *image) Layers() []engine.Layer    { return m.layers }

// Unscanned implements engine.Partial. It lists the other platforms that the source holds, sorted; none when the caller chose one.
func (m *image) Unscanned() []engine.Platform { return m.unscanned }

// Others implements engine.Several.
func (m *image) Others() []engine.Image {
	out := make([]engine.Image, len(m.others))
	for i, other := range m.others {
		out[i] = other
	}
	return out
}

// Copies implements engine.Several.
func (m *image) Copies() []engine.Layer { return m.copies }

// Gaps implements engine.Doubted.
func (m *image) Gaps() []engine.Gap { return m.gaps }

func (m *image) Close() error {
	m.once.Do(func() {
		if m.close != nil {
			m.closeErr = m.close()
		}
	})
	return m.closeErr
}

// newImage puts an image together from the bytes of its configuration, which have been checked against their digest, and the blobs of its
// layers, oldest first. The caller has set the identity's Name, Named, Source, Digest and ContainedNames, and Platform where an index says
// it.
func newImage(id engine.Identity, config []byte, blobs []blob, o Options) (*image, error) {
	c, err := parseConfig(config)
	if err != nil {
		return nil, err
	}
	if len(blobs) > engine.MaxLayers {
		return nil, &engine.LimitError{What: "number of layers", Limit: engine.MaxLayers}
	}
	if len(blobs) != len(c.diffIDs) {
		return nil, fmt.Errorf("the manifest names %d layers and the configuration %d: they are not of one image", len(blobs), len(c.diffIDs))
	}
	id.ConfigDigest = sha256Digest(config)
	var gaps []engine.Gap
	if id.Platform, gaps, err = platformOf(id.Platform, c.platform); err != nil {
		return nil, err
	}
	if o.As != "" {
		id.Name, id.Named = o.As, true
	}
	m := &image{id: id, config: c.config, gaps: gaps}
	createdBy := c.createdBy()
	all := newInflateBudget(blobs)
	for i, b := range blobs {
		l, err := newLayer(b, c.diffIDs[i], o)
		if err != nil {
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(blobs), err)
		}
		l.budget, l.info.Index, l.info.DiffID = all, i+1, c.diffIDs[i]
		if createdBy != nil {
			l.info.CreatedBy = createdBy[i]
		}
		m.layers = append(m.layers, l)
	}
	return m, nil
}

// newLayer returns the layer that b stands for in an image whose configuration says that its content has the digest diffID.
func newLayer(b blob, diffID engine.Digest, o Options) (*layer, error) {
	if b.streamed != nil {
		return b.streamed.layerFor(b, diffID, o)
	}
	if b.at != nil {
		kind, err := sniffForm(b)
		if err != nil {
			return nil, err
		}
		if kind == uncompressed {
			b.digest = cmp.Or(b.digest, diffID)
			if b.digest != diffID {
				return nil, fmt.Errorf("it is not compressed, yet its digest %s is not the diff ID %s that the configuration says",
					b.digest.Short(), diffID.Short())
			}
		}
	}
	info := engine.LayerInfo{Digest: b.digest, DiffID: diffID, Verified: engine.VerifiedClaimed, Size: b.size}
	return &layer{info: info, blob: b, verify: o.Verify, hashes: o.Hashes, now: o.Now, useTOC: o.TOC}, nil
}
