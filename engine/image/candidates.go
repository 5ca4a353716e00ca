package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// candidate is one manifest that an index leads to.
type candidate struct {
	descriptor
	top      engine.Digest   // of the entry of the outermost index that leads here
	platform engine.Platform // as the index says, or else the configuration; in normal form, zero when neither does
}

// candidates gathers the image manifests that an index leads to.
type candidates struct {
	content     imageContent
	seen        map[[2]engine.Digest]bool // what has been met below an entry of the outermost index: that entry, and the manifest
	list        []candidate
	indexesRead int          // how many, in all
	artifacts   []descriptor // attestations and other manifests that are no images
	// preferred is the digest of what manifest.json names beside an index; may be empty.
	preferred engine.Digest
}

// maxManifests bounds one index, with those in it; the widest public ones list some thirty platforms, each with an attestation.
const maxManifests = 1024

// maxAlternatives bounds the images that one source holds for the same platform: four variants, each in two compressions, are eight.
const maxAlternatives = 16

// collect goes through an index and those in it, depth first. top is the entry of the outermost index that leads to doc; empty is each of
// doc's own. Nothing that a descriptor says hides a manifest: sift tells later which of them are no images.
func (s *candidates) collect(ctx context.Context, doc *ociManifest, top engine.Digest, depth int) error {
	if s.indexesRead++; s.indexesRead > maxIndexes || depth > maxIndexDepth {
		return &engine.LimitError{What: "number or depth of nested indexes", Limit: maxIndexDepth}
	}
	if len(doc.Manifests)+len(s.list) > maxManifests {
		return &engine.LimitError{What: "number of manifests that an index leads to", Limit: maxManifests}
	}
	for _, d := range doc.Manifests {
		found := candidate{descriptor: d, top: cmp.Or(top, d.Digest)}
		if d.Platform != nil {
			found.platform = normalPlatform(d.Platform.engine())
		}
		if s.again(&found) {
			continue
		}
		if _, err := newHash(d.Digest); err != nil {
			return err
		}
		if d.Size > engine.MaxManifest {
			return &engine.LimitError{What: "size of a manifest", Limit: engine.MaxManifest}
		}
		if isManifest(d.MediaType) {
			s.list = append(s.list, found)
			continue
		}
		inner, err := s.load(ctx, found.descriptor)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && inner.Manifests == nil, errors.Is(err, errNoImage) && !isIndex(d.MediaType):
			s.list = append(s.list, found)
		case err != nil:
			return err
		default:
			if err := s.collect(ctx, inner, found.top, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather collects the images that an index leads to.
func (s *candidates) gather(ctx context.Context, doc *ociManifest) error {
	if err := s.collect(ctx, doc, "", 1); err != nil {
		return err
	}
	return s.sift(ctx)
}

// again reports whether a manifest or index has been met before. One manifest may stand under several platforms, and counts for each.
func (s *candidates) again(c *candidate) bool {
	key := [2]engine.Digest{c.top, c.Digest}
	if s.seen == nil {
		s.seen = map[[2]engine.Digest]bool{}
	}
	if !s.seen[key] {
		s.seen[key] = true
		return false
	}
	known := false // as a manifest
	for _, o := range s.list {
		if o.top == c.top && o.Digest == c.Digest {
			if known = true; o.platform == c.platform {
				return true
			}
		}
	}
	return !known
}

// below returns the candidates to which one entry of the outermost index leads.
func (s *candidates) below(top engine.Digest) *candidates {
	one := &candidates{content: s.content, artifacts: s.artifacts}
	for _, c := range s.list {
		if c.top == top {
			one.list = append(one.list, c)
		}
	}
	return one
}

// load reads a manifest or index, and checks its size and digest.
func (s *candidates) load(ctx context.Context, d descriptor) (*ociManifest, error) {
	raw, err := s.content.manifest(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", d.Digest.Short(), err)
	}
	if int64(len(raw)) != d.Size {
		return nil, fmt.Errorf("manifest %s: it has %d bytes, and the index says %d", d.Digest.Short(), len(raw), d.Size)
	}
	if err := checkDigest("manifest "+d.Digest.Short(), d.Digest, raw); err != nil {
		return nil, err
	}
	return parseManifest(raw, d.MediaType)
}

// sift sets aside what is no image, and learns from their configurations for which platforms those manifests are of which the index does
// not say it. Only what no runtime would start is set aside: an attestation for no platform beside images for real ones, whose layers are
// statements (moby/buildkit docs/attestations/attestation-storage.md), and an artifact whose configuration is none of an image.
func (s *candidates) sift(ctx context.Context) error {
	natures := make([]nature, len(s.list))
	beside := false // there are images for real platforms
	for i := range s.list {
		c := &s.list[i]
		if !isReal(c.platform) {
			var err error
			if natures[i], err = s.look(ctx, c); err != nil {
				return err
			}
		}
		beside = beside || natures[i] == anImage && isReal(c.platform)
	}
	var images []candidate
	var artifacts []engine.Digest
	for i, c := range s.list {
		if natures[i] == anArtifact {
			artifacts = append(artifacts, c.Digest)
		}
		if natures[i] == anArtifact || natures[i] == anAttestation && beside {
			s.artifacts = append(s.artifacts, c.descriptor)
			continue
		}
		images = append(images, c)
	}
	if len(images) == 0 { // opening an artifact says what it is
		images = slices.DeleteFunc(slices.Clone(s.list), func(c candidate) bool { return !slices.Contains(artifacts, c.Digest) })
	}
	s.list = images
	return nil
}

// nature is what a manifest is.
type nature uint8

const (
	anImage nature = iota
	anAttestation
	anArtifact
)

// look reads a manifest for which the index says no real platform, and the configuration where that alone can say one.
func (s *candidates) look(ctx context.Context, c *candidate) (nature, error) {
	attested := c.platform.OS == "unknown" && c.platform.Architecture == "unknown"
	doc, err := s.load(ctx, c.descriptor)
	switch {
	case err != nil && attested: // nobody can run it from here: an archive of one platform keeps the whole index, but not every manifest
		return anAttestation, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return anImage, nil // setAsideAbsent takes it away
	case errors.Is(err, errNoImage):
		return anArtifact, nil
	case err != nil:
		return anImage, err
	case doc.Manifests != nil: // opening it is an error
		return anImage, nil
	}
	statements := areStatements(doc.Layers)
	if attested && statements {
		return anAttestation, nil
	}
	raw, err := readConfig(ctx, s.content, doc)
	if err == nil && !isImage(doc, raw) {
		return anArtifact, nil
	}
	if limit := (*engine.LimitError)(nil); err != nil && !isImageConfig(doc.Config.MediaType) {
		if errors.As(err, &limit) || errors.Is(err, fs.ErrNotExist) {
			return anArtifact, nil
		}
		return anImage, err // it could be one
	}
	config, perr := parseConfig(raw)
	if err != nil || perr != nil {
		return anImage, ctx.Err() // opening it meets the error again
	}
	if p := config.platform; p.OS == "unknown" && p.Architecture == "unknown" && statements {
		return anAttestation, nil
	}
	c.platform = config.platform
	return anImage, nil
}

// areStatements reports whether all layers are in-toto statements, of which no runtime makes a file system.
func areStatements(layers []descriptor) bool {
	for _, l := range layers {
		if l.MediaType != "application/vnd.in-toto+json" {
			return false
		}
	}
	return len(layers) > 0
}

// setAsideAbsent takes the manifests out of the list that the source does not hold: an archive of one platform keeps the whole index, and
// nobody can run the others from there.
func (s *candidates) setAsideAbsent(ctx context.Context) error {
	var held []candidate
	for _, m := range s.list {
		_, err := s.content.manifest(ctx, m.descriptor)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			held = append(held, m)
		}
	}
	if len(held) == 0 && len(s.list) > 0 {
		return &absentError{s.list[0].Digest}
	}
	s.list = held
	return nil
}

// absentError says that nothing of what an index lists is there.
type absentError struct{ first engine.Digest }

func (e *absentError) Error() string {
	return fmt.Sprintf("the image manifest %s is missing", e.first.Short())
}

// choose returns the positions in list of the candidates for a platform, one of which a runtime would pick; want empty is that of the
// preferred one, of all there are where they are for the same machine, or else defaultPlatform.
func (s *candidates) choose(name, want string) ([]int, error) {
	if len(s.list) == 0 {
		return nil, fmt.Errorf("the index of %s lists no image", name)
	}
	w, err := s.wanted(want)
	if err != nil {
		return nil, err
	}
	var fits []int
	for i, c := range s.list {
		p := c.platform
		unknown := p.OS == "" || p.Architecture == "" || !isReal(p) && len(s.list) == 1
		fit := w.fits(c.platform) || unknown || want == "" && c.Digest == s.preferred
		if fit && !slices.ContainsFunc(fits, func(at int) bool { return s.list[at].Digest == c.Digest }) {
			fits = append(fits, i)
		}
	}
	switch {
	case len(fits) == 0:
		err := engine.Usage("%s has no image for %s", name, w)
		return nil, engine.Hint(err, "choose one with --platform; it has: %s", s.describe())
	case len(fits) > maxAlternatives:
		return nil, &engine.LimitError{What: "number of images for the same platform in one source", Limit: maxAlternatives}
	}
	slices.SortStableFunc(fits, func(a, b int) int { // what manifest.json names comes first
		return cmp.Compare(boolInt(s.list[b].Digest == s.preferred), boolInt(s.list[a].Digest == s.preferred))
	})
	return fits, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// wanted is the platform that choose looks for.
func (s *candidates) wanted(want string) (wanted, error) {
	if want != "" {
		return parseWanted(want)
	}
	same := true
	for _, c := range s.list {
		if c.Digest == s.preferred {
			return wanted{c.platform, true}, nil
		}
		same = same && sameMachine(c.platform, s.list[0].platform)
	}
	if same {
		return wanted{s.list[0].platform, true}, nil
	}
	return parseWanted(defaultPlatform)
}

// defaultPlatform does not depend on the machine, so that every machine judges the same image.
const defaultPlatform = "linux/amd64"

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
