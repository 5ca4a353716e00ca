package engine

import (
	"context"
	"crypto/md5"  //nolint:gosec // what dpkg records
	"crypto/sha1" //nolint:gosec // what apk records
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
)

// inventory reads every layer, several at once, merges them and assembles what they hold.
func (g *Gate) inventory(ctx context.Context, img Image) (*Inventory, []LayerFacts, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	memory := NewBudget(ctx, g.p.Memory)
	layers := img.Layers()
	facts := make([]LayerFacts, len(layers))
	room := make(chan struct{}, g.p.Workers)
	var wg sync.WaitGroup
	for i, l := range layers {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if ctx.Err() != nil {
				return
			}
			lf, err := g.readLayer(ctx, l, memory)
			if err != nil {
				cancel(fmt.Errorf("layer %d of %d (%s): %w", i+1, len(layers), l.Info().DiffID.Short(), err))
				return
			}
			facts[i] = *lf
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	tree, err := g.p.Merge(facts)
	if err != nil {
		return nil, nil, fmt.Errorf("merging layers: %w", err)
	}
	if err := g.followLinks(ctx, tree, layers, facts, memory); err != nil {
		return nil, nil, err
	}
	inv, err := g.p.Assemble(tree, facts)
	if err != nil {
		return nil, nil, fmt.Errorf("assembling the inventory: %w", err)
	}
	return inv, facts, nil
}

// readLayer walks one layer and shows its files to whoever wants them.
func (g *Gate) readLayer(ctx context.Context, l Layer, memory *Budget) (*LayerFacts, error) {
	lf := &LayerFacts{Info: l.Info()}
	seen := map[string]bool{} // wanted paths: a later entry of the same path replaces what the earlier one said
	verified, err := l.Walk(ctx, func(f *File) error {
		lf.Entries = append(lf.Entries, f.Entry)
		if seen[f.Path] {
			lf.Evidence = dropEvidence(lf.Evidence, f.Path)
		}
		if f.Type != TypeFile {
			return ctx.Err()
		}
		for _, insp := range g.p.Inspectors {
			if !insp.Wants(f.Path, f.Mode, f.Size) {
				continue
			}
			seen[f.Path] = true
			ev, err := inspect(ctx, insp, f, lf.Info, memory)
			if err != nil {
				return err
			}
			lf.Evidence = append(lf.Evidence, ev)
		}
		f.Release()
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	lf.Info.Verified = verified
	return lf, nil
}

func dropEvidence(evs []Evidence, path string) []Evidence {
	kept := evs[:0]
	for _, ev := range evs {
		if ev.Path != path {
			kept = append(kept, ev)
		}
	}
	return kept
}

// inspect turns whatever goes wrong with one file into a coverage fact. Only the end of the context is an error.
func inspect(ctx context.Context, insp Inspector, f *File, layer LayerInfo, memory *Budget) (ev Evidence, err error) {
	f.Charge(memory)
	defer func() {
		if r := recover(); r != nil { // a parser of hostile input that panics is a file that could not be read
			ev, err = Evidence{}, fmt.Errorf("the parser failed: %v", r)
		}
		if err != nil && ctx.Err() == nil {
			kind := CoverageMalformed
			if limit := (*LimitError)(nil); errors.As(err, &limit) {
				kind = CoverageLimit
			}
			ev.Coverage = append(ev.Coverage, Coverage{Kind: kind, Detail: err.Error()})
			err = nil
		}
		ev.Inspector, ev.Path, ev.Layer = insp.Name(), f.Path, layer.Index
		for i := range ev.Coverage {
			ev.Coverage[i].Path, ev.Coverage[i].Layer = Maybe(f.Path), Maybe(layer.DiffID)
		}
	}()
	if ev, err = insp.Inspect(ctx, f); err != nil {
		return ev, err
	}
	if len(ev.Packages) > 0 || len(ev.Coverage) > 0 {
		ev.Sums, err = sums(f)
	}
	return ev, err
}

func sums(f *File) (Sums, error) {
	at, err := f.ReaderAt(f.Size)
	if err != nil {
		return Sums{}, err
	}
	m, s := md5.New(), sha1.New() //nolint:gosec // compared with what the package databases record, never trusted alone
	n, err := io.Copy(io.MultiWriter(m, s), io.NewSectionReader(at, 0, f.Size))
	if err != nil || n < f.Size {
		return Sums{}, f.short(err)
	}
	return Sums{MD5: hex.EncodeToString(m.Sum(nil)), SHA1: hex.EncodeToString(s.Sum(nil))}, nil
}
