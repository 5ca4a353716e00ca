package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// data walks a reference that begins with data: to a parameter, a rule, or a loaded document.
func (w *walker) data(t *ast.Term, r ast.Ref) *shape {
	names := constants(r[1:])
	switch {
	case len(names) == 0:
		return w.walk(nil, nil, r, 1)
	case names[0] == "params":
		return w.param(r, names)
	case w.p.loaded(names):
		return w.walk(nil, nil, r, 1)
	}
	n := w.p.prefix(names)
	for at := n; at > 0; at-- {
		k := w.p.packages[strings.Join(names[:at], ".")]
		if k == nil || at >= len(names) {
			continue
		}
		if d := k.decls[names[at]]; d != nil {
			return w.declared(d, r, at+2)
		}
	}
	if n < len(names) {
		known := w.p.below(names[:n])
		w.say(r[n+1], UnknownData, meant(names[n], known), "nothing defines %s", source(ast.NewTerm(r[:n+2])))
	}
	return w.walk(nil, nil, r, len(names)+1)
}

// declared walks from the value of a rule; index i of r is the first key below it.
func (w *walker) declared(d *decl, r ast.Ref, i int) *shape {
	w.decl.leans = true
	if d.pkg != w.decl.pkg {
		d.used = true
	}
	w.promised(d, nil, false)
	if len(d.defs[0].rule.Head.Args) > 0 {
		return w.walk(nil, nil, r, i)
	}
	return w.walk(d.value, nil, r, i)
}

// loaded says that names lead into, or towards, a loaded data document.
func (p *program) loaded(names []string) bool {
	for _, root := range p.in.DataRoots {
		at := strings.Split(root, ".")
		if n := min(len(at), len(names)); slices.Equal(at[:n], names[:n]) {
			return true
		}
	}
	return false
}

// prefix is how many of names lead towards a package or a rule of one.
func (p *program) prefix(names []string) int {
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

// below is every name that packages define right below a path.
func (p *program) below(path []string) []string {
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

// param walks data.params["rule-id"].name.
func (w *walker) param(r ast.Ref, names []string) *shape {
	if len(names) < 2 {
		return w.walk(nil, nil, r, 2)
	}
	params, ok := w.p.params[names[1]]
	switch {
	case !ok:
		hint := "declare them in its METADATA: custom.params"
		if near := nearest(names[1], sortedKeys(w.p.params)); near != "" {
			hint = "did you mean " + `"` + near + `"?`
		}
		w.say(r[2], UnknownParam, hint, "no rule %q declares parameters", names[1])
	case len(names) > 2:
		s, ok := params[names[2]]
		if ok {
			return w.walk(s, nil, r, 4)
		}
		w.say(r[3], UnknownParam, meant(names[2], sortedKeys(params)), "rule %q declares no parameter %q", names[1], names[2])
	}
	return w.walk(nil, nil, r, min(3, len(r)))
}
