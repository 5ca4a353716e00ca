package lint

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// checkMetadata collects the parameters that METADATA declares, and checks the keys of results. Package rego checks the rest of METADATA.
func (p *program) checkMetadata() {
	for _, file := range p.files {
		mod := p.in.Modules[file]
		if mod == nil || mod.Package == nil {
			continue
		}
		for _, a := range mod.Annotations {
			if a.Scope == "rule" || a.Scope == "document" {
				p.declareParams(mod, a)
			}
		}
		for _, r := range mod.Rules {
			if set := action(ruleName(r)); set != "" && set != "skip" && r.Head.Key != nil && r.Head.Value == nil {
				p.checkResult(file, r)
			}
		}
	}
}

// declareParams adds the parameters of one METADATA block.
func (p *program) declareParams(mod *ast.Module, a *ast.Annotations) {
	target := a.GetTargetPath()
	if len(target) <= len(mod.Package.Path) {
		return
	}
	names := constantKeys(target[len(mod.Package.Path):])
	if len(names) == 0 || action(names[0]) == "" {
		return
	}
	id, _ := a.Custom["id"].(string)
	switch {
	case len(names) > 1:
		id = names[1]
	case id == "": // as conftest's policies are
		id = DefaultID(dotted(constantKeys(mod.Package.Path[1:])), names[0])
	}
	if params, ok := a.Custom["params"].(map[string]any); ok && id != "" {
		p.addParams(id, params)
	}
}

// checkResult checks the keys of what a rule adds to its set, when that is an object that is written out.
func (p *program) checkResult(file string, r *ast.Rule) {
	key := r.Head.Key
	if v, ok := key.Value.(ast.Var); ok {
		if key = assignedTerm(r.Body, v); key == nil {
			return
		}
	}
	o, ok := key.Value.(ast.Object)
	if !ok {
		return
	}
	hasMsg, hasVariable := false, false
	o.Foreach(func(k, _ *ast.Term) {
		name, constant := k.Value.(ast.String)
		switch {
		case !constant:
			hasVariable = true
		case name == "msg":
			hasMsg = true
		case !slices.Contains(ResultKeys(), string(name)):
			hint := suggestion(string(name), ResultKeys()) + "; what is your own goes under details"
			p.addIssue(file, k.Location, ResultShape, fmt.Sprintf("veto reads no %q in a result", string(name)), hint)
		}
	})
	if !hasMsg && !hasVariable {
		p.addIssue(file, key.Location, ResultShape, `a result needs "msg"`, "")
	}
}

// assignedTerm is the term that a body assigns to a variable; nil unless exactly one expression does.
func assignedTerm(b ast.Body, v ast.Var) *ast.Term {
	var found *ast.Term
	for _, e := range b {
		terms, ok := e.Terms.([]*ast.Term)
		if !ok || len(terms) != 3 || terms[1].Value.Compare(v) != 0 {
			continue
		}
		if name := terms[0].String(); name != ast.Assign.Name && name != ast.Equality.Name {
			continue
		}
		if found != nil {
			return nil
		}
		found = terms[2]
	}
	return found
}
