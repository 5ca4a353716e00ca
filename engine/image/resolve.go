package image

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// maxPathBytes is how many bytes all paths that links lengthen may have: a few long links could make every short path a long one.
const maxPathBytes = 512 << 20

// checkPath returns an error when a path behind links is over a limit; shared says that it takes no memory of its own.
func (m *merger) checkPath(p string, shared bool) error {
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

// resolve follows the links on the way to a directory, and returns where it is. With create it adds directories that are missing; otherwise
// they are fs.ErrNotExist.
func (m *merger) resolve(dir string, create bool) (string, error) {
	if dir == "" {
		return "", nil
	}
	if n, ok := m.tree.Nodes[dir]; ok && n.Type == engine.TypeDir {
		return dir, nil
	}
	if place, ok := m.resolved[dir]; ok {
		return place, nil
	}
	place, err := m.follow(dir, create)
	if err == nil {
		if m.resolved == nil {
			m.resolved = map[string]string{}
		}
		m.resolved[dir] = place
	}
	return place, err
}

// follow is resolve without what is already known.
func (m *merger) follow(dir string, create bool) (string, error) {
	done, rest := "", dir
	straight := true // done is a prefix of dir, and can share its memory
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
			m.steps += len(at) / 16 // for the copy
		}
		n, ok := m.tree.Nodes[at]
		m.differ = m.differ || ok && n.Type != engine.TypeDir && n.Layer < m.layer
		switch {
		case m.alone != nil && m.alone.whiteouts[at]:
			return "", errNotDir
		case !ok && !create:
			return "", fs.ErrNotExist
		case !ok:
			if err := m.checkPath(at, straight); err != nil {
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
			m.steps += len(rest) / 16 // for the copy
		default:
			return "", errNotDir
		}
	}
	return done, nil
}
