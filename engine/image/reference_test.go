package image_test

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// This is the naive application of layers that Merge is compared with: inodes, directories and system calls, one entry after the
// other, as an unpacking program on a real file system would do it. It shares nothing with Merge.

type inode struct {
	kind engine.EntryType
	link string
	body string // "layer:path" of a regular file's content
	made int    // by which entry of the layer
	list map[string]*dirent
}

// dirent is a name in a directory; which layer made it decides what a whiteout of the same layer leaves alone.
type dirent struct {
	in    *inode
	layer int
}

type machine struct {
	root  *inode
	layer int
	entry int
	gone  map[string]bool   // what whiteouts of this layer took from lower layers
	put   map[string]string // where each "layer:path" was unpacked, the last time
}

func newDirectory() *inode { return &inode{kind: engine.TypeDir, list: map[string]*dirent{}} }

var (
	errMachine = errors.New("no file system would do that")
	errCircle  = errors.New("the links go in a circle")
)

// chase walks to a directory and returns the inodes on the way with their real names: physical directories, links followed.
func (m *machine) chase(at []*inode, names []string, p string, mkdir bool, budget *int) ([]*inode, []string, error) {
	for _, part := range strings.Split(p, "/") {
		here := at[len(at)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(at) > 1 {
				at, names = at[:len(at)-1], names[:len(names)-1]
			}
			continue
		}
		d := here.list[part]
		if d == nil {
			if !mkdir {
				return nil, nil, nil
			}
			d = &dirent{newDirectory(), m.layer}
			here.list[part] = d
		}
		switch d.in.kind {
		case engine.TypeDir:
			at, names = append(at[:len(at):len(at)], d.in), append(names[:len(names):len(names)], part)
		case engine.TypeSymlink:
			if *budget--; *budget < 0 {
				return nil, nil, errCircle
			}
			from, fromNames := at, names
			if strings.HasPrefix(d.in.link, "/") {
				from, fromNames = at[:1], nil
			}
			var err error
			if at, names, err = m.chase(from, fromNames, d.in.link, mkdir, budget); err != nil || at == nil {
				return nil, nil, err
			}
		default:
			return nil, nil, errMachine
		}
	}
	return at, names, nil
}

func (m *machine) dir(p string, mkdir bool) (*inode, string, error) {
	budget := 40
	at, names, err := m.chase([]*inode{m.root}, nil, p, mkdir, &budget)
	if err != nil || at == nil {
		return nil, "", err
	}
	return at[len(at)-1], strings.Join(names, "/"), nil
}

func cutLast(p string) (string, string) {
	i := strings.LastIndex(p, "/")
	if i < 0 {
		return "", p
	}
	return p[:i], p[i+1:]
}

// rmLower is rm -r that spares what this layer made, and the directories that it needs. It says whether something is left.
func (m *machine) rmLower(in *inode, name, full string) bool {
	d := in.list[name]
	left := false
	if d.in.kind == engine.TypeDir {
		for n := range d.in.list {
			if m.rmLower(d.in, n, full+"/"+n) {
				left = true
			}
		}
	}
	m.gone[full] = true
	if d.layer == m.layer {
		return true
	}
	if left {
		d.layer = m.layer
		return true
	}
	delete(in.list, name)
	return false
}

