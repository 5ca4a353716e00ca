package scan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vetoci/veto/engine"
)

// leftOut lists the entries that a walk left out of a layer, and why.
type leftOut struct {
	list []engine.Gap
	more int // that are counted only
}

// add notes an entry; beyond MaxGaps they are only counted.
func (o *leftOut) add(path string, err error) {
	if len(o.list) >= engine.MaxGaps {
		o.more++
		return
	}
	kind := engine.GapUnreadable
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) {
		kind = engine.GapLimit
	}
	o.list = append(o.list, engine.Gap{Kind: kind, Path: engine.Maybe(path), Detail: err.Error()})
}

// endedAt notes that the walk ended at a limit, after n entries of which the last had this path.
func (o *leftOut) endedAt(last string, n int, err error) {
	gap := engine.Gap{Kind: engine.GapLimit, Detail: fmt.Sprintf("nothing of this layer was read: %v", err)}
	if last != "" {
		gap.Path = engine.Maybe(engine.ShortPath(last))
		gap.Detail = fmt.Sprintf("this layer was read up to here (%d entries), and no further: %v", n, err)
	}
	o.list = append(o.list, gap)
}

// evidence holds all gaps. It names neither an inspector nor a path: such evidence counts whatever the merged tree shows.
func (o *leftOut) evidence() []engine.Evidence {
	if len(o.list) == 0 {
		return nil
	}
	if o.more > 0 {
		o.list = append(o.list, engine.Gap{Kind: engine.GapLimit, Count: o.more, Subject: engine.Maybe(fmt.Sprintf("%d more entries", o.more)),
			Detail: fmt.Sprintf("%d more entries of this layer were left out: %v",
				o.more, &engine.LimitError{What: "number of gaps of one layer", Limit: engine.MaxGaps})})
	}
	return []engine.Evidence{{Gaps: o.list}}
}

// foldGaps keeps up to MaxNamedGaps gaps of each kind; one more says how many of that kind it left out. Its subject holds a hash of what
// these are: who accepts it accepts them, and no others that come later.
func foldGaps(all []engine.Gap) []engine.Gap {
	seen, more, left := map[engine.GapKind]int{}, map[engine.GapKind]int{}, map[engine.GapKind][]string{}
	var out []engine.Gap
	for _, g := range all {
		if seen[g.Kind]++; seen[g.Kind] <= engine.MaxNamedGaps {
			out = append(out, g)
			continue
		}
		more[g.Kind] += max(g.Count, 1)
		left[g.Kind] = append(left[g.Kind], engine.Fingerprint(engine.PathClass(string(g.Path)), string(g.Subject)))
	}
	if len(more) == 0 {
		return all
	}
	for _, g := range all {
		if n := more[g.Kind]; n > 0 {
			delete(more, g.Kind)
			slices.Sort(left[g.Kind])
			which := engine.Fingerprint(left[g.Kind]...)[:8]
			out = append(out, engine.Gap{Kind: g.Kind, Count: n, Subject: engine.Maybe(fmt.Sprintf("%d more, %s", n, which)),
				Detail: fmt.Sprintf("%d more of this kind: %v", n, &engine.LimitError{What: "number of gaps with a name", Limit: engine.MaxNamedGaps})})
		}
	}
	return out
}
