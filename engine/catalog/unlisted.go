package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// A package manager that removes a package removes its files, and its name from the database. Whoever removes the name alone, or the
// database as a whole, leaves the package where it was: what an earlier layer listed is still judged as long as files of it are there
// unchanged.

// databaseTypes maps the inspectors of package databases to the type of their packages.
func databaseTypes() map[string]string {
	return map[string]string{dpkg{}.Name(): "deb", chisel{}.Name(): "deb",
		apk{}.Name(): "apk", rpm{}.Name(): "rpm", rpmManifest{}.Name(): "rpm", pacman{}.Name(): "alpm"}
}

// lastListing is where and when a package was listed last.
type lastListing struct {
	key evidenceKey
	ev  *engine.Evidence
	p   *engine.Package
}

// unlisted returns the packages that an earlier state of a database listed, that none lists now, and whose files are still there; and the
// databases of such packages that are gone, with the number of them.
func (a *assembly) unlisted(os *engine.OS, listed []*occurrence) (out []*occurrence, gone map[string]int) {
	now := map[string]bool{}
	for _, o := range listed {
		if engine.OfDistribution(o.Type) {
			now[packageID(&o.Package)] = true
		}
	}
	last := map[string]lastListing{}
	types := databaseTypes()
	for key, evs := range a.histories {
		if types[key.inspector] == "" {
			continue
		}
		for _, ev := range evs {
			for i := range ev.Packages {
				id := packageID(&ev.Packages[i])
				if before, ok := last[id]; !now[id] && (!ok || before.ev.Layer < ev.Layer || before.ev.Layer == ev.Layer &&
					before.key.path > key.path) {
					last[id] = lastListing{key, ev, &ev.Packages[i]}
				}
			}
		}
	}
	if len(last) == 0 {
		return nil, nil
	}
	remains := a.remainingFiles(last, now)
	gone = map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		l := last[id]
		latest := a.latest(l.key)
		removed := !a.tree.Visible(latest.Layer, latest.Path)
		if has, known := remains[id]; known && !has || !known && !removed {
			continue
		}
		if removed {
			gone[l.key.path]++
		}
		o := &occurrence{Package: *l.p, key: l.key, layer: l.ev.Layer, sums: l.ev.Sums}
		o.Unlisted = true
		o.Locations = []engine.Location{{Path: l.key.path, Layer: a.diffID(l.ev.Layer)}}
		o.layer = a.firstListing(l)
		o.Layer = a.diffID(o.layer)
		setPURL(&o.Package, os)
		out = append(out, o)
	}
	return out, gone
}

// packageID names a package of a distribution, whatever its version is: "deb/bash:amd64".
func packageID(p *engine.Package) string { return p.Type + "/" + p.Name + ":" + string(p.Arch) }

// firstListing is the oldest layer from which on the package was listed without a break, up to its last listing.
func (a *assembly) firstListing(l lastListing) int {
	layer := l.ev.Layer
	evs := a.histories[l.key]
	for i := slices.Index(evs, l.ev) - 1; i >= 0; i-- {
		if !lists(evs[i], *l.p) || a.removedBetween(l.key.path, evs[i].Layer, layer) {
			break
		}
		layer = evs[i].Layer
	}
	return layer
}

// remainingFiles says of each package whether a file of it is where it was when the package was last listed. A package of whose files no
// list is known is not among the answers. Files that another package, which is listed, has now are not its own any more.
func (a *assembly) remainingFiles(last map[string]lastListing, now map[string]bool) map[string]bool {
	out := map[string]bool{}
	left := map[string][]string{} // by package: files that could still be its own
	owned := map[string]bool{}    // files of packages that are listed
	for _, evs := range a.histories {
		for _, ev := range evs {
			for i := range ev.Owned {
				o := &ev.Owned[i]
				id := o.Type + "/" + o.Package + ":" + o.Arch
				if o.Arch == "" {
					id = matchingID(last, now, o)
				}
				l, gone := last[id]
				if !gone {
					continue
				}
				if _, ok := out[id]; !ok {
					out[id] = false
				}
				left[id] = append(left[id], a.unchanged(o, l.ev.Layer)...)
			}
		}
	}
	if len(left) == 0 {
		return out
	}
	for _, key := range a.visible {
		ev := a.latest(key)
		for i := range ev.Owned {
			if o := &ev.Owned[i]; now[o.Type+"/"+o.Package+":"+o.Arch] || o.Arch == "" && now[matchingID(nil, now, o)] {
				for j := range o.Files {
					owned[a.canonical(o.Files[j].Path)] = true
				}
			}
		}
	}
	for id, files := range left {
		out[id] = slices.ContainsFunc(files, func(p string) bool { return !owned[p] })
	}
	return out
}

// matchingID finds the package that a list without an architecture is of.
func matchingID(last map[string]lastListing, now map[string]bool, o *engine.Owned) string {
	prefix := o.Type + "/" + o.Package + ":"
	for _, arch := range []string{"", "amd64", "arm64", "all", "noarch", "x86_64", "aarch64", "any", "i386", "armhf", "armel", "ppc64el",
		"ppc64le",
		"s390x", "riscv64", "mips64el", "i686", "armv7", "armv7hl", "x86"} {
		if _, ok := last[prefix+arch]; ok || now[prefix+arch] {
			return prefix + arch
		}
	}
	return prefix
}

// unchanged lists the files of a package that no layer after one has written, of those that matter: not its documentation, and not what
// package managers leave behind or others change.
func (a *assembly) unchanged(o *engine.Owned, layer int) (out []string) {
	for i := range o.Files {
		p := o.Files[i].Path
		if isDocumentation(p) || strings.HasPrefix(p, "etc/") || strings.HasPrefix(p, "var/") || strings.HasPrefix(p, "run/") {
			continue
		}
		n := a.tree.Nodes[p]
		if n == nil {
			p = a.canonical(p)
			n = a.tree.Nodes[p]
		}
		if n != nil && n.Type == engine.TypeFile && n.Layer <= layer {
			out = append(out, p)
		}
	}
	return out
}

// unlistedGaps are for databases that a layer removed though their packages are there, and for a distribution that is named while no
// package of it is listed: what else was installed is not known.
func unlistedGaps(os *engine.OS, all []*occurrence, gone map[string]int, empty bool) (out []engine.Gap) {
	for _, p := range slices.Sorted(maps.Keys(gone)) {
		out = append(out, engine.Gap{Kind: engine.GapUnlisted, Path: engine.Maybe(p), Count: gone[p],
			Detail: fmt.Sprintf("a layer removed the package database, and files of %d packages that it listed are still there: "+
				"what was installed since is not known", gone[p])})
	}
	if os == nil || len(out) > 0 || empty || slices.ContainsFunc(all, func(o *occurrence) bool { return engine.OfDistribution(o.Type) }) {
		return out
	}
	return append(out, engine.Gap{Kind: engine.GapUnlisted, Path: os.Path, Layer: os.Layer, Subject: engine.Maybe("packages of " + os.ID),
		Detail: "the image says that it is of this distribution, and no package of it is listed: what is installed is not known"})
}
