// Package scan reads an image into the facts that policies see. One image goes one way through its files:
//
//	reader.go       Read, the whole of it
//	layers.go       every layer once, several at a time
//	layer.go        one layer: each file to the inspectors that want it
//	layercache.go   what is kept of layers that veto has hashed
//	file.go         one file and one inspector; its checksums (checksums.go)
//	totals.go       the limits on all layers together
//	names.go        what is wanted under other names, once the layers are merged
//	links.go        the second walk, that reads it
//	unite.go        one tree of those of several runtimes, for facts about files
//	facts.go        the facts, and the gaps among them (gaps.go)
//
// The stages themselves (inspectors, merge, assembly, matcher) are handed in. Nothing here knows a package type, an advisory or a policy.
package scan

import (
	"context"
	"fmt"
	"time"

	"github.com/vetoci/veto/engine"
)

// Parts are the stages of a Reader. All are needed but for those that say so.
type Parts struct {
	Inspectors []engine.Inspector
	// Merge returns the file systems that container runtimes make of the layers: one tree if all agree; else several, that of overlay drivers
	// first.
	Merge    func(layers []engine.LayerFacts) ([]*engine.Tree, error)
	Assemble func(tree *engine.Tree, layers []engine.LayerFacts) (*engine.Inventory, error)
	Matcher  engine.Matcher
	Workers  int   // layers read at once, at least 1
	Memory   int64 // bytes that files under inspection may hold together
	// Base says what the image was built on; nil when nothing asks.
	Base func(c engine.Config, layers []engine.LayerInfo) *engine.Base
	// Cache keeps what was found in layers; nil for none.
	Cache engine.LayerCache
	// Secrets finds credentials in what an image says of itself, its environment, labels and history, and masks them there; nil when nobody
	// looks for any, in files neither: the section is then missing.
	Secrets func(f *engine.Facts) []engine.Secret
	// Wants says whether a section that costs something is wanted: "files", "referrers". It may block until that is known; nil is no.
	Wants func(section string) bool
	// Progress is told how many of an image's layers have been read; nil for none. Of a source that streams, of is 0: nobody knows.
	Progress func(read, of int)
}

// Reader gathers the facts about images. It is safe for concurrent use.
type Reader struct{ p Parts }

// NewReader makes a Reader. It complains about a missing part here, not later.
func NewReader(p Parts) (*Reader, error) {
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"inspectors", len(p.Inspectors) == 0}, {"merge", p.Merge == nil}, {"assemble", p.Assemble == nil}, {"matcher", p.Matcher == nil},
		{"workers", p.Workers < 1}, {"memory", p.Memory < 1},
	} {
		if part.missing {
			return nil, fmt.Errorf("scan: the reader has no %s", part.name)
		}
	}
	if p.Wants == nil {
		p.Wants = func(string) bool { return false }
	}
	return &Reader{p}, nil
}

// Read gathers the facts about an image, and about each other one of its source that a runtime could pick in its place (engine.Several), as
// of a day: all that policies see but what the gate adds, which marks findings and builds the index. What cannot be read of a part is a gap
// among them; the error says that the images cannot be judged.
func (r *Reader) Read(ctx context.Context, img engine.Image, at time.Time) ([]*engine.Input, error) {
	passed := passing{}
	first, err := r.readOne(ctx, img, passed, at)
	if err != nil {
		return nil, err
	}
	all := []*engine.Input{first}
	if several, ok := img.(engine.Several); ok {
		for _, other := range several.Others() {
			in, err := r.readOne(ctx, other, passed, at)
			if err != nil {
				return nil, fmt.Errorf("the image %s of the same source and platform: %w", other.Identity().Digest.Short(), err)
			}
			all = append(all, in)
		}
	}
	return all, nil
}

// readOne gathers the facts about one image. passed is what has been read of its source.
func (r *Reader) readOne(ctx context.Context, img engine.Image, passed passing, at time.Time) (*engine.Input, error) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	referrers := askReferrers(asking, img, r.p.Wants)
	content, err := r.content(ctx, img, passed)
	if err != nil {
		stop()
	}
	referred := referrers() // also after an error: whoever closes the image must not find it in use
	if err != nil {
		return nil, err
	}
	matches, err := r.p.Matcher.Match(ctx, content.inventory, at)
	if err != nil {
		return nil, fmt.Errorf("matching: %w", err)
	}
	in := facts(img, content, matches, at)
	if list, ok := img.(engine.Listed); ok {
		in.Missing = list.Missing()
	} else {
		addReferrers(in, referred)
		addFiles(in, content, r.p.Wants("files"))
	}
	if r.p.Base != nil {
		in.Base = r.p.Base(in.Config, in.Layers)
	}
	setOrigins(in.Findings, in.Base, in.Layers)
	if r.p.Secrets != nil {
		in.Secrets = append(in.Secrets, r.p.Secrets(&in.Facts)...)
	} else {
		in.Missing = append(in.Missing, "secrets")
	}
	markReached(in, content.inventory)
	in.Findings = engine.Identify(in.Findings)
	in.Secrets = engine.IdentifySecrets(in.Secrets)
	in.Gaps = engine.IdentifyGaps(foldGaps(in.Gaps))
	return in, nil
}

// content is what an image holds. Of a list of packages, which has neither layers nor a tree, only the inventory is set.
type content struct {
	layers    []engine.LayerFacts // oldest first
	tree      *engine.Tree
	inventory *engine.Inventory
}

// content reads the layers, merges them, reads once more what only the merged tree reveals, and takes inventory.
func (r *Reader) content(ctx context.Context, img engine.Image, passed passing) (*content, error) {
	if list, ok := img.(engine.Listed); ok {
		return &content{inventory: list.Inventory()}, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &walker{inspectors: r.p.Inspectors, memory: engine.NewBudget(ctx, r.p.Memory), cache: newLayerCache(&r.p)}
	layers, err := w.readLayers(ctx, cancel, img, passed, &progress{tell: r.p.Progress}, r.p.Workers)
	if err != nil {
		return nil, err
	}
	trees, err := r.p.Merge(layers)
	if err != nil {
		return nil, fmt.Errorf("merging layers: %w", err)
	}
	inventories := make([]*engine.Inventory, len(trees))
	for i, tree := range trees {
		ofTree := layers
		if len(trees) > 1 {
			ofTree = clone(layers) // what one tree reveals is no evidence of another
		}
		addUnseen(ofTree, tree)
		if err := w.followLinks(ctx, img.Layers(), ofTree, tree); err != nil {
			return nil, err
		}
		if inventories[i], err = r.p.Assemble(tree, ofTree); err != nil {
			return nil, fmt.Errorf("assembling the inventory: %w", err)
		}
	}
	return &content{layers, unite(trees), uniteInventories(inventories)}, nil
}
