package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// openRegistry opens an image of a registry by its reference. Layers are pulled when they are walked, and once more for every further walk.
func openRegistry(ctx context.Context, name string, o Options) (engine.Image, error) {
	if o.Registry == nil {
		return nil, errors.New("there is no client for registries to open " + name + " with")
	}
	repo, root, err := o.Registry.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	m, err := openRemote(ctx, repo, root, name, o)
	if err != nil {
		return nil, errors.Join(registryError(name, err), repo.Close())
	}
	m.close = repo.Close
	m.referrers = func(ctx context.Context) (out []engine.Referrer, err error) {
		for _, d := range slices.Compact([]engine.Digest{m.id.Digest, root.Digest}) {
			list, err := repo.Referrers(ctx, d)
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
		}
		return out, nil
	}
	return m, nil
}

func openRemote(ctx context.Context, repo *registry.Repository, root *registry.Manifest, name string, o Options) (*image, error) {
	if isSchema1(root) {
		return nil, engine.Hint(errors.New("the manifest is of Docker's schema 1, which has no verifiable layers and is obsolete since 2017"),
			"convert it: skopeo copy docker://%s oci:converted && veto scan oci:converted", name)
	}
	id := engine.Identity{Name: name, Named: true, Source: kindRegistry}
	d := descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: int64(len(root.Bytes))}
	return openOCI(ctx, repositoryContent{repo}, d, root.Bytes, id, o)
}

// registryError adds the image's name to an error. It turns a usage error into another one: what a registry sends is no mistake of the
// user's, and the same command may succeed tomorrow.
func registryError(name string, err error) error {
	usage, hint := (*engine.UsageError)(nil), (*engine.HintError)(nil)
	if !errors.As(err, &usage) {
		return openingError(name, err)
	}
	plain := fmt.Errorf("opening %s: %s", name, err.Error())
	if errors.As(err, &hint) {
		return engine.Hint(plain, "%s", hint.Hint)
	}
	return plain
}

// isSchema1 recognises Docker's manifests from before 2017, which registries may still hold.
func isSchema1(m *registry.Manifest) bool {
	var doc struct {
		SchemaVersion int `json:"schemaVersion"`
	}
	return strings.Contains(m.MediaType, "docker.distribution.manifest.v1") || json.Unmarshal(m.Bytes, &doc) == nil && doc.SchemaVersion == 1
}

// repositoryContent is the content of a repository of a registry.
type repositoryContent struct{ repo *registry.Repository }

func (r repositoryContent) manifest(ctx context.Context, d descriptor) ([]byte, error) {
	m, err := r.repo.Manifest(ctx, d.Digest)
	if err != nil {
		return nil, err
	}
	return m.Bytes, nil
}

func (r repositoryContent) config(ctx context.Context, d descriptor) (b []byte, err error) {
	if _, err := newHash(d.Digest); err != nil { // it becomes part of an address
		return nil, err
	}
	if d.Size < 0 {
		return nil, fmt.Errorf("its size is %d", d.Size)
	}
	if d.Size > engine.MaxConfig {
		return nil, &engine.LimitError{What: "size of the image configuration", Limit: engine.MaxConfig}
	}
	rc, err := r.repo.Blob(ctx, d.Digest, d.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	return io.ReadAll(rc) // Blob ends at d.Size
}

func (r repositoryContent) layer(_ context.Context, d descriptor) (blob, error) {
	return blob{digest: d.Digest, size: d.Size, mediaType: d.MediaType, contentAddressed: true,
		open: func(ctx context.Context) (io.ReadCloser, error) {
			return r.repo.Blob(ctx, d.Digest, d.Size)
		}, annotations: d.Annotations, ranges: func(ctx context.Context, from, n int64) ([]byte, error) {
			return r.repo.BlobRange(ctx, d.Digest, d.Size, from, n)
		}}, nil
}
