package rego

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// readSet is the parts of the input that rules refer to.
type readSet struct {
	all      bool            // everything, because some reference is not constant
	sections map[string]bool // top-level names
	allViews bool            // every view of input.index
	views    map[string]bool // views of input.index: "packages_by_name"
}

// merge adds what another set has.
func (r *readSet) merge(o *readSet) {
	r.all, r.allViews = r.all || o.all, r.allViews || o.allViews
	for s := range o.sections {
		r.addSection(s)
	}
	for v := range o.views {
		r.addView(v)
	}
}

func (r *readSet) addSection(name string) {
	if r.sections == nil {
		r.sections = map[string]bool{}
	}
	r.sections[name] = true
}

func (r *readSet) addView(name string) {
	if r.views == nil {
		r.views = map[string]bool{}
	}
	r.views[name] = true
}

// includes says whether a section is read, by itself or through a view of the index, which holds positions in it.
func (r *readSet) includes(section string) bool {
	if r.all || r.sections[section] || r.allViews && (section == "packages" || section == "findings" || section == "files") {
		return true
	}
	for v := range r.views {
		if viewed, _, ok := strings.Cut(v, "_by_"); ok && viewed == section {
			return true
		}
	}
	return false
}

// among returns those of the sections that are read, sorted, each once.
func (r *readSet) among(sections []string) []string {
	var out []string
	for _, m := range sections {
		if r.includes(m) && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

// readSetOf is what rules read, by themselves and through every helper that they could call.
func readSetOf(c *ast.Compiler, rules ...ast.Ref) *readSet {
	out := &readSet{}
	seen := map[*ast.Rule]bool{}
	var queue []*ast.Rule
	enqueue := func(ref ast.Ref) {
		for _, r := range c.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
			if !seen[r] {
				seen[r] = true
				queue = append(queue, r)
			}
		}
	}
	for _, ref := range rules {
		enqueue(ref)
	}
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		ast.WalkRefs(r, func(ref ast.Ref) bool {
			switch {
			case ref.HasPrefix(ast.InputRootRef):
				out.addInputRef(ref)
			case ref.HasPrefix(ast.DefaultRootRef):
				enqueue(ref)
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

// addInputRef adds what a reference that begins with input reads.
func (r *readSet) addInputRef(ref ast.Ref) {
	if len(ref) < 2 {
		r.all = true
		return
	}
	name, ok := ref[1].Value.(ast.String)
	if !ok {
		r.all = true
		return
	}
	r.addSection(string(name))
	if name != "index" {
		return
	}
	if len(ref) > 2 {
		if view, ok := ref[2].Value.(ast.String); ok {
			r.addView(string(view))
			return
		}
	}
	r.allViews = true
}
