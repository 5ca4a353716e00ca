package image

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// descriptor is an OCI content descriptor (image-spec descriptor.md), with what Docker adds.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       engine.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls"`
	Annotations  map[string]string `json:"annotations"`
	ArtifactType string            `json:"artifactType"`
	Platform     *ociPlatform      `json:"platform"`
}

type ociPlatform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

func (p *ociPlatform) engine() engine.Platform {
	return engine.Platform{OS: p.OS, Architecture: p.Architecture, Variant: engine.Maybe(p.Variant)}
}

// document is a manifest or an index: which of them its fields say, since the media type is optional in OCI.
type document struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        *descriptor  `json:"config"`
	Layers        []descriptor `json:"layers"`
	Manifests     []descriptor `json:"manifests"`
	Subject       *descriptor  `json:"subject"`
}

// content gives the parts of an OCI image, wherever they are kept. What it returns is checked against the descriptor's digest and
// size by its callers.
type content interface {
	// manifest returns a manifest or index, at most engine.MaxManifest bytes; fs.ErrNotExist when it is not there.
	manifest(ctx context.Context, d descriptor) ([]byte, error)
	// config returns the image configuration, at most engine.MaxConfig bytes.
	config(ctx context.Context, d descriptor) ([]byte, error)
	// layer describes a layer's blob; it reads nothing of it.
	layer(ctx context.Context, d descriptor) (blob, error)
}

// maxIndexes is how deep indexes may stand in indexes, and how many may be read in all: builders make two levels at most.
const (
	maxIndexDepth = 8
	maxIndexes    = 64
)

// openOCI opens the image whose manifest, or the index that leads to it, is raw, as root describes it. The identity's Name, Named,
// Source and ContainedNames are the caller's.
func openOCI(ctx context.Context, c content, root descriptor, raw []byte, id engine.Identity, o Options) (*image, error) {
	if err := checkDigest("the manifest", root.Digest, raw); err != nil {
		return nil, err
	}
	doc, err := parseDocument(raw, root.MediaType)
	if err != nil {
		return nil, err
	}
	if doc.Manifests == nil {
		return openManifest(ctx, c, root.Digest, doc, id, o)
	}
	found := candidates{c: c, seen: map[engine.Digest]bool{}}
	if err := found.collect(ctx, doc, 1); err != nil {
		return nil, err
	}
	return found.open(ctx, id, o)
}

// parseDocument reads a manifest or index and refuses what is no image of today or contradicts itself.
func parseDocument(raw []byte, mediaType string) (*document, error) {
	if len(raw) > engine.MaxManifest {
		return nil, &engine.LimitError{What: "size of a manifest", Limit: engine.MaxManifest}
	}
	var doc document
	if err := decode(raw, &doc); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	if doc.MediaType != "" && mediaType != "" && doc.MediaType != mediaType {
		return nil, fmt.Errorf("the manifest says it is %q, and what leads to it says %q", doc.MediaType, mediaType)
	}
	if doc.MediaType == "" {
		doc.MediaType = mediaType
	}
	switch {
	case doc.SchemaVersion == 1 || strings.Contains(doc.MediaType, "docker.distribution.manifest.v1"):
		return nil, engine.Hint(errors.New("the manifest is of Docker's schema 1, which has no verifiable layers and is obsolete since 2017"),
			"rebuild the image, or push it again with a current tool")
	case doc.SchemaVersion != 2:
		return nil, fmt.Errorf("the manifest has the schema version %d, not 2", doc.SchemaVersion)
	case doc.Manifests != nil && (doc.Layers != nil || doc.Config != nil):
		return nil, errors.New("the manifest is an index and an image at once (CVE-2021-41190)")
	case doc.Manifests != nil && isManifest(doc.MediaType), doc.Manifests == nil && isIndex(doc.MediaType):
		return nil, fmt.Errorf("the manifest contradicts its media type %q", doc.MediaType)
	case doc.Manifests == nil && doc.Config == nil:
		return nil, errors.New("the manifest names neither a configuration nor other manifests: it is no image")
	}
	return &doc, nil
}

// The media types of image-spec media-types.md and of Docker's schema 2.
func isIndex(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.index.v1+json" || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

func isManifest(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.manifest.v1+json" || mediaType == "application/vnd.docker.distribution.manifest.v2+json"
}

// isImageConfig tells images from artifacts (charts, signatures, policies), which use the same manifests.
func isImageConfig(mediaType string) bool {
	switch mediaType {
	case "", "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
		return true
	}
	return false
}

// openManifest opens the image of one manifest, whose digest has been checked.
func openManifest(ctx context.Context, c content, digest engine.Digest, doc *document, id engine.Identity, o Options) (*image, error) {
	id.Digest = digest
	if doc.ArtifactType != "" && !isImageConfig(doc.ArtifactType) || !isImageConfig(doc.Config.MediaType) {
		kind := doc.ArtifactType
		if kind == "" {
			kind = doc.Config.MediaType
		}
		return nil, engine.Usage("%s is an artifact of type %q, not a container image", id.Name, kind)
	}
	if doc.Config.Size > engine.MaxConfig {
		return nil, &engine.LimitError{What: "size of the image configuration", Limit: engine.MaxConfig}
	}
	if len(doc.Layers) > engine.MaxLayers {
		return nil, &engine.LimitError{What: "number of layers", Limit: engine.MaxLayers}
	}
	config, err := c.config(ctx, *doc.Config)
	if err != nil {
		return nil, fmt.Errorf("the image configuration: %w", err)
	}
	if err := checkDigest("the image configuration", doc.Config.Digest, config); err != nil {
		return nil, err
	}
	blobs := make([]blob, len(doc.Layers))
	for i, d := range doc.Layers {
		err := supported(d)
		if err == nil {
			blobs[i], err = c.layer(ctx, d)
		}
		if err != nil {
			return nil, fmt.Errorf("layer %d of %d (%s): %w", i+1, len(doc.Layers), d.Digest.Short(), err)
		}
	}
	m, err := newImage(id, config, blobs, o)
	if err != nil {
		return nil, err
	}
	if err := checkPlatform(m.id.Platform, o.Platform); err != nil {
		return nil, err
	}
	return m, nil
}

// supported refuses layers whose content is elsewhere or cannot be read.
func supported(d descriptor) error {
	if _, err := newHash(d.Digest); err != nil {
		return err
	}
	switch {
	case d.Size < 0:
		return fmt.Errorf("its size is %d", d.Size)
	case strings.Contains(d.MediaType, "nondistributable") || strings.Contains(d.MediaType, ".foreign."):
		return fmt.Errorf("it is a foreign layer (%s): its content is not part of the image and cannot be judged", d.MediaType)
	case strings.HasSuffix(d.MediaType, "+encrypted"):
		return fmt.Errorf("it is encrypted (%s)", d.MediaType)
	}
	return nil
}

// sortPlatforms sorts and folds.
func sortPlatforms(ps []engine.Platform) []engine.Platform {
	sort.Slice(ps, func(i, j int) bool { return ps[i].String() < ps[j].String() })
	var out []engine.Platform
	for i, p := range ps {
		if i == 0 || p != ps[i-1] {
			out = append(out, p)
		}
	}
	return out
}
