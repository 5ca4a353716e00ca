package scan

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/vetoci/veto/engine"
)

// readLayer reads one layer: from the cache, or by a walk that shows its files to the inspectors that want them. Where a limit of the layer
// ends the walk, what was found before it stands, and the rest is a gap.
func (w *walker) readLayer(ctx context.Context, l engine.Layer) (*engine.LayerFacts, error) {
	switch lf, err := w.cache.layer(ctx, l); {
	case err != nil:
		return nil, err
	case lf != nil:
		return lf, w.total.addLayer(lf)
	}
	info := l.Info()
	walk := &layerWalk{walker: w, layer: info, lf: &engine.LayerFacts{Info: info}, byPath: map[string][]*found{}, room: make(chan struct{}, 1)}
	// What passes by has nothing but its content to say which layer of the image it is, and after a limit that has not been hashed.
	again := l.Rereadable()
	verified, err := l.Walk(ctx, func(f *engine.File) error { return walk.visit(ctx, f) })
	walk.endWalk()
	walk.inspectUnlisted(ctx)
	walk.sumDeferred(ctx)
	err = walk.gather(cmp.Or(err, walk.failed))
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) && again && ctx.Err() == nil {
		walk.leftOut.endedAt(walk.last, len(walk.lf.Entries), err)
		verified, err = engine.VerifiedClaimed, nil
	}
	if err != nil {
		return nil, err
	}
	walk.lf.Evidence = append(walk.lf.Evidence, walk.leftOut.evidence()...)
	walk.lf.Info.Verified, walk.lf.Info.DiffID = verified, l.Info().DiffID // which what passes by knows only now
	return walk.lf, w.cache.keepLayer(ctx, l, walk.lf)
}

// layerWalk is the walk of one layer.
type layerWalk struct {
	*walker
	layer   engine.LayerInfo
	lf      *engine.LayerFacts
	found   []*found            // in the order of the entries
	byPath  map[string][]*found // of the same: a later entry of a path replaces what the earlier one gave
	leftOut leftOut
	paths   int64             // bytes
	last    string            // the path of the last entry
	records engine.Algorithms // by which package databases of this layer record checksums
	edges   engine.Edges      // of the file that is visited
	passing []byte            // for its last bytes

	workers sync.WaitGroup
	room    chan struct{} // for files that are inspected beside the walk

	mu       sync.Mutex // over what workers share
	evidence int64      // bytes
	failed   error
	unlisted []unlistedFile
	deferred []*deferredSum
	summed   int  // how many of them sumAhead has taken
	summing  bool // sumAhead runs
	ended    bool // the walk has
}

// found is what one entry gave.
type found struct {
	list     []engine.Evidence
	bytes    int64
	entry    int // its number in the layer, from 1
	replaced int // the number of the later entry of the same path; 0 is none
}

// visit takes one entry of the layer.
func (w *layerWalk) visit(ctx context.Context, f *engine.File) error {
	if err := f.Err(); err != nil {
		w.leftOut.add(f.Path, err)
		return ctx.Err()
	}
	if err := w.addEntry(&f.Entry); err != nil {
		return err
	}
	if f.Type != engine.TypeFile {
		return ctx.Err()
	}
	if names, err := f.Capabilities(); len(names) > 0 || err != nil {
		w.take(w.expect(f), capabilities(f.Path, names, err))
	}
	wanted, err := w.wanting(f)
	if err != nil {
		w.take(w.expect(f), unreadable(f.Path, w.layer, err))
	}
	if len(wanted) == 0 {
		w.passBy(f, nil)
		return ctx.Err()
	}
	of := w.expect(f)
	if wanted = w.deferUnlisted(f, wanted, of); len(wanted) == 0 {
		return ctx.Err()
	}
	if f.ReadableLater() {
		select {
		case w.room <- struct{}{}:
			w.workers.Go(func() {
				w.inspect(ctx, f, wanted, of)
				<-w.room
			})
			return w.state(ctx)
		default: // the walk itself is as good a worker
		}
	}
	w.inspect(ctx, f, wanted, of)
	return w.state(ctx)
}

// passBy asks inspectors that were not shown a file about its last bytes, where those are known only now.
func (w *layerWalk) passBy(f *engine.File, shown []engine.Inspector) {
	if f.Seekable() || w.edges.Head == nil || w.edges.Tail != nil || f.Size < engine.EdgeBytes/4 {
		return
	}
	for _, insp := range w.inspectors {
		by, ok := insp.(engine.Passing)
		if !ok || slices.Contains(shown, insp) {
			continue
		}
		if w.passing == nil {
			w.passing = make([]byte, 2*engine.PassingBytes)
		}
		tail, err := f.ReadPassing(w.passing)
		if err != nil || len(tail) == 0 {
			return // whoever reads the next header sees the error
		}
		if gap := by.PassedBy(f.Path, &w.edges, tail); gap != nil {
			gap.Path, gap.Layer = engine.Maybe(f.Path), engine.Maybe(w.layer.DiffID)
			w.take(w.expect(f), engine.Evidence{Inspector: insp.Name(), Path: f.Path, Layer: w.layer.Index, Gaps: []engine.Gap{*gap}})
		}
		return
	}
}

