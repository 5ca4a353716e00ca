package catalog

import (
	"maps"
	"slices"

	"github.com/vetoci/veto/engine"
)

// gaps returns what of the image could not be assessed: the gaps of visible files, those of any layer that could not be read or ended at a
// limit, empty package databases, and packages of an unknown distribution. Each file is a gap of its own, so that who accepts one does not
// accept those that come later.
func (a *assembly) gaps(os *engine.OS, all []*occurrence, gone map[string]int) []engine.Gap {
	var out []engine.Gap
	for i := range a.layers {
		for _, ev := range a.layers[i].Evidence {
			visible := a.tree.Visible(ev.Layer, ev.Path)
			for _, g := range ev.Gaps {
				if !visible && g.Kind != engine.GapUnreadable && g.Kind != engine.GapLimit {
					continue
				}
				out = append(out, g)
			}
		}
	}
	empty := a.emptyDatabases(all)
	out = append(out, empty...)
	out = append(out, unlistedGaps(os, all, gone, len(empty) > 0)...)
	out = append(out, releaseGaps(os, all)...)
	return append(out, unknownDistribution(os, all)...)
}

// unknownDistribution returns a gap for each type of distribution packages that have no ecosystem, and so no advisories.
func unknownDistribution(os *engine.OS, all []*occurrence) []engine.Gap {
	detail := "there is no os-release that says which distribution the packages are of"
	if os != nil {
		detail = unknownReleaseDetail(os)
	}
	unknown := map[string]int{} // number of packages by type
	for _, o := range all {
		if engine.OfDistribution(o.Type) && o.Ecosystem == "" {
			unknown[o.Type]++
		}
	}
	var out []engine.Gap
	for _, typ := range slices.Sorted(maps.Keys(unknown)) {
		out = append(out, engine.Gap{Kind: engine.GapUnknownOS, Subject: engine.Maybe(typ + " packages"), Detail: detail, Count: unknown[typ]})
	}
	return out
}

// emptyDatabases returns a gap for each package database that lists nothing, unless something else lists packages of its type: distroless
// images have an empty status beside status.d. What was installed is then not known.
func (a *assembly) emptyDatabases(all []*occurrence) []engine.Gap {
	listed := map[string]bool{}
	for _, o := range all {
		listed[o.Type] = true
	}
	databases := databaseTypes()
	var out []engine.Gap
	for _, key := range a.visible {
		ev := a.latest(key)
		if typ := databases[key.inspector]; typ != "" && !listed[typ] && len(ev.Packages) == 0 && len(ev.Gaps) == 0 {
			out = append(out, engine.Gap{Kind: engine.GapMalformed, Path: engine.Maybe(ev.Path), Layer: a.diffID(ev.Layer),
				Detail: "the package database lists no installed package"})
		}
	}
	return out
}

// dropOwnedGaps removes the gaps that the distribution's advisories answer for: what is unsupported or malformed in a file that one of its
// packages owns. What could not be read, or ended at a limit, stays: nobody knows what it holds.
func (a *assembly) dropOwnedGaps() {
	for _, key := range a.visible {
		ev := a.latest(key)
		if len(ev.Gaps) == 0 || a.ownerOf(key, ev.Sums) == "" {
			continue
		}
		kept := ev.Gaps[:0:0]
		for _, g := range ev.Gaps {
			if g.Kind != engine.GapUnsupported && g.Kind != engine.GapMalformed {
				kept = append(kept, g)
			}
		}
		ev.Gaps = kept
	}
}
