package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// sortedKeys returns the keys of a map, sorted.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// dataType is the type of what a reference that begins with data leads to: a parameter, a rule, or a loaded document.
func (w *walker) dataType(r ast.Ref) *valueType {
	names := constantKeys(r[1:])
	switch {
	case len(names) == 0:
		return w.followRef(nil, nil, r, 1)
	case names[0] == "params":
		return w.paramRefType(r, names)
	case w.program.isDocument(names):
		return w.followRef(nil, nil, r, 1)
	}
	n := w.program.packagePrefix(names)
	for prefix := n; prefix > 0; prefix-- {
		pkg := w.program.packages[dotted(names[:prefix])]
		if pkg == nil || prefix >= len(names) {
			continue
		}
		if d := pkg.decls[names[prefix]]; d != nil {
			return w.declType(d, r, prefix+2)
		}
	}
	if n < len(names) {
		known := w.program.namesBelow(names[:n])
		w.report(r[n+1], UnknownData, suggestion(names[n], known), "nothing defines %s", termText(ast.NewTerm(r[:n+2])))
	}
	return w.followRef(nil, nil, r, len(names)+1)
}

// declType is the type of what a reference to a rule leads to; index i of r is the first key below the rule.
func (w *walker) declType(d *decl, r ast.Ref, i int) *valueType {
	w.decl.dependsOnOthers = true
	d.used = d.used || d != w.decl
	if d.pkg != w.decl.pkg {
		d.usedOutside = true
	}
	w.assumeGuarantees(d, nil, false)
	if len(d.defs[0].rule.Head.Args) > 0 {
		return w.followRef(nil, nil, r, i)
	}
	return w.followRef(d.value, nil, r, i)
}

// isDocument says whether names lead into a loaded data document, or to one.
func (p *program) isDocument(names []string) bool {
	for _, root := range p.in.DataRoots {
		rootNames := strings.Split(root, ".")
		if n := min(len(rootNames), len(names)); slices.Equal(rootNames[:n], names[:n]) {
			return true
		}
	}
	return false
}

// packagePrefix is how many of names lead to a package.
func (p *program) packagePrefix(names []string) int {
	best := 0
	for _, k := range p.packages {
		n := 0
		for n < min(len(k.path), len(names)) && k.path[n] == names[n] {
			n++
		}
		best = max(best, n)
	}
	return best
}

// namesBelow are the names that can follow a path below data, sorted.
func (p *program) namesBelow(path []string) []string {
	found := map[string]bool{}
	for _, k := range p.packages {
		switch {
		case len(k.path) > len(path) && slices.Equal(k.path[:len(path)], path):
			found[k.path[len(path)]] = true
		case slices.Equal(k.path, path):
			for name := range k.decls {
				found[name] = true
			}
		}
	}
	for _, root := range append([]string{"params"}, p.in.DataRoots...) {
		if name, _, _ := strings.Cut(root, "."); len(path) == 0 {
			found[name] = true
		}
	}
	return sortedKeys(found)
}

// paramRefType is the type of what data.params["rule-id"].name leads to.
func (w *walker) paramRefType(r ast.Ref, names []string) *valueType {
	if len(names) < 2 {
		return w.followRef(nil, nil, r, 2)
	}
	params, ok := w.program.params[names[1]]
	switch {
	case !ok:
		hint := "declare them in its METADATA: custom.params"
		if near := nearest(names[1], sortedKeys(w.program.params)); near != "" {
			hint = "did you mean " + `"` + near + `"?`
		}
		w.report(r[2], UnknownParam, hint, "no rule %q declares parameters", names[1])
	case len(names) > 2:
		typ, ok := params[names[2]]
		if ok {
			return w.followRef(typ, nil, r, 4)
		}
		w.report(r[3], UnknownParam, suggestion(names[2], sortedKeys(params)), "rule %q declares no parameter %q", names[1], names[2])
	}
	return w.followRef(nil, nil, r, min(3, len(r)))
}
