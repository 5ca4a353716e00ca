package scan

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// unlistedReader is a reader that skips what is listed.
type unlistedReader struct{ reader }

func (unlistedReader) Name() string { return "unlisted/1" }
func (unlistedReader) SkipsListed() {}

// listing is an inspector of a package database that lists files.
type listing struct {
	reader
	files []string
}

func (l listing) Inspect(context.Context, *engine.File) (engine.Evidence, error) {
	owned := engine.Owned{Type: "deb", Package: "p"}
	for _, f := range l.files {
		owned.Files = append(owned.Files, engine.OwnedFile{Path: f})
	}
	return engine.Evidence{Owned: []engine.Owned{owned}}, nil
}

// TestUnlisted shows files to an inspector that skips those which a package database of the layer lists, wherever that stands in the layer,
// whether the layer passes by or can be read again.
func TestUnlisted(t *testing.T) {
	var files []engine.Node
	for _, p := range []string{"bin/a/want", "usr/bin/b/want", "bin/c/want", "db/want"} {
		files = append(files, engine.Node{Entry: engine.Entry{Path: p, Type: engine.TypeFile, Link: "x"}})
	}
	found := reader{func(*engine.File) (engine.Evidence, error) {
		return engine.Evidence{Packages: []engine.Package{{Name: "p", Type: "test"}}}, nil
	}}
	inspectors := []engine.Inspector{listing{found, []string{"bin/b/want", "usr/bin/c/want"}}, unlistedReader{found}}
	for name, layer := range map[string]engine.Layer{
		"lasting": &lastingLayer{memoryLayer{info: engine.LayerInfo{Index: 1}, files: files, again: true}},
		"passing": &memoryLayer{info: engine.LayerInfo{Index: 1}, files: files},
	} {
		w := &walker{inspectors: inspectors, memory: engine.NewBudget(t.Context(), 1<<20)}
		lf, err := w.readLayer(t.Context(), layer)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, ev := range lf.Evidence {
			if ev.Inspector == "unlisted/1" {
				got = append(got, ev.Path)
			}
		}
		if diff := cmp.Diff([]string{"bin/a/want", "db/want"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
