package rego

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reads is which parts of the input rules refer to.
type reads struct {
	all      bool            // some reference is not constant: everything
	sections map[string]bool // top-level names
	allViews bool            // of the index
	views    map[string]bool
}

func (r *reads) add(o *reads) {
	r.all, r.allViews = r.all || o.all, r.allViews || o.allViews
	for s := range o.sections {
		r.section(s)
	}
	for v := range o.views {
		r.view(v)
	}
}

func (r *reads) section(name string) {
	if r.sections == nil {
		r.sections = map[string]bool{}
	}
	r.sections[name] = true
}

func (r *reads) view(name string) {
	if r.views == nil {
		r.views = map[string]bool{}
	}
	r.views[name] = true
}

// needs says whether a section is read, by itself or through a view of the index that is made of it.
func (r *reads) needs(section string) bool {
	if r.all || r.sections[section] || r.allViews && (section == "packages" || section == "findings" || section == "files") {
		return true
	}
	for v := range r.views {
		if of, _, ok := strings.Cut(v, "_by_"); ok && of == section {
			return true
		}
	}
	return false
}

// lacking are the missing sections that are read, sorted.
func (r *reads) lacking(missing []string) []string {
	var out []string
	for _, m := range missing {
		if r.needs(m) && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

// readsOf follows references from rules, through every helper that they could reach.
func readsOf(c *ast.Compiler, from ...ast.Ref) *reads {
	out := &reads{}
	seen := map[*ast.Rule]bool{}
	var queue []*ast.Rule
	reach := func(ref ast.Ref) {
		for _, r := range c.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
			if !seen[r] {
				seen[r] = true
				queue = append(queue, r)
			}
		}
	}
	for _, ref := range from {
		reach(ref)
	}
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		ast.WalkRefs(r, func(ref ast.Ref) bool {
			switch {
			case ref.HasPrefix(ast.InputRootRef):
				out.input(ref)
			case ref.HasPrefix(ast.DefaultRootRef):
				reach(ref)
			}
			return false
		})
		for dep := range c.Graph.Dependencies(r) {
			if d, ok := dep.(*ast.Rule); ok && !seen[d] {
				seen[d] = true
				queue = append(queue, d)
			}
		}
	}
	return out
}

func (r *reads) input(ref ast.Ref) {
	if len(ref) < 2 {
		r.all = true
		return
	}
	name, ok := ref[1].Value.(ast.String)
	if !ok {
		r.all = true
		return
	}
	r.section(string(name))
	if name != "index" {
		return
	}
	if len(ref) > 2 {
		if view, ok := ref[2].Value.(ast.String); ok {
			r.view(string(view))
			return
		}
	}
	r.allViews = true
}
