package scan

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// lastingLayer is a memoryLayer whose bodies outlast the visit.
type lastingLayer struct{ memoryLayer }

func (l *lastingLayer) Walk(_ context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	for _, n := range l.files {
		e, body := n.Entry, n.Link
		e.Link, e.Size = "", int64(len(body))
		f := engine.NewFileAt(e, strings.NewReader(body))
		f.SetReadableLater()
		if err := visit(f); err != nil {
			return "", err
		}
	}
	return engine.VerifiedContent, l.broken
}

func learned(t *testing.T, l engine.Layer, size int) *engine.LayerFacts {
	t.Helper()
	slow := reader{func(f *engine.File) (engine.Evidence, error) {
		b, err := f.Bytes(100)
		if rand.IntN(10) == 0 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
		name := string(b)
		return engine.Evidence{Packages: []engine.Package{{Name: name, Type: "test", Version: strings.Repeat("x", size)}}}, err
	}}
	s := &walker{inspectors: []engine.Inspector{slow, reader{}}, memory: engine.NewBudget(t.Context(), 1<<20)}
	lf, err := s.readLayer(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return lf
}

// Files that are inspected beside the walk give what they give one after the other: in the order of the entries, the last of a path
// alone, and cut at the same entry where a limit is reached.
func TestParallelInspection(t *testing.T) {
	for name, size := range map[string]int{"whole": 0, "over the limit": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			var files []engine.Node
			for i := range 300 {
				p := fmt.Sprintf("%d/want", i%290) // ten paths come twice
				files = append(files, engine.Node{Entry: engine.Entry{Path: p, Type: engine.TypeFile, Link: fmt.Sprintf("body %d", i)}})
			}
			info := engine.LayerInfo{Index: 1}
			want := learned(t, &memoryLayer{info: info, files: files, again: true}, size)
			if cut := len(want.Entries) < len(files); cut != (size > 0) || len(want.Evidence) < 90 {
				t.Fatalf("%d entries, %d pieces of evidence", len(want.Entries), len(want.Evidence))
			}
			for range 5 {
				got := learned(t, &lastingLayer{memoryLayer{info: info, files: files, again: true}}, size)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("(-one after the other +beside):\n%.3000s", diff)
				}
			}
		})
	}
}
