package image

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Names that the changeset format gives a meaning (image-spec layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	whiteoutMeta   = ".wh..wh." // what AUFS kept in the root of a layer: hard links' targets
)

// maxSteps bounds the path components that one merge looks at, a long path counting as several; an honest image, whose directories
// are rarely behind links, needs less than one for each entry.
const maxSteps = 50_000_000

// Merge applies layers, oldest first, and returns the file system that a container would see. Entries take effect in the order of
// their tar and the last of several wins; whiteouts and opaque directories remove what lower layers brought, wherever in the tar
// they stand. Directories on the way to an entry are followed through links as container runtimes do, inside the image. What no
// runtime could unpack is an error: a hard link without its target, a path below a file, a link loop.
func Merge(layers []engine.LayerFacts) (*engine.Tree, error) {
	total := 0
	for _, l := range layers {
		total += len(l.Entries)
	}
	m := &merger{tree: &engine.Tree{Nodes: make(map[string]*engine.Node, total), Moved: map[int]map[string]string{}}}
	m.bytes.wasted = make([]int64, len(layers))
	for i := range layers {
		m.layer = i + 1
		m.cleared = nil
		aufs := false
		for j := range layers[i].Entries {
			e := &layers[i].Entries[j]
			aufs = aufs || strings.HasPrefix(e.Path, whiteoutMeta)
			if err := m.apply(e); err != nil {
				return nil, fmt.Errorf("layer %d of %d: %q: %w", m.layer, len(layers), e.Path, err)
			}
		}
		if aufs {
			m.dropMeta()
		}
	}
	sort.Slice(m.tree.Removals, func(i, j int) bool {
		a, b := m.tree.Removals[i], m.tree.Removals[j]
		if a.Layer != b.Layer {
			return a.Layer < b.Layer
		}
		return a.Path < b.Path
	})
	m.tree.Wasted, m.tree.Efficiency = m.bytes.wasted, m.bytes.efficiency(layers)
	return m.tree, nil
}

// merger is one merge. Its invariant: the parents of every node are nodes of directories, so that a path with a node is one without
// links.
type merger struct {
	tree    *engine.Tree
	layer   int                // being applied, from 1
	slab    []engine.Node      // room for nodes to come
	kids    map[string]*family // by directory; nil until something is removed with what is in it
	cleared map[string]bool    // directories in which this layer left nothing of the lower ones
	steps   int
	bytes   ledger

	pathBytes int
	known     map[string]string // directories behind links and where they are, until one could be elsewhere
}

