package image

import "github.com/vetoci/veto/engine"

// bodyID names the body of a file: the layer that holds it, and its path in that layer.
type bodyID struct {
	layer int
	path  string
}

// wasteCount counts the bytes that layers hold and the merged tree does not show. It does work only for paths that several layers have.
type wasteCount struct {
	wasted   []int64          // by layer: bytes of bodies that no name shows any more
	names    map[bodyID]int   // how many names show a body, for bodies that a hard link names too
	excess   int64            // for each path the bytes of all bodies that it had, less the smallest of them; the sum over all paths
	smallest map[string]int64 // bytes of that smallest body, for paths that had several bodies or were removed (0)
}

// addName notes that a hard link gives the body of a node one more name.
func (l *wasteCount) addName(n *engine.Node) {
	b := bodyID{n.BodyLayer, n.BodyPath}
	if l.names == nil {
		l.names = map[bodyID]int{}
	}
	l.names[b] = max(l.names[b], 1) + 1
}

// shareBodies notes how many names the bodies of a whole layer have.
func (l *wasteCount) shareBodies(names map[bodyID]int) {
	for b, n := range names {
		if n < 2 {
			continue
		}
		if l.names == nil {
			l.names = map[bodyID]int{}
		}
		l.names[b] = n
	}
}

// ownSize is the size of the body that a node brought; 0 for a hard link, which brings none.
func (l *wasteCount) ownSize(n *engine.Node) int64 {
	if n.Type != engine.TypeFile || n.BodyLayer != n.Layer || n.BodyPath != n.Path && l.names[bodyID{n.BodyLayer, n.BodyPath}] > 0 {
		return 0
	}
	return n.Size
}

// removed notes that a node is no longer in the tree.
func (l *wasteCount) removed(n *engine.Node) {
	if n.Type != engine.TypeFile {
		return
	}
	l.lowerSmallest(n, 0)
	l.dropName(n)
}

// replaced notes that n takes the place of a node of the same type.
func (l *wasteCount) replaced(old, n *engine.Node) {
	if old.Type != engine.TypeFile {
		return
	}
	size := l.ownSize(n)
	l.excess += size
	l.lowerSmallest(old, size)
	l.dropName(old)
}

// added notes a new node at a path that was free.
func (l *wasteCount) added(n *engine.Node) {
	if len(l.smallest) == 0 || n.Type != engine.TypeFile {
		return
	}
	if _, ok := l.smallest[n.Path]; ok { // the path was removed before, so its smallest body has 0 bytes
		l.excess += l.ownSize(n)
	}
}

// lowerSmallest lowers the smallest body of a path to size.
func (l *wasteCount) lowerSmallest(old *engine.Node, size int64) {
	before, ok := l.smallest[old.Path]
	if !ok {
		before = l.ownSize(old)
	}
	if l.smallest == nil {
		l.smallest = map[string]int64{}
	}
	least := min(before, size)
	l.excess += before - least
	l.smallest[old.Path] = least
}

// dropName takes one name from a body. A body without a name is wasted.
func (l *wasteCount) dropName(n *engine.Node) {
	b := bodyID{n.BodyLayer, n.BodyPath}
	if names := l.names[b]; names > 0 {
		if l.names[b] = names - 1; names > 1 {
			return
		}
		delete(l.names, b)
	}
	l.wasted[n.BodyLayer-1] += n.Size
}

// efficiency is what dive computes (filetree/efficiency.go): the sum over all paths of the smallest body that a layer has at the path,
// divided by the sum of all bodies. The smallest body of a path that a layer removes is 0. Unlike dive, it counts a removed directory by
// the files in it, and only once. Without any body it is 1.
func (l *wasteCount) efficiency(layers []engine.LayerFacts) float64 {
	var all int64
	for i := range layers {
		for j := range layers[i].Entries {
			all += layers[i].Entries[j].Size
		}
	}
	if all == 0 {
		return 1
	}
	return float64(all-l.excess) / float64(all)
}
