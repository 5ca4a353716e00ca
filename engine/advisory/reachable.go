package advisory

import (
	"slices"

	"github.com/vetoci/veto/engine"
)

// reachable says whether the programs that hold the module have one of the functions that the advisories name: "yes", "no" or "unknown".
// "no" needs both to be known. A function that is there may still never be called.
func (g aliasGroup) reachable() string {
	var imports []Import
	for _, m := range g.matches {
		imports = append(imports, m.imports...)
	}
	known := len(imports) > 0
	for _, p := range g.source.packages {
		known = known && len(p.Symbols) > 0
		for _, s := range p.Symbols {
			if s == nil {
				known = false
			} else if slices.ContainsFunc(imports, func(i Import) bool { return i.presentIn(s) }) {
				return "yes"
			}
		}
	}
	if known {
		return "no"
	}
	return "unknown"
}

// presentIn says whether a program has one of the functions, or anything of the package when no function is named.
func (i Import) presentIn(s *engine.Symbols) bool {
	if len(i.Symbols) == 0 {
		return s.Has(i.Path)
	}
	return slices.ContainsFunc(i.Symbols, func(name string) bool { return s.Has(i.Path + "." + name) })
}
