package image

import (
	"errors"
	"fmt"
	"maps"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Container runtimes unpack layers in two ways. With the overlay driver of docker, podman and containerd, which nearly everybody uses, each
// layer is unpacked into a folder of its own, and the kernel shows the folders as one (Documentation/filesystems/overlayfs.rst). Drivers
// such as vfs, and tools that build or convert images, unpack one layer over the other (merge.go). They agree on what honest tools write.
// They differ where a layer's path leads through a link or a file of a lower layer, has a whiteout for what the layer itself holds, an
// opaque marker at its root, AUFS's own names, or a hard link to a lower layer's file.

// mergeOverlay merges layers as overlay file systems do. What such a runtime refuses to unpack is an error.
func mergeOverlay(layers []engine.LayerFacts) (*engine.Tree, error) {
	m := newMerger(layers)
	for i := range layers {
		upper := newMerger(layers)
		upper.layer, upper.alone = i+1, &alone{whiteouts: map[string]bool{}, opaque: map[string]bool{}, implied: map[string]bool{}}
		if err := upper.applyAll(&layers[i], len(layers)); err != nil {
			return nil, err
		}
		m.layer = i + 1
		if err := m.stack(upper); err != nil {
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return m.finish(layers), nil
}

// alone is what a layer that is unpacked into a folder of its own says of lower ones.
type alone struct {
	whiteouts map[string]bool // the kernel's: a device with the name of what is hidden
	opaque    map[string]bool // folders whose lower content is hidden
	implied   map[string]bool // folders that no entry describes
}

// markWhiteout takes a whiteout or an opaque marker of a layer that is unpacked alone. What it hides is of lower layers; what stands in its
// place is of this one, and then the runtime fails to make the device.
func (m *merger) markWhiteout(dir, base string) error {
	parent, err := m.resolve(dir, true)
	if errors.Is(err, errNotDir) {
		return nil // some tools write a whiteout for a folder and for what was in it: the device of the first is in the second's way
	}
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(base, whiteoutPrefix)
	switch {
	case name == "" || name == "." || name == "..":
		return errNoWhiteoutName
	case m.layer == 1:
		return nil // there is nothing to hide; containerd unpacks the first layer without making devices
	case base == whiteoutOpaque:
		m.alone.opaque[parent] = true
		return nil
	}
	at := joinPath(parent, name)
	if _, ok := m.tree.Nodes[at]; ok {
		return errors.New("a whiteout of what its own layer holds")
	}
	m.alone.whiteouts[at] = true
	return nil
}

// stack puts a layer that was unpacked alone on top of the tree: folders merge, all else hides what is below it.
func (m *merger) stack(upper *merger) error {
	paths := make([]string, 0, len(upper.tree.Nodes)+len(upper.alone.whiteouts))
	names := map[bodyID]int{}
	for p, n := range upper.tree.Nodes {
		paths = append(paths, p)
		if n.Type == engine.TypeFile {
			names[bodyID{n.BodyLayer, n.BodyPath}]++
		}
	}
	for p := range upper.alone.whiteouts {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	m.waste.shareBodies(names)
	maps.Copy(m.lost, upper.lost)
	for _, p := range paths {
		n, ok := upper.tree.Nodes[p]
		old := m.tree.Nodes[p]
		switch {
		case !ok:
			m.removeAll(old)
			continue
		case n.Type == engine.TypeDir && old != nil && old.Type == engine.TypeDir:
			if upper.alone.opaque[p] {
				m.removeTree(p)
			}
			if upper.alone.implied[p] {
				continue
			}
		}
		stacked := m.newNode()
		*stacked = *n
		if err := m.put(stacked, n.BodyPath); err != nil {
			return fmt.Errorf("%q: %w", p, err)
		}
	}
	if moved := upper.tree.Moved[m.layer]; moved != nil {
		m.tree.Moved[m.layer] = moved
	}
	return nil
}

// removeAll removes a node, which may be nil, with all that is in it.
func (m *merger) removeAll(n *engine.Node) {
	if n == nil {
		return
	}
	if n.Type == engine.TypeDir {
		m.removeTree(n.Path)
	}
	m.remove(n)
}

// sameTree says whether two merges show the same content everywhere.
func sameTree(a, b *engine.Tree) bool {
	if len(a.Nodes) != len(b.Nodes) {
		return false
	}
	for p, n := range a.Nodes {
		o, ok := b.Nodes[p]
		if !ok || n.Type != o.Type || n.Link != o.Link || n.Type == engine.TypeFile && (n.BodyLayer != o.BodyLayer || n.BodyPath != o.BodyPath) {
			return false
		}
	}
	return true
}
