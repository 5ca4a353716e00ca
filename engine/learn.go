package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// load is what has been learned, as it weighs on memory: of all layers together, each adding to it while it is read.
type load struct {
	entries, paths, evidence atomic.Int64
}

// add is an error once all layers together have more than an image may have: no part of such an image is judged.
func (l *load) add(entries, paths, evidence int64) error {
	switch {
	case l.entries.Add(entries) > MaxImageEntries:
		return imageLimit{&LimitError{What: "number of entries of all layers", Limit: MaxImageEntries}}
	case l.paths.Add(paths) > MaxImagePaths:
		return imageLimit{&LimitError{What: "bytes of the paths of all layers", Limit: MaxImagePaths}}
	case l.evidence.Add(evidence) > MaxImageEvidence:
		return imageLimit{&LimitError{What: "bytes of what was found in all layers", Limit: MaxImageEvidence}}
	}
	return nil
}

// imageLimit is a limit of the image, and so none that leaves a gap in one layer.
type imageLimit struct{ limit *LimitError }

func (e imageLimit) Error() string { return e.limit.Error() }

// learning is the reading of one layer.
type learning struct {
	*scan
	layer   LayerInfo
	lf      *LayerFacts
	results []*result
	seen    map[string][]*result // wanted paths: a later entry of the same path replaces what the earlier one said
	gaps    gaps
	paths   int64
	last    string // the path of the last entry
	// recorded are the algorithms of the package databases in the layer.
	recorded Algorithms
	workers  sync.WaitGroup
	room     chan struct{} // for files that are inspected beside the walk

	mu       sync.Mutex // over what workers share
	evidence int64
	failed   error
	later    []unsummed
}

// result is what one look at a file gave.
type result struct {
	list     []Evidence
	weight   int64
	entry    int // its number in the layer, from 1
	replaced int // the number of the entry of the same path that came later; 0 is none
}

// readLayer walks one layer and shows its files to whoever wants them. Where a limit of the layer ends the walk, what was learned before
// it stands, and the rest is a gap.
func (s *scan) readLayer(ctx context.Context, l Layer) (*LayerFacts, error) {
	if lf, err := s.recall(ctx, l); lf != nil || err != nil {
		return lf, s.weigh(lf, err)
	}
	w := &learning{scan: s, layer: l.Info(), lf: &LayerFacts{Info: l.Info()}, seen: map[string][]*result{}, room: make(chan struct{}, 1)}
	// What passes by has nothing but its content to say which layer of the image it is, and that has then not been hashed.
	again := l.Rereadable()
	verified, err := l.Walk(ctx, func(f *File) error { return w.visit(ctx, f) })
	w.workers.Wait()
	w.sumLater(ctx)
	err = w.gather(cmp.Or(err, w.failed))
	if limit := (*LimitError)(nil); errors.As(err, &limit) && again && ctx.Err() == nil {
		w.cut(err)
		verified, err = VerifiedClaimed, nil
	}
	if err != nil {
		return nil, err
	}
	w.lf.Evidence = append(w.lf.Evidence, w.gaps.evidence()...)
	w.lf.Info.Verified = verified
	return w.lf, s.keep(ctx, l, w.lf)
}

// gather puts the evidence into the order of the entries, whatever the order was in which workers found it. More than a layer may hold ends it
// at one and the same entry each time.
func (w *learning) gather(err error) error {
	weight, end := int64(0), len(w.lf.Entries)
	for i, r := range w.results {
		if weight += r.weight; weight > MaxEvidence {
			w.results, end = w.results[:i], r.entry
			w.lf.Entries, w.last = w.lf.Entries[:end], w.lf.Entries[end-1].Path
			err = &LimitError{What: "bytes of what was found in one layer", Limit: MaxEvidence}
			break
		}
	}
	for _, r := range w.results {
		if r.replaced == 0 || r.replaced > end {
			w.lf.Evidence = append(w.lf.Evidence, r.list...)
		}
	}
	return err
}

// weigh adds what the cache had to what the image weighs.
func (s *scan) weigh(lf *LayerFacts, err error) error {
	if lf == nil || err != nil {
		return err
	}
	var paths, evidence int64
	for i := range lf.Entries {
		paths += pathBytes(&lf.Entries[i])
	}
	for i := range lf.Evidence {
		evidence += lf.Evidence[i].weight()
	}
	return s.total.add(int64(len(lf.Entries)), paths, evidence)
}

// cut notes that the walk ended at a limit.
func (w *learning) cut(err error) {
	if w.last == "" {
		w.gaps.list = append(w.gaps.list, Gap{Kind: GapLimit, Detail: fmt.Sprintf("nothing of this layer was read: %v", err)})
		return
	}
	w.gaps.list = append(w.gaps.list, Gap{Kind: GapLimit, Path: Maybe(shorten(w.last)),
		Detail: fmt.Sprintf("this layer was read up to here (%d entries), and no further: %v", len(w.lf.Entries), err)})
}

