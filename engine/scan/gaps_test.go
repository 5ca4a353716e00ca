package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// Gaps beyond those with a name are counted, kind by kind: none of them may vanish, and a kind that has room keeps all of its own.
func TestFoldGaps(t *testing.T) {
	gaps := func(kind engine.GapKind, n int) (out []engine.Gap) {
		for i := range n {
			out = append(out, engine.Gap{Kind: kind, Detail: fmt.Sprint(i)})
		}
		return out
	}
	exact := gaps(engine.GapLimit, engine.MaxNamedGaps)
	if got := foldGaps(exact); len(got) != engine.MaxNamedGaps || got[len(got)-1].Detail != fmt.Sprint(engine.MaxNamedGaps-1) {
		t.Errorf("%d gaps of %d that may have a name", len(got), engine.MaxNamedGaps)
	}
	all := append(gaps(engine.GapLimit, engine.MaxNamedGaps+2), gaps(engine.GapMalformed, 3)...)
	all = append(all, engine.Gap{Kind: engine.GapLimit, Count: 5})
	counts := map[engine.GapKind]int{}
	for _, g := range foldGaps(all) {
		counts[g.Kind] += max(g.Count, 1)
	}
	if want := engine.MaxNamedGaps + 2 + 5; counts[engine.GapLimit] != want || counts[engine.GapMalformed] != 3 {
		t.Errorf("%v gaps are counted, want %d of limit and 3 of malformed", counts, want)
	}
	if got := foldGaps(all); len(got) != engine.MaxNamedGaps+1+3 || !strings.Contains(got[len(got)-1].Detail, "7 more of this kind") {
		t.Errorf("%d gaps, the last says %q", len(got), got[len(got)-1].Detail)
	}
}

// What is folded is named by a hash of all of it: a waiver for it is for these, and not for what takes their place.
func TestFoldedGapsAreThese(t *testing.T) {
	folded := func(last string) string {
		var all []engine.Gap
		for i := range engine.MaxNamedGaps + 2 {
			all = append(all, engine.Gap{Kind: engine.GapUnsupported, Path: engine.Maybe(fmt.Sprint("srv/", strings.Repeat("x", i)))})
		}
		all = append(all, engine.Gap{Kind: engine.GapUnsupported, Path: engine.Maybe(last)})
		for _, g := range engine.IdentifyGaps(foldGaps(all)) {
			if g.Count == 3 {
				return g.Fingerprint
			}
		}
		return ""
	}
	if a, b, again := folded("srv/a.jar"), folded("srv/b.jar"), folded("srv/a.jar"); a == "" || a == b || a != again {
		t.Errorf("%q, of others %q, again %q", a, b, again)
	}
}

// failingLayer cannot give some of its entries, and ends in an error.
type failingLayer struct {
	memoryLayer
	failed []error
	end    error
}

func (l *failingLayer) Walk(ctx context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	for i, err := range l.failed {
		if err := visit(engine.NewFailedEntry(fmt.Sprintf("bad/%d", i), err)); err != nil {
			return "", err
		}
	}
	verified, err := l.memoryLayer.Walk(ctx, visit)
	return verified, errors.Join(err, l.end)
}

// Each entry that a layer cannot give is a gap, up to a number; the rest are counted.
func TestEntriesLeftOutAreGaps(t *testing.T) {
	l := &failingLayer{memoryLayer: memoryLayer{again: true, files: []engine.Node{entry("want", "x")}}}
	l.failed = append(l.failed, &engine.LimitError{What: "size", Limit: 1})
	for range engine.MaxGaps + 4 {
		l.failed = append(l.failed, errors.New("it has a negative size"))
	}
	w := &walker{inspectors: []engine.Inspector{reader{}}, memory: engine.NewBudget(t.Context(), 1<<20)}
	lf, err := w.readLayer(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	kinds, counted := map[engine.GapKind]int{}, 0
	for _, ev := range lf.Evidence {
		for _, g := range ev.Gaps {
			kinds[g.Kind]++
			counted += max(g.Count, 1)
		}
	}
	if counted != len(l.failed) || kinds[engine.GapUnreadable] != engine.MaxGaps-1 || kinds[engine.GapLimit] != 2 {
		t.Errorf("%d of %d entries are counted: %v", counted, len(l.failed), kinds)
	}
	if lf.Info.Verified != engine.VerifiedContent || len(lf.Entries) != 1 {
		t.Errorf("%d entries, %s", len(lf.Entries), lf.Info.Verified)
	}
}

// A limit amid a layer leaves what was read, a gap that says where it ended, and no verified content. Of a source that passes by once it is
// an error, since nobody knows which layer it was.
func TestALimitAmidALayer(t *testing.T) {
	limit := &engine.LimitError{What: "inflated bytes", Limit: 7}
	for _, again := range []bool{true, false} {
		l := &failingLayer{memoryLayer: memoryLayer{again: again, files: []engine.Node{entry("want", "x"), entry("last", "y")}}, end: limit}
		w := &walker{inspectors: []engine.Inspector{reader{}}, memory: engine.NewBudget(t.Context(), 1<<20)}
		lf, err := w.readLayer(t.Context(), l)
		if !again {
			if !errors.Is(err, limit) || lf != nil {
				t.Errorf("of a stream: %v, %v", lf, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		last := lf.Evidence[len(lf.Evidence)-1]
		if len(last.Gaps) != 1 || last.Gaps[0].Kind != engine.GapLimit || last.Gaps[0].Path != "last" ||
			!strings.Contains(last.Gaps[0].Detail, "2 entries") {
			t.Errorf("the gap is %+v", last.Gaps)
		}
		if lf.Info.Verified != engine.VerifiedClaimed || len(lf.Evidence) != 2 {
			t.Errorf("%d pieces of evidence, %s", len(lf.Evidence), lf.Info.Verified)
		}
	}
	l := &failingLayer{memoryLayer: memoryLayer{again: true}, end: limit}
	w := &walker{inspectors: []engine.Inspector{reader{}}, memory: engine.NewBudget(t.Context(), 1<<20)}
	lf, err := w.readLayer(t.Context(), l)
	if err != nil || len(lf.Evidence) != 1 || lf.Evidence[0].Gaps[0].Path != "" || !strings.Contains(lf.Evidence[0].Gaps[0].Detail,
		"nothing") {
		t.Errorf("a limit before the first entry: %+v, %v", lf, err)
	}
}
