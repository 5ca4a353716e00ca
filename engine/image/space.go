package image

import "github.com/vetoci/veto/engine"

// body is where a file's bytes stand.
type body struct {
	layer int
	path  string
}

// ledger accounts for bytes while layers are merged: it costs something only where they repeat or remove each other.
type ledger struct {
	wasted []int64          // by layer: bytes of bodies that the tree shows no more
	shown  map[body]int     // by how many names, for bodies to which a hard link gave a second one
	excess int64            // over all paths: the bytes of all bodies that a path had, less the smallest of them
	least  map[string]int64 // that smallest body, of the paths that had several or were removed (0)
}

// link notes that the body of a node gets one more name.
func (l *ledger) link(n *engine.Node) {
	b := body{n.BodyLayer, n.BodyPath}
	if l.shown == nil {
		l.shown = map[body]int{}
	}
	l.shown[b] = max(l.shown[b], 1) + 1
}

// own is the size of a node's body where the node brought it; a hard link brings none.
func (l *ledger) own(n *engine.Node) int64 {
	if n.Type != engine.TypeFile || n.BodyLayer != n.Layer || n.BodyPath != n.Path && l.shown[body{n.BodyLayer, n.BodyPath}] > 0 {
		return 0
	}
	return n.Size
}

// gone notes that a node leaves the tree, and whether another body takes its path.
func (l *ledger) gone(n *engine.Node) {
	if n.Type != engine.TypeFile {
		return
	}
	l.lessen(n, 0)
	l.lose(n)
}

// replaced notes that a file's body is replaced by another one.
func (l *ledger) replaced(old, n *engine.Node) {
	if old.Type != engine.TypeFile {
		return
	}
	size := l.own(n)
	l.excess += size
	l.lessen(old, size)
	l.lose(old)
}

// added notes a node at a path that was free.
func (l *ledger) added(n *engine.Node) {
	if len(l.least) == 0 || n.Type != engine.TypeFile {
		return
	}
	if _, ok := l.least[n.Path]; ok { // it was there before: its smallest body is none at all
		l.excess += l.own(n)
	}
}

// lessen lowers the smallest body of a path.
func (l *ledger) lessen(old *engine.Node, size int64) {
	before, ok := l.least[old.Path]
	if !ok {
		before = l.own(old)
	}
	if l.least == nil {
		l.least = map[string]int64{}
	}
	least := min(before, size)
	l.excess += before - least
	l.least[old.Path] = least
}

// lose gives up one name of a body.
func (l *ledger) lose(n *engine.Node) {
	b := body{n.BodyLayer, n.BodyPath}
	if names := l.shown[b]; names > 0 {
		if l.shown[b] = names - 1; names > 1 {
			return
		}
		delete(l.shown, b)
	}
	l.wasted[n.BodyLayer-1] += n.Size
}

// efficiency is what dive computes (filetree/efficiency.go): the sum over all paths of the smallest body that a layer has at the path, by the
// sum of all bodies. A path that a layer removes has 0 as its smallest. Unlike dive, a directory that is removed counts by the files in it,
// and only once.
func (l *ledger) efficiency(layers []engine.LayerFacts) float64 {
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
