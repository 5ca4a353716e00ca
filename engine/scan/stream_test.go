package scan

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// passingImage shows its layers once, in its own order, before anybody knows where they belong.
type passingImage struct {
	memoryImage
	broken error
}

func (m *passingImage) Stream(_ context.Context, visit func(engine.Layer) error) error {
	for i := len(m.memoryImage) - 1; i >= 0; i-- {
		if err := visit(m.memoryImage[i]); err != nil {
			return err
		}
	}
	return m.broken
}

// The layers of a source that passes by once are known by the digests of their contents: facts are those of the same image on disk, in the
// order of the image, and one content that stands twice counts twice.
func TestAStreamIsReadLikeAnImage(t *testing.T) {
	layers := func() memoryImage {
		var m memoryImage
		for i, name := range []string{"first", "second", "first"} {
			l := &memoryLayer{again: true, files: []engine.Node{entry(name+"/want", "body of "+name)}}
			l.info.Digest, l.info.DiffID = engine.Digest("sha256:"+name), engine.Digest("sha256:tar of "+name)
			l.info.Index = i + 1
			m = append(m, l)
		}
		return m
	}
	var told [][2]int
	p := parts()
	p.Workers = 1
	p.Progress = func(read, of int) { told = append(told, [2]int{read, of}) }
	want, err := tryRead(t.Context(), parts(), layers())
	if err != nil {
		t.Fatal(err)
	}
	got, err := tryRead(t.Context(), p, &passingImage{memoryImage: layers()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-from disk +as it passes):\n%s", diff)
	}
	if diff := cmp.Diff([][2]int{{1, 0}, {2, 0}, {3, 0}, {1, 3}, {2, 3}, {3, 3}}, told); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	broken := errors.New("cut short")
	if in, err := tryRead(t.Context(), parts(), &passingImage{memoryImage: layers(), broken: broken}); !errors.Is(err, broken) || in != nil {
		t.Errorf("a stream that breaks off: %v, %v", in, err)
	}
}

// listedImage is a list of packages.
type listedImage struct{ memoryImage }

func (listedImage) Inventory() *engine.Inventory {
	return &engine.Inventory{Packages: []engine.Package{{Name: "a", Type: "test"}}}
}
func (listedImage) Missing() []string { return []string{"config", "layers"} }

// A list of packages has no layers, and lacks the sections that it says.
func TestAListIsMatched(t *testing.T) {
	in, err := tryRead(t.Context(), parts(), listedImage{})
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Findings) != 1 || in.Packages[0].Reached != "unknown" {
		t.Errorf("%+v", in.Facts)
	}
	if diff := cmp.Diff([]string{"config", "layers", "secrets"}, in.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

// What one image may hold in all is an error beyond the limit, also where each layer alone is within it: a gap would leave a layer out.
func TestLimitsOfAnImageAreErrors(t *testing.T) {
	for name, add := range map[string]func(*totals) error{
		"entries":  func(t *totals) error { return t.add(engine.MaxImageEntries/2+1, 0, 0) },
		"paths":    func(t *totals) error { return t.add(0, engine.MaxImagePaths/2+1, 0) },
		"evidence": func(t *totals) error { return t.add(0, 0, engine.MaxImageEvidence/2+1) },
	} {
		var sum totals
		if err := add(&sum); err != nil {
			t.Errorf("%s: half of it is %v", name, err)
		}
		err := add(&sum)
		if limit := (*engine.LimitError)(nil); err == nil || errors.As(err, &limit) {
			t.Errorf("%s: %v is no error of the whole image", name, err)
		}
	}
	var sum totals
	lf := &engine.LayerFacts{Entries: make([]engine.Entry, engine.MaxImageEntries), Evidence: []engine.Evidence{{Path: "x"}}}
	if err := sum.addLayer(lf); err != nil {
		t.Error(err)
	}
	if err := sum.addLayer(&engine.LayerFacts{Entries: make([]engine.Entry, 1)}); err == nil {
		t.Error("layers of the cache do not count")
	}
}
