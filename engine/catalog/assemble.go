package catalog

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Assemble makes the inventory out of the evidence of all layers and the merged tree; it reads no files. A package database or manifest
// counts when the merged tree shows it; its earlier states say which layer brought a package. Gaps that a distribution's package answers
// for are removed from the evidence in layers.
func Assemble(tree *engine.Tree, layers []engine.LayerFacts) (*engine.Inventory, error) {
	a := &assembly{tree: tree, layers: layers, removed: map[string][]int{}, histories: map[evidenceKey][]*engine.Evidence{}}
	for _, r := range tree.Removals {
		a.removed[r.Path] = append(a.removed[r.Path], r.Layer)
	}
	for i := range layers {
		for j := range layers[i].Evidence {
			ev := &layers[i].Evidence[j]
			key := evidenceKey{ev.Inspector, tree.PathOf(ev.Layer, ev.Path)}
			a.histories[key] = append(a.histories[key], ev)
		}
	}
	for key, evs := range a.histories {
		sort.SliceStable(evs, func(i, j int) bool { return evs[i].Layer < evs[j].Layer })
		if last := evs[len(evs)-1]; tree.Visible(last.Layer, last.Path) {
			a.visible = append(a.visible, key)
		}
	}
	sort.Slice(a.visible, func(i, j int) bool {
		x, y := a.visible[i], a.visible[j]
		return x.path < y.path || x.path == y.path && x.inspector < y.inspector
	})
	inv := &engine.Inventory{OS: a.os()}
	occurrences := a.dropUndeployed(dropRuntimeTwice(dropListedTwice(a.packages(inv.OS), inv.OS)))
	unnamed, unnamedGaps := a.unnamed()
	occurrences = append(occurrences, unnamed...)
	unlisted, gone := a.unlisted(inv.OS, occurrences)
	occurrences = append(occurrences, unlisted...)
	contents := a.packageContents()
	a.markOrigins(inv.OS, occurrences, contents)
	a.markOwners(occurrences)
	a.classifyPackages(occurrences, contents)
	a.setLicenses(occurrences)
	inv.Packages = mergeOccurrences(occurrences)
	inv.Accounts, inv.Secrets = a.accounts(), a.secrets()
	inv.Annotate, inv.Reach = a.annotateFiles, a.markReached
	inv.Gaps = append(a.gaps(inv.OS, occurrences, gone), unnamedGaps...)
	return inv, nil
}

// evidenceKey names one path of the merged tree as one inspector saw it.
type evidenceKey struct{ inspector, path string }

// assembly is the state of one Assemble.
type assembly struct {
	tree      *engine.Tree
	layers    []engine.LayerFacts
	removed   map[string][]int                   // indexes of the layers that removed a path
	histories map[evidenceKey][]*engine.Evidence // oldest first
	visible   []evidenceKey                      // whose latest evidence is of a file that the merged tree shows, sorted
	owners    map[string]owner                   // by path; only paths with packages, gaps or secrets
	// owningPackages are the distribution's own packages: "deb/bash", "deb/bash:amd64".
	owningPackages map[string]owningPackage
}

// occurrence is a package at one location, before mergeOccurrences makes one of those that are equal.
type occurrence struct {
	engine.Package
	key   evidenceKey
	layer int         // index of the layer that brought it
	sums  engine.Sums // of the file that names it
}

// latest returns the evidence from the uppermost layer that has any.
func (a *assembly) latest(key evidenceKey) *engine.Evidence {
	evs := a.histories[key]
	return evs[len(evs)-1]
}

func (a *assembly) diffID(layer int) engine.Maybe {
	return engine.Maybe(a.layers[layer-1].Info.DiffID)
}

// os returns the distribution, nil when no os-release is visible. It prefers /etc/os-release, as os-release(5) says.
func (a *assembly) os() *engine.OS {
	var best *engine.OS
	for _, key := range a.visible {
		if ev := a.latest(key); ev.OS != nil && (best == nil || strings.HasPrefix(ev.Path, "etc/")) {
			os := *ev.OS
			os.Path, os.Layer = engine.Maybe(ev.Path), a.diffID(ev.Layer)
			best = &os
		}
	}
	return best
}

// packages returns every package of the visible evidence.
func (a *assembly) packages(os *engine.OS) []*occurrence {
	var out []*occurrence
	for _, key := range a.visible {
		ev := a.latest(key)
		for _, p := range ev.Packages {
			o := &occurrence{Package: p, key: key, layer: a.introducingLayer(key, p), sums: ev.Sums}
			location := key.path
			if len(p.Locations) > 0 { // within an archive
				location += "!/" + p.Locations[0].Path
			}
			o.Locations = []engine.Location{{Path: location, Layer: a.diffID(ev.Layer)}}
			o.Layer = a.diffID(o.layer)
			if p.Type == "golang" {
				o.Symbols = []*engine.Symbols{ev.Traits.SymbolsOf()}
			}
			setPURL(&o.Package, os)
			out = append(out, o)
		}
	}
	return out
}

// introducingLayer returns the index of the oldest layer from which on the file has named the package without a break.
func (a *assembly) introducingLayer(key evidenceKey, p engine.Package) int {
	evs := a.histories[key]
	layer := evs[len(evs)-1].Layer
	for i := len(evs) - 2; i >= 0; i-- {
		if !lists(evs[i], p) || a.removedBetween(key.path, evs[i].Layer, layer) {
			break
		}
		layer = evs[i].Layer
	}
	return layer
}

// lists says whether evidence has a package of the same name, version and architecture.
func lists(ev *engine.Evidence, p engine.Package) bool {
	for _, q := range ev.Packages {
		if q.Name == p.Name && q.Version == p.Version && q.Arch == p.Arch {
			return true
		}
	}
	return false
}

// removedBetween says whether a layer above from and below to removed the path.
func (a *assembly) removedBetween(path string, from, to int) bool {
	for _, l := range a.removed[path] {
		if from < l && l < to {
			return true
		}
	}
	return false
}

// uniteArchives joins what two archives of one name and version say.
func uniteArchives(a, b *engine.JavaArchive) *engine.JavaArchive {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	both := func(x, y []string) []string {
		out := slices.Concat(x, y)
		slices.Sort(out)
		return slices.Compact(out)
	}
	return &engine.JavaArchive{Names: both(a.Names, b.Names), Folders: both(a.Folders, b.Folders)}
}

// mergeOccurrences makes one package of those that are equal, with all their locations, sorted. It has an owner only if each occurrence
// has.
func mergeOccurrences(all []*occurrence) []engine.Package {
	type key struct{ typ, name, version, ecosystem, source, sourceVersion, arch string }
	indexes := map[key]int{}
	var out []engine.Package
	var layers []int
	for _, o := range all {
		k := key{o.Type, o.Name, o.Version, string(o.Ecosystem), o.Source.Name, o.Source.Version, string(o.Arch)}
		i, known := indexes[k]
		if !known {
			indexes[k] = len(out)
			out, layers = append(out, o.Package), append(layers, o.layer)
			continue
		}
		p := &out[i]
		p.Locations = append(p.Locations, o.Locations...)
		p.Main = p.Main || o.Main
		p.Symbols = append(p.Symbols, o.Symbols...)
		p.Archive = uniteArchives(p.Archive, o.Archive)
		if o.layer < layers[i] {
			layers[i], p.Layer = o.layer, o.Layer
		}
		p.Unlisted = p.Unlisted && o.Unlisted
		p.OwnedBy = min(p.OwnedBy, o.OwnedBy) // "", no owner, is less than any name
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
