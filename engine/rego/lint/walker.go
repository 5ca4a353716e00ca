package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// walker interprets one definition over shapes instead of values.
type walker struct {
	p     *program
	decl  *decl
	def   *def
	input *shape // changed by `with input as`
	scope *scope
	ids   int
	// quiet is the first of two passes over a body: it binds what is used before it is bound, and gathers the guards; it reports
	// nothing and enters no nested body.
	quiet bool
	facts []fact // what holds here: guards that were passed
	all   []fact // what holds once the body has succeeded: guards further down too
	also  []fact // gathered from calls in the current expression
}

// scope holds the variables of a body.
type scope struct {
	up   *scope
	vars map[ast.Var]*binding
}

type binding struct {
	id    string
	shape *shape
	bound bool
	alias []string // the fact key of the reference that the variable was assigned from
}

// fact says that a value is of certain kinds. Its key is the identity of a variable, or "input", then the keys below: ".name", "$variable", "#position".
type fact struct {
	key  []string
	keep kinds
}

func newWalker(p *program, d *decl, one *def) *walker {
	return &walker{p: p, decl: d, def: one, input: p.input, scope: &scope{vars: map[ast.Var]*binding{}}}
}

// rule reads one body with its head and returns the shape of the whole declaration that it contributes, and its promises.
func (w *walker) rule(r *ast.Rule, negated []*ast.Expr) (*shape, []promise) {
	args := map[string]int{}
	for i, arg := range r.Head.Args {
		var s *shape
		if i < len(w.decl.args) {
			s = w.decl.args[i]
		}
		if v, ok := arg.Value.(ast.Var); ok && !v.IsWildcard() {
			args[w.declare(v).id] = i
		}
		w.bind(arg, s)
	}
	for _, e := range negated {
		w.facts = append(w.facts, w.negation(e)...)
	}
	w.body(r.Body)
	w.facts = w.all
	value := w.head(r.Head)
	if len(r.Head.Args) > 0 {
		value = w.shapeOf(r.Head.Value)
	}
	return value, w.promises(args)
}

func (w *walker) promises(args map[string]int) []promise {
	var out []promise
	for _, f := range w.facts {
		i, ok := args[f.key[0]]
		if f.key[0] == "input" {
			i, ok = -1, true
		}
		if !ok || !named(f.key[1:]) {
			continue
		}
		out = append(out, promise{i, join0(f.key[1:]), f.keep})
	}
	return out
}

func join0(key []string) string { return strings.Join(key, "\x00") }

func split0(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "\x00")
}

// named says that a key goes through constant names only, so that it means the same elsewhere.
func named(key []string) bool {
	return !slices.ContainsFunc(key, func(k string) bool { return k[0] != '.' })
}

// head is the shape of the declaration that a head stands for: `deny["x"] contains r` is an object with the key x that holds a set.
func (w *walker) head(h *ast.Head) *shape {
	var s *shape
	switch {
	case h.Key != nil && h.Value == nil:
		s = &shape{kinds: set, elem: w.shapeOf(h.Key)}
	case h.Value != nil:
		s = w.shapeOf(h.Value)
	}
	ref := h.Ref()
	for i := len(ref) - 1; i > 0; i-- {
		if name, ok := ref[i].Value.(ast.String); ok {
			s = &shape{kinds: object, fields: map[string]*shape{string(name): s}, closed: true}
		} else {
			w.shapeOf(ref[i])
			s = &shape{kinds: object, elem: s}
		}
	}
	return s
}

// body reads the expressions of a body twice.
func (w *walker) body(b ast.Body) {
	w.declareAll(b)
	facts, quiet := w.facts, w.quiet
	w.quiet = true
	for _, e := range b {
		w.expr(e)
	}
	w.all = w.facts
	w.facts, w.quiet = slices.Clip(facts), quiet
	if w.quiet {
		return
	}
	for _, e := range b {
		w.expr(e)
	}
}

