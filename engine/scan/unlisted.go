package scan

import (
	"context"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// maxUnlisted is how many files of one layer wait until it is known which of them a package database lists. More are inspected at once.
const maxUnlisted = 4096

// unlistedFile is a file that an engine.Unlisted inspector wants if no package database of the layer lists it.
type unlistedFile struct {
	file  *engine.File
	found *found
	by    engine.Inspector
	seen  bool // by the inspector already: it passes by
}

// deferUnlisted returns the inspectors that are to see a file now. One that skips what is listed sees it later, where it can be read then;
// of a file that passes by it is known later whether what it found counts.
func (w *layerWalk) deferUnlisted(f *engine.File, wanted []engine.Inspector, of *found) []engine.Inspector {
	i := slices.IndexFunc(wanted, func(insp engine.Inspector) bool {
		_, ok := insp.(engine.Unlisted)
		return ok
	})
	if i < 0 {
		return wanted
	}
	u := unlistedFile{file: f, found: of, by: wanted[i], seen: !f.ReadableLater() || len(w.unlisted) >= maxUnlisted}
	if u.seen {
		u.file = engine.NewFile(f.Entry, nil)
	} else {
		wanted = slices.Delete(wanted, i, i+1)
	}
	w.unlisted = append(w.unlisted, u)
	return wanted
}

// inspectUnlisted shows the files that waited to their inspectors, but for those that are listed. What was found in such ones is dropped.
func (w *layerWalk) inspectUnlisted(ctx context.Context) {
	listed := w.listedOf(w.unlisted)
	for _, u := range w.unlisted {
		switch {
		case listed[unmerged(u.file.Path)]:
			u.found.list = slices.DeleteFunc(u.found.list, func(ev engine.Evidence) bool { return ev.Inspector == u.by.Name() })
		case !u.seen:
			w.inspect(ctx, u.file, []engine.Inspector{u.by}, u.found)
		}
	}
	w.unlisted = nil
}

// listedOf says which of some files a package database of the layer lists, by their paths as unmerged has them.
func (w *layerWalk) listedOf(files []unlistedFile) map[string]bool {
	listed := make(map[string]bool, len(files))
	for _, u := range files {
		listed[unmerged(u.file.Path)] = false
	}
	for _, of := range w.found {
		for _, ev := range of.list {
			for _, owned := range ev.Owned {
				for _, f := range owned.Files {
					if _, asked := listed[unmerged(f.Path)]; asked {
						listed[unmerged(f.Path)] = true
					}
				}
			}
		}
	}
	return listed
}

// unmerged is a path as it was before bin, sbin and lib became links into usr. Databases list files under both.
func unmerged(p string) string { return strings.TrimPrefix(p, "usr/") }
