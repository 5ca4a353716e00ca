package catalog

import (
	"slices"

	"github.com/vetoci/veto/engine"
)

// annotateFiles sets of each file which package of the distribution lists it (of several the first by name), whether its content is as a
// package recorded it, and its capabilities. A file without a recorded or a computed checksum keeps "unknown".
func (a *assembly) annotateFiles(files []engine.FileFact) {
	index := make(map[string]int, len(files)) // by path
	for i := range files {
		index[files[i].Path] = i
	}
	recorded := map[int][]string{} // checksums that packages recorded, by the index of the file
	for _, p := range a.visible {
		for i := range a.latest(p).Owned {
			o := &a.latest(p).Owned[i]
			for _, f := range o.Files {
				k, ok := index[f.Path]
				if !ok {
					k, ok = index[a.canonical(f.Path)]
				}
				if !ok || files[k].Type == "dir" {
					continue
				}
				if by := engine.Maybe(o.Type + "/" + o.Package); files[k].OwnedBy == "" || by < files[k].OwnedBy {
					files[k].OwnedBy = by
				}
				if f.Sum != "" {
					recorded[k] = append(recorded[k], f.Sum)
				}
			}
		}
	}
	for _, p := range a.visible {
		k, ok := index[p.path]
		ev := a.latest(p)
		if !ok {
			continue
		}
		if ev.Traits != nil {
			files[k].Capabilities = append(files[k].Capabilities, ev.Traits.Capabilities...)
		}
		if ev.Sums != (engine.Sums{}) && len(recorded[k]) > 0 {
			files[k].Intact = "no"
			if slices.ContainsFunc(recorded[k], ev.Sums.Equal) {
				files[k].Intact = "yes"
			}
		}
	}
	for i := range files {
		slices.Sort(files[i].Capabilities)
		files[i].Capabilities = slices.Compact(files[i].Capabilities)
	}
}