// nested reads a body of its own scope: of a comprehension, every, not. What it learns stays inside, but for what keep wants.
func (w *walker) nested(b ast.Body, before, after func()) {
	if w.quiet {
		return
	}
	scopeHere, facts, all, also, input := w.scope, w.facts, w.all, w.also, w.input
	w.scope = &scope{up: scopeHere, vars: map[ast.Var]*binding{}}
	w.facts = slices.Clip(all)
	if before != nil {
		before()
	}
	w.body(b)
	if after != nil {
		w.facts = w.all
		after()
	}
	w.scope, w.facts, w.all, w.also, w.input = scopeHere, facts, all, also, input
}

// declareAll declares what `some` and `:=` make local to a body, so that it hides what is outside.
func (w *walker) declareAll(b ast.Body) {
	for _, e := range b {
		switch terms := e.Terms.(type) {
		case *ast.SomeDecl:
			for _, sym := range terms.Symbols {
				if c, ok := sym.Value.(ast.Call); ok && len(c) > 2 {
					for _, t := range c[1 : len(c)-1] {
						w.declarePattern(t)
					}
					continue
				}
				w.declarePattern(sym)
			}
		case []*ast.Term:
			if len(terms) == 3 && ast.Assign.Name == terms[0].String() {
				w.declarePattern(terms[1])
			}
		}
	}
}

func (w *walker) declarePattern(t *ast.Term) {
	switch v := t.Value.(type) {
	case ast.Var:
		if !v.IsWildcard() {
			w.declare(v)
		}
	case *ast.Array:
		v.Foreach(w.declarePattern)
	case ast.Object:
		v.Foreach(func(_, value *ast.Term) { w.declarePattern(value) })
	}
}

func (w *walker) declare(v ast.Var) *binding {
	if b, ok := w.scope.vars[v]; ok {
		return b
	}
	w.ids++
	b := &binding{id: string(v) + "#" + strconv.Itoa(w.ids)}
	w.scope.vars[v] = b
	return b
}

func (w *walker) lookup(v ast.Var) *binding {
	for s := w.scope; s != nil; s = s.up {
		if b, ok := s.vars[v]; ok {
			return b
		}
	}
	return nil
}

// known narrows a shape by the facts about the value with this key.
func (w *walker) known(key []string, s *shape) *shape {
	if key == nil || s == nil {
		return s
	}
	for _, f := range w.facts {
		if len(f.key) < len(key) || !slices.Equal(f.key[:len(key)], key) || !named(f.key[len(key):]) {
			continue
		}
		var path []string
		for _, k := range f.key[len(key):] {
			path = append(path, k[1:])
		}
		s = s.refine(path, f.keep)
	}
	return s
}

// key is the identity of a variable or reference for facts; nil when it has none.
func (w *walker) key(t *ast.Term) []string {
	switch v := t.Value.(type) {
	case ast.Var:
		if b := w.lookup(v); b != nil {
			return []string{b.id}
		}
		if ast.Var("input") == v {
			return []string{"input"}
		}
		if ref := w.global(v); ref != nil {
			return w.key(ast.NewTerm(ref))
		}
	case ast.Ref:
		if len(v) == 1 {
			return w.key(v[0])
		}
		key := w.key(v[0])
		if key == nil {
			return nil
		}
		key = slices.Clone(key)
		for _, op := range v[1:] {
			switch o := op.Value.(type) {
			case ast.String:
				key = append(key, "."+string(o))
			case ast.Number:
				key = append(key, "#"+string(o))
			case ast.Var:
				k := w.lookup(o)
				if k == nil || o.IsWildcard() {
					return nil
				}
				key = append(key, "$"+k.id)
			default:
				return nil
			}
		}
		return key
	}
	return nil
}

// say reports an issue. A test is free to try what never happens, so of it only what does not exist is reported.
func (w *walker) say(t *ast.Term, code, hint, format string, args ...any) {
	if w.quiet || !w.p.report || w.def.test && code != UnknownField && code != UnknownData && code != UnknownParam {
		return
	}
	loc := t.Location
	if loc == nil {
		loc = w.def.rule.Location
	}
	w.p.issue(w.def.file, loc, code, fmt.Sprintf(format, args...), hint)
}

// source is a term as a message shows it.
func source(t *ast.Term) string {
	const most = 80
	s := strings.ReplaceAll(t.String(), "\n", " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
