// Package image opens every kind of source as an engine.Image: saved archives, OCI layouts, registry references, standard input and
// unpacked root directories; and it merges layers into one tree. It writes nothing to disk: plain layers of what seeks are walked by
// seeking past bodies, compressed ones are inflated once, as a stream.
package image

import (
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
	// As is the name that the user vouches for (--as); empty takes the name from the source.
	As string
	// Verify hashes plain local layers too and checks every diff ID.
	Verify bool
	// TOC reads layers of a registry by their tables of contents, where they have one that the manifest vouches for: an engine.Sketched.
	TOC bool
	// Stdin is read for the source "-". A regular file that seeks is read in place.
	Stdin io.Reader
	// Registry is the transport for registry references.
	Registry *registry.Client
	// Export streams an image of the daemon that kind names ("docker", "podman") as a docker save archive; the caller closes the stream.
	Export func(ctx context.Context, kind, name string) (io.ReadCloser, error)
	// Hashes remembers what local blobs were hashed to, by the clock Now; without one of them every scan hashes them.
	Hashes Hashes
	Now    func() time.Time
}

// image is one opened image. All kinds of sources end in it.
type image struct {
	id        engine.Identity
	config    engine.Config
	layers    []engine.Layer
	unscanned []engine.Platform
	beside    beside
	referrers func(context.Context) ([]engine.Referrer, error) // of a registry; may be nil
	close     func() error
	once      sync.Once
	closeErr  error
}

func (m *image) Identity() engine.Identity { return m.id }
func (m *image) Config() engine.Config     { return m.config }
func (m *image) Layers() []engine.Layer    { return m.layers }

// Unscanned lists the other platforms that the source holds, sorted, unless the caller chose one: an engine.Partial.
func (m *image) Unscanned() []engine.Platform { return m.unscanned }

func (m *image) Close() error {
	m.once.Do(func() {
		if m.close != nil {
			m.closeErr = m.close()
		}
	})
	return m.closeErr
}

// newImage puts an image together from its configuration (the bytes, already checked against their digest) and its layers' blobs,
// oldest first. The identity's Name, Named, Source, Digest and ContainedNames are the caller's; the rest is filled in here.
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
	id.Platform = c.platform
	if o.As != "" {
		id.Name, id.Named = o.As, true
	}
	m := &image{id: id, config: c.config}
	createdBy := c.createdBy()
	all := newSpent(blobs)
	for i, b := range blobs {
		if b.passed != nil {
			l, err := b.passed.place(b, c.diffIDs[i], o)
			if err != nil {
				return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(blobs), err)
			}
			l.info.Index, l.info.DiffID = i+1, c.diffIDs[i]
			if createdBy != nil {
				l.info.CreatedBy = createdBy[i]
			}
			m.layers = append(m.layers, l)
			continue
		}
		if b.at != nil {
			if kind, err := sniff(b); err == nil && kind == packedNot { // what cannot be told is the walk's error
				if b.digest == "" {
					b.digest = c.diffIDs[i]
				}
				if b.digest != c.diffIDs[i] {
					return nil, fmt.Errorf("layer %d is not compressed, yet its digest %s is not the diff ID %s that the configuration says", i+1, b.digest.Short(), c.diffIDs[i].Short())
				}
			}
		}
		info := engine.LayerInfo{Index: i + 1, Digest: b.digest, DiffID: c.diffIDs[i], Verified: engine.VerifiedClaimed, Size: b.size}
		if createdBy != nil {
			info.CreatedBy = createdBy[i]
		}
		m.layers = append(m.layers, &layer{info: info, blob: b, verify: o.Verify, hashes: o.Hashes, now: o.Now, toc: o.TOC, all: all})
	}
	return m, nil
}
