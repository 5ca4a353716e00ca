package image

import "github.com/vetoci/veto/engine"

// body is where a file's bytes stand.
type body struct {
	layer int
	path  string
}

// weigh fills in how many bytes of each layer the tree does not show, and dive's efficiency.
func weigh(t *engine.Tree, layers []engine.LayerFacts) {
	t.Wasted = make([]int64, len(layers))
	for i, l := range layers {
		for j := range l.Entries {
			t.Wasted[i] += l.Entries[j].Size
		}
	}
	t.Efficiency = efficiency(t, layers)
	linked := map[body]int64{} // sizes of bodies that may be shown by several names
	for p, n := range t.Nodes {
		switch {
		case n.Type != engine.TypeFile || n.Size == 0:
		case n.BodyPath == p && n.BodyLayer == n.Layer:
			t.Wasted[n.Layer-1] -= n.Size
		default:
			linked[body{n.BodyLayer, n.BodyPath}] = n.Size
		}
	}
	for b, size := range linked {
		if n, ok := t.Nodes[b.path]; ok && n.BodyPath == b.path && n.BodyLayer == b.layer && n.Layer == b.layer {
			continue // counted by its own name
		}
		t.Wasted[b.layer-1] -= size
	}
}

// efficiency is what dive computes (filetree/efficiency.go): the sum over all paths of the smallest body that a layer has at the path, by
// the sum of all bodies. A path that a layer removes has 0 as its smallest body. Unlike dive, a directory that is removed counts by the
// files in it, and only once.
func efficiency(t *engine.Tree, layers []engine.LayerFacts) float64 {
	least := map[string]int64{} // of the paths that stand in several layers, or are removed; -1 is none yet
	for p, n := range t.Nodes {
		if n.Brought != n.Layer {
			least[p] = -1
		}
	}
	for _, r := range t.Removals {
		least[r.Path] = 0
	}
	var all, kept int64
	for i := range layers {
		for j := range layers[i].Entries {
			e := &layers[i].Entries[j]
			all += e.Size
			if smallest, ok := least[e.Path]; !ok {
				kept += e.Size
			} else if smallest < 0 || e.Size < smallest {
				least[e.Path] = e.Size
			}
		}
	}
	for _, smallest := range least {
		kept += max(smallest, 0)
	}
	if all == 0 {
		return 1
	}
	return float64(kept) / float64(all)
}
