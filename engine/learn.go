package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	layer    LayerInfo
	lf       *LayerFacts
	seen     map[string]bool // wanted paths: a later entry of the same path replaces what the earlier one said
	gaps     gaps
	paths    int64
	evidence int64
	last     string // the path of the last entry
}

// readLayer walks one layer and shows its files to whoever wants them. Where a limit of the layer ends the walk, what was learned before
// it stands, and the rest is a gap.
func (s *scan) readLayer(ctx context.Context, l Layer) (*LayerFacts, error) {
	if lf, err := s.recall(ctx, l); lf != nil || err != nil {
		return lf, s.weigh(lf, err)
	}
	w := &learning{scan: s, layer: l.Info(), lf: &LayerFacts{Info: l.Info()}, seen: map[string]bool{}}
	// What passes by has nothing but its content to say which layer of the image it is, and that has then not been hashed.
	again := l.Rereadable()
	verified, err := l.Walk(ctx, func(f *File) error { return w.visit(ctx, f) })
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
		w.gaps.list = append(w.gaps.list, Coverage{Kind: CoverageLimit, Detail: fmt.Sprintf("nothing of this layer was read: %v", err)})
		return
	}
	w.gaps.list = append(w.gaps.list, Coverage{Kind: CoverageLimit, Path: Maybe(shorten(w.last)),
		Detail: fmt.Sprintf("this layer was read up to here (%d entries), and no further: %v", len(w.lf.Entries), err)})
}

func (w *learning) visit(ctx context.Context, f *File) error {
	if err := f.Gap(); err != nil {
		w.gaps.add(f.Path, err)
		return ctx.Err()
	}
	if err := w.entry(&f.Entry); err != nil {
		return err
	}
	if f.Type != TypeFile {
		return ctx.Err()
	}
	if len(f.caps) > 0 || f.capErr != nil {
		if err := w.take(f.capable()); err != nil {
			return err
		}
	}
	for _, insp := range w.p.Inspectors {
		if !insp.Wants(f.Path, f.Mode, f.Size) {
			continue
		}
		ev, err := inspect(ctx, insp, f, w.layer, w.memory)
		if err == nil {
			err = w.take(ev)
		}
		if err != nil {
			return err
		}
	}
	f.Release()
	return ctx.Err()
}

// take keeps evidence within the limits.
func (w *learning) take(ev Evidence) error {
	w.seen[ev.Path] = true
	weight := ev.weight()
	if w.evidence += weight; w.evidence > MaxEvidence {
		return &LimitError{What: "bytes of what was found in one layer", Limit: MaxEvidence}
	}
	if err := w.total.add(0, 0, weight); err != nil {
		return err
	}
	w.lf.Evidence = append(w.lf.Evidence, ev)
	return nil
}

// capable is the evidence of a file's capabilities. What cannot be read of them is a gap: the kernel may read it.
func (f *File) capable() Evidence {
	ev := Evidence{Path: f.Path, Traits: &Traits{Capabilities: f.caps}}
	if f.capErr != nil {
		ev.Coverage = []Coverage{{Kind: CoverageMalformed, Path: Maybe(f.Path), Detail: f.capErr.Error()}}
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
	if w.seen[e.Path] {
		w.lf.Evidence = dropEvidence(w.lf.Evidence, e.Path)
	}
	return nil
}

func pathBytes(e *Entry) int64 { return int64(len(e.Path) + len(e.Link)) }

// weight is how many bytes evidence takes in memory, about: itself (300), its packages (3,000 each, since
// every later stage and the policies have them too), its lists.
func (ev *Evidence) weight() int64 {
	n := 300 + len(ev.Path)
	for i := range ev.Packages {
		p := &ev.Packages[i]
		n += 3000 + len(p.Name) + len(p.Version) + len(p.Source.Name) + len(p.Source.Version)
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
	for i := range ev.Coverage {
		n += 200 + len(ev.Coverage[i].Detail)
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
	n := 80 + 32*len(t.Capabilities)
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
