package scan

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// referredImage says what refers to it, or fails to.
type referredImage struct {
	memoryImage
	err error
}

func (m referredImage) Referrers(ctx context.Context) ([]engine.Referrer, error) {
	if m.err != nil {
		return nil, m.err
	}
	return []engine.Referrer{{Digest: "sha256:5161"}}, ctx.Err()
}

// Referrers and files are facts where somebody reads them, and missing sections elsewhere: a rule that reads one has no data then.
// Referrers that cannot be listed are a gap.
func TestSectionsThatCostSomething(t *testing.T) {
	img := referredImage{memoryImage: memoryImage{{files: []engine.Node{entry("want", "x")}}}}
	for _, c := range []struct {
		wants   []string
		err     error
		missing []string
		gaps    int
	}{
		{nil, nil, []string{"referrers", "files", "secrets"}, 0},
		{[]string{"files"}, nil, []string{"referrers", "secrets"}, 0},
		{[]string{"referrers"}, nil, []string{"files", "secrets"}, 0},
		{[]string{"referrers", "files"}, errors.New("forbidden"), []string{"secrets"}, 1},
		{nil, errors.New("forbidden"), []string{"referrers", "files", "secrets"}, 0},
	} {
		p := parts()
		p.Wants = func(section string) bool { return slices.Contains(c.wants, section) }
		img.err = c.err
		in, err := tryRead(t.Context(), p, img)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.missing, in.Missing); diff != "" || len(in.Gaps) != c.gaps {
			t.Errorf("wanted %v: gaps %+v, missing (-want +got):\n%s", c.wants, in.Gaps, diff)
		}
		if got := len(in.Files) > 0; got != slices.Contains(c.wants, "files") {
			t.Errorf("wanted %v: %d files", c.wants, len(in.Files))
		}
		if got := len(in.Referrers) > 0; got != (c.err == nil && slices.Contains(c.wants, "referrers")) {
			t.Errorf("wanted %v: %d referrers", c.wants, len(in.Referrers))
		}
	}
}

// A finding is the base's only where a layer of the base brought its package; where it is not known it is nobody's.
func TestOrigins(t *testing.T) {
	layers := []engine.LayerInfo{{Index: 1, DiffID: "a"}, {Index: 2, DiffID: "b"}, {Index: 3, DiffID: "c"}, {Index: 4, DiffID: "a"}}
	for _, c := range []struct {
		base  *engine.Base
		layer engine.Maybe
		want  engine.Origin
	}{
		{&engine.Base{State: "verified", Layers: 2}, "a", engine.OriginBase},
		{&engine.Base{State: "verified", Layers: 2}, "b", engine.OriginBase},
		{&engine.Base{State: "verified", Layers: 2}, "c", engine.OriginOwn},
		{&engine.Base{State: "verified", Layers: 2}, "", engine.OriginUnknown},
		{&engine.Base{State: "verified", Layers: 2}, "z", engine.OriginUnknown},
		{&engine.Base{State: "verified"}, "a", engine.OriginUnknown},
		{&engine.Base{State: "claimed", Layers: 2}, "a", engine.OriginUnknown},
		{&engine.Base{State: "claimed", Layers: 2}, "c", engine.OriginUnknown},
		{&engine.Base{State: "mismatch", Layers: 2}, "a", engine.OriginUnknown},
		{nil, "a", engine.OriginUnknown},
	} {
		fs := []engine.Finding{{Layer: c.layer}}
		setOrigins(fs, c.base, layers)
		if fs[0].Origin != c.want {
			t.Errorf("a finding of layer %q over base %+v is %s, want %s", c.layer, c.base, fs[0].Origin, c.want)
		}
	}
}

// partialImage was chosen from several platforms; one layer of it was read by its table of contents.
type partialImage struct{ memoryImage }

func (m partialImage) Unscanned() []engine.Platform {
	return []engine.Platform{{OS: "linux", Architecture: "arm64"}}
}

func (m partialImage) Layers() []engine.Layer { return []engine.Layer{sketchedLayer{m.memoryImage[0]}} }

type sketchedLayer struct{ *memoryLayer }

func (sketchedLayer) Gaps() []engine.Gap {
	return []engine.Gap{{Kind: engine.GapTOCOnly, Detail: "by its table"}}
}

// What was not scanned at all is a gap, whoever left it out.
func TestWhatWasNotScannedIsAGap(t *testing.T) {
	in, err := tryRead(t.Context(), parts(), partialImage{memoryImage{{}}})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []engine.GapKind
	for _, g := range in.Gaps {
		kinds = append(kinds, g.Kind)
	}
	if diff := cmp.Diff([]engine.GapKind{engine.GapPlatformNotScanned, engine.GapTOCOnly}, kinds); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}