func (w *learning) visit(ctx context.Context, f *File) error {
	if err := f.Err(); err != nil {
		w.gaps.add(f.Path, err)
		return ctx.Err()
	}
	if err := w.entry(&f.Entry); err != nil {
		return err
	}
	if f.Type != TypeFile {
		return ctx.Err()
	}
	r := &result{entry: len(w.lf.Entries)}
	if len(f.caps) > 0 || f.capErr != nil {
		w.expect(f.Path, r)
		w.take(r, f.capable())
		r = &result{entry: r.entry}
	}
	var wanted []Inspector
	for _, insp := range w.p.Inspectors {
		if insp.Wants(f.Path, f.Mode, f.Size) {
			wanted = append(wanted, insp)
			if db, ok := insp.(Recording); ok {
				w.recorded |= db.Records()
			}
		}
	}
	if len(wanted) == 0 {
		return ctx.Err()
	}
	w.expect(f.Path, r)
	if f.lasting {
		select {
		case w.room <- struct{}{}:
			w.workers.Go(func() {
				w.inspect(ctx, f, wanted, r)
				<-w.room
			})
			return w.state(ctx)
		default: // the walk itself is as good a worker
		}
	}
	w.inspect(ctx, f, wanted, r)
	return w.state(ctx)
}

func (w *learning) expect(path string, r *result) {
	w.results = append(w.results, r)
	w.seen[path] = append(w.seen[path], r)
}

func (w *learning) state(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.failed, ctx.Err())
}

func (w *learning) inspect(ctx context.Context, f *File, by []Inspector, r *result) {
	sums := false
	for _, insp := range by {
		ev, err := inspect(ctx, insp, f, w.layer, w.memory)
		if err != nil {
			w.fail(err)
			return
		}
		summable := f.summable(&ev)
		sums = sums || summable
		if _, sparse := insp.(Sparse); !sparse || summable || ev.Traits != nil {
			w.take(r, ev)
		}
	}
	if sums {
		w.sum(ctx, unsummed{f, r})
	}
	f.Release()
}

func (w *learning) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = cmp.Or(w.failed, err)
}

// take keeps evidence within the limits.
func (w *learning) take(r *result, ev Evidence) {
	weight := ev.weight()
	r.list, r.weight = append(r.list, ev), r.weight+weight
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.evidence += weight; w.evidence > MaxEvidence {
		w.failed = cmp.Or(w.failed, error(&LimitError{What: "bytes of what was found in one layer", Limit: MaxEvidence}))
	}
	w.failed = cmp.Or(w.failed, w.total.add(0, 0, weight))
}

// capable is the evidence of a file's capabilities. What cannot be read of them is a gap: the kernel may read it.
func (f *File) capable() Evidence {
	ev := Evidence{Path: f.Path, Traits: &Traits{Capabilities: f.caps}}
	if f.capErr != nil {
		ev.Gaps = []Gap{{Kind: GapMalformed, Path: Maybe(f.Path), Detail: f.capErr.Error()}}
	}
	return ev
}

// entry takes an entry, whose evidence replaces that of earlier ones of the same path.
func (w *learning) entry(e *Entry) error {
	size := pathBytes(e)
	w.paths += size
	switch {
	case len(w.lf.Entries) >= MaxEntries:
		return &LimitError{What: "number of entries of one layer", Limit: MaxEntries}
	case w.paths > MaxPaths:
		return &LimitError{What: "bytes of the paths of one layer", Limit: MaxPaths}
	}
	if err := w.total.add(1, size, 0); err != nil {
		return err
	}
	w.last = e.Path
	w.lf.Entries = append(w.lf.Entries, *e)
	for _, r := range w.seen[e.Path] {
		r.replaced = cmp.Or(r.replaced, len(w.lf.Entries))
	}
	return nil
}

func pathBytes(e *Entry) int64 { return int64(len(e.Path) + len(e.Link)) }

// weight is how many bytes evidence takes in memory, about: itself (420), its packages (3,000 each, since
// every later stage and the policies have them too), its lists.
func (ev *Evidence) weight() int64 {
	n := 420 + len(ev.Path)
	for i := range ev.Packages {
		p := &ev.Packages[i]
		n += 3000 + len(p.Name) + len(p.Version) + len(p.Source.Name) + len(p.Source.Version) + len(p.Depends) + len(p.Provides)
		for _, l := range p.Licenses {
			n += 16 + len(l)
		}
	}
	for i := range ev.Owned {
		n += 80
		for _, f := range ev.Owned[i].Files {
			n += 32 + len(f.Path) + len(f.Sum)
		}
	}
	for i := range ev.Gaps {
		n += 200 + len(ev.Gaps[i].Detail)
	}
	if ev.Traits != nil {
		n += ev.Traits.weight()
	}
	if ev.OS != nil {
		n += 200 + len(ev.OS.ID) + len(ev.OS.Name) + len(ev.OS.VersionID) + len(ev.OS.Codename) + len(ev.OS.PrettyName)
	}
	return int64(n)
}

func (t *Traits) weight() int {
	n := 104 + 32*(len(t.Capabilities)+len(t.Licenses))
	for i := range t.Secrets {
		n += 400 + len(t.Secrets[i].Redacted)
	}
	for i := range t.Accounts {
		n += 300 + 32*len(t.Accounts[i].Groups)
	}
	if t.Program == nil {
		return n
	}
	n += 120
	for _, s := range slices.Concat(t.Program.Needed, t.Program.RunPath) {
		n += 16 + len(s)
	}
	if t.Program.Symbols != nil {
		n += 8 * len(t.Program.Symbols.Hashes)
	}
	return n
}
