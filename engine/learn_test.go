package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lastingLayer is a memoryLayer whose bodies outlast the visit.
type lastingLayer struct{ memoryLayer }

func (l *lastingLayer) Walk(_ context.Context, visit func(*File) error) (Verified, error) {
	for _, n := range l.files {
		e, body := n.Entry, n.Link
		e.Link, e.Size = "", int64(len(body))
		f := NewFileAt(e, strings.NewReader(body))
		f.Lasting()
		if err := visit(f); err != nil {
			return "", err
		}
	}
	return VerifiedContent, l.broken
}

func learned(t *testing.T, l Layer, size int) *LayerFacts {
	t.Helper()
	slow := reader{func(f *File) (Evidence, error) {
		b, err := f.Bytes(100)
		if rand.IntN(10) == 0 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
		name := string(b)
		return Evidence{Packages: []Package{{Name: name, Type: "test", Version: strings.Repeat("x", size)}}}, err
	}}
	r := &Reader{ReaderParts{Inspectors: []Inspector{slow, reader{}}}}
	s := &scan{Reader: r, memory: NewBudget(t.Context(), 1<<20)}
	lf, err := s.readLayer(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return lf
}

// Files that are inspected beside the walk give what they give one after the other: in the order of the entries, the last of a path alone, and
// cut at the same entry where a limit is reached.
func TestParallelInspection(t *testing.T) {
	for name, size := range map[string]int{"whole": 0, "over the limit": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			var files []Node
			for i := range 300 {
				p := fmt.Sprintf("%d/want", i%290) // ten paths come twice
				files = append(files, Node{Entry: Entry{Path: p, Type: TypeFile, Link: fmt.Sprintf("body %d", i)}})
			}
			info := LayerInfo{Index: 1}
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
