package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// candidate is one image manifest that an index leads to.
type candidate struct {
	descriptor
	platform engine.Platform // zero when the index does not say
	raw      []byte          // nil when the manifest is not there, as in an archive of one platform of many
}

// candidates gathers the image manifests that an index leads to.
type candidates struct {
	content     imageContent
	seen        map[engine.Digest]bool
	list        []candidate
	absent      []candidate  // those that the source does not hold
	indexesRead int          // how many, in all
	artifacts   []descriptor // attestations and other manifests that are no images
	// preferred is the digest to take when no platform was asked for and there are several; may be empty.
	preferred engine.Digest
}

// collect goes through an index and those in it, depth first, skipping attestations and artifacts.
func (s *candidates) collect(ctx context.Context, doc *ociManifest, depth int) error {
	if s.indexesRead++; s.indexesRead > maxIndexes || depth > maxIndexDepth {
		return &engine.LimitError{What: "number or depth of nested indexes", Limit: maxIndexDepth}
	}
	if len(doc.Manifests) > maxManifests {
		return &engine.LimitError{What: "number of manifests of one index", Limit: maxManifests}
	}
	for _, d := range doc.Manifests {
		if s.seen[d.Digest] {
			continue
		}
		s.seen[d.Digest] = true
		if isAttestation(d) {
			s.artifacts = append(s.artifacts, d)
			continue
		}
		if _, err := newHash(d.Digest); err != nil {
			return err
		}
		if d.Size > engine.MaxManifest {
			return &engine.LimitError{What: "size of a manifest", Limit: engine.MaxManifest}
		}
		found := candidate{descriptor: d}
		if d.Platform != nil {
			found.platform = d.Platform.engine()
		}
		if !isIndex(d.MediaType) {
			s.list = append(s.list, found)
			continue
		}
		inner, err := s.load(ctx, &found)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.list = append(s.list, found)
		case err != nil:
			return err
		default:
			if err := s.collect(ctx, inner, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxManifests bounds one index; the widest public ones list some thirty platforms, each with an attestation.
const maxManifests = 1024

// isAttestation recognises the attestations that BuildKit stores in the index of an image (moby/buildkit
// docs/attestations/attestation-storage.md), also where a copy has lost their annotations, and other artifacts.
func isAttestation(d descriptor) bool {
	if p := d.Platform; p != nil && p.OS == "unknown" && p.Architecture == "unknown" {
		return true
	}
	return d.Annotations["vnd.docker.reference.type"] != "" || d.ArtifactType != "" && !isImageConfig(d.ArtifactType)
}

// load reads a manifest or index, and checks its size and digest.
func (s *candidates) load(ctx context.Context, m *candidate) (*ociManifest, error) {
	raw, err := s.content.manifest(ctx, m.descriptor)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", m.Digest.Short(), err)
	}
	if int64(len(raw)) != m.Size {
		return nil, fmt.Errorf("manifest %s: it has %d bytes, and the index says %d", m.Digest.Short(), len(raw), m.Size)
	}
	if err := checkDigest("manifest "+m.Digest.Short(), m.Digest, raw); err != nil {
		return nil, err
	}
	m.raw = raw
	return parseManifest(raw, m.MediaType)
}

// open opens the image that the options ask for.
func (s *candidates) open(ctx context.Context, id engine.Identity, o Options) (*image, error) {
	i, err := s.choose(id.Name, o.Platform)
	if err != nil {
		return nil, err
	}
	chosen := s.list[i]
	doc, err := s.load(ctx, &chosen)
	if err != nil {
		return nil, err
	}
	if doc.Manifests != nil {
		return nil, fmt.Errorf("manifest %s: it is an index, and what leads to it says otherwise", chosen.Digest.Short())
	}
	m, err := openManifest(ctx, s.content, chosen.Digest, doc, id, o)
	if err != nil {
		return nil, err
	}
	if p := chosen.platform; p.OS != "" && (p.OS != m.id.Platform.OS || p.Architecture != m.id.Platform.Architecture) {
		return nil, fmt.Errorf("the index says that manifest %s is for %s, and its configuration says %s",
			chosen.Digest.Short(), p, m.id.Platform)
	}
	m.artifacts = indexArtifacts{s.content, s.artifacts}
	if o.Platform != "" {
		return m, nil // the others were left out on purpose
	}
	for j, other := range s.list {
		if j != i && other.platform.OS != "" && other.platform != chosen.platform {
			m.unscanned = append(m.unscanned, other.platform)
		}
	}
	for _, other := range s.absent {
		if other.platform.OS != "" && other.platform != chosen.platform {
			m.unscanned = append(m.unscanned, other.platform)
		}
	}
	m.unscanned = sortPlatforms(m.unscanned)
	return m, nil
}

// choose returns the position in list of the candidate for a platform; want empty is the preferred one, the only one, or that for
// defaultPlatform.
func (s *candidates) choose(name, want string) (int, error) {
	if len(s.list) == 0 {
		return 0, fmt.Errorf("the index of %s lists no image", name)
	}
	if want == "" && len(s.list) == 1 {
		return 0, nil
	}
	for i, m := range s.list {
		if want == "" && m.Digest == s.preferred {
			return i, nil
		}
	}
	fallback := want == ""
	if fallback {
		want = defaultPlatform
	}
	p, err := parsePlatform(want)
	if err != nil {
		return 0, err
	}
	var fits, known []int
	for i, m := range s.list {
		if m.platform.OS != "" {
			known = append(known, i)
		}
		if platformMatches(p, m.platform) {
			fits = append(fits, i)
		}
	}
	switch {
	case len(fits) == 1 && len(known) == len(s.list):
		return fits[0], nil
	case len(s.list) == 1 && len(known) == 0:
		return 0, nil // openManifest compares the platform with its configuration's
	case len(fits) == 0 && len(known) == len(s.list):
		return 0, engine.Hint(engine.Usage("%s has no image for %s", name, want), "it has: %s", s.describe())
	case len(fits) > 1 && len(known) == len(s.list) && differByVariant(s.list, fits):
		return 0, engine.Hint(engine.Usage("%s has several variants of %s", name, want), "choose one with --platform: %s", s.describe())
	}
	err = engine.Usage("%s holds %d images", name, len(s.list))
	return 0, engine.Hint(err, "choose one by its tag (oci:PATH:TAG) or with --platform: %s", s.describe())
}

// defaultPlatform does not depend on the machine, so that every machine judges the same image.
const defaultPlatform = "linux/amd64"

// differByVariant reports whether no two of the candidates at these positions have the same platform.
func differByVariant(list []candidate, fits []int) bool {
	seen := map[engine.Platform]bool{}
	for _, i := range fits {
		if seen[list[i].platform] {
			return false
		}
		seen[list[i].platform] = true
	}
	return true
}

// describe lists the candidates for people: tag, platform and digest of each.
func (s *candidates) describe() string {
	const most = 20 // candidates
	var out []string
	for i, m := range s.list {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(s.list)-most))
			break
		}
		words := []string{m.Digest.Short()}
		if m.platform.OS != "" {
			words = append([]string{m.platform.String()}, words...)
		}
		if tag := refName(m.descriptor); tag != "" {
			words = append([]string{fmt.Sprintf("%q", tag)}, words...)
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, ", ")
}

