package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// open opens the images that the options ask for: the first, with what else a runtime could pick in its place as its others.
func (s *candidates) open(ctx context.Context, id engine.Identity, o Options) (*image, error) {
	fits, err := s.choose(id.Name, o.Platform)
	if err != nil {
		return nil, err
	}
	var first *image
	var gaps []engine.Gap
	var refused error
	for _, at := range fits {
		m, err := s.openOne(ctx, s.list[at], len(fits) > 1, id, o)
		switch special := (*specialError)(nil); {
		case errors.As(err, &special):
			gaps = append(gaps, engine.Gap{Kind: engine.GapUnsupported, Subject: engine.Maybe(s.list[at].Digest),
				Detail: "the source also holds this for the same platform: " + err.Error()})
			refused = cmp.Or(refused, special.err)
		case err != nil:
			return nil, err
		case first == nil:
			first = m
		default:
			first.join(m)
		}
	}
	if first == nil {
		return nil, refused
	}
	first.gaps = append(first.gaps, gaps...)
	if o.Platform == "" { // else the rest was left out on purpose
		if first.unscanned, err = s.unscanned(ctx, fits); err != nil {
			return nil, err
		}
	}
	return first, nil
}

// specialError says that a manifest is for runtimes that know more than tar archives, or for none. Beside an image for the same platform it
// is a gap.
type specialError struct{ err error }

func (e *specialError) Error() string { return e.err.Error() }
func (e *specialError) Unwrap() error { return e.err }

// openOne opens the image of one candidate. With beside there are others for its platform, and what is no file system may be left to them.
func (s *candidates) openOne(ctx context.Context, c candidate, beside bool, id engine.Identity, o Options) (*image, error) {
	doc, err := s.load(ctx, c.descriptor)
	if err != nil {
		return nil, err
	}
	if doc.Manifests != nil {
		return nil, fmt.Errorf("manifest %s: it is an index, and what leads to it says otherwise", c.Digest.Short())
	}
	for _, l := range doc.Layers {
		if _, known := formOf(l.MediaType); !known && beside && checkLayerDescriptor(l) == nil {
			return nil, &specialError{fmt.Errorf("manifest %s: a layer is of type %q, which is no file system", c.Digest.Short(), l.MediaType)}
		}
	}
	m, err := openManifest(ctx, s.content, c.Digest, doc, id, c.platform, o)
	if err != nil {
		return nil, err
	}
	m.artifacts = indexArtifacts{s.content, s.artifacts}
	return m, nil
}

// join adds an image that a runtime could pick in place of m. Where it has the same layers in another compression and says the same of how
// they are run, one of them is judged, and of the other only read that its content is the same.
func (m *image) join(other *image) {
	for _, known := range append([]*image{m}, m.others...) {
		if !known.same(other) {
			continue
		}
		for i, l := range other.layers {
			if l.Info().Digest != known.layers[i].Info().Digest {
				if whole, ok := l.(*layer); ok {
					whole.useTOC = false // a table would be one more claim
				}
				m.copies = append(m.copies, l)
			}
		}
		known.gaps = append(known.gaps, other.gaps...)
		return
	}
	m.others = append(m.others, other)
}

// same reports whether two images claim the same layers, and run them alike.
func (m *image) same(other *image) bool {
	diffID := func(a, b engine.Layer) bool { return a.Info().DiffID == b.Info().DiffID }
	if !slices.EqualFunc(m.layers, other.layers, diffID) {
		return false
	}
	a, b := m.config, other.config
	a.Created, b.Created, a.History, b.History = "", "", nil, nil
	return reflect.DeepEqual(a, b)
}

// unscanned lists the platforms of the candidates that were not chosen. Of a local source it leaves out what nobody could run from there,
// because parts of it are absent.
func (s *candidates) unscanned(ctx context.Context, chosen []int) ([]engine.Platform, error) {
	var out []engine.Platform
	for i, c := range s.list {
		fits := func(at int) bool { return at == i || s.list[at].platform == c.platform }
		if !isReal(c.platform) || slices.ContainsFunc(chosen, fits) {
			continue
		}
		whole, err := s.whole(ctx, c)
		if err != nil {
			return nil, err
		}
		if whole {
			out = append(out, c.platform)
		}
	}
	return sortPlatforms(out), nil
}

// whole reports whether the source holds the configuration and the layers of a manifest. A registry is not asked, and a manifest that
// cannot be read counts as whole.
func (s *candidates) whole(ctx context.Context, c candidate) (bool, error) {
	if _, local := s.content.(localContent); !local {
		return true, nil
	}
	doc, err := s.load(ctx, c.descriptor)
	if err != nil || doc.Config == nil {
		return !errors.Is(err, fs.ErrNotExist), ctx.Err()
	}
	if _, err := s.content.config(ctx, *doc.Config); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, l := range doc.Layers {
		if _, err := s.content.layer(ctx, l); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	return true, nil
}

// platformOf is the platform of an image: as the index says, by which runtimes choose, or else as its configuration does. Where the two
// differ it is a gap.
func platformOf(index, config engine.Platform) (engine.Platform, []engine.Gap, error) {
	switch {
	case !isReal(index) && (config.OS == "" || config.Architecture == ""):
		return config, nil, errors.New("the image configuration names no platform")
	case !isReal(index):
		return config, nil, nil
	case config.OS == "" && config.Architecture == "":
		return index, nil, nil
	case config.OS == "" && config.Architecture == index.Architecture, config.Architecture == "" && config.OS == index.OS,
		sameMachine(index, config):
		config.OS, config.Architecture = index.OS, index.Architecture
		return config, nil, nil
	}
	detail := fmt.Sprintf("the index says that this image is for %s, and its configuration says %s", index, strings.Trim(config.String(), "/"))
	return index, []engine.Gap{{Kind: engine.GapMalformed, Subject: "platform", Detail: detail}}, nil
}
