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

// BaseOf returns a function that says what an image was built on, from its configuration and its layers, oldest first. named is the image
// that the user named as the base, which must stay open while the function is used; nil takes what the image's own labels and history
// claim. The function returns nil when they claim nothing.
func BaseOf(named engine.Image) func(engine.Config, []engine.LayerInfo) *engine.Base {
	if named != nil {
		return func(_ engine.Config, layers []engine.LayerInfo) *engine.Base { return compareBase(named, layers) }
	}
	return func(c engine.Config, layers []engine.LayerInfo) *engine.Base {
		b := &engine.Base{Name: engine.Maybe(c.Labels[labelBaseName]), State: "claimed", From: "labels",
			Layers: baseByHistory(c.History, len(layers))}
		if d := engine.Digest(c.Labels[labelBaseDigest]); validDigest(d) {
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

func validDigest(d engine.Digest) bool {
	_, err := newHash(d)
	return err == nil
}

// compareBase compares the base's layers with the image's oldest ones.
func compareBase(base engine.Image, layers []engine.LayerInfo) *engine.Base {
	id := base.Identity()
	b := &engine.Base{Name: engine.Maybe(id.Name), Digest: id.Digest, State: "verified", From: "flag"}
	own := base.Layers()
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

// baseByHistory guesses how many layers the base has. A base image nearly always ends with the instruction that says what it runs, so the
// last CMD or ENTRYPOINT before the last layer is taken for the base's end. It returns 0 when there is none, or when the history describes
// another number of layers.
func baseByHistory(history []engine.History, layers int) int {
	made, end := 0, 0
	for _, h := range history {
		switch {
		case !h.EmptyLayer:
			made++
		case made < layers && setsCommand(string(h.CreatedBy)):
			end = made
		}
	}
	if made != layers {
		return 0
	}
	return end
}

// setsCommand reports whether an instruction sets what the image runs. It knows how the classic builder ("/bin/sh -c #(nop)  CMD …") and
// BuildKit ("CMD …") write it.
func setsCommand(instruction string) bool {
	_, after, classic := strings.Cut(instruction, "#(nop)")
	if classic {
		instruction = after
	}
	word, _, _ := strings.Cut(strings.TrimSpace(instruction), " ")
	return word == "CMD" || word == "ENTRYPOINT"
}
