package engine

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
)

// scan is the reading of one image.
type scan struct {
	*Reader
	img    Image
	memory *Budget
	facts  []LayerFacts // by layer, oldest first
	tree   *Tree        // nil for a list
	read   atomic.Int64 // layers
	total  load         // of all layers
}

// inventory reads every layer, several at once, merges them and assembles what they hold.
func (s *scan) inventory(ctx context.Context) (*Inventory, error) {
	if list, ok := s.img.(Listed); ok {
		return list.Inventory(), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.memory = NewBudget(ctx, s.p.Memory)
	early, err := s.stream(ctx)
	if err != nil {
		return nil, err
	}
	s.facts = make([]LayerFacts, len(s.img.Layers()))
	room := make(chan struct{}, s.p.Workers)
	var wg sync.WaitGroup
	layers := s.img.Layers()
	for _, i := range largestFirst(layers) {
		l := layers[i]
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if ctx.Err() != nil {
				return
			}
			lf, ok := early[l.Info().Digest]
			if !ok {
				var err error
				if lf, err = s.readLayer(ctx, l); err != nil {
					cancel(fmt.Errorf("layer %d of %d (%s): %w", i+1, len(s.facts), l.Info().DiffID.Short(), err))
					return
				}
			}
			s.facts[i] = *lf.as(l.Info())
			s.progress(len(s.facts))
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if s.tree, err = s.p.Merge(s.facts); err != nil {
		return nil, fmt.Errorf("merging layers: %w", err)
	}
	if err := s.followLinks(ctx); err != nil {
		return nil, err
	}
	inv, err := s.p.Assemble(s.tree, s.facts)
	if err != nil {
		return nil, fmt.Errorf("assembling the inventory: %w", err)
	}
	return inv, nil
}

// largestFirst orders layers so that the longest work does not begin last.
func largestFirst(layers []Layer) []int {
	order := make([]int, len(layers))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return layers[order[a]].Info().Size > layers[order[b]].Info().Size })
	return order
}

// stream reads the layers of a source that passes by once.
func (s *scan) stream(ctx context.Context) (map[Digest]*LayerFacts, error) {
	source, ok := s.img.(Streamed)
	if !ok {
		return nil, nil
	}
	early := map[Digest]*LayerFacts{}
	err := source.Stream(ctx, func(l Layer) error {
		lf, err := s.readLayer(ctx, l)
		early[l.Info().Digest] = lf
		s.progress(0)
		return err
	})
	s.read.Store(0)
	return early, err
}

func (s *scan) progress(of int) {
	if n := s.read.Add(1); s.p.Progress != nil {
		s.p.Progress(int(n), of)
	}
}

// as says the facts of a layer about the place that it has in an image: content alone decides the rest of them.
func (lf *LayerFacts) as(info LayerInfo) *LayerFacts {
	out := &LayerFacts{Info: info, Entries: lf.Entries, Evidence: make([]Evidence, len(lf.Evidence))}
	out.Info.Verified = lf.Info.Verified
	out.Info.Entries = len(lf.Entries)
	for i := range lf.Entries {
		out.Info.ContentBytes += lf.Entries[i].Size
	}
	for i, ev := range lf.Evidence {
		out.Evidence[i] = ev.in(info)
	}
	return out
}

// in gives evidence its layer.
func (ev Evidence) in(info LayerInfo) Evidence {
	ev.Layer = info.Index
	ev.Gaps = append([]Gap(nil), ev.Gaps...)
	for i := range ev.Gaps {
		ev.Gaps[i].Layer = Maybe(info.DiffID)
	}
	return ev
}

// infos describes the layers, with what merging them has shown.
func (s *scan) infos() []LayerInfo {
	var out []LayerInfo
	for i, lf := range s.facts {
		if i < len(s.tree.Wasted) {
			lf.Info.WastedBytes = s.tree.Wasted[i]
		}
		out = append(out, lf.Info)
	}
	return out
}

// describe adds what is known of the image as a whole.
func (s *scan) describe(in *Input, r referred, annotate func([]FileFact)) {
	if list, ok := s.img.(Listed); ok {
		in.Missing = list.Missing()
		return
	}
	in.Space.Efficiency = s.tree.Efficiency
	for _, l := range in.Layers {
		in.Space.ContentBytes += l.ContentBytes
		in.Space.WastedBytes += l.WastedBytes
	}
	if in.Referrers = r.list; !r.asked {
		in.Missing = append(in.Missing, "referrers")
	}
	if !s.wants("files") {
		in.Missing = append(in.Missing, "files")
		return
	}
	in.Files = FileFacts(s.tree)
	if annotate != nil {
		annotate(in.Files)
	}
}

func (s *scan) wants(section string) bool { return s.p.Wants != nil && s.p.Wants(section) }

// referred is what became of asking for referrers.
type referred struct {
	asked bool
	list  []Referrer
	gaps  []Gap
}

// referrers asks for them while layers are read, or of a stream, whose image is not known before, afterwards. That they cannot be listed
// is a gap: a signature may be missing, or hidden.
func (s *scan) referrers(ctx context.Context) func() referred {
	source, ok := s.img.(Referred)
	if !ok {
		return func() referred { return referred{asked: true} }
	}
	ask := sync.OnceValue(func() referred {
		if !s.wants("referrers") {
			return referred{}
		}
		list, err := source.Referrers(ctx)
		if err != nil {
			return referred{asked: true, gaps: []Gap{{Kind: GapUnreadable, Subject: "referrers", Detail: err.Error()}}}
		}
		return referred{asked: true, list: list}
	})
	if _, later := s.img.(Streamed); !later {
		go ask()
	}
	return ask
}

// kindOf is the kind of gap that an error about one file leaves.
func kindOf(err error) GapKind {
	if limit := (*LimitError)(nil); errors.As(err, &limit) {
		return GapLimit
	}
	return GapMalformed
}

// inspect turns whatever goes wrong with one file into a gap. Only the end of the context is an error.
func inspect(ctx context.Context, insp Inspector, f *File, layer LayerInfo, memory *Budget) (ev Evidence, err error) {
	f.Charge(memory)
	defer func() {
		if r := recover(); r != nil { // a parser of hostile input that panics is a file that could not be read
			ev, err = Evidence{}, fmt.Errorf("the parser failed: %v", r)
		}
		if err != nil && ctx.Err() == nil {
			ev.Gaps = append(ev.Gaps, Gap{Kind: kindOf(err), Detail: err.Error()})
			err = nil
		}
		ev.Inspector, ev.Path, ev.Layer = insp.Name(), f.Path, layer.Index
		for i := range ev.Gaps {
			ev.Gaps[i].Path, ev.Gaps[i].Layer = Maybe(f.Path), Maybe(layer.DiffID)
		}
	}()
	return insp.Inspect(ctx, f)
}
