package catalog

import (
	"context"
	"io/fs"
	"slices"

	"github.com/vetoci/veto/engine"
)

// verify hashes files, so that they can be compared with what the package databases recorded: those that give whoever starts them another
// user's rights, or all.
type verify struct{ all bool }

// VerifyFiles is the inspector that hashes every regular file, in place of the one in All that hashes set-uid and set-gid files.
func VerifyFiles() engine.Inspector { return verify{all: true} }

func (v verify) Name() string {
	if v.all {
		return "verify-all/1"
	}
	return "verify/1"
}

func (v verify) Wants(_ string, mode fs.FileMode, _ int64) bool {
	return v.all || mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && mode&0o111 != 0
}

// HashesFiles says that checksums are all that is wanted.
func (verify) HashesFiles() {}

func (verify) Inspect(context.Context, *engine.File) (engine.Evidence, error) {
	return engine.Evidence{}, nil
}

// annotate says of each file which package of the distribution lists it, whether it is as that package recorded it, and what capabilities it has.
func (a *assembly) annotate(files []engine.FileFact) {
	at := make(map[string]int, len(files))
	for i := range files {
		at[files[i].Path] = i
	}
	recorded := map[int][]string{} // of a file: the checksums, where any package records one
	for _, p := range a.visible {
		for i := range a.last(p).Owned {
			o := &a.last(p).Owned[i]
			for _, f := range o.Files {
				k, ok := at[f.Path]
				if !ok {
					k, ok = at[a.canonical(f.Path)]
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
		k, ok := at[p.path]
		ev := a.last(p)
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
