package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// rounds is how often every declaration is read; the last round reports. A type gets from a declaration to those that call or refer to
// it in one round, so with 5 it goes through four of them. Where it has not arrived the type is unknown, and nothing is reported.
const rounds = 5

// program is all modules together.
type program struct {
	in        Input
	files     []string                         // names of the modules, sorted
	input     *valueType                       // of the schema
	params    map[string]map[string]*valueType // by rule id, then parameter
	packages  map[string]*pkg                  // by dotted path below data: "veto.os"
	issues    []Issue
	reporting bool // this is the last round
}

// pkg is a Rego package over all its modules.
type pkg struct {
	path  []string // below data
	decls map[string]*decl
}

// decl is every definition of one name of a package: a rule, a set, an object or a function.
type decl struct {
	pkg             *pkg
	name            string
	defs            []*def
	argTypes        []*valueType // of a function: the union over its calls in the last round; nil before, and without calls
	nextArgTypes    []*valueType // the same, of the calls seen in this round
	called          bool         // in this round
	value           *valueType   // of the last round
	guarantees      []guarantee  // of the last round
	usedOutside     bool         // another package refers to it; not kept for functions
	used            bool         // likewise, or its own package does
	dependsOnOthers bool         // it refers to other declarations, so its type may change from round to round
}

// def is one definition.
type def struct {
	rule *ast.Rule
	mod  *ast.Module
	file string
	test bool
}

// guarantee says that where a call or a rule is true, an argument, or something below it, is of certain kinds.
type guarantee struct {
	arg  int    // position of the argument; -1 is input
	path string // keys below it, by joinKey
	keep kinds
}

// newProgram sorts the definitions of all modules by name. The error is that of the schema.
func newProgram(in Input) (*program, error) {
	input, err := inputType(in.Schema)
	if err != nil {
		return nil, err
	}
	p := &program{in: in, input: input, files: slices.Sorted(maps.Keys(in.Modules)),
		params: map[string]map[string]*valueType{}, packages: map[string]*pkg{}}
	for _, file := range p.files {
		mod := in.Modules[file]
		if mod == nil || mod.Package == nil {
			continue
		}
		k := p.packageOf(mod.Package.Path)
		for _, r := range mod.Rules {
			name := ruleName(r)
			d := k.decls[name]
			if d == nil {
				d = &decl{pkg: k, name: name}
				k.decls[name] = d
			}
			test := strings.HasSuffix(file, "_test.rego") || strings.HasPrefix(strings.TrimPrefix(name, "todo_"), "test_")
			d.defs = append(d.defs, &def{rule: r, mod: mod, file: file, test: test})
		}
	}
	return p, nil
}

// addParams adds the parameters that the METADATA of a rule declares.
func (p *program) addParams(id string, params map[string]any) {
	if p.params[id] == nil {
		p.params[id] = map[string]*valueType{}
	}
	for name, spec := range params {
		p.params[id][name] = paramType(spec)
	}
}

// packageOf returns the package of a path that begins with data, which it makes if it is not there.
func (p *program) packageOf(path ast.Ref) *pkg {
	names := constantKeys(path[min(1, len(path)):])
	key := dotted(names)
	if p.packages[key] == nil {
		p.packages[key] = &pkg{path: names, decls: map[string]*decl{}}
	}
	return p.packages[key]
}

// constantKeys returns the constant string keys that a reference begins with, up to the first other key.
func constantKeys(keys []*ast.Term) []string {
	var out []string
	for _, t := range keys {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		out = append(out, string(s))
	}
	return out
}

// dotted is a path as people write it: "veto.os".
func dotted(names []string) string { return strings.Join(names, ".") }

func ruleName(r *ast.Rule) string {
	if ref := r.Head.Ref(); len(ref) > 0 {
		if v, ok := ref[0].Value.(ast.Var); ok {
			return string(v)
		}
	}
	return string(r.Head.Name)
}

// infer reads every declaration several times, and reports in the last round.
func (p *program) infer() {
	all := p.allDecls()
	for round := range rounds {
		p.reporting = round == rounds-1
		for _, d := range all {
			d.nextArgTypes, d.called = nil, false
		}
		types := map[*decl]*valueType{}
		guarantees := map[*decl][]guarantee{}
		for _, d := range all {
			if round == 0 || p.reporting || d.dependsOnOthers || d.argTypes != nil {
				types[d], guarantees[d] = p.inferDecl(d)
			} else {
				types[d], guarantees[d] = d.value, d.guarantees
			}
		}
		for _, d := range all {
			d.value, d.guarantees, d.argTypes = types[d], guarantees[d], d.nextArgTypes
		}
	}
	p.reportNearMisses()
}

// allDecls returns every declaration in a stable order.
func (p *program) allDecls() []*decl {
	var out []*decl
	for _, key := range slices.Sorted(maps.Keys(p.packages)) {
		k := p.packages[key]
		for _, name := range slices.Sorted(maps.Keys(k.decls)) {
			out = append(out, k.decls[name])
		}
	}
	return out
}

// inferDecl infers the type of a declaration, which is the union over its definitions, and what all of these guarantee.
func (p *program) inferDecl(d *decl) (*valueType, []guarantee) {
	var types []*valueType
	var guarantees [][]guarantee
	for _, def := range d.defs {
		for rule, negated := def.rule, []*ast.Expr(nil); rule != nil; rule = rule.Else {
			w := newWalker(p, d, def)
			value, kept := w.readRule(rule, negated)
			types = append(types, value)
			if !rule.Default || !isFalse(rule.Head.Value) {
				guarantees = append(guarantees, kept)
			}
			if len(rule.Body) == 1 { // an else runs when the body before it does not hold; of several expressions it is unknown which
				negated = append(negated, rule.Body[0])
			}
		}
	}
	return unionOf(types), commonGuarantees(guarantees)
}

func isFalse(t *ast.Term) bool {
	b, ok := t.Value.(ast.Boolean)
	return ok && !bool(b)
}

// commonGuarantees are the guarantees that every definition gives, as weak as the weakest.
func commonGuarantees(all [][]guarantee) []guarantee {
	if len(all) == 0 {
		return nil
	}
	out := all[0]
	for _, more := range all[1:] {
		var kept []guarantee
		for _, a := range out {
			for _, b := range more {
				if a.arg == b.arg && a.path == b.path {
					kept = append(kept, guarantee{a.arg, a.path, a.keep | b.keep})
				}
			}
		}
		out = kept
	}
	return out
}

func (p *program) addIssue(file string, loc *ast.Location, code, msg, hint string) {
	i := Issue{File: file, Code: code, Msg: msg, Hint: hint}
	if loc != nil {
		i.Line, i.Col = loc.Row, loc.Col
	}
	p.issues = append(p.issues, i)
}
