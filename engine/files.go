package engine

import (
	"fmt"
	"io/fs"
	"sort"
)

// FileFact is one path of the merged image. Layers are indexes, from 1, as in layers[].index.
type FileFact struct {
	Path          string `json:"path"` // relative to the image's root, no leading "/"
	Type          string `json:"type" enum:"file,dir,symlink,char,block,fifo"`
	Mode          string `json:"mode"` // four octal digits, as chmod(1) takes them: "4755"
	SetUID        bool   `json:"setuid"`
	SetGID        bool   `json:"setgid"`
	WorldWritable bool   `json:"world_writable"` // any user may write it; a symbolic link never is
	UID           int    `json:"uid"`
	GID           int    `json:"gid"`
	Size          int64  `json:"size"`   // bytes
	Target        Maybe  `json:"target"` // of a symbolic link, as written
	// the oldest layer from which the path has been there, of this type, without a break
	Brought      int      `json:"brought"`
	Changed      int      `json:"changed"`                      // the layer that last wrote it
	Capabilities []string `json:"capabilities"`                 // of an executable: "cap_net_raw"; sorted
	OwnedBy      Maybe    `json:"owned_by"`                     // "deb/bash": the package of the distribution that lists it
	Intact       string   `json:"intact" enum:"yes,no,unknown"` // whether it is as that package recorded it; only where it was compared
}

// FileFacts lists the merged tree, sorted by path.
func FileFacts(t *Tree) []FileFact {
	nodes := make([]*Node, 0, len(t.Nodes))
	for _, n := range t.Nodes {
		nodes = append(nodes, n)
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Path < nodes[j].Path })
	out := make([]FileFact, len(nodes))
	for i, n := range nodes {
		f := FileFact{Path: n.Path, Type: n.Type.String(), Mode: octal(n.Mode), UID: int(n.UID), GID: int(n.GID), Size: n.Size,
			Intact: "unknown",
			SetUID: n.Mode&fs.ModeSetuid != 0, SetGID: n.Mode&fs.ModeSetgid != 0, Brought: n.Brought, Changed: n.Layer}
		if n.Type == TypeSymlink {
			f.Target = Maybe(n.Link)
		} else {
			f.WorldWritable = n.Mode&0o002 != 0
		}
		out[i] = f
	}
	return out
}

func octal(m fs.FileMode) string {
	v := m.Perm()
	for bit, flag := range map[fs.FileMode]fs.FileMode{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			v |= flag
		}
	}
	return fmt.Sprintf("%04o", uint32(v))
}

// Space says how well an image uses its bytes.
type Space struct {
	ContentBytes int64 `json:"content_bytes"` // of the bodies in all layers, unpacked
	WastedBytes  int64 `json:"wasted_bytes"`  // of those that the merged image does not show
	// Efficiency is dive's measure, from 0 to 1: over all paths, the smallest body that a path had in any layer against all bodies that
	// it had. 1 is an image in which no layer repeats or removes what another one holds.
	Efficiency float64 `json:"efficiency"`
}
