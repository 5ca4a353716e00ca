package image

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

var errNoWhiteoutName = errors.New("the whiteout names no file")

// whiteout removes from the directory dir what lower layers have under a name; with the name of the opaque marker it removes all that they
// have there (image-spec layer.md, "Whiteouts").
func (m *merger) whiteout(dir, name string) error {
	if name == "" || name == "." || name == ".." {
		return errNoWhiteoutName
	}
	parent, err := m.resolve(dir, false)
	opaque := whiteoutPrefix+name == whiteoutOpaque
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, engine.ErrLinkLoop) {
		return nil // there is nothing to remove
	}
	if opaque && errors.Is(err, errNotDir) {
		above, _ := splitPath(dir)
		_, err = m.resolve(above, false) // in a file is nothing to remove; a path that leads through a file is an error
		return err
	}
	if err != nil {
		return err
	}
	if opaque {
		m.differ = m.differ || parent == "" // the kernel knows no opaque root
		m.removeLower(parent)
		return nil
	}
	at := joinPath(parent, name)
	if m.hidden == nil {
		m.hidden = map[string]bool{}
	}
	m.hidden[at] = true
	n, ok := m.tree.Nodes[at]
	if !ok {
		return nil
	}
	m.differ = m.differ || n.Layer == m.layer
	m.removeLowerNode(n, n.Type == engine.TypeDir && m.removeLower(at))
	return nil
}

// removeLower removes what lower layers have in a directory, and reports whether something of this layer stays in it.
func (m *merger) removeLower(dir string) bool {
	m.indexChildren()
	f := m.children[dir]
	if f == nil {
		return false
	}
	if m.cleared[dir] {
		return f.live > 0
	}
	if m.cleared == nil {
		m.cleared = map[string]bool{}
	}
	m.cleared[dir] = true
	names := f.names
	f.names = nil
	for _, name := range names {
		n, ok := m.tree.Nodes[joinPath(dir, name)]
		if !ok {
			continue
		}
		if m.removeLowerNode(n, n.Type == engine.TypeDir && m.removeLower(n.Path)) {
			f.names = append(f.names, name)
		}
	}
	return f.live > 0
}

// removeLowerNode removes a node of a lower layer, and reports whether a node stays in its place: a node of this layer does, and counts as
// newly brought, and so does the directory of a lower layer in which this layer has something (inhabited), as an implied one.
func (m *merger) removeLowerNode(n *engine.Node, inhabited bool) bool {
	switch {
	case n.Layer == m.layer:
		m.recordRemoval(n)
		n.Brought = m.layer
	case inhabited:
		*n = m.impliedDir(n.Path)
	default:
		m.remove(n)
		return false
	}
	return true
}

// recordRemoval notes that a file or link of a lower layer is taken away.
func (m *merger) recordRemoval(n *engine.Node) {
	if (n.Type == engine.TypeFile || n.Type == engine.TypeSymlink) && n.Brought < m.layer {
		m.tree.Removals = append(m.tree.Removals, engine.Removal{Path: n.Path, Layer: m.layer})
	}
}

// remove takes a node without children from the tree.
func (m *merger) remove(n *engine.Node) {
	m.recordRemoval(n)
	m.recordReplaced(n)
	m.waste.removed(n)
	m.resolved = nil
	delete(m.tree.Nodes, n.Path)
	dir, _ := splitPath(n.Path)
	if f := m.children[dir]; f != nil {
		if f.live--; f.live == 0 {
			f.names = nil
		}
	}
	delete(m.children, n.Path)
}

// removeTree removes everything in a directory, of all layers.
func (m *merger) removeTree(dir string) {
	m.indexChildren()
	f := m.children[dir]
	if f == nil {
		return
	}
	for _, name := range f.names {
		if n, ok := m.tree.Nodes[joinPath(dir, name)]; ok {
			if n.Type == engine.TypeDir {
				m.removeTree(n.Path)
			}
			m.remove(n)
		}
	}
	delete(m.children, dir)
}

// removeAUFSMeta removes AUFS's own files from the root, once the hard links to them have been made.
func (m *merger) removeAUFSMeta() {
	m.indexChildren()
	f := m.children[""]
	if f == nil {
		return
	}
	for _, name := range append([]string{}, f.names...) {
		if n, ok := m.tree.Nodes[name]; ok && strings.HasPrefix(name, whiteoutMeta) {
			if n.Type == engine.TypeDir {
				m.removeTree(name)
			}
			m.remove(n)
		}
	}
}

// indexChildren fills children when it is first needed. From then on add and remove keep it up to date.
func (m *merger) indexChildren() {
	if m.children != nil {
		return
	}
	m.children = make(map[string]*dirNames, len(m.tree.Nodes)/8)
	for p := range m.tree.Nodes {
		m.addChild(p)
	}
}

// addChild adds a path to the names of its directory.
func (m *merger) addChild(p string) {
	dir, base := splitPath(p)
	f := m.children[dir]
	if f == nil {
		f = &dirNames{}
		m.children[dir] = f
	}
	f.names = append(f.names, base)
	f.live++
}
