package image

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Names that the changeset format gives a meaning (image-spec layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	whiteoutMeta   = ".wh..wh." // AUFS's own files in the root of a layer, which hard links may have as targets
)

// maxSteps is how many path components one merge may look at, a long path counting as several. An honest image, whose directories are
// rarely behind links, needs less than one for each entry.
const maxSteps = 50_000_000

// Merge applies layers, oldest first, and returns the file systems that containers see (image-spec layer.md, "Applying Changesets"): one
// where all runtimes agree, else that of overlay file systems first (overlay.go), then that of one layer over the other. Entries take
// effect in the order of their tar, and the last of several wins. Whiteouts and opaque directories remove what lower layers brought. Links
// on the way to an entry are followed inside the image. What no runtime could unpack is an error: a hard link without its target, a path
// below a file, a link loop. Reaching a limit is an engine.LimitError. Merge keeps the entries' strings, but not the entries.
func Merge(layers []engine.LayerFacts) ([]*engine.Tree, error) {
	over, differ, err := mergeOver(layers)
	if err == nil && !differ {
		return []*engine.Tree{over}, nil
	}
	limit := (*engine.LimitError)(nil)
	if errors.As(err, &limit) {
		return nil, err
	}
	overlay, oerr := mergeOverlay(layers)
	switch {
	case errors.As(oerr, &limit):
		return nil, oerr
	case err != nil && oerr != nil:
		return nil, err
	case err != nil:
		return []*engine.Tree{overlay}, nil //nolint:nilerr // drivers of the other kind refuse the image, and show nothing
	case oerr != nil || sameTree(overlay, over):
		return []*engine.Tree{over}, nil //nolint:nilerr // the same
	}
	return []*engine.Tree{overlay, over}, nil
}

// mergeOver unpacks one layer over the other, and says whether overlay file systems could make something else of the layers.
func mergeOver(layers []engine.LayerFacts) (tree *engine.Tree, differ bool, err error) {
	m := newMerger(layers)
	for i := range layers {
		m.layer = i + 1
		if err := m.applyAll(&layers[i], len(layers)); err != nil {
			return nil, true, err
		}
	}
	return m.finish(layers), m.differ, nil
}

func newMerger(layers []engine.LayerFacts) *merger {
	total := 0
	for _, l := range layers {
		total += len(l.Entries)
	}
	m := &merger{lost: map[bodyID]bool{}, tree: &engine.Tree{Nodes: make(map[string]*engine.Node, total), Moved: map[int]map[string]string{}}}
	m.waste.wasted = make([]int64, len(layers))
	return m
}

// applyAll applies the entries of the current layer.
func (m *merger) applyAll(l *engine.LayerFacts, of int) error {
	m.cleared, m.hidden, m.resolved, m.apart = nil, nil, nil, map[string]bool{}
	aufs := false
	for i := range l.Entries {
		e := &l.Entries[i]
		aufs = aufs || strings.HasPrefix(e.Path, whiteoutMeta)
		if err := m.apply(e); err != nil {
			return fmt.Errorf("layer %d of %d: %q: %w", m.layer, of, e.Path, err)
		}
	}
	if aufs && m.alone == nil {
		m.differ = true
		m.removeAUFSMeta()
	}
	return nil
}

// finish sorts what the merge recorded.
func (m *merger) finish(layers []engine.LayerFacts) *engine.Tree {
	sort.Slice(m.tree.Removals, func(i, j int) bool {
		a, b := m.tree.Removals[i], m.tree.Removals[j]
		if a.Layer != b.Layer {
			return a.Layer < b.Layer
		}
		return a.Path < b.Path
	})
	if len(m.lost) > 0 {
		for p, n := range m.tree.Nodes {
			if n.Type == engine.TypeFile && m.lost[bodyID{n.BodyLayer, n.BodyPath}] && m.tree.PathOf(n.BodyLayer, n.BodyPath) != p {
				m.tree.Unseen = append(m.tree.Unseen, n)
			}
		}
		slices.SortFunc(m.tree.Unseen, func(a, b *engine.Node) int { return strings.Compare(a.Path, b.Path) })
	}
	m.tree.Wasted, m.tree.Efficiency = m.waste.wasted, m.waste.efficiency(layers)
	return m.tree
}

