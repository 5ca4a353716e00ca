package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// rounds is how often every rule is read before the one that reports: a shape travels one call or rule reference per round, and one that
// has not arrived is unknown, which is safe.
const rounds = 5

// program is all modules, as one.
type program struct {
	in       Input
	files    []string // sorted
	input    *shape
	params   map[string]map[string]*shape
	packages map[string]*pkg // by dotted path below data
	issues   []Issue
	report   bool // the last round
}

// pkg is a Rego package over all its modules.
type pkg struct {
	path  []string
	decls map[string]*decl
}

// decl is every definition of one name of a package: a rule, a set, an object or a function.
type decl struct {
	pkg      *pkg
	name     string
	defs     []*def
	args     []*shape // of a function: the join over all calls of the last round, nil before
	calls    []*shape // the same, gathered in this round
	called   bool
	value    *shape // of the last round
	promises []promise
	used     bool // something outside its own package refers to it
	leans    bool // it refers to other declarations, so its shape may get known better from round to round
}

// def is one definition.
type def struct {
	rule *ast.Rule
	mod  *ast.Module
	file string
	test bool
}

// promise says that where a call or a rule is true, a value is of certain kinds: that of an argument, or of input when arg is -1.
type promise struct {
	arg  int
	path string // of the keys below, see factKey
	keep kinds
}

func newProgram(in Input) (*program, error) {
	input, err := inputShape(in.Schema)
	if err != nil {
		return nil, err
	}
	p := &program{in: in, input: input, files: slices.Sorted(maps.Keys(in.Modules)), params: map[string]map[string]*shape{}, packages: map[string]*pkg{}}
	for id, params := range in.Params {
		p.declare(id, params)
	}
	for _, file := range p.files {
		mod := in.Modules[file]
		if mod == nil || mod.Package == nil {
			continue
		}
		k := p.pkg(mod.Package.Path)
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

func (p *program) declare(id string, params map[string]any) {
	if p.params[id] == nil {
		p.params[id] = map[string]*shape{}
	}
	for name, spec := range params {
		p.params[id][name] = paramShape(spec)
	}
}

func (p *program) pkg(path ast.Ref) *pkg {
	names := constants(path[min(1, len(path)):])
	key := strings.Join(names, ".")
	if p.packages[key] == nil {
		p.packages[key] = &pkg{path: names, decls: map[string]*decl{}}
	}
	return p.packages[key]
}

// constants returns the leading constant string keys of a reference's operands.
func constants(operands []*ast.Term) []string {
	var out []string
	for _, t := range operands {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		out = append(out, string(s))
	}
	return out
}

func ruleName(r *ast.Rule) string {
	if ref := r.Head.Ref(); len(ref) > 0 {
		if v, ok := ref[0].Value.(ast.Var); ok {
			return string(v)
		}
	}
	return string(r.Head.Name)
}

// run reads every rule several times and reports in the last.
func (p *program) run() {
	all := p.all()
	for round := range rounds {
		p.report = round == rounds-1
		for _, d := range all {
			d.calls, d.called = nil, false
		}
		values := map[*decl]*shape{}
		promises := map[*decl][]promise{}
		for _, d := range all {
			if round == 0 || p.report || d.leans || d.args != nil {
				values[d], promises[d] = p.read(d)
			} else {
				values[d], promises[d] = d.value, d.promises
			}
		}
		for _, d := range all {
			d.value, d.promises, d.args = values[d], promises[d], d.calls
		}
	}
	p.nearMisses()
}

// all returns every declaration in a stable order.
func (p *program) all() []*decl {
	var out []*decl
	for _, key := range slices.Sorted(maps.Keys(p.packages)) {
		k := p.packages[key]
		for _, name := range slices.Sorted(maps.Keys(k.decls)) {
			out = append(out, k.decls[name])
		}
	}
	return out
}

// read analyses every definition of d and joins what they give.
func (p *program) read(d *decl) (*shape, []promise) {
	var values []*shape
	var promises [][]promise
	for _, one := range d.defs {
		for rule, negated := one.rule, []*ast.Expr(nil); rule != nil; rule = rule.Else {
			w := newWalker(p, d, one)
			value, kept := w.rule(rule, negated)
			values = append(values, value)
			if !rule.Default || !isFalse(rule.Head.Value) {
				promises = append(promises, kept)
			}
			if len(rule.Body) == 1 { // an else runs when the body before it did not hold; of several expressions nobody knows which one
				negated = append(negated, rule.Body[0])
			}
		}
	}
	value, _ := joinAll(values)
	return value, common(promises)
}

func isFalse(t *ast.Term) bool {
	b, ok := t.Value.(ast.Boolean)
	return ok && !bool(b)
}

// common keeps the promises that every definition makes.
func common(all [][]promise) []promise {
	if len(all) == 0 {
		return nil
	}
	out := all[0]
	for _, more := range all[1:] {
		var kept []promise
		for _, a := range out {
			for _, b := range more {
				if a.arg == b.arg && a.path == b.path {
					kept = append(kept, promise{a.arg, a.path, a.keep | b.keep})
				}
			}
		}
		out = kept
	}
	return out
}

func (p *program) issue(file string, loc *ast.Location, code, msg, hint string) {
	i := Issue{File: file, Code: code, Msg: msg, Hint: hint}
	if loc != nil {
		i.Line, i.Col = loc.Row, loc.Col
	}
	p.issues = append(p.issues, i)
}
