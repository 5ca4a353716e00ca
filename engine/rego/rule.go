package rego

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
)

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// rule is one policy rule: every body of one id.
type rule struct {
	id         string
	set        string // the action that it was written with: deny, warn, info
	action     string // after configuration
	pkg        string
	source     string // as reports show it
	owner      *source
	loc        *ast.Location
	ref        ast.Ref     // of its set of results
	bodies     []*ast.Rule // as parsed
	skips      []*ast.Rule
	meta       metadata
	params     map[string]any
	enforcedAt time.Time
	reads      *reads
	query      opa.PreparedEvalQuery
	skip       *opa.PreparedEvalQuery // nil without skips
	skipReads  *reads                 // what skip alone reads
}

func (r *rule) title() string {
	if r.meta.title == "" {
		return r.id
	}
	return r.meta.title
}

// setOf is the action that a set of results stands for: deny and conftest's violation, warn, info, with or without a suffix; and skip.
func setOf(name string) (action string, suffixed bool) {
	name, _, suffixed = strings.Cut(name, "_")
	switch name {
	case "deny", "warn", "info":
		return name, suffixed
	case "violation":
		return "deny", suffixed
	case "skip":
		if !suffixed {
			return "skip", false
		}
	}
	return "", false
}

// collect finds the rules of every module.
func (p *program) collect() {
	p.byName = map[string]*rule{}
	type skip struct{ pkg, id string }
	skips := map[skip][]*ast.Rule{}
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		mod, f := p.modules[name], p.owners[name]
		if f.test {
			continue
		}
		for _, body := range mod.Rules {
			id, action := p.identify(body, mod, f)
			switch action {
			case "":
			case "skip":
				at := skip{packageName(mod), id}
				skips[at] = append(skips[at], body)
			default:
				p.body(id, action, body, mod, f)
			}
		}
	}
	for at, bodies := range skips {
		r := p.byName[at.id]
		if r == nil || r.pkg != at.pkg {
			p.problems.at(bodies[0].Location, "", "skip[%q]: package %s has no rule of that id", at.id, at.pkg)
			continue
		}
		r.skips = bodies
	}
	for _, r := range p.rules {
		p.describe(r)
	}
	p.aliases()
	slices.SortFunc(p.rules, func(a, b *rule) int { return strings.Compare(a.id, b.id) })
	if len(p.rules) == 0 && !p.problems.failed() {
		p.problems.add(Issue{Text: "the policies have no rule", Hint: `a rule is: deny["its-id"] contains "its message" if { … }`})
	}
}

// identify says which rule a body belongs to; the action is "" when it is a helper, or wrong and reported.
func (p *program) identify(body *ast.Rule, mod *ast.Module, f *file) (id, action string) {
	ref := body.Head.Ref()
	first, ok := ref[0].Value.(ast.Var)
	if !ok {
		return "", ""
	}
	action, suffixed := setOf(string(first))
	if action == "" {
		return "", ""
	}
	wrong := func(hint, format string, args ...any) (string, string) {
		p.problems.at(body.Location, hint, format, args...)
		return "", ""
	}
	form := fmt.Sprintf(`write %s["an-id"] contains r if { … }, or rename it if it is a helper`, action)
	if len(body.Head.Args) > 0 || body.Head.Key == nil || body.Head.Value != nil || body.Default {
		return wrong(form, "%s is no set of results", ref)
	}
	switch {
	case len(ref) == 1 && action == "skip":
		return wrong("", "skip needs the id of a rule: skip[\"an-id\"] contains \"the reason\" if { … }")
	case len(ref) == 1 && f.source.library:
		return wrong(form, "a rule of the library needs an id")
	case len(ref) == 1:
		return p.conftestID(body, mod, string(first)), action
	case suffixed || first == "violation":
		return wrong(form, "%s: only deny, warn, info and skip take an id", first)
	case len(ref) > 2:
		return wrong(form, "%s: an id is one word", ref)
	}
	name, ok := ref[1].Value.(ast.String)
	if !ok {
		return wrong(form, "the id %s is not constant", ref[1])
	}
	if !kebab.MatchString(string(name)) {
		return wrong("lower-case letters and digits, joined by single hyphens", "%q is no rule id", string(name))
	}
	return string(name), action
}

// conftestID is the id of a set without ids: METADATA custom.id of any of its bodies, else package and rule name.
func (p *program) conftestID(body *ast.Rule, mod *ast.Module, name string) string {
	pkg := packageName(mod)
	for _, m := range p.modules {
		for _, other := range m.Rules {
			if packageName(m) != pkg || string(other.Head.Name) != name {
				continue
			}
			for _, a := range other.Annotations {
				if id, ok := a.Custom["id"].(string); ok {
					return id
				}
			}
		}
	}
	words := strings.FieldsFunc(strings.ToLower(pkg+"-"+name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.Join(words, "-")
}

// body adds one body to its rule, which it creates.
func (p *program) body(id, action string, body *ast.Rule, mod *ast.Module, f *file) {
	pkg := packageName(mod)
	r := p.byName[id]
	if r == nil {
		r = &rule{id: id, set: action, action: action, pkg: pkg, loc: body.Location, owner: f.source,
			source: fmt.Sprintf("%s:%d", f.shown, body.Location.Row),
			ref:    concat(mod.Package.Path, body.Head.Ref())}
		if f.source.library {
			r.source = "default"
		}
		f.source.rules++
		p.rules, p.byName[id] = append(p.rules, r), r
	} else if ref := concat(mod.Package.Path, body.Head.Ref()); !r.ref.Equal(ref) {
		p.problems.at(body.Location, "ids are unique across packages and actions", "the id %q is taken by %s:%d", id, r.loc.File, r.loc.Row)
		return
	}
	r.bodies = append(r.bodies, body)
}

// concat is the reference of a rule below data: the head's variable becomes a string.
func concat(pkg, head ast.Ref) ast.Ref {
	out := append(ast.Ref{}, pkg...)
	for i, t := range head {
		if v, ok := t.Value.(ast.Var); ok && i == 0 {
			t = ast.StringTerm(string(v))
		}
		out = append(out, t)
	}
	return out
}

// aliases lets a rule be found by its old names.
func (p *program) aliases() {
	for _, r := range p.rules {
		for _, alias := range r.meta.aliases {
			if other := p.byName[alias]; other != nil && other != r {
				p.problems.at(r.loc, "", "the alias %q of %s is taken by %s:%d", alias, r.id, other.loc.File, other.loc.Row)
				continue
			}
			p.byName[alias] = r
		}
	}
}