// merger is one merge. Its invariant: the parents of every node are nodes of directories, so no path of a node leads through a link.
type merger struct {
	tree     *engine.Tree
	layer    int                  // the one being applied, from 1
	slab     []engine.Node        // room for the next nodes
	children map[string]*dirNames // by directory; nil until a directory is removed with its content
	cleared  map[string]bool      // directories from which this layer has removed what lower ones brought
	steps    int                  // see maxSteps
	waste    wasteCount
	alone    *alone          // set while a layer is unpacked into a folder of its own
	hidden   map[string]bool // paths for which this layer has a whiteout
	differ   bool            // overlay file systems could show something else
	apart    map[string]bool // paths of this layer whose bodies stand elsewhere in the tree: behind a linked parent, or as a hard link
	lost     map[bodyID]bool // such bodies whose path a later entry of their layer has taken: what was found in them is of that one

	pathBytes int               // see maxPathBytes
	resolved  map[string]string // where directories behind links are; emptied whenever that may change
}

// dirNames are the names in one directory.
type dirNames struct {
	names []string // may have names of nodes that are gone
	live  int      // how many nodes there are
}

func splitPath(p string) (dir, base string) {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)], p[i+1:]
}

func joinPath(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}

// apply applies one entry of the current layer.
func (m *merger) apply(e *engine.Entry) error {
	if e.Path == "." {
		return nil
	}
	dir, base := splitPath(e.Path)
	if strings.HasPrefix(base, whiteoutPrefix) && m.alone != nil {
		return m.markWhiteout(dir, base)
	}
	if strings.HasPrefix(base, whiteoutPrefix) && (base == whiteoutOpaque || dir != "" || !strings.HasPrefix(base, whiteoutMeta)) {
		return m.whiteout(dir, base[len(whiteoutPrefix):])
	}
	if m.apart[e.Path] {
		m.lost[bodyID{m.layer, e.Path}] = true
	}
	parent, err := m.resolve(dir, true)
	if err != nil {
		return err
	}
	at := e.Path
	if parent != dir {
		m.apart[e.Path] = true
		at = joinPath(parent, base)
		if err := m.checkPath(at, false); err != nil {
			return err
		}
		m.recordMove(e.Path, at)
	} else {
		delete(m.tree.Moved[m.layer], e.Path)
	}
	n := m.newNode()
	*n = engine.Node{Entry: *e, Layer: m.layer, Brought: m.layer, BodyLayer: m.layer, BodyPath: e.Path}
	n.Path = at
	m.replaceWhiteout(at)
	if e.Type == engine.TypeHardlink {
		target, err := m.hardlinkTarget(e, at)
		if err != nil {
			return err
		}
		n.Type, n.Size, n.Link, n.BodyLayer, n.BodyPath = target.Type, target.Size, target.Link, target.BodyLayer, target.BodyPath
		if n.Type != engine.TypeSymlink { // of a link's entry runtimes take owner and mode, for all names of the file
			target.Relinked = target.Relinked || target.Mode != e.Mode
			target.Mode, target.UID, target.GID = e.Mode, e.UID, e.GID
		}
		m.differ = m.differ || target.Layer != m.layer
		if target.BodyLayer == m.layer {
			m.apart[target.BodyPath] = true
		}
		if n.Type == engine.TypeFile {
			m.waste.addName(n)
		}
	}
	return m.put(n, e.Path)
}

// replaceWhiteout notes that an entry stands in the place of a whiteout of its own layer. One layer over the other, the whiteout removes
// what lower layers had there; as an overlay the entry replaces the whiteout, and a folder then merges with the lower one.
func (m *merger) replaceWhiteout(at string) {
	if m.alone != nil {
		delete(m.alone.whiteouts, at)
		delete(m.alone.implied, at)
		return
	}
	m.differ = m.differ || m.hidden[at]
}

