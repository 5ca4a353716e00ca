package scan

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/vetoci/veto/engine"
)

// walker walks the layers of one image and asks the inspectors.
type walker struct {
	inspectors []engine.Inspector
	memory     *engine.Budget
	cache      *layerCache
	total      totals
	recorded   atomic.Uint32 // engine.Algorithms, by which the databases of layers that have been walked record checksums
}

// progress counts the layers that have been read.
type progress struct {
	tell func(read, of int) // nil for nobody
	read atomic.Int64
}

func (p *progress) count(of int) {
	if n := p.read.Add(1); p.tell != nil {
		p.tell(int(n), of)
	}
}

// readLayers reads every layer of an image, workers of them at once. The first error ends the context of the others.
func (w *walker) readLayers(
	ctx context.Context, cancel context.CancelCauseFunc, img engine.Image, passed passing, done *progress, workers int,
) ([]engine.LayerFacts, error) {
	if err := w.readStream(ctx, img, passed, done); err != nil {
		return nil, err
	}
	layers := img.Layers()
	facts := make([]engine.LayerFacts, len(layers))
	room := make(chan struct{}, workers)
	var running sync.WaitGroup
	for _, i := range largestFirst(layers) {
		l := layers[i]
		room <- struct{}{}
		running.Go(func() {
			defer func() { <-room }()
			if ctx.Err() != nil {
				return
			}
			lf, err := w.passedOrRead(ctx, l, passed)
			if err != nil {
				cancel(fmt.Errorf("layer %d of %d (%s): %w", i+1, len(layers), l.Info().DiffID.Short(), err))
				return
			}
			facts[i] = atIndex(lf, l.Info())
			done.count(len(layers))
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return facts, proveCopies(ctx, img)
}

// proveCopies reads the layers that claim to be copies of this image's, to their ends: a runtime may take them and not check their diff
// IDs.
func proveCopies(ctx context.Context, img engine.Image) error {
	several, ok := img.(engine.Several)
	if !ok {
		return nil
	}
	for _, l := range several.Copies() {
		if _, err := l.Walk(ctx, func(*engine.File) error { return nil }); err != nil {
			return fmt.Errorf("a copy of layer %d (%s): %w", l.Info().Index, l.Info().Digest.Short(), err)
		}
	}
	return nil
}

// passedOrRead returns the facts of a layer that has passed by, or else reads it.
func (w *walker) passedOrRead(ctx context.Context, l engine.Layer, passed passing) (*engine.LayerFacts, error) {
	lf, ok := passed[l.Info().Digest]
	if !ok {
		return w.readLayer(ctx, l)
	}
	if want := l.Info().DiffID; lf.Info.DiffID != want {
		return nil, fmt.Errorf("its content has the digest %s, and the image says %s", lf.Info.DiffID, want)
	}
	return lf, nil
}

// passing are the layers of a source that passes by once, by the digests of their blobs.
type passing map[engine.Digest]*engine.LayerFacts

// largestFirst orders layers so that the longest work does not begin last.
func largestFirst(layers []engine.Layer) []int {
	order := make([]int, len(layers))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return layers[order[a]].Info().Size > layers[order[b]].Info().Size })
	return order
}

// readStream reads the layers of a source that passes by once into passed. Of another source there are none.
func (w *walker) readStream(ctx context.Context, img engine.Image, passed passing, done *progress) error {
	source, ok := img.(engine.Streamed)
	if !ok {
		return nil
	}
	err := source.Stream(ctx, func(l engine.Layer) error {
		lf, err := w.readLayer(ctx, l)
		passed[l.Info().Digest] = lf
		done.count(0)
		return err
	})
	done.read.Store(0)
	return err
}

// atIndex copies what content alone says of a layer, and adds the place that the layer has in an image: one content may stand in several.
func atIndex(lf *engine.LayerFacts, info engine.LayerInfo) engine.LayerFacts {
	out := engine.LayerFacts{Info: info, Entries: lf.Entries, Evidence: make([]engine.Evidence, len(lf.Evidence))}
	out.Info.Verified = lf.Info.Verified
	out.Info.Entries = len(lf.Entries)
	for i := range lf.Entries {
		out.Info.ContentBytes += lf.Entries[i].Size
	}
	for i, ev := range lf.Evidence {
		out.Evidence[i] = ofLayer(ev, info)
	}
	return out
}

// ofLayer copies evidence and names the layer that it is from.
func ofLayer(ev engine.Evidence, info engine.LayerInfo) engine.Evidence {
	ev.Layer = info.Index
	ev.Gaps = append([]engine.Gap(nil), ev.Gaps...)
	for i := range ev.Gaps {
		ev.Gaps[i].Layer = engine.Maybe(info.DiffID)
	}
	return ev
}
