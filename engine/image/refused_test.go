package image_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// An archive whose index.json has an entry that cannot be read is refused, although its manifest.json alone would open: what that
// entry would have been for another tool is unknown.
func TestArchiveWithAnUnreadableEntry(t *testing.T) {
	for name, c := range map[string]struct {
		size   int64
		digest string
		want   string
	}{
		"a manifest too large":    {engine.MaxManifest + 1, imagetest.Digest([]byte("absent")), "size of a manifest"},
		"a digest that names one": {1, "sha256:12", "sha256:12"},
	} {
		archive := repack(t, saved(t, small(imagetest.Gzip), current), edit(t, "index.json", func(v any) {
			index := v.(map[string]any)
			entries := index["manifests"].([]any)
			more := map[string]any{"mediaType": entries[0].(map[string]any)["mediaType"], "size": c.size, "digest": c.digest}
			index["manifests"] = append(entries, more)
		}))
		if err := openAndWalk("-", image.Options{Stdin: bytes.NewReader(archive)}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A walk stops when its context ends, and says so.
func TestWalkStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	archive := saved(t, small(imagetest.Plain), legacy)
	m, err := opened(ctx, "-", image.Options{Stdin: bytes.NewReader(archive)})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	seen := 0
	_, err = m.Layers()[0].Walk(ctx, func(*engine.File) error {
		seen++
		stop()
		return nil
	})
	if !errors.Is(err, context.Canceled) || seen != 1 {
		t.Errorf("%d files, then %v", seen, err)
	}
}
