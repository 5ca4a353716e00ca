package image_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
)

// opened opens a source, and lets one that passes by do so: each layer is walked and forgotten.
func opened(ctx context.Context, source string, o image.Options) (engine.Image, error) {
	m, err := image.Open(ctx, source, o)
	if err != nil {
		return nil, err
	}
	s, ok := m.(engine.Streamed)
	if !ok {
		return m, nil
	}
	n := 0
	err = s.Stream(ctx, func(l engine.Layer) error {
		n++
		if _, err := l.Walk(ctx, func(*engine.File) error { return nil }); err != nil {
			return fmt.Errorf("layer %d: %w", n, err)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}
