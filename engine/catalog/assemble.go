package catalog

import (
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Assemble makes the inventory out of the evidence of all layers and the merged tree; it reads no files. What a package database or a
// manifest says counts where it is still visible; earlier states of the same file say which layer brought a package.
func Assemble(tree *engine.Tree, layers []engine.LayerFacts) (*engine.Inventory, error) {
	a := &assembly{tree: tree, layers: layers, removed: map[string][]int{}, histories: map[place][]*engine.Evidence{}}
	for _, r := range tree.Removals {
		a.removed[r.Path] = append(a.removed[r.Path], r.Layer)
	}
	for i := range layers {
		for j := range layers[i].Evidence {
			ev := &layers[i].Evidence[j]
			at := place{ev.Inspector, tree.Place(ev.Layer, ev.Path)}
			a.histories[at] = append(a.histories[at], ev)
		}
	}
	for at, evs := range a.histories {
		sort.SliceStable(evs, func(i, j int) bool { return evs[i].Layer < evs[j].Layer })
		if last := evs[len(evs)-1]; tree.Visible(last.Layer, last.Path) {
			a.visible = append(a.visible, at)
		}
	}
	sort.Slice(a.visible, func(i, j int) bool {
		x, y := a.visible[i], a.visible[j]
		return x.path < y.path || x.path == y.path && x.inspector < y.inspector
	})
	inv := &engine.Inventory{OS: a.os()}
	found := secondhand(a.packages(inv.OS))
	a.own(found)
	a.describe(found)
	a.license(found)
	inv.Packages = merge(found)
	inv.Accounts, inv.Secrets = a.accounts(), a.secrets()
	inv.Annotate, inv.Reach = a.annotate, a.reach
	inv.Gaps = a.gaps(inv.OS, found)
	return inv, nil
}

// place is one file of the merged tree as one inspector sees it.
type place struct{ inspector, path string }

// assembly is the state of one Assemble.
type assembly struct {
	tree      *engine.Tree
	layers    []engine.LayerFacts
	removed   map[string][]int             // layers that removed a path
	histories map[place][]*engine.Evidence // oldest first
	visible   []place                      // whose last state the merged tree shows, sorted
	owners    map[string]owner             // of the paths that matter
	bringers  map[string]int               // of the distribution's packages: the layer that brought each
}

// found is a package at one place, before packages that are the same become one.
type found struct {
	engine.Package
	at      place
	brought int // index of the layer
	sums    engine.Sums
}

func (a *assembly) last(at place) *engine.Evidence {
	evs := a.histories[at]
	return evs[len(evs)-1]
}

func (a *assembly) diffID(layer int) engine.Maybe {
	return engine.Maybe(a.layers[layer-1].Info.DiffID)
}

// os prefers /etc/os-release, as os-release(5) does.
func (a *assembly) os() *engine.OS {
	var best *engine.OS
	for _, at := range a.visible {
		if ev := a.last(at); ev.OS != nil && (best == nil || strings.HasPrefix(ev.Path, "etc/")) {
			os := *ev.OS
			os.Path, os.Layer = engine.Maybe(ev.Path), a.diffID(ev.Layer)
			best = &os
		}
	}
	return best
}

func (a *assembly) packages(os *engine.OS) []*found {
	var out []*found
	for _, at := range a.visible {
		ev := a.last(at)
		for _, p := range ev.Packages {
			f := &found{Package: p, at: at, brought: a.brought(at, p), sums: ev.Sums}
			where := at.path
			if len(p.Locations) > 0 { // in an archive
				where += "!/" + p.Locations[0].Path
			}
			f.Locations = []engine.Location{{Path: where, Layer: a.diffID(ev.Layer)}}
			f.Layer = a.diffID(f.brought)
			if p.Type == "golang" {
				f.Symbols = []*engine.Symbols{ev.Traits.SymbolsOf()}
			}
			name(&f.Package, os)
			out = append(out, f)
		}
	}
	return out
}

// brought is the oldest layer from which the package has been in that file without a break.
func (a *assembly) brought(at place, p engine.Package) int {
	evs := a.histories[at]
	layer := evs[len(evs)-1].Layer
	for i := len(evs) - 2; i >= 0; i-- {
		if !holds(evs[i], p) || a.gone(at.path, evs[i].Layer, layer) {
			break
		}
		layer = evs[i].Layer
	}
	return layer
}

func holds(ev *engine.Evidence, p engine.Package) bool {
	for _, q := range ev.Packages {
		if q.Name == p.Name && q.Version == p.Version && q.Arch == p.Arch {
			return true
		}
	}
	return false
}

// gone says whether a layer between two others left the path removed.
func (a *assembly) gone(path string, from, to int) bool {
	for _, l := range a.removed[path] {
		if from < l && l < to {
			return true
		}
	}
	return false
}

// merge makes one package of those that are the same thing at several places. It is owned only when it is at each place.
func merge(all []*found) []engine.Package {
	type key struct{ typ, name, version, ecosystem, source, sourceVersion, arch string }
	at := map[key]int{}
	var out []engine.Package
	var brought []int
	for _, f := range all {
		k := key{f.Type, f.Name, f.Version, string(f.Ecosystem), f.Source.Name, f.Source.Version, string(f.Arch)}
		i, known := at[k]
		if !known {
			at[k] = len(out)
			out, brought = append(out, f.Package), append(brought, f.brought)
			continue
		}
		p := &out[i]
		p.Locations = append(p.Locations, f.Locations...)
		p.Main = p.Main || f.Main
		p.Symbols = append(p.Symbols, f.Symbols...)
		if f.brought < brought[i] {
			brought[i], p.Layer = f.brought, f.Layer
		}
		p.OwnedBy = min(p.OwnedBy, f.OwnedBy) // unknown is the least
	}
	for i := range out {
		locations := out[i].Locations
		sort.Slice(locations, func(i, j int) bool { return locations[i].Path < locations[j].Path })
		unique := locations[:0]
		for j, l := range locations {
			if j == 0 || l != locations[j-1] {
				unique = append(unique, l)
			}
		}
		out[i].Locations = unique
	}
	sort.Slice(out, func(i, j int) bool {
		x, y := &out[i], &out[j]
		switch {
		case x.Type != y.Type:
			return x.Type < y.Type
		case x.Name != y.Name:
			return x.Name < y.Name
		case x.Version != y.Version:
			return x.Version < y.Version
		case x.Arch != y.Arch:
			return x.Arch < y.Arch
		}
		return x.Source.Name < y.Source.Name
	})
	return out
}
