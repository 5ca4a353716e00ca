package image

import (
	"strings"

	"github.com/vetoci/veto/engine"
)

// Labels by which an image says what it was built on (image-spec annotations.md).
const (
	labelBaseName   = "org.opencontainers.image.base.name"
	labelBaseDigest = "org.opencontainers.image.base.digest"
)

// BaseOf says what an image was built on. given is the image that the user named as its base, or nil: then its labels and its history
// say what they claim. It is nil when nothing says anything.
func BaseOf(given engine.Image) func(engine.Config, []engine.LayerInfo) *engine.Base {
	if given != nil {
		return func(_ engine.Config, layers []engine.LayerInfo) *engine.Base { return compareBase(given, layers) }
	}
	return func(c engine.Config, layers []engine.LayerInfo) *engine.Base {
		b := &engine.Base{Name: engine.Maybe(c.Labels[labelBaseName]), State: "claimed", From: "labels", Layers: baseByHistory(c.History, len(layers))}
		if d := engine.Digest(c.Labels[labelBaseDigest]); wellFormed(d) {
			b.Digest = d
		}
		if b.Name == "" && b.Digest == "" {
			if b.From = "history"; b.Layers == 0 {
				return nil
			}
		}
		return b
	}
}

func wellFormed(d engine.Digest) bool {
	_, err := newHash(d)
	return err == nil
}

// compareBase holds the base's layers against the image's oldest ones.
func compareBase(given engine.Image, layers []engine.LayerInfo) *engine.Base {
	id := given.Identity()
	b := &engine.Base{Name: engine.Maybe(id.Name), Digest: id.Digest, State: "verified", From: "flag"}
	own := given.Layers()
	if len(own) == 0 || len(own) > len(layers) {
		b.State = "mismatch"
		return b
	}
	for i, l := range own {
		if l.Info().DiffID != layers[i].DiffID || layers[i].DiffID == "" {
			b.State = "mismatch"
			return b
		}
		if layers[i].Verified != engine.VerifiedContent {
			b.State = "claimed"
		}
	}
	b.Layers = len(own)
	return b
}

// baseByHistory guesses how many layers the base has: a base image nearly always ends with the instruction that says what it runs, so the
// last CMD or ENTRYPOINT before the last layer is taken for the base's end. It is 0 when there is none, or the history does not fit.
func baseByHistory(history []engine.History, layers int) int {
	made, end := 0, 0
	for _, h := range history {
		switch {
		case !h.EmptyLayer:
			made++
		case made < layers && runs(string(h.CreatedBy)):
			end = made
		}
	}
	if made != layers {
		return 0
	}
	return end
}

// runs says whether an instruction sets what the image runs, as the classic builder ("/bin/sh -c #(nop)  CMD …") or BuildKit writes it.
func runs(instruction string) bool {
	_, after, classic := strings.Cut(instruction, "#(nop)")
	if classic {
		instruction = after
	}
	word, _, _ := strings.Cut(strings.TrimSpace(instruction), " ")
	return word == "CMD" || word == "ENTRYPOINT"
}