// wanting returns the inspectors that want a file, those by its content too.
func (w *layerWalk) wanting(f *engine.File) (wanted []engine.Inspector, err error) {
	read := false
	for _, insp := range w.inspectors {
		if !insp.Wants(f.Path, f.Mode, f.Size) {
			continue
		}
		if by, ok := insp.(engine.Sniffing); ok {
			if !read {
				if e := f.ReadEdges(&w.edges); e != nil {
					err, w.edges = e, engine.Edges{}
				}
				read = true
			}
			if err != nil || !by.Fits(f.Path, f.Mode, f.Size, &w.edges) {
				continue
			}
		}
		wanted = append(wanted, insp)
		if db, ok := insp.(engine.Recording); ok {
			w.records |= db.Records()
		}
	}
	return wanted, err
}

// addEntry takes an entry. What earlier entries of the same path gave is then replaced.
func (w *layerWalk) addEntry(e *engine.Entry) error {
	size := pathBytes(e)
	w.paths += size
	switch {
	case len(w.lf.Entries) >= engine.MaxEntries:
		return &engine.LimitError{What: "number of entries of one layer", Limit: engine.MaxEntries}
	case w.paths > engine.MaxPaths:
		return &engine.LimitError{What: "bytes of the paths of one layer", Limit: engine.MaxPaths}
	}
	if err := w.total.add(1, size, 0); err != nil {
		return err
	}
	w.last = e.Path
	w.lf.Entries = append(w.lf.Entries, *e)
	for _, f := range w.byPath[e.Path] {
		f.replaced = cmp.Or(f.replaced, len(w.lf.Entries))
	}
	return nil
}

// expect makes room for what the last entry will give.
func (w *layerWalk) expect(f *engine.File) *found {
	of := &found{entry: len(w.lf.Entries)}
	w.found = append(w.found, of)
	w.byPath[f.Path] = append(w.byPath[f.Path], of)
	return of
}

// capabilities is the evidence of a file's capabilities. What cannot be read of them is a gap: the kernel may read it.
func capabilities(path string, names []string, err error) engine.Evidence {
	ev := engine.Evidence{Path: path, Traits: &engine.Traits{Capabilities: names}}
	if err != nil {
		ev.Gaps = []engine.Gap{{Kind: engine.GapMalformed, Path: engine.Maybe(path), Detail: err.Error()}}
	}
	return ev
}

// unreadable is the evidence of a file of which not even the first bytes can be read.
func unreadable(path string, layer engine.LayerInfo, err error) engine.Evidence {
	return engine.Evidence{Path: path, Layer: layer.Index, Gaps: []engine.Gap{{Kind: gapKind(err), Path: engine.Maybe(path),
		Layer: engine.Maybe(layer.DiffID), Detail: err.Error()}}}
}

// inspect shows a file to inspectors, one after the other.
func (w *layerWalk) inspect(ctx context.Context, f *engine.File, by []engine.Inspector, of *found) {
	sums := false
	for _, insp := range by {
		ev, err := askInspector(ctx, insp, f, w.layer, w.memory)
		if err != nil {
			w.fail(err)
			return
		}
		needs := needsSums(insp, &ev)
		sums = sums || needs
		if _, sparse := insp.(engine.Sparse); !sparse || needs || ev.Traits != nil {
			w.take(of, ev)
		}
	}
	if sums {
		w.sum(ctx, f, of)
	}
	w.passBy(f, by)
	f.Release()
}

// take keeps evidence within the limits.
func (w *layerWalk) take(of *found, ev engine.Evidence) {
	size := evidenceBytes(&ev)
	of.list, of.bytes = append(of.list, ev), of.bytes+size
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.evidence += size; w.evidence > engine.MaxEvidence {
		w.failed = cmp.Or(w.failed, error(&engine.LimitError{What: "bytes of what was found in one layer", Limit: engine.MaxEvidence}))
	}
	w.failed = cmp.Or(w.failed, w.total.add(0, 0, size))
}

func (w *layerWalk) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = cmp.Or(w.failed, err)
}

func (w *layerWalk) state(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.failed, ctx.Err())
}

// gather puts the evidence into the order of the entries, whatever the order was in which workers found it. Evidence over the limit of a
// layer ends it at the same entry each time.
func (w *layerWalk) gather(err error) error {
	size, end := int64(0), len(w.lf.Entries)
	for i, f := range w.found {
		if size += f.bytes; size > engine.MaxEvidence {
			w.found, end = w.found[:i], f.entry
			w.lf.Entries, w.last = w.lf.Entries[:end], w.lf.Entries[end-1].Path
			err = &engine.LimitError{What: "bytes of what was found in one layer", Limit: engine.MaxEvidence}
			break
		}
	}
	for _, f := range w.found {
		if f.replaced == 0 || f.replaced > end {
			w.lf.Evidence = append(w.lf.Evidence, f.list...)
		}
	}
	return err
}
