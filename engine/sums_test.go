package engine

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// recording is an inspector of a package database that records checksums by one algorithm.
type recording struct {
	reader
	by Algorithms
}

func (r recording) Records() Algorithms { return r.by }

// Large files are hashed by what the databases of their layer record, wherever those stand in it; small ones, and those of layers without a
// database, by all.
func TestSumsByNeed(t *testing.T) {
	large, small := strings.Repeat("x", sumLater), "small"
	files := []Node{
		{Entry: Entry{Path: "large/want", Type: TypeFile, Link: large}},
		{Entry: Entry{Path: "small/want", Type: TypeFile, Link: small}},
	}
	for name, c := range map[string]struct {
		by   Algorithms
		want string
	}{"no database": {0, "111"}, "dpkg's": {MD5, "100"}, "apk's": {SHA1, "010"}, "both": {MD5 | SHA1, "110"}} {
		insp := reader{func(f *File) (Evidence, error) { return Evidence{Packages: []Package{{Name: "p", Type: "test"}}}, nil }}
		inspectors := []Inspector{insp}
		if c.by != 0 {
			inspectors = append(inspectors, recording{reader{func(*File) (Evidence, error) { return Evidence{}, nil }}, c.by})
		}
		s := &scan{Reader: &Reader{ReaderParts{Inspectors: inspectors}}, memory: NewBudget(t.Context(), 1<<20)}
		lf, err := s.readLayer(t.Context(), &lastingLayer{memoryLayer{info: LayerInfo{Index: 1}, files: files, again: true}})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range lf.Evidence {
			if len(ev.Packages) == 0 {
				continue
			}
			got := ""
			for _, sum := range []string{ev.Sums.MD5, ev.Sums.SHA1, ev.Sums.SHA256} {
				got += map[bool]string{true: "1", false: "0"}[sum != ""]
			}
			want := c.want
			if strings.HasPrefix(ev.Path, "small") {
				want = "111"
			}
			if got != want {
				t.Errorf("%s: %s is hashed by %s, want %s", name, ev.Path, got, want)
			}
		}
	}
}

// brokenAt reads only its first bytes.
type brokenAt struct{ r *strings.Reader }

func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		return 0, errors.New("the disk is gone")
	}
	n, err := b.r.ReadAt(p[:min(len(p), 16)], off)
	return n, errors.Join(err, io.ErrUnexpectedEOF)
}

// A file that cannot be read when it is hashed is a gap of its own, whenever that is.
func TestSumsOfWhatCannotBeRead(t *testing.T) {
	f := NewFileAt(Entry{Path: "a", Type: TypeFile, Size: sumLater}, brokenAt{strings.NewReader(strings.Repeat("x", sumLater))})
	list := []Evidence{{Inspector: "one"}, {Inspector: "two"}}
	if err := f.hash(t.Context(), AllSums, list, LayerInfo{DiffID: "sha256:01"}); err != nil {
		t.Fatal(err)
	}
	if len(list[0].Gaps) != 1 || list[0].Gaps[0].Path != "a" || list[0].Gaps[0].Layer != "sha256:01" || list[0].Sums != (Sums{}) {
		t.Errorf("%+v", list)
	}
}

func TestSumsAreTheSame(t *testing.T) {
	all := Sums{MD5: "1", SHA1: "2", SHA256: "3"}
	for want, others := range map[bool][]Sums{
		true:  {all, {MD5: "1"}, {SHA256: "3"}},
		false: {{}, {MD5: "2"}, {MD5: "1", SHA1: "2", SHA256: "4"}},
	} {
		for _, o := range others {
			if all.Same(o) != want || o.Same(all) != want {
				t.Errorf("%+v and %+v: want %v", all, o, want)
			}
		}
	}
	if (Sums{MD5: "1"}).Same(Sums{SHA1: "2"}) {
		t.Error("without one algorithm in common nothing is known")
	}
}
