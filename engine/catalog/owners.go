package catalog

import (
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// owner is what a package database says about one path.
type owner struct {
	typ, pkg, arch string // of the package; arch may be ""
	sum            string // as engine.OwnedFile.Sum
}

// markOwners sets OwnedBy of the language packages that a package of the distribution owns, and drops the gaps that are such a package's.
// Anything that ownerOf does not vouch for is judged by the advisories of both sides.
func (a *assembly) markOwners(all []*occurrence) {
	wanted := map[string]bool{}
	for _, key := range a.visible {
		if ev := a.latest(key); len(ev.Packages) > 0 || len(ev.Gaps) > 0 || ev.Traits != nil && len(ev.Traits.Secrets) > 0 {
			wanted[key.path] = true
		}
	}
	a.owners = map[string]owner{}
	for _, key := range a.visible {
		for _, o := range a.latest(key).Owned {
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
	a.owningPackages = map[string]owningPackage{}
	for _, o := range all {
		if engine.OfDistribution(o.Type) && !o.Unlisted && (o.Origin.Own || o.Origin.Plausible) {
			p := owningPackage{o.layer, a.nameSince(o.key, o.Package)}
			a.owningPackages[o.Type+"/"+o.Name] = p
			a.owningPackages[o.Type+"/"+o.Name+":"+string(o.Arch)] = p
		}
	}
	for _, o := range all {
		if !engine.OfDistribution(o.Type) {
			o.OwnedBy = engine.Maybe(a.ownerOf(o.key, o.sums))
		}
	}
	a.dropOwnedGaps()
}

// owningPackage is a package of the distribution's own that can own files.
type owningPackage struct {
	layer int // that brought it
	since int // the oldest layer from which on some version of it has been there without a break
}

// nameSince returns the index of the oldest layer from which on the database has had a package of that name, in whatever version.
func (a *assembly) nameSince(key evidenceKey, p engine.Package) int {
	evs := a.histories[key]
	layer := evs[len(evs)-1].Layer
	for i := len(evs) - 2; i >= 0; i-- {
		if !slices.ContainsFunc(evs[i].Packages, func(q engine.Package) bool { return q.Name == p.Name && q.Arch == p.Arch }) ||
			a.removedBetween(key.path, evs[i].Layer, layer) {
			break
		}
		layer = evs[i].Layer
	}
	return layer
}

// ownerOf returns the distribution's package that owns a file with these checksums, such as "deb/python3-django". It is "" unless the
// package is the distribution's own and installed, the checksum that its database recorded is the file's, and the file is from the layers
// in which the package came: a later layer may have written both the file and the database, and may claim a file that was there before.
func (a *assembly) ownerOf(key evidenceKey, sums engine.Sums) string {
	o, ok := a.owners[key.path]
	if !ok {
		return ""
	}
	id := o.typ + "/" + o.pkg
	withArch := id
	if o.arch != "" {
		withArch += ":" + o.arch
	}
	p, installed := a.owningPackages[withArch]
	node := a.tree.Nodes[key.path]
	if !installed || !sums.Equal(o.sum) || node == nil || node.Layer > p.layer && !a.hadContent(key, p.layer, sums) {
		return ""
	}
	if node.Layer < p.since {
		return "" // it was there before the package
	}
	return id
}

// hadContent says whether the file already had this content in a layer up to the given one. What later layers wrote is then no other
// content, but for instance another mode.
func (a *assembly) hadContent(key evidenceKey, layer int, sums engine.Sums) bool {
	for _, ev := range a.histories[key] {
		if ev.Layer <= layer && ev.Sums.Same(sums) {
			return true
		}
	}
	return false
}

// canonical resolves a link in the first folder of a path: dpkg's lists say lib/x where a merged /usr has usr/lib/x.
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
