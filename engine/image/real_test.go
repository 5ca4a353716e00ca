package image_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
)

// realImages is the directory of images that the build script made; the test is skipped without it.
func realImages(tb testing.TB) string {
	dir := os.Getenv("VETO_IMAGES")
	if dir == "" {
		tb.Skip("VETO_IMAGES is not set")
	}
	return dir
}

// walkAll opens a source and walks every layer.
func walkAll(tb testing.TB, source string, o image.Options) (engine.Identity, []engine.LayerFacts) {
	tb.Helper()
	m, err := opened(context.Background(), source, o)
	if err != nil {
		tb.Fatalf("Open(%s): %v", source, err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	}()
	var facts []engine.LayerFacts
	for _, l := range m.Layers() {
		lf := engine.LayerFacts{Info: l.Info()}
		v, err := l.Walk(context.Background(), func(f *engine.File) error {
			lf.Entries = append(lf.Entries, f.Entry)
			return nil
		})
		if err != nil {
			tb.Fatalf("%s: layer %d: %v", source, lf.Info.Index, err)
		}
		lf.Info.Verified = v
		facts = append(facts, lf)
	}
	return m.Identity(), facts
}

func TestRealImagesAgree(t *testing.T) {
	dir := realImages(t)
	var want []engine.LayerFacts
	for _, name := range []string{"web.tar", "web-oci", "web-gz.tar", "web-zstd"} {
		id, facts := walkAll(t, filepath.Join(dir, name), image.Options{})
		t.Logf("%s: %+v", name, id)
		for _, lf := range facts {
			t.Logf("  %d %s %s %s %d entries, %d bytes, %s", lf.Info.Index, lf.Info.Digest.Short(), lf.Info.DiffID.Short(), lf.Info.Verified,
				len(lf.Entries), lf.Info.Size, lf.Info.CreatedBy)
		}
		if want == nil {
			want = facts
			continue
		}
		for i := range facts {
			if diff := cmp.Diff(want[i].Entries, facts[i].Entries); diff != "" {
				t.Errorf("%s: layer %d: entries differ from web.tar's", name, i+1)
			}
			if facts[i].Info.DiffID != want[i].Info.DiffID || facts[i].Info.Verified != engine.VerifiedContent {
				t.Errorf("%s: layer %d: %+v", name, i+1, facts[i].Info)
			}
		}
	}
}

func BenchmarkWalk(b *testing.B) {
	dir := realImages(b)
	for _, name := range []string{"web.tar", "web-oci", "web-zstd"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				walkAll(b, filepath.Join(dir, name), image.Options{})
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	_, facts := walkAll(b, filepath.Join(realImages(b), "web.tar"), image.Options{})
	for b.Loop() {
		if _, err := image.Merge(facts); err != nil {
			b.Fatal(err)
		}
	}
}
