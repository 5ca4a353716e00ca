package catalog

import (
	"path"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// owner is what a package database says about one path.
type owner struct {
	typ, pkg, arch string
	sum            string
}

// own marks language packages that a package of the distribution owns: it is installed, the file was last changed no later than the layer
// that brought that package, and its recorded checksum is the file's. Anything less is judged by both sides' advisories.
func (a *assembly) own(all []*found) {
	wanted := map[string]bool{}
	for _, at := range a.visible {
		if ev := a.last(at); len(ev.Packages) > 0 || len(ev.Gaps) > 0 || ev.Traits != nil && len(ev.Traits.Secrets) > 0 {
			wanted[at.path] = true
		}
	}
	a.owners = map[string]owner{}
	for _, at := range a.visible {
		for _, o := range a.last(at).Owned {
			for _, f := range o.Files {
				p := a.canonical(f.Path)
				if !wanted[p] {
					continue
				}
				known, ok := a.owners[p]
				if !ok || known.sum == "" && known.pkg == o.Package {
					a.owners[p] = owner{o.Type, o.Package, o.Arch, f.Sum}
				}
			}
		}
	}
	brought := map[string]int{}
	for _, f := range all {
		if osType(f.Type) {
			brought[f.Type+"/"+f.Name] = f.brought
			brought[f.Type+"/"+f.Name+":"+string(f.Arch)] = f.brought
		}
	}
	for _, f := range all {
		if !osType(f.Type) {
			f.OwnedBy = engine.Maybe(a.ownerOf(f.at, f.sums, brought))
		}
	}
	a.drop(brought)
	a.bringers = brought
}

func osType(typ string) bool { return typ == "deb" || typ == "apk" || typ == "rpm" || typ == "alpm" }

// ownerOf is "deb/python3-django", or "" when any condition fails.
func (a *assembly) ownerOf(at place, sums engine.Sums, brought map[string]int) string {
	o, ok := a.owners[at.path]
	if !ok {
		return ""
	}
	id := o.typ + "/" + o.pkg
	key := id
	if o.arch != "" {
		key += ":" + o.arch
	}
	layer, installed := brought[key]
	node := a.tree.Nodes[at.path]
	if !installed || !sums.Equal(o.sum) || node == nil || node.Layer > layer && !a.unchanged(at, layer, sums) {
		return ""
	}
	return id
}

// unchanged says whether the file had this very content in a layer no later than the one given: what a later layer wrote, such as a change of its
// mode, is then no change.
func (a *assembly) unchanged(at place, layer int, sums engine.Sums) bool {
	for _, ev := range a.histories[at] {
		if ev.Layer <= layer && ev.Sums.Same(sums) {
			return true
		}
	}
	return false
}

// drop leaves out gaps that are none: what the distribution's advisories judge.
func (a *assembly) drop(brought map[string]int) {
	for _, at := range a.visible {
		ev := a.last(at)
		if len(ev.Gaps) == 0 || a.ownerOf(at, ev.Sums, brought) == "" {
			continue
		}
		kept := ev.Gaps[:0:0]
		for _, c := range ev.Gaps {
			if c.Kind != engine.GapUnsupported && c.Kind != engine.GapMalformed {
				kept = append(kept, c)
			}
		}
		ev.Gaps = kept
	}
}

// canonical resolves a link in a path's first folder: dpkg's lists say /lib/x where a merged /usr has usr/lib/x.
func (a *assembly) canonical(p string) string {
	first, rest, ok := strings.Cut(p, "/")
	if !ok {
		return p
	}
	if n := a.tree.Nodes[first]; n != nil && n.Type == engine.TypeSymlink {
		return path.Join(strings.TrimPrefix(path.Clean("/"+n.Link), "/"), rest)
	}
	return p
}

// gaps is what of the visible image could not be assessed. What could not be read counts wherever it stands.
func (a *assembly) gaps(os *engine.OS, all []*found) []engine.Gap {
	var out []engine.Gap
	type kind struct{ subject, dir engine.Maybe }
	folded := map[kind]int{}
	for i := range a.layers {
		for _, ev := range a.layers[i].Evidence {
			visible := a.tree.Visible(ev.Layer, ev.Path)
			for _, c := range ev.Gaps {
				if !visible && c.Kind != engine.GapUnreadable && c.Kind != engine.GapLimit {
					continue
				}
				if c.Kind == engine.GapUnsupported && c.Subject != "" {
					k := kind{c.Subject, engine.Maybe(path.Dir(string(c.Path)))}
					if at, ok := folded[k]; ok {
						out[at].Count++
						out[at].Path = min(out[at].Path, c.Path)
						continue
					}
					folded[k], c.Count = len(out), 1
				}
				out = append(out, c)
			}
		}
	}
	out = append(out, a.emptyDatabases(all)...)
	unknown := map[string]int{}
	for _, f := range all {
		if osType(f.Type) && f.Ecosystem == "" {
			unknown[f.Type]++
		}
	}
	types := make([]string, 0, len(unknown))
	for typ := range unknown {
		types = append(types, typ)
	}
	sort.Strings(types)
	for _, typ := range types {
		detail := "there is no os-release that says which distribution the packages are of"
		if os != nil {
			detail = unknownRelease(os)
		}
		out = append(out, engine.Gap{Kind: engine.GapUnknownOS, Subject: engine.Maybe(typ + " packages"), Detail: detail, Count: unknown[typ]})
	}
	return out
}

// emptyDatabases are package databases that list nothing, when nothing else lists packages of their type (distroless images have an empty status
// beside status.d): what was installed is not known.
func (a *assembly) emptyDatabases(all []*found) []engine.Gap {
	listed := map[string]bool{}
	for _, f := range all {
		listed[f.Type] = true
	}
	databases := map[string]string{dpkg{}.Name(): "deb", apk{}.Name(): "apk", rpm{}.Name(): "rpm", rpmManifest{}.Name(): "rpm"}
	var out []engine.Gap
	for _, at := range a.visible {
		ev := a.last(at)
		if typ := databases[at.inspector]; typ != "" && !listed[typ] && len(ev.Packages) == 0 && len(ev.Gaps) == 0 {
			out = append(out, engine.Gap{Kind: engine.GapMalformed, Path: engine.Maybe(ev.Path), Layer: a.diffID(ev.Layer), Detail: "the package database lists no installed package"})
		}
	}
	return out
}

// name completes a package with what its distribution adds: the ecosystem and the package URL.
func name(p *engine.Package, os *engine.OS) {
	namespace, base, version := "", p.Name, p.Version
	qualifiers := map[string]string{}
	switch p.Type {
	case "deb", "apk", "rpm", "alpm":
		if os != nil {
			namespace = os.ID
			qualifiers["distro"] = strings.TrimSuffix(os.ID+"-"+string(os.VersionID), "-")
			if compatible(p.Type, os) {
				p.Ecosystem = os.Ecosystem
			}
		}
		qualifiers["arch"] = string(p.Arch)
		if p.Type == "rpm" { // purl-spec, "rpm": the version has no epoch
			qualifiers["rpmmod"] = string(p.Module)
			if epoch, rest, ok := strings.Cut(version, ":"); ok {
				qualifiers["epoch"], version = epoch, rest
			}
		}
	case "maven":
		namespace, base, _ = strings.Cut(p.Name, ":")
	case "npm", "golang", "composer":
		if i := strings.LastIndexByte(p.Name, '/'); i > 0 {
			namespace, base = p.Name[:i], p.Name[i+1:]
		}
	}
	p.PURL = purl.New(p.Type, namespace, base, version, qualifiers)
}

// compatible says whether packages of a type are those of the distribution: a dpkg database in an Alpine image is not Alpine's.
func compatible(typ string, os *engine.OS) bool {
	eco, _ := engine.SplitEcosystem(string(os.Ecosystem))
	switch typ {
	case "deb":
		return eco == "Debian" || eco == "Ubuntu" || eco == "Echo"
	case "apk":
		return eco == "Alpine" || eco == "Wolfi" || eco == "Chainguard" || eco == "MinimOS"
	case "rpm":
		switch eco {
		case "AlmaLinux", "Rocky Linux", "openSUSE", "Mageia", "openEuler", "Photon OS", "Azure Linux":
			return true
		}
	}
	return false
}
