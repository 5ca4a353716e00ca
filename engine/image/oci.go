package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// ociManifest is an image manifest or an image index (image-spec manifest.md, image-index.md). Which of them it is, is told by its fields,
// because the media type is optional: Manifests is nil in a manifest.
type ociManifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        *descriptor  `json:"config"`
	Layers        []descriptor `json:"layers"`
	Manifests     []descriptor `json:"manifests"`
	Subject       *descriptor  `json:"subject"`
}

// imageContent gives the parts of an OCI image, wherever they are kept. Its callers check what it returns against the digest and size of
// the descriptor.
type imageContent interface {
	// manifest returns a manifest or index, at most engine.MaxManifest bytes; fs.ErrNotExist when it is not there.
	manifest(ctx context.Context, d descriptor) ([]byte, error)
	// config returns the image configuration, at most engine.MaxConfig bytes.
	config(ctx context.Context, d descriptor) ([]byte, error)
	// layer describes the blob of a layer, without reading it.
	layer(ctx context.Context, d descriptor) (blob, error)
}

// Limits on indexes in indexes: builders make two levels at most.
const (
	maxIndexDepth = 8  // levels
	maxIndexes    = 64 // in all
)

// openOCI opens the image whose manifest is raw, or to which the index raw leads. root describes raw. The caller has set the identity's
// Name, Named, Source and ContainedNames.
func openOCI(ctx context.Context, c imageContent, root descriptor, raw []byte, id engine.Identity, o Options) (*image, error) {
	if err := checkDigest("the manifest", root.Digest, raw); err != nil {
		return nil, err
	}
	doc, err := parseManifest(raw, root.MediaType)
	if err != nil {
		return nil, err
	}
	if doc.Manifests == nil {
		return openManifest(ctx, c, root.Digest, doc, id, engine.Platform{}, o)
	}
	found := candidates{content: c}
	if err := found.gather(ctx, doc); err != nil {
		return nil, err
	}
	return found.open(ctx, id, o)
}

// parseManifest reads a manifest or index. mediaType is what leads to it says that it is, and may be empty. A manifest that contradicts
// itself or that media type is an error, and so is one that is no image, or of Docker's obsolete schema 1.
func parseManifest(raw []byte, mediaType string) (*ociManifest, error) {
	if len(raw) > engine.MaxManifest {
		return nil, &engine.LimitError{What: "size of a manifest", Limit: engine.MaxManifest}
	}
	var doc ociManifest
	if err := decodeJSON(raw, &doc); err != nil {
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
	case doc.SchemaVersion != 2 && doc.SchemaVersion != 0: // runtimes do not ask for it
		return nil, fmt.Errorf("the manifest has the schema version %d, not 2", doc.SchemaVersion)
	case doc.Manifests != nil && (doc.Layers != nil || doc.Config != nil):
		return nil, errors.New("the manifest is an index and an image at once (CVE-2021-41190)")
	case doc.Manifests != nil && isManifest(doc.MediaType), doc.Manifests == nil && isIndex(doc.MediaType):
		return nil, fmt.Errorf("the manifest contradicts its media type %q", doc.MediaType)
	case doc.Manifests == nil && doc.Config == nil:
		return nil, errNoImage
	}
	return &doc, nil
}

var errNoImage = errors.New("the manifest names neither a configuration nor other manifests: it is no image")

// The media types of image-spec media-types.md and of Docker's schema 2.
func isIndex(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.index.v1+json" || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

func isManifest(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.manifest.v1+json" || mediaType == "application/vnd.docker.distribution.manifest.v2+json"
}

// isImageConfig reports whether a configuration's media type is that of an image. Artifacts (charts, signatures, policies) use the same
// kind of manifest with other configurations.
func isImageConfig(mediaType string) bool {
	switch mediaType {
	case "", "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
		return true
	}
	return false
}

// openManifest opens the image of one manifest, whose digest has been checked. platform is what the index says; zero where none leads here.
func openManifest(
	ctx context.Context, c imageContent, digest engine.Digest, doc *ociManifest, id engine.Identity, platform engine.Platform, o Options,
) (*image, error) {
	id.Digest, id.Platform = digest, platform
	if len(doc.Layers) > engine.MaxLayers {
		return nil, &engine.LimitError{What: "number of layers", Limit: engine.MaxLayers}
	}
	config, err := readConfig(ctx, c, doc)
	if err == nil && !isImage(doc, config) || err != nil && !isImageConfig(doc.Config.MediaType) {
		kind := cmp.Or(doc.ArtifactType, doc.Config.MediaType)
		return nil, &specialError{engine.Usage("%s is an artifact of type %q, not a container image", id.Name, kind)}
	}
	if err != nil {
		return nil, err
	}
	blobs := make([]blob, len(doc.Layers))
	for i, d := range doc.Layers {
		err := checkLayerDescriptor(d)
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

// readConfig reads the configuration of a manifest, and checks its digest.
func readConfig(ctx context.Context, c imageContent, doc *ociManifest) ([]byte, error) {
	if doc.Config.Size > engine.MaxConfig {
		return nil, &engine.LimitError{What: "size of the image configuration", Limit: engine.MaxConfig}
	}
	config, err := c.config(ctx, *doc.Config)
	if err != nil {
		return nil, fmt.Errorf("the image configuration: %w", err)
	}
	return config, checkDigest("the image configuration", doc.Config.Digest, config)
}

// isImage reports whether a manifest is of an image and no artifact. Runtimes do not ask for an artifact's type, and some not for the media
// type of the configuration: what such a manifest says of itself counts only where the configuration is none of an image.
func isImage(doc *ociManifest, config []byte) bool {
	if isImageConfig(doc.Config.MediaType) && (doc.ArtifactType == "" || isImageConfig(doc.ArtifactType)) {
		return true
	}
	parsed, err := parseConfig(config)
	return err == nil && len(parsed.diffIDs) > 0 && len(parsed.diffIDs) == len(doc.Layers)
}

// checkLayerDescriptor refuses layers whose content is not part of the image, or cannot be read.
func checkLayerDescriptor(d descriptor) error {
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
