package image

import "github.com/vetoci/veto/engine"

// MergeOver merges layers one over the other, and nothing else.
func MergeOver(layers []engine.LayerFacts) (*engine.Tree, error) {
	tree, _, err := mergeOver(layers)
	return tree, err
}

// MergeOverlay merges layers as overlay file systems do, and nothing else.
func MergeOverlay(layers []engine.LayerFacts) (*engine.Tree, error) { return mergeOverlay(layers) }
