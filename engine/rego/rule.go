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

	"github.com/vetoci/veto/engine/rego/lint"
)

var ruleIDPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// rule is one rule of veto's: every Rego rule of one id.
type rule struct {
	id            string
	defaultAction string // the action that it was written with: deny, warn, info
	action        string // after configuration
	pkg           string // "veto.vulnerabilities"
	source        string // in reports: "default", or the policy file with its line
	set           *policySet
	loc           *ast.Location // of its first body
	ref           ast.Ref       // of its set of results, "data.veto.os.deny[\"os-end-of-life\"]"
	bodies        []*ast.Rule   // as parsed
	skips         []*ast.Rule   // the bodies of skip["its-id"], which say when it does not apply
	meta          metadata
	params        map[string]any
	enforcedAt    time.Time // before it a deny only warns; zero is at once
	reads         *readSet  // of the input, by bodies and skips
	query         opa.PreparedEvalQuery
	skipQuery     *opa.PreparedEvalQuery // nil without skips
	skipReads     *readSet               // of the input, by skips alone
}

func (r *rule) title() string {
	if r.meta.title == "" {
		return r.id
	}
	return r.meta.title
}

// collectRules finds the rules of every module.
func (p *program) collectRules() {
	p.byName = map[string]*rule{}
	type target struct{ pkg, id string }
	skips := map[target][]*ast.Rule{}
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		mod, f := p.modules[name], p.files[name]
		if f.test {
			continue
		}
		for _, body := range mod.Rules {
			id, action := p.identify(body, mod, f)
			switch action {
			case "":
			case "skip":
				skipped := target{packageName(mod), id}
				skips[skipped] = append(skips[skipped], body)
			default:
				p.addBody(id, action, body, mod, f)
			}
		}
	}
	for skipped, bodies := range skips {
		r := p.byName[skipped.id]
		if r == nil || r.pkg != skipped.pkg {
			p.issues.addAt(bodies[0].Location, "", "skip[%q]: package %s has no rule of that id", skipped.id, skipped.pkg)
			continue
		}
		r.skips = bodies
	}
	for _, r := range p.rules {
		p.readMetadata(r)
	}
	p.addAliases()
	slices.SortFunc(p.rules, func(a, b *rule) int { return strings.Compare(a.id, b.id) })
	if len(p.rules) == 0 && p.issues.empty() {
		p.issues.add(issue{Text: "the policies have no rule", Hint: `a rule is: deny["its-id"] contains "its message" if { … }`})
	}
}

// identify says which rule a body belongs to. The action is "" when it is a helper, or when something is wrong with it, which is then an
// issue.
func (p *program) identify(body *ast.Rule, mod *ast.Module, f *file) (id, action string) {
	ref := body.Head.Ref()
	first, ok := ref[0].Value.(ast.Var)
	if !ok {
		return "", ""
	}
	action, suffixed := lint.ActionOf(string(first))
	if action == "" {
		return "", ""
	}
	reject := func(hint, format string, args ...any) (string, string) {
		p.issues.addAt(body.Location, hint, format, args...)
		return "", ""
	}
	usage := fmt.Sprintf(`write %s["an-id"] contains r if { … }, or rename it if it is a helper`, action)
	if len(body.Head.Args) > 0 || body.Head.Key == nil || body.Head.Value != nil || body.Default {
		return reject(usage, "%s is no set of results", ref)
	}
	switch {
	case len(ref) == 1 && action == "skip":
		return reject("", "skip needs the id of a rule: skip[\"an-id\"] contains \"the reason\" if { … }")
	case len(ref) == 1 && f.set.library:
		return reject(usage, "a rule of the library needs an id")
	case len(ref) == 1:
		return p.conftestID(mod, string(first)), action
	case suffixed || first == "violation":
		return reject(usage, "%s: only deny, warn, info and skip take an id", first)
	case len(ref) > 2:
		return reject(usage, "%s: an id is one word", ref)
	}
	name, ok := ref[1].Value.(ast.String)
	if !ok {
		return reject(usage, "the id %s is not constant", ref[1])
	}
	if !ruleIDPattern.MatchString(string(name)) {
		return reject("lower-case letters and digits, joined by single hyphens", "%q is no rule id", string(name))
	}
	return string(name), action
}

// conftestID is the id of a set without ids, as conftest's policies have them: METADATA custom.id of any of its bodies, else package and
// name of the set.
func (p *program) conftestID(mod *ast.Module, name string) string {
	pkg := packageName(mod)
	for _, file := range slices.Sorted(maps.Keys(p.modules)) {
		m := p.modules[file]
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
	return lint.DefaultID(pkg, name)
}

// addBody adds a body to the rule of its id. The first body makes the rule.
func (p *program) addBody(id, action string, body *ast.Rule, mod *ast.Module, f *file) {
	pkg := packageName(mod)
	r := p.byName[id]
	if r == nil {
		r = &rule{id: id, defaultAction: action, action: action, pkg: pkg, loc: body.Location, set: f.set,
			source: fmt.Sprintf("%s:%d", f.reportName, body.Location.Row),
			ref:    dataRef(mod.Package.Path, body.Head.Ref())}
		if f.set.library {
			r.source = "default"
		}
		f.set.rules++
		p.rules, p.byName[id] = append(p.rules, r), r
	} else if ref := dataRef(mod.Package.Path, body.Head.Ref()); !r.ref.Equal(ref) {
		p.issues.addAt(body.Location, "ids are unique across packages and actions", "the id %q is taken by %s:%d", id, r.loc.File, r.loc.Row)
		return
	}
	r.bodies = append(r.bodies, body)
}

// dataRef is the full reference of a rule: that of its package, then its head, whose leading variable becomes a string.
func dataRef(pkg, head ast.Ref) ast.Ref {
	out := append(ast.Ref{}, pkg...)
	for i, t := range head {
		if v, ok := t.Value.(ast.Var); ok && i == 0 {
			t = ast.StringTerm(string(v))
		}
		out = append(out, t)
	}
	return out
}

// addAliases lets a rule be found by its old names.
func (p *program) addAliases() {
	for _, r := range p.rules {
		for _, alias := range r.meta.aliases {
			if other := p.byName[alias]; other != nil && other != r {
				p.issues.addAt(r.loc, "", "the alias %q of %s is taken by %s:%d", alias, r.id, other.loc.File, other.loc.Row)
				continue
			}
			p.byName[alias] = r
		}
	}
}