func (m *machine) unpack(e engine.Entry) error {
	if e.Path == "." {
		return nil
	}
	dir, base := cutLast(e.Path)
	if strings.HasPrefix(base, ".wh.") {
		in, real, err := m.dir(dir, false)
		if errors.Is(err, errCircle) {
			return nil // a way that leads nowhere: there is nothing to remove
		}
		if above, _ := cutLast(dir); base == ".wh..wh..opq" && errors.Is(err, errMachine) && dir != "" {
			if strings.Contains(dir, "/") {
				_, _, err = m.dir(above, false)
				return err
			}
			return nil // a file, which has nothing in it
		}
		if err != nil || in == nil {
			return err
		}
		prefix := real
		if prefix != "" {
			prefix += "/"
		}
		if base == ".wh..wh..opq" {
			for n := range in.list {
				m.rmLower(in, n, prefix+n)
			}
		} else if name := base[4:]; in.list[name] != nil {
			m.rmLower(in, name, prefix+name)
		}
		return nil
	}
	in, real, err := m.dir(dir, true)
	if err != nil {
		return err
	}
	old := in.list[base]
	if old != nil && e.Type == engine.TypeDir && old.in.kind == engine.TypeDir {
		old.layer = m.layer
		return nil
	}
	full := base
	if real != "" {
		full = real + "/" + base
	}
	delete(in.list, base)
	made := &inode{kind: e.Type, link: e.Link}
	switch e.Type {
	case engine.TypeDir:
		made = newDirectory()
	case engine.TypeFile:
		made.body, made.made = fmt.Sprintf("%d:%s", m.layer, e.Path), m.entry
	case engine.TypeHardlink:
		if made, err = m.linked(e.Link); err != nil {
			return err
		}
	}
	in.list[base] = &dirent{made, m.layer}
	m.put[fmt.Sprintf("%d:%s", m.layer, e.Path)] = full
	if old != nil && old.in.kind != made.kind {
		m.vanish(old.in, full)
	}
	return nil
}

// linked is the inode that a hard link names.
func (m *machine) linked(p string) (*inode, error) {
	dir, base := cutLast(p)
	in, _, err := m.dir(dir, false)
	if err == nil && (in == nil || in.list[base] == nil || in.list[base].in.kind == engine.TypeDir || m.detached(in)) {
		err = errMachine
	}
	if err != nil {
		return nil, err
	}
	return in.list[base].in, nil
}

// vanish notes that a name, and all below it, went away within this layer.
func (m *machine) vanish(in *inode, full string) {
	m.gone[full] = true
	for n, d := range in.list {
		m.vanish(d.in, full+"/"+n)
	}
}

// detached says whether a directory is no longer reachable: its name was just removed.
func (m *machine) detached(in *inode) bool {
	found := false
	m.each(func(_ string, d *dirent) { found = found || d.in == in })
	return in != m.root && !found
}

func (m *machine) each(visit func(p string, d *dirent)) {
	var walk func(in *inode, prefix string)
	walk = func(in *inode, prefix string) {
		names := make([]string, 0, len(in.list))
		for n := range in.list {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			visit(prefix+n, in.list[n])
			if in.list[n].in.kind == engine.TypeDir {
				walk(in.list[n].in, prefix+n+"/")
			}
		}
	}
	walk(m.root, "")
}

// seen is what is compared of one path.
type seen struct {
	Type    engine.EntryType
	Link    string
	Body    string
	Made    int // by which entry of the layer; -1 where Merge says that nobody has seen the body
	Layer   int
	Brought int
}

// reference applies a stack and derives the history of every path from snapshots after each layer.
func reference(layers []engine.LayerFacts) (map[string]seen, []engine.Removal, map[string]string, error) {
	m := &machine{root: newDirectory(), put: map[string]string{}}
	out := map[string]seen{}
	var removals []engine.Removal
	for i, l := range layers {
		m.layer, m.gone = i+1, map[string]bool{}
		for k, e := range l.Entries {
			m.entry = k
			if err := m.unpack(e); err != nil {
				return nil, nil, nil, err
			}
		}
		now := map[string]seen{}
		m.each(func(p string, d *dirent) {
			s := seen{Type: d.in.kind, Link: d.in.link, Body: d.in.body, Made: d.in.made, Layer: d.layer, Brought: i + 1}
			if before, ok := out[p]; ok && before.Type == s.Type && !m.gone[p] {
				s.Brought = before.Brought
			}
			now[p] = s
		})
		for p, before := range out {
			if before.Type != engine.TypeFile && before.Type != engine.TypeSymlink {
				continue
			}
			if after, ok := now[p]; !ok || after.Type != before.Type || after.Brought == i+1 {
				removals = append(removals, engine.Removal{Path: p, Layer: i + 1})
			}
		}
		out = now
	}
	sort.Slice(removals, func(i, j int) bool {
		if removals[i].Layer != removals[j].Layer {
			return removals[i].Layer < removals[j].Layer
		}
		return removals[i].Path < removals[j].Path
	})
	return out, removals, m.put, nil
}