// hardlinkTarget returns the node that a hard link at the path at names. Links among its directories are followed, its last part is not
// (link(2)).
func (m *merger) hardlinkTarget(e *engine.Entry, at string) (*engine.Node, error) {
	dir, base := splitPath(e.Link)
	find := m.resolve
	if old, ok := m.tree.Nodes[at]; ok { // a runtime removes what is in the link's place, with all that is in it, before it links
		delete(m.tree.Nodes, at)
		defer func() { m.tree.Nodes[at] = old }()
		find = m.follow
	}
	parent, err := find(dir, false)
	if err != nil {
		return nil, fmt.Errorf("its hard link's target %q: %w", e.Link, err)
	}
	place := joinPath(parent, base)
	n, ok := m.tree.Nodes[place]
	switch {
	case !ok:
		return nil, fmt.Errorf("its hard link's target %q is not there", e.Link)
	case n.Type == engine.TypeDir:
		return nil, fmt.Errorf("its hard link's target %q is a directory", e.Link)
	}
	return n, nil
}

// put puts a node into the tree; spelled is its path as the layer writes it, before links were followed.
func (m *merger) put(n *engine.Node, spelled string) error {
	old, ok := m.tree.Nodes[n.Path]
	if !ok {
		return m.add(n)
	}
	if old.BodyPath != spelled { // the layer writes the same place in two ways
		m.recordReplaced(old)
	}
	if old.Type == engine.TypeSymlink || old.Type == engine.TypeDir && n.Type != engine.TypeDir {
		m.resolved = nil
	}
	if old.Type == n.Type {
		n.Brought = old.Brought
		m.waste.replaced(old, n)
		*old = *n
		return nil
	}
	if old.Type == engine.TypeDir {
		m.removeTree(old.Path)
	}
	m.recordRemoval(old)
	m.waste.removed(old)
	m.waste.added(n)
	*old = *n
	return nil
}

// recordReplaced notes that an entry of this layer is no longer in the tree, because a later entry of the same layer replaced or removed
// it.
func (m *merger) recordReplaced(n *engine.Node) {
	if p := n.BodyPath; n.Layer == m.layer && n.BodyLayer == m.layer && m.tree.PathOf(m.layer, p) == n.Path {
		m.recordMove(p, "")
	}
}

// recordMove notes that an entry of this layer, written as spelled, is at the path at; empty is nowhere.
func (m *merger) recordMove(spelled, at string) {
	if m.tree.Moved[m.layer] == nil {
		m.tree.Moved[m.layer] = map[string]string{}
	}
	m.tree.Moved[m.layer][spelled] = at
}

// newNode takes a node from a slab: one allocation for many.
func (m *merger) newNode() *engine.Node {
	const slab = 512 // nodes
	if len(m.slab) == 0 {
		m.slab = make([]engine.Node, slab)
	}
	n := &m.slab[0]
	m.slab = m.slab[1:]
	return n
}

// add puts a node at a path that is free.
func (m *merger) add(n *engine.Node) error {
	if len(m.tree.Nodes) >= engine.MaxImageEntries {
		return &engine.LimitError{What: "number of files of the merged image", Limit: engine.MaxImageEntries}
	}
	m.tree.Nodes[n.Path] = n
	m.waste.added(n)
	if m.children != nil {
		m.addChild(n.Path)
	}
	return nil
}

// addDir adds a directory that no entry describes, as runtimes do.
func (m *merger) addDir(p string) error {
	if m.alone != nil {
		m.alone.implied[p] = true
	}
	n := m.newNode()
	*n = m.impliedDir(p)
	return m.add(n)
}

// impliedDir is the node of a directory that no entry describes.
func (m *merger) impliedDir(p string) engine.Node {
	e := engine.Entry{Path: p, Type: engine.TypeDir, Mode: 0o755}
	return engine.Node{Entry: e, Layer: m.layer, Brought: m.layer, BodyLayer: m.layer, BodyPath: p}
}
