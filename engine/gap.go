package engine

import (
	"errors"
	"fmt"
	"strings"
)

// NewFailedEntry makes a File that stands for an entry which veto cannot take; err says why. It has no body, and its path is shortened, for
// people. A walk shows it and goes on, because a runtime may unpack what veto leaves out.
func NewFailedEntry(path string, err error) *File {
	return &File{Entry: Entry{Path: shorten(path)}, err: err}
}

// Err returns why the entry could not be taken: nil for every File but those of NewFailedEntry.
func (f *File) Err() error { return f.err }

// shorten keeps both ends of a path: the first names the place, the last the file.
func shorten(path string) string {
	const head, tail = 120, 40
	if len(path) <= head+tail {
		return strings.ToValidUTF8(path, "\uFFFD")
	}
	return strings.ToValidUTF8(path[:head], "") + "…" + strings.ToValidUTF8(path[len(path)-tail:], "")
}

// gaps gathers what a walk left out of a layer.
type gaps struct {
	list []Gap
	more int
}

// add notes one; beyond MaxGaps they are only counted.
func (g *gaps) add(path string, err error) {
	if len(g.list) >= MaxGaps {
		g.more++
		return
	}
	kind := GapUnreadable
	if limit := (*LimitError)(nil); errors.As(err, &limit) {
		kind = GapLimit
	}
	g.list = append(g.list, Gap{Kind: kind, Path: Maybe(path), Detail: err.Error()})
}

// evidence is all of them as that of no inspector, at no path: such evidence counts whatever the merged tree shows.
func (g *gaps) evidence() []Evidence {
	if len(g.list) == 0 {
		return nil
	}
	if g.more > 0 {
		g.list = append(g.list, Gap{Kind: GapLimit, Count: g.more,
			Detail: fmt.Sprintf("%d more entries of this layer were left out: %v", g.more, &LimitError{What: "number of gaps of one layer", Limit: MaxGaps})})
	}
	return []Evidence{{Gaps: g.list}}
}

// foldGaps names up to MaxNamedGaps gaps of each kind; of the rest of a kind one fact says how many there are.
func foldGaps(all []Gap) []Gap {
	seen, more := map[GapKind]int{}, map[GapKind]int{}
	var out []Gap
	for _, c := range all {
		if seen[c.Kind]++; seen[c.Kind] <= MaxNamedGaps {
			out = append(out, c)
			continue
		}
		more[c.Kind] += max(c.Count, 1)
	}
	if len(more) == 0 {
		return all
	}
	for _, c := range all {
		if n := more[c.Kind]; n > 0 {
			delete(more, c.Kind)
			out = append(out, Gap{Kind: c.Kind, Count: n, Detail: fmt.Sprintf("%d more of this kind: %v", n, &LimitError{What: "number of gaps with a name", Limit: MaxNamedGaps})})
		}
	}
	return out
}
