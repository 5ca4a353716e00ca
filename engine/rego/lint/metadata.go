package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// action is ActionOf without the suffix.
func action(name string) string {
	a, _ := ActionOf(name)
	return a
}

// actions are the rule sets that veto reads.
func actions() []string { return []string{"deny", "warn", "info", "skip"} }

// ResultKeys are the keys that veto reads of a result, sorted.
func ResultKeys() []string {
	return []string{"details", "finding", "findings", "layer", "msg", "path", "subject"}
}

// ActionOf is what a rule of this name does: deny, warn, info or skip, "" for a helper. conftest's names count too: violation for deny, and
// a suffix after any of them but skip, as in deny_root.
func ActionOf(name string) (action string, suffixed bool) {
	set, _, suffixed := strings.Cut(name, "_")
	switch {
	case set == "violation":
		return "deny", suffixed
	case set == "skip" && suffixed:
		return "", false
	case slices.Contains(actions(), set):
		return set, suffixed
	}
	return "", false
}

// DefaultID is the id of a rule that has none of its own, as conftest's policies have them: package and set, in lower case, with hyphens
// for everything but letters and digits.
func DefaultID(pkg, set string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(pkg+"-"+set), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}

// metadata collects the declared parameters and checks the results' shapes. The rest of METADATA is checked where it is read.
func (p *program) metadata() {
	for _, file := range p.files {
		mod := p.in.Modules[file]
		if mod == nil || mod.Package == nil {
			continue
		}
		for _, a := range mod.Annotations {
			if a.Scope == "rule" || a.Scope == "document" {
				p.annotation(mod, a)
			}
		}
		for _, r := range mod.Rules {
			if set := action(ruleName(r)); set != "" && set != "skip" && r.Head.Key != nil && r.Head.Value == nil {
				p.result(file, r)
			}
		}
	}
}

func (p *program) annotation(mod *ast.Module, a *ast.Annotations) {
	target := a.GetTargetPath()
	if len(target) <= len(mod.Package.Path) {
		return
	}
	names := constants(target[len(mod.Package.Path):])
	if len(names) == 0 || action(names[0]) == "" {
		return
	}
	id, _ := a.Custom["id"].(string)
	switch {
	case len(names) > 1:
		id = names[1]
	case id == "": // a set without ids is called by its package and name
		id = DefaultID(dotted(constants(mod.Package.Path[1:])), names[0])
	}
	if params, ok := a.Custom["params"].(map[string]any); ok && id != "" {
		p.declare(id, params)
	}
}

// result checks what a rule adds to its set, when it is written out as an object.
func (p *program) result(file string, r *ast.Rule) {
	key := r.Head.Key
	if v, ok := key.Value.(ast.Var); ok {
		if key = assigned(r.Body, v); key == nil {
			return
		}
	}
	o, ok := key.Value.(ast.Object)
	if !ok {
		return
	}
	hasMsg, open := false, false
	o.Foreach(func(k, _ *ast.Term) {
		name, constant := k.Value.(ast.String)
		switch {
		case !constant:
			open = true
		case name == "msg":
			hasMsg = true
		case !slices.Contains(ResultKeys(), string(name)):
			p.issue(file, k.Location, ResultShape, fmt.Sprintf("veto reads no %q in a result", string(name)), meant(string(name), ResultKeys())+"; what is your own goes under details")
		}
	})
	if !hasMsg && !open {
		p.issue(file, key.Location, ResultShape, `a result needs "msg"`, "")
	}
}

// assigned is the term that a body assigns to a variable, when there is exactly one such expression.
func assigned(b ast.Body, v ast.Var) *ast.Term {
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

// nearMisses reports sets called almost like one that veto reads, in packages that have none and that nothing else refers to.
func (p *program) nearMisses() {
	for _, d := range p.all() {
		if d.used || action(d.name) != "" || d.pkg.acts() {
			continue
		}
		meantSet := nearMiss(d.name)
		one := d.defs[0]
		if meantSet == "" || one.test || one.rule.Head.Key == nil || one.rule.Head.Value != nil {
			continue
		}
		p.issue(one.file, one.rule.Location, NearMissRule, fmt.Sprintf("veto does not read the set %q, and the package has no other", d.name), fmt.Sprintf("did you mean %q?", meantSet))
	}
}

func (k *pkg) acts() bool {
	for name := range k.decls {
		if action(name) != "" {
			return true
		}
	}
	return false
}

// nearMiss is the set whose name was probably meant.
func nearMiss(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), "_")
	switch name {
	case "denied", "denies", "denial", "denials", "violations", "fail", "failure":
		return "deny"
	case "warning", "warnings", "warned":
		return "warn"
	case "infos", "information", "notice":
		return "info"
	case "skipped", "skips":
		return "skip"
	}
	for _, a := range actions() {
		if name == a || len(name) >= len(a)-1 && len(name) <= len(a)+1 && nearOne(name, a) {
			return a
		}
	}
	return ""
}

// nearOne says that one letter was added, lost or changed, or two neighbours swapped.
func nearOne(word, of string) bool {
	for i := range len(of) {
		if len(word) == len(of)-1 && word == of[:i]+of[i+1:] {
			return true
		}
		if len(word) == len(of) && word[:i] == of[:i] && word[i+1:] == of[i+1:] {
			return true
		}
		if len(word) == len(of) && i+1 < len(of) && word == of[:i]+of[i+1:i+2]+of[i:i+1]+of[i+2:] {
			return true
		}
	}
	for i := range len(word) {
		if len(word) == len(of)+1 && of == word[:i]+word[i+1:] {
			return true
		}
	}
	return false
}
