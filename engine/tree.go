package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Node is one path of the merged tree.
type Node struct {
	Entry            // Type is never TypeHardlink: a hard link is a file of its own with its target's body
	Layer     int    // index of the layer that last changed it, from 1
	Brought   int    // index of the oldest layer from which the path has been a file of this type without a break
	BodyLayer int    // layer and path (as that layer names it) where the body stands: differs from Layer and Path for a hard link
	BodyPath  string // or where a parent directory is a link
	Relinked  bool   // a hard link to it gave it another mode than its own entry has
}

// Removal says that a path which was there was taken away by a whiteout, an opaque directory or a change of type.
type Removal struct {
	Path  string
	Layer int // the layer that removed it
}

// Tree is the merged file system of an image. Built by a merge, then only read.
type Tree struct {
	Nodes    map[string]*Node // by clean path; the root is not in it
	Removals []Removal        // every regular file and link, sorted by layer, then path
	// Moved maps a layer's own spelling of a path to its place in the tree, where a linked parent directory makes them differ; to ""
	// when a later entry of the same layer took that place, so that it is nowhere in the tree.
	Moved map[int]map[string]string
	// Unseen are files whose bodies nobody has looked at, sorted by path: hard links to a file, or files behind a linked directory, whose
	// path a later entry of their layer has as well.
	Unseen []*Node
	// Wasted is for each layer, oldest first, how many bytes of its bodies the tree does not show; Efficiency as Space has it.
	Wasted     []int64
	Efficiency float64
}

// ErrLinkLoop is a resolution that followed more links than Linux would.
var ErrLinkLoop = errors.New("too many levels of symbolic links")

// PathOf returns where a path as a layer names it stands in the tree.
func (t *Tree) PathOf(layer int, p string) string {
	if moved, ok := t.Moved[layer][p]; ok {
		return moved
	}
	return p
}

// Visible says whether what the layer holds at p (as the layer names it) is still what the merged tree shows there.
func (t *Tree) Visible(layer int, p string) bool {
	n, ok := t.Nodes[t.PathOf(layer, p)]
	return ok && n.Layer == layer
}

// Resolve follows links inside the image, as a process with the image as its root would: ".." and absolute targets never leave it.
// The error is fs.ErrNotExist or ErrLinkLoop.
func (t *Tree) Resolve(p string) (*Node, error) {
	done, rest := "", path.Clean("/" + p)[1:] // what has been followed, without links, and what has not
	whole := rest                             // so that where nothing leads elsewhere, done is its beginning, which needs no copy
	for links := 0; rest != ""; {
		part, after, _ := strings.Cut(rest, "/")
		rest = after
		switch part {
		case "", ".":
			continue
		case "..":
			done = done[:max(strings.LastIndexByte(done, '/'), 0)]
			continue
		}
		at := part
		if done != "" {
			end := len(done) + 1 + len(part)
			if end <= len(whole) && whole[:len(done)] == done && whole[len(done)] == '/' && whole[len(done)+1:end] == part {
				at = whole[:end]
			} else {
				at = done + "/" + part
			}
		}
		n, ok := t.Nodes[at]
		if !ok {
			return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
		}
		if n.Type != TypeSymlink {
			done = at
			continue
		}
		if links++; links > MaxLinks {
			return nil, fmt.Errorf("%s: %w", p, ErrLinkLoop)
		}
		if strings.HasPrefix(n.Link, "/") {
			done = ""
		}
		rest = n.Link + "/" + rest
	}
	node := t.Nodes[done]
	if node == nil {
		return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	return node, nil
}
