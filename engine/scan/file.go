package scan

import (
	"context"
	"errors"
	"fmt"

	"github.com/vetoci/veto/engine"
)

// askInspector shows a file to an inspector and turns whatever goes wrong into a gap. The only error is that of the context.
func askInspector(
	ctx context.Context, insp engine.Inspector, f *engine.File, layer engine.LayerInfo, memory *engine.Budget,
) (ev engine.Evidence, err error) {
	f.Charge(memory)
	defer func() {
		if r := recover(); r != nil { // a parser of hostile input that panics is a file that could not be read
			ev, err = engine.Evidence{}, fmt.Errorf("the parser failed: %v", r)
		}
		if err != nil && ctx.Err() == nil {
			ev.Gaps = append(ev.Gaps, engine.Gap{Kind: gapKind(err), Detail: err.Error()})
			err = nil
		}
		ev.Inspector, ev.Path, ev.Layer = insp.Name(), f.Path, layer.Index
		for i := range ev.Gaps {
			ev.Gaps[i].Path, ev.Gaps[i].Layer = engine.Maybe(f.Path), engine.Maybe(layer.DiffID)
		}
	}()
	return insp.Inspect(ctx, f)
}

// gapKind is the kind of gap that an error about one file leaves.
func gapKind(err error) engine.GapKind {
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) {
		return engine.GapLimit
	}
	return engine.GapMalformed
}

// needsSums says whether evidence needs the checksums of its file: what a package database recorded of the file then decides who judges it.
func needsSums(insp engine.Inspector, ev *engine.Evidence) bool {
	_, always := insp.(engine.Hashing)
	return always || len(ev.Packages) > 0 || len(ev.Gaps) > 0 || ev.Traits != nil && len(ev.Traits.Secrets) > 0
}

// setSums gives the evidence of one file its checksums. That the file cannot be read is a gap of the first.
func setSums(sums engine.Sums, err error, path string, list []engine.Evidence, layer engine.LayerInfo) {
	for i := range list {
		list[i].Sums = sums
	}
	if err != nil {
		list[0].Gaps = append(list[0].Gaps, engine.Gap{Kind: gapKind(err), Path: engine.Maybe(path), Layer: engine.Maybe(layer.DiffID),
			Detail: err.Error()})
	}
}
