package scan

import (
	"slices"
	"sync/atomic"

	"github.com/vetoci/veto/engine"
)

// totals are what all layers of an image hold together; each adds to them while it is read.
type totals struct {
	entries, paths, evidence atomic.Int64
}

// add counts entries, bytes of paths and bytes of evidence. Beyond what an image may have it is an error: no part of such an image is
// judged.
func (t *totals) add(entries, paths, evidence int64) error {
	switch {
	case t.entries.Add(entries) > engine.MaxImageEntries:
		return imageLimit{&engine.LimitError{What: "number of entries of all layers", Limit: engine.MaxImageEntries}}
	case t.paths.Add(paths) > engine.MaxImagePaths:
		return imageLimit{&engine.LimitError{What: "bytes of the paths of all layers", Limit: engine.MaxImagePaths}}
	case t.evidence.Add(evidence) > engine.MaxImageEvidence:
		return imageLimit{&engine.LimitError{What: "bytes of what was found in all layers", Limit: engine.MaxImageEvidence}}
	}
	return nil
}

// addLayer counts a whole layer, as the cache gave it.
func (t *totals) addLayer(lf *engine.LayerFacts) error {
	var paths, evidence int64
	for i := range lf.Entries {
		paths += pathBytes(&lf.Entries[i])
	}
	for i := range lf.Evidence {
		evidence += evidenceBytes(&lf.Evidence[i])
	}
	return t.add(int64(len(lf.Entries)), paths, evidence)
}

// imageLimit is a limit of the image as a whole. It wraps no LimitError, so that nobody takes it for a gap in one layer.
type imageLimit struct{ limit *engine.LimitError }

func (e imageLimit) Error() string { return e.limit.Error() }

func pathBytes(e *engine.Entry) int64 { return int64(len(e.Path) + len(e.Link)) }

// evidenceBytes is about how much memory evidence takes: itself (420 bytes), its packages (3,000 each, since every later stage and the
// policies have them too), its lists.
func evidenceBytes(ev *engine.Evidence) int64 {
	n := 420 + len(ev.Path)
	for i := range ev.Packages {
		p := &ev.Packages[i]
		n += 3000 + len(p.Name) + len(p.Version) + len(p.Source.Name) + len(p.Source.Version) + len(p.Depends) + len(p.Provides)
		for _, l := range p.Licenses {
			n += 16 + len(l)
		}
	}
	for i := range ev.Owned {
		n += 80
		for _, f := range ev.Owned[i].Files {
			n += 32 + len(f.Path) + len(f.Sum)
		}
	}
	for i := range ev.Gaps {
		n += 200 + len(ev.Gaps[i].Detail)
	}
	if ev.Traits != nil {
		n += traitsBytes(ev.Traits)
	}
	if ev.OS != nil {
		n += 200 + len(ev.OS.ID) + len(ev.OS.Name) + len(ev.OS.VersionID) + len(ev.OS.Codename) + len(ev.OS.PrettyName)
	}
	return int64(n)
}

func traitsBytes(t *engine.Traits) int {
	n := 104 + 32*(len(t.Capabilities)+len(t.Licenses))
	for i := range t.Secrets {
		n += 400 + len(t.Secrets[i].Redacted)
	}
	for i := range t.Accounts {
		n += 300 + 32*len(t.Accounts[i].Groups)
	}
	if t.Program == nil {
		return n
	}
	n += 120
	for _, s := range slices.Concat(t.Program.Needed, t.Program.RunPath) {
		n += 16 + len(s)
	}
	if t.Program.Symbols != nil {
		n += 8 * len(t.Program.Symbols.Hashes)
	}
	return n
}