// family is what is right in a directory.
type family struct {
	names []string // also of what is gone
	live  int
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

func (m *merger) apply(e *engine.Entry) error {
	if e.Path == "." {
		return nil
	}
	dir, base := splitPath(e.Path)
	if strings.HasPrefix(base, whiteoutPrefix) && (base == whiteoutOpaque || dir != "" || !strings.HasPrefix(base, whiteoutMeta)) {
		return m.whiteout(dir, base[len(whiteoutPrefix):])
	}
	parent, err := m.resolve(dir, true)
	if err != nil {
		return err
	}
	at := e.Path
	if parent != dir {
		at = joinPath(parent, base)
		if err := m.checkPlace(at, false); err != nil {
			return err
		}
		m.move(e.Path, at)
	} else {
		delete(m.tree.Moved[m.layer], e.Path)
	}
	n := m.newNode()
	*n = engine.Node{Entry: *e, Layer: m.layer, Brought: m.layer, BodyLayer: m.layer, BodyPath: e.Path}
	n.Path = at
	if e.Type == engine.TypeHardlink {
		target, err := m.target(e, at)
		if err != nil {
			return err
		}
		n.Type, n.Size, n.Link, n.BodyLayer, n.BodyPath = target.Type, target.Size, target.Link, target.BodyLayer, target.BodyPath
		if n.Type == engine.TypeFile {
			m.bytes.link(n)
		}
	}
	return m.put(n, e.Path)
}

// target finds what a hard link names: a path whose directories may be links, while the last part is taken as it is (link(2)).
func (m *merger) target(e *engine.Entry, at string) (*engine.Node, error) {
	dir, base := splitPath(e.Link)
	find := m.resolve
	if old, ok := m.tree.Nodes[at]; ok { // unpacking removes what is in the way, with all in it, before it links
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

// put places a node; spelled is its path as the layer names it.
func (m *merger) put(n *engine.Node, spelled string) error {
	old, ok := m.tree.Nodes[n.Path]
	if !ok {
		return m.add(n)
	}
	if old.BodyPath != spelled { // the same place by another name
		m.forget(old)
	}
	if old.Type == engine.TypeSymlink || old.Type == engine.TypeDir && n.Type != engine.TypeDir {
		m.known = nil
	}
	if old.Type == n.Type {
		n.Brought = old.Brought
		m.bytes.replaced(old, n)
		*old = *n
		return nil
	}
	if old.Type == engine.TypeDir {
		m.dropTree(old.Path)
	}
	m.record(old)
	m.bytes.gone(old)
	m.bytes.added(n)
	*old = *n
	return nil
}

// forget notes that an entry of this layer is nowhere in the tree any more: a later one of the same layer took its place.
func (m *merger) forget(n *engine.Node) {
	if p := n.BodyPath; n.Layer == m.layer && n.BodyLayer == m.layer && m.tree.Place(m.layer, p) == n.Path {
		m.move(p, "")
	}
}

func (m *merger) move(spelled, at string) {
	if m.tree.Moved[m.layer] == nil {
		m.tree.Moved[m.layer] = map[string]string{}
	}
	m.tree.Moved[m.layer][spelled] = at
}

// newNode takes a node from a slab: one allocation for many.
func (m *merger) newNode() *engine.Node {
	const slab = 512
	if len(m.slab) == 0 {
		m.slab = make([]engine.Node, slab)
	}
	n := &m.slab[0]
	m.slab = m.slab[1:]
	return n
}

func (m *merger) add(n *engine.Node) error {
	if len(m.tree.Nodes) >= engine.MaxImageEntries {
		return &engine.LimitError{What: "number of files of the merged image", Limit: engine.MaxImageEntries}
	}
	m.tree.Nodes[n.Path] = n
	m.bytes.added(n)
	if m.kids != nil {
		m.join(n.Path)
	}
	return nil
}

// addDir makes a directory that no entry describes, as runtimes do.
func (m *merger) addDir(p string) error {
	n := m.newNode()
	*n = m.implied(p)
	return m.add(n)
}

func (m *merger) implied(p string) engine.Node {
	return engine.Node{Entry: engine.Entry{Path: p, Type: engine.TypeDir, Mode: 0o755}, Layer: m.layer, Brought: m.layer, BodyLayer: m.layer, BodyPath: p}
}

// maxPathBytes bounds the paths that links lengthen: a few long links could make every short entry a long one.
const maxPathBytes = 512 << 20

// checkPlace holds a path in the tree to the limits; shared says that it takes no memory of its own.
func (m *merger) checkPlace(p string, shared bool) error {
	if !shared {
		m.pathBytes += len(p)
	}
	if m.pathBytes > maxPathBytes {
		return &engine.LimitError{What: "bytes of paths behind links", Limit: maxPathBytes}
	}
	if len(p) > engine.MaxPath {
		return &engine.LimitError{What: "length of a path behind links", Limit: engine.MaxPath}
	}
	if strings.Count(p, "/") >= engine.MaxDepth {
		return &engine.LimitError{What: "depth of a path behind links", Limit: engine.MaxDepth}
	}
	return nil
}

var errNotDir = errors.New("a file stands where its path has a directory")

// resolve follows the links on the way to a directory. With make it makes what is missing, else that is fs.ErrNotExist.
func (m *merger) resolve(dir string, create bool) (string, error) {
	if dir == "" {
		return "", nil
	}
	if n, ok := m.tree.Nodes[dir]; ok && n.Type == engine.TypeDir {
		return dir, nil
	}
	if place, ok := m.known[dir]; ok {
		return place, nil
	}
	place, err := m.follow(dir, create)
	if err == nil {
		if m.known == nil {
			m.known = map[string]string{}
		}
		m.known[dir] = place
	}
	return place, err
}

// follow is resolve, part by part.
func (m *merger) follow(dir string, create bool) (string, error) {
	done, rest, straight := "", dir, true // straight: done is how dir itself begins, and shares its memory
	for links := 0; rest != ""; {
		if m.steps++; m.steps > maxSteps {
			return "", &engine.LimitError{What: "path components to resolve", Limit: maxSteps}
		}
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			straight = false
			continue
		case "..":
			straight = false
			done, _ = splitPath(done)
			continue
		}
		at := ""
		if straight {
			at = dir[:len(done)+min(len(done), 1)+len(part)]
		} else {
			at = joinPath(done, part)
			m.steps += len(at) / 16 // what the copy cost
		}
		n, ok := m.tree.Nodes[at]
		switch {
		case !ok && !create:
			return "", fs.ErrNotExist
		case !ok:
			if err := m.checkPlace(at, straight); err != nil {
				return "", err
			}
			if err := m.addDir(at); err != nil {
				return "", err
			}
			done = at
		case n.Type == engine.TypeDir:
			done = at
		case n.Type == engine.TypeSymlink:
			if links++; links > engine.MaxLinks {
				return "", engine.ErrLinkLoop
			}
			if strings.HasPrefix(n.Link, "/") {
				done = ""
			}
			straight = false
			rest = n.Link + "/" + rest
			m.steps += len(rest) / 16 // what the copy cost
		default:
			return "", errNotDir
		}
	}
	return done, nil
}
