package advisory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// Many archives of Java do not name their coordinates: what Gradle builds, all of Spring's. An advisory is about one of them where its
// artifact is a name of the archive, and the folders of the archive's classes are those of its group. What no advisory is about, the
// application's own archive among it, is judged by that.

// archiveIndex has the packages of Maven that advisories are about.
type archiveIndex struct {
	artifacts map[string][]string // by artifact, in lower case
	folders   map[string]string   // by the folder of their classes, as far as group and artifact tell it: org/apache/logging/log4j/core
}

// newArchiveIndex reads names, "group:artifact", in their order.
func newArchiveIndex(names []string) *archiveIndex {
	x := &archiveIndex{map[string][]string{}, map[string]string{}}
	for _, name := range names {
		group, artifact, ok := strings.Cut(strings.ToLower(name), ":")
		if !ok {
			continue
		}
		x.artifacts[artifact] = append(x.artifacts[artifact], name)
		if strings.Count(group, ".") < 2 {
			continue
		}
		folder, last := strings.ReplaceAll(group, ".", "/"), artifact[strings.LastIndexByte(artifact, '-')+1:]
		if !strings.HasSuffix(folder, "/"+last) {
			folder += "/" + last
		}
		if x.folders[folder] == "" {
			x.folders[folder] = name
		}
	}
	return x
}

// nameArchives names the archives without coordinates that advisories are about. Of the others it leaves out those without a version. What
// is of a known package and does not say its version, or its name, is a gap.
func (s *matchState) nameArchives(ctx context.Context, inv *engine.Inventory) error {
	owners := owningPackages(inv)
	inv.Packages = slices.DeleteFunc(inv.Packages, func(p engine.Package) bool {
		return p.Archive != nil && p.Version == "" && p.OwnedBy != ""
	})
	if !slices.ContainsFunc(inv.Packages, func(p engine.Package) bool {
		owner := owners[string(p.OwnedBy)]
		return p.Archive != nil && (p.OwnedBy == "" || owner == nil || !owner.Origin.Own) // the distribution judges what it owns
	}) {
		return nil
	}
	shard, err := s.shardOf(ctx, "Maven")
	if err != nil || shard == nil {
		return err
	}
	names, err := s.store.Names(ctx, "Maven")
	if err != nil {
		return fmt.Errorf("listing the packages that advisories of Maven are about: %w", err)
	}
	index := newArchiveIndex(names)
	kept := make([]engine.Package, 0, len(inv.Packages))
	for _, p := range inv.Packages {
		if p.Archive == nil {
			kept = append(kept, p)
			continue
		}
		name := index.nameOf(p.Archive)
		hidden := ""
		if name == "" {
			hidden = index.hiddenIn(p.Archive)
		}
		switch {
		case name != "" && p.Version == "":
			s.addArchiveGap(&p, "its classes are of "+name+", and nothing says which version they are")
		case hidden != "":
			s.addArchiveGap(&p, "it has classes of "+hidden+", and says neither that it is that nor which version of it is in it")
		}
		if name != "" {
			group, artifact, _ := strings.Cut(name, ":")
			p.Name, p.Archive = name, nil
			p.Source = engine.Source{Name: name, Version: p.Version}
			p.PURL = purl.New("maven", group, artifact, p.Version, nil)
		}
		if p.Version != "" {
			kept = append(kept, p)
		}
	}
	inv.Packages = joinNamed(kept)
	return nil
}

// joinNamed makes one of packages of Maven that turned out to be the same, and restores their order.
func joinNamed(all []engine.Package) []engine.Package {
	at := map[string]int{}
	out := all[:0]
	for _, p := range all {
		key := p.Name + "\x00" + p.Version
		i, known := at[key]
		if p.Type != "maven" || !known {
			if p.Type == "maven" {
				at[key] = len(out)
			}
			out = append(out, p)
			continue
		}
		out[i].Locations = slices.Concat(out[i].Locations, p.Locations)
		slices.SortFunc(out[i].Locations, func(a, b engine.Location) int { return cmp.Compare(a.Path, b.Path) })
		out[i].OwnedBy = min(out[i].OwnedBy, p.OwnedBy)
	}
	slices.SortStableFunc(out, func(a, b engine.Package) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Arch, b.Arch))
	})
	return out
}

func (s *matchState) addArchiveGap(p *engine.Package, detail string) {
	g := engine.Gap{Kind: engine.GapUnsupported, Subject: "java archives without coordinates", Count: 1, Detail: detail}
	if len(p.Locations) > 0 {
		g.Path, g.Layer = engine.Maybe(p.Locations[0].Path), p.Locations[0].Layer
	}
	if p.OwnedBy == "" {
		s.gaps = append(s.gaps, g)
	}
}

// nameOf returns the package that an archive is, "" for none that an advisory is about. Of several the one counts whose group is proved by
// most.
func (x *archiveIndex) nameOf(a *engine.JavaArchive) string {
	for _, artifact := range a.Names {
		best, most := "", 0
		for _, name := range x.artifacts[artifact] {
			if n := proof(name, a.Folders); n > most {
				best, most = name, n
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// proof says how many parts of a package's group the folders of an archive's classes prove; 0 proves nothing. Folders begin with the domain
// of the group, and have its next part or a word of the artifact: com/fasterxml/jackson/databind is of
// com.fasterxml.jackson.core:jackson-databind. Groups of one word have their own in the folder: log4j is in org/apache/log4j.
func proof(name string, folders []string) int {
	group, artifact, _ := strings.Cut(strings.ToLower(name), ":")
	parts := strings.Split(group, ".")
	most := 0
	for _, f := range folders {
		in := strings.Split(strings.ToLower(f), "/")
		if len(parts) == 1 {
			words := strings.Split(group, "-")
			if !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(in, w) }) {
				most = max(most, 1)
			}
			continue
		}
		n := 0
		for n < len(parts) && n < len(in) && parts[n] == in[n] {
			n++
		}
		if n < 2 {
			continue
		}
		more := len(parts) == 2
		for _, w := range append(strings.FieldsFunc(artifact, func(r rune) bool { return r == '-' || r == '.' || r == '_' }), parts[2:]...) {
			more = more || slices.Contains(in[2:], w)
		}
		if more {
			most = max(most, n)
		}
	}
	return most
}

// hiddenIn returns a package whose classes an archive has in a folder of their own, group and artifact: org/apache/logging/log4j/core.
func (x *archiveIndex) hiddenIn(a *engine.JavaArchive) string {
	for _, f := range a.Folders {
		for ; f != ""; f = f[:max(strings.LastIndexByte(f, '/'), 0)] {
			if name := x.folders[f]; name != "" {
				return name
			}
		}
	}
	return ""
}
