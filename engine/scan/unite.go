package scan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/vetoci/veto/engine"
)

// Where container runtimes differ in what they make of an image, the facts are those of any of them: whatever one would show is in the
// inventory, and what another would not show is a gap besides, since somebody wrote an image that is not the same thing everywhere.

// clone copies layers as deep as following links and taking inventory change them.
func clone(layers []engine.LayerFacts) []engine.LayerFacts {
	out := slices.Clone(layers)
	for i := range out {
		out[i].Evidence = slices.Clone(out[i].Evidence)
	}
	return out
}

// unite returns a tree with the nodes of all; where they differ, that of the first. It is for facts about files, and no place to resolve
// links.
func unite(trees []*engine.Tree) *engine.Tree {
	if len(trees) == 1 {
		return trees[0]
	}
	all := *trees[0]
	all.Nodes = maps.Clone(all.Nodes)
	for _, t := range trees[1:] {
		for p, n := range t.Nodes {
			if _, ok := all.Nodes[p]; !ok {
				all.Nodes[p] = n
			}
		}
	}
	return &all
}

// uniteInventories returns all that any inventory has, and a gap for what not all of them have.
func uniteInventories(all []*engine.Inventory) *engine.Inventory {
	if len(all) == 1 {
		return all[0]
	}
	first := all[0]
	out := *first
	for _, other := range all[1:] {
		out.Packages = unitePackages(&out, other.Packages)
		out.Secrets = append(slices.Clip(out.Secrets), other.Secrets...)
		out.Gaps = append(slices.Clip(out.Gaps), other.Gaps...)
		out.Accounts = uniteAccounts(&out, other.Accounts)
		if other.OS != nil && (out.OS == nil || out.OS.Ecosystem != other.OS.Ecosystem || out.OS.VersionID != other.OS.VersionID) {
			noteDifference(&out, other.OS.Path, other.OS.Layer, "it names another distribution")
			out.OS = cmp.Or(out.OS, other.OS)
		}
	}
	out.Annotate = func(files []engine.FileFact) {
		for _, inv := range all {
			if inv.Annotate != nil {
				inv.Annotate(files)
			}
		}
	}
	return &out
}

// packageKey is what makes two packages the same thing.
type packageKey struct{ typ, name, version, ecosystem, source, sourceVersion, arch string }

func keyOf(p *engine.Package) packageKey {
	return packageKey{p.Type, p.Name, p.Version, string(p.Ecosystem), p.Source.Name, p.Source.Version, string(p.Arch)}
}

// unitePackages adds packages that inv lacks. One that both have counts as owned only where it is in both.
func unitePackages(inv *engine.Inventory, more []engine.Package) []engine.Package {
	packages := slices.Clone(inv.Packages)
	at, seen := map[packageKey]int{}, map[packageKey]bool{}
	for i := range packages {
		at[keyOf(&packages[i])] = i
	}
	for i := range more {
		p := &more[i]
		seen[keyOf(p)] = true
		have, ok := at[keyOf(p)]
		if !ok {
			packages = append(packages, *p)
			notePackage(inv, p)
			continue
		}
		packages[have].OwnedBy = min(packages[have].OwnedBy, p.OwnedBy) // unknown is the least
		for _, l := range p.Locations {
			if !slices.Contains(packages[have].Locations, l) {
				packages[have].Locations = append(slices.Clip(packages[have].Locations), l)
			}
		}
	}
	for i := range inv.Packages {
		if p := &inv.Packages[i]; !seen[keyOf(p)] {
			notePackage(inv, p)
		}
	}
	return packages
}

func notePackage(inv *engine.Inventory, p *engine.Package) {
	where := engine.Maybe("")
	if len(p.Locations) > 0 {
		where = engine.Maybe(p.Locations[0].Path)
	}
	noteDifference(inv, where, p.Layer, "the package "+p.Name+" "+p.Version+" is there with some runtimes only")
}

func noteDifference(inv *engine.Inventory, path, layer engine.Maybe, what string) {
	inv.Gaps = append(slices.Clip(inv.Gaps), engine.Gap{Kind: engine.GapRuntimesDiffer, Path: path, Layer: layer,
		Detail: what + ": drivers that unpack each layer alone (overlay) and those that unpack one over the other (vfs) differ here"})
}

// uniteAccounts adds accounts that inv lacks, and those that say something else.
func uniteAccounts(inv *engine.Inventory, more []engine.Account) []engine.Account {
	accounts := slices.Clone(inv.Accounts)
	for i := range more {
		same := func(a engine.Account) bool {
			b := &more[i]
			return a.Name == b.Name && a.UID == b.UID && a.GID == b.GID && a.Shell == b.Shell && a.Password == b.Password
		}
		if !slices.ContainsFunc(inv.Accounts, same) {
			accounts = append(accounts, more[i])
			noteDifference(inv, more[i].Path, "", "the account "+more[i].Name+" is there, or as it is, with some runtimes only")
		}
	}
	return accounts
}
