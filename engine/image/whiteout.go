package image

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// whiteout removes from the directory dir what lower layers have under a name, or with the opaque marker all that they have there.
func (m *merger) whiteout(dir, name string) error {
	if name == "" || name == "." || name == ".." {
		return errors.New("the whiteout names no file")
	}
	parent, err := m.resolve(dir, false)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return nil // there is nothing to remove
	}
	if err != nil {
		return err
	}
	if whiteoutPrefix+name == whiteoutOpaque {
		m.clear(parent)
		return nil
	}
	at := joinPath(parent, name)
	n, ok := m.tree.Nodes[at]
	if !ok {
		return nil
	}
	m.clearNode(n, n.Type == engine.TypeDir && m.clear(at))
	return nil
}

// clear removes what lower layers have in a directory, and says whether something of this layer stays in it.
func (m *merger) clear(dir string) bool {
	m.index()
	f := m.kids[dir]
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
		if m.clearNode(n, n.Type == engine.TypeDir && m.clear(n.Path)) {
			f.names = append(f.names, name)
		}
	}
	return f.live > 0
}

// clearNode removes a node of a lower layer, and says whether it stays. A node of this layer stays but is newly brought; a lower
// layer's directory in which this layer has files stays as one that they imply.
func (m *merger) clearNode(n *engine.Node, inhabited bool) bool {
	switch {
	case n.Layer == m.layer:
		m.record(n)
		n.Brought = m.layer
	case inhabited:
		*n = m.implied(n.Path)
	default:
		m.drop(n)
		return false
	}
	return true
}

// record notes that a file or link which lower layers had is taken away.
func (m *merger) record(n *engine.Node) {
	if (n.Type == engine.TypeFile || n.Type == engine.TypeSymlink) && n.Brought < m.layer {
		m.tree.Removals = append(m.tree.Removals, engine.Removal{Path: n.Path, Layer: m.layer})
	}
}

func (m *merger) drop(n *engine.Node) {
	m.record(n)
	m.forget(n)
	m.bytes.gone(n)
	m.known = nil
	delete(m.tree.Nodes, n.Path)
	dir, _ := splitPath(n.Path)
	if f := m.kids[dir]; f != nil {
		if f.live--; f.live == 0 {
			f.names = nil
		}
	}
	delete(m.kids, n.Path)
}

// dropTree removes all that is in a directory, of whatever layer.
func (m *merger) dropTree(dir string) {
	m.index()
	f := m.kids[dir]
	if f == nil {
		return
	}
	for _, name := range f.names {
		if n, ok := m.tree.Nodes[joinPath(dir, name)]; ok {
			if n.Type == engine.TypeDir {
				m.dropTree(n.Path)
			}
			m.drop(n)
		}
	}
	delete(m.kids, dir)
}

// dropMeta removes what AUFS kept in a layer's root, once the hard links to it are made.
func (m *merger) dropMeta() {
	m.index()
	f := m.kids[""]
	if f == nil {
		return
	}
	for _, name := range append([]string{}, f.names...) {
		if n, ok := m.tree.Nodes[name]; ok && strings.HasPrefix(name, whiteoutMeta) {
			if n.Type == engine.TypeDir {
				m.dropTree(name)
			}
			m.drop(n)
		}
	}
}

// index lists what is in each directory, the first time that it is needed; add and drop keep it.
func (m *merger) index() {
	if m.kids != nil {
		return
	}
	m.kids = make(map[string]*family, len(m.tree.Nodes)/8)
	for p := range m.tree.Nodes {
		m.join(p)
	}
}

func (m *merger) join(p string) {
	dir, base := splitPath(p)
	f := m.kids[dir]
	if f == nil {
		f = &family{}
		m.kids[dir] = f
	}
	f.names = append(f.names, base)
	f.live++
}