// refName is the tag under which an index holds a manifest (image-spec annotations.md); may be empty.
func refName(d descriptor) string { return d.Annotations["org.opencontainers.image.ref.name"] }

// parsePlatform reads "os/architecture[/variant]".
func parsePlatform(s string) (engine.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		err := engine.Usage("the platform %q is not of the form os/architecture[/variant]", s)
		return engine.Platform{}, engine.Hint(err, "for example linux/arm64")
	}
	p := engine.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = engine.Maybe(parts[2])
	}
	return p, nil
}

// platformMatches reports whether have is what want asks for. Without a variant want asks for any, and arm64 without a variant is v8.
func platformMatches(want, have engine.Platform) bool {
	if have.Architecture == "arm64" && have.Variant == "" && want.Variant != "" {
		have.Variant = "v8"
	}
	return want.OS == have.OS && want.Architecture == have.Architecture && (want.Variant == "" || want.Variant == have.Variant)
}

// checkPlatform refuses an image whose configuration is for another platform than the one asked for; want empty is any.
func checkPlatform(have engine.Platform, want string) error {
	if want == "" {
		return nil
	}
	p, err := parsePlatform(want)
	if err != nil {
		return err
	}
	if !platformMatches(p, have) {
		return engine.Usage("the image is for %s, not for %s", have, want)
	}
	return nil
}
