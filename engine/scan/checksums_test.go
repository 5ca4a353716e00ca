package scan

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// recording is an inspector of a package database that records checksums by one algorithm.
type recording struct {
	reader
	by engine.Algorithms
}

func (r recording) Records() engine.Algorithms { return r.by }

// Large files are hashed by what the databases of their layer record, wherever those stand in it; small ones, and those of layers without a
// database, by all. What the databases of other layers record only says by what to begin.
func TestSumsByNeed(t *testing.T) {
	for _, others := range []engine.Algorithms{0, engine.MD5, engine.SHA1, engine.AllSums} {
		testSumsByNeed(t, others)
	}
}

func testSumsByNeed(t *testing.T, others engine.Algorithms) {
	t.Helper()
	large, small := strings.Repeat("x", minDeferredSum), "small"
	files := []engine.Node{
		{Entry: engine.Entry{Path: "large/want", Type: engine.TypeFile, Link: large}},
		{Entry: engine.Entry{Path: "small/want", Type: engine.TypeFile, Link: small}},
	}
	for name, c := range map[string]struct {
		by   engine.Algorithms
		want string
	}{"no database": {0, "111"}, "dpkg's": {engine.MD5, "100"}, "apk's": {engine.SHA1, "010"}, "both": {engine.MD5 | engine.SHA1, "110"}} {
		insp := reader{func(f *engine.File) (engine.Evidence, error) {
			return engine.Evidence{Packages: []engine.Package{{Name: "p", Type: "test"}}}, nil
		}}
		inspectors := []engine.Inspector{insp}
		if c.by != 0 {
			inspectors = append(inspectors, recording{reader{func(*engine.File) (engine.Evidence, error) { return engine.Evidence{}, nil }}, c.by})
		}
		s := &walker{inspectors: inspectors, memory: engine.NewBudget(t.Context(), 1<<20)}
		s.recorded.Store(uint32(others))
		lf, err := s.readLayer(t.Context(), &lastingLayer{memoryLayer{info: engine.LayerInfo{Index: 1}, files: files, again: true}})
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
	f := engine.NewFileAt(engine.Entry{Path: "a", Type: engine.TypeFile, Size: minDeferredSum},
		brokenAt{strings.NewReader(strings.Repeat("x", minDeferredSum))})
	list := []engine.Evidence{{Inspector: "one"}, {Inspector: "two"}}
	sums, err := f.Sums(engine.AllSums)
	setSums(sums, err, f.Path, list, engine.LayerInfo{DiffID: "sha256:01"})
	if len(list[0].Gaps) != 1 || list[0].Gaps[0].Path != "a" || list[0].Gaps[0].Layer != "sha256:01" || list[0].Sums != (engine.Sums{}) {
		t.Errorf("%+v", list)
	}
}
