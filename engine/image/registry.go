package image

import (
	"context"

	"github.com/vetoci/veto/engine"
)

// openRegistry opens an image of a registry by its name.
func openRegistry(ctx context.Context, name string, o Options) (engine.Image, error) {
	return nil, engine.Usage("registry references are not wired yet: %s", name)
}
