package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// walker infers the types of one definition: it evaluates the definition with types in the place of values (abstract interpretation).
type walker struct {
	program *program
	decl    *decl
	def     *def
	input   *valueType // nil, which is unknown, inside of `with input as`
	scope   *scope
	lastID  int // of a binding
	// quiet is set during the first of two passes over a body. That pass binds variables that are used before they are bound, and gathers
	// the facts of the whole body. It reports nothing and enters no nested body.
	quiet     bool
	facts     []fact // hold here, by the expressions before
	bodyFacts []fact // hold when the whole body does
	outer     []fact // hold when the bodies around a `not` do
	pending   []fact // will hold after the current expression
}

// scope holds the variables of a body.
type scope struct {
	outer *scope // nil for that of the definition
	vars  map[ast.Var]*binding
}

// binding is one variable.
type binding struct {
	id    string // unique in the definition
	typ   *valueType
	bound bool     // it has a value
	alias []string // the fact key of the reference that it was assigned from; nil without one
}

// fact says that a value is of certain kinds. Its key begins with the id of a variable or with "input", and goes on with the keys below:
// ".name" for a constant, "$id" for a variable, "#1" for a position.
type fact struct {
	key  []string
	keep kinds
}

func newWalker(p *program, d *decl, def *def) *walker {
	return &walker{program: p, decl: d, def: def, input: p.input, scope: &scope{vars: map[ast.Var]*binding{}}}
}

// readRule infers one rule. It returns what the rule contributes to the type of its declaration, and its guarantees. negated are
// expressions that do not hold where the rule is evaluated.
func (w *walker) readRule(r *ast.Rule, negated []*ast.Expr) (*valueType, []guarantee) {
	argIndex := map[string]int{}
	for i, arg := range r.Head.Args {
		var typ *valueType
		if i < len(w.decl.argTypes) {
			typ = w.decl.argTypes[i]
		}
		if v, ok := arg.Value.(ast.Var); ok && !v.IsWildcard() {
			argIndex[w.declare(v).id] = i
		}
		if isConstant(arg) && !isSlip(arg, typ) {
			continue // a clause that no call of these policies reaches: libraries have such
		}
		w.bind(arg, typ)
	}
	for _, e := range negated {
		w.facts = append(w.facts, w.factsOfNegation(e)...)
	}
	w.readBody(r.Body)
	w.facts = w.bodyFacts
	value := w.headType(r.Head)
	if action(w.decl.name) != "" && r.Head.Key != nil {
		w.checkResult(r.Head.Key, r.Body)
	}
	if len(r.Head.Args) > 0 {
		value = w.typeOf(r.Head.Value)
	}
	return value, w.guarantees(argIndex)
}

// isSlip says whether a text looks like one of those that an argument can be, misspelt.
func isSlip(t *ast.Term, typ *valueType) bool {
	s, ok := t.Value.(ast.String)
	return ok && typ != nil && len(s) >= 4 && slices.ContainsFunc(typ.literals, func(l string) bool { return oneEditApart(string(s), l) })
}

// checkResult reports references in a result to keys of maps, such as labels, that need not be there: then there is no result at all, and
// nobody hears of it. One that the body has too is there.
func (w *walker) checkResult(result *ast.Term, body ast.Body) {
	guarded := func(ref ast.Ref) bool {
		return slices.ContainsFunc(body, func(e *ast.Expr) bool { return !e.Negated && strings.Contains(e.String(), ref.String()) })
	}
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return true // has one element less
		case *ast.Term:
			ref, ok := x.Value.(ast.Ref)
			if !ok {
				return false
			}
			if n := w.missingKey(ref); n > 0 && !guarded(ref[:n+1]) {
				get := fmt.Sprintf("object.get(%s, %s, \"none\")", ref[:n], ref[n])
				w.report(x, MayBeMissing, get+" is always there", "%s may not be there, and then there is no result", termText(x))
			}
			return true
		}
		return false
	}).Walk(result)
}

// missingKey returns the index of the first key of a reference that its map need not have; 0 where there is none, or nobody knows.
func (w *walker) missingKey(ref ast.Ref) int {
	for i := 1; i < len(ref); i++ {
		name, isText := ref[i].Value.(ast.String)
		if !isText {
			continue
		}
		typ := w.typeQuietly(ast.NewTerm(ref[:i]))
		if i == 1 && ref[0].Value.Compare(ast.InputRootDocument.Value) == 0 {
			typ = w.input
		}
		if typ == nil || typ.kinds != object {
			return 0
		}
		if _, field := typ.fields[string(name)]; !field && typ.elem != nil {
			return i
		}
	}
	return 0
}

// guarantees are the facts about arguments (argIndex has their positions by the ids of their variables) and about input.
func (w *walker) guarantees(argIndex map[string]int) []guarantee {
	var out []guarantee
	for _, f := range w.facts {
		i, ok := argIndex[f.key[0]]
		if f.key[0] == "input" {
			i, ok = -1, true
		}
		if !ok || !onlyNames(f.key[1:]) {
			continue
		}
		out = append(out, guarantee{i, joinKey(f.key[1:]), f.keep})
	}
	return out
}

// joinKey makes one string of a key; NUL separates its parts, as no field name in a schema holds one.
func joinKey(key []string) string { return strings.Join(key, "\x00") }

func splitKey(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "\x00")
}

// onlyNames says whether a key goes through constant names only, so that it means the same in another definition.
func onlyNames(key []string) bool {
	return !slices.ContainsFunc(key, func(k string) bool { return k[0] != '.' })
}

// headType is the type of the declaration that a head makes: `deny["x"] contains r` makes an object with a set under the key x.
func (w *walker) headType(h *ast.Head) *valueType {
	var typ *valueType
	switch {
	case h.Key != nil && h.Value == nil:
		typ = &valueType{kinds: set, elem: w.typeOf(h.Key)}
	case h.Value != nil:
		typ = w.typeOf(h.Value)
	}
	ref := h.Ref()
	for i := len(ref) - 1; i > 0; i-- {
		if name, ok := ref[i].Value.(ast.String); ok {
			typ = &valueType{kinds: object, fields: map[string]*valueType{string(name): typ}, closed: true}
		} else {
			w.typeOf(ref[i])
			typ = &valueType{kinds: object, elem: typ}
		}
	}
	return typ
}

// readBody reads the expressions of a body twice: quietly, and again with all that is known then.
func (w *walker) readBody(b ast.Body) {
	w.declareLocals(b)
	facts, quiet := w.facts, w.quiet
	w.quiet = true
	for _, e := range b {
		w.readExpr(e)
	}
	w.bodyFacts = w.facts
	w.facts, w.quiet = slices.Clip(facts), quiet
	if w.quiet {
		return
	}
	for _, e := range b {
		w.readExpr(e)
	}
}

// readNested reads a body that has a scope of its own, such as that of a comprehension, every or not. before and after, which may be nil,
// are called in that scope. What the body learns ends with it, so after must copy what it wants to keep.
func (w *walker) readNested(b ast.Body, before, after func()) {
	if w.quiet {
		return
	}
	saved := *w
	w.scope = &scope{outer: saved.scope, vars: map[ast.Var]*binding{}}
	w.facts = slices.Clip(w.bodyFacts)
	if before != nil {
		before()
	}
	w.readBody(b)
	if after != nil {
		w.facts = w.bodyFacts
		after()
	}
	saved.lastID = w.lastID
	*w = saved
}

// declareLocals declares the variables that `some` and `:=` make local to a body, so that they hide those outside.
func (w *walker) declareLocals(b ast.Body) {
	for _, e := range b {
		switch terms := e.Terms.(type) {
		case *ast.SomeDecl:
			for _, sym := range terms.Symbols {
				declared := []*ast.Term{sym}
				if c, ok := sym.Value.(ast.Call); ok && len(c) > 2 { // x in xs, or k, v in xs
					declared = c[1 : len(c)-1]
				}
				for _, t := range declared {
					w.declarePattern(t)
				}
			}
		case []*ast.Term:
			if len(terms) == 3 && ast.Assign.Name == terms[0].String() {
				w.declarePattern(terms[1])
			}
		}
	}
}

// declarePattern declares the variables of a term that stands on the left of `:=`, or is declared by `some`.
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

// declare returns the variable of the current scope, which it makes if it is not there.
func (w *walker) declare(v ast.Var) *binding {
	if b, ok := w.scope.vars[v]; ok {
		return b
	}
	w.lastID++
	b := &binding{id: string(v) + "#" + strconv.Itoa(w.lastID)}
	w.scope.vars[v] = b
	return b
}

// lookup returns the variable of the nearest scope that has it; nil when none has.
func (w *walker) lookup(v ast.Var) *binding {
	for s := w.scope; s != nil; s = s.outer {
		if b, ok := s.vars[v]; ok {
			return b
		}
	}
	return nil
}

// narrowed is a type after the facts about the value with this key and about what lies below it.
func (w *walker) narrowed(key []string, typ *valueType) *valueType {
	if key == nil || typ == nil {
		return typ
	}
	for _, f := range w.facts {
		if len(f.key) < len(key) || !slices.Equal(f.key[:len(key)], key) || !onlyNames(f.key[len(key):]) {
			continue
		}
		var path []string
		for _, k := range f.key[len(key):] {
			path = append(path, k[1:])
		}
		typ = typ.refineAt(path, f.keep)
	}
	return typ
}

// factKey is the key of a variable or reference for facts; nil when it has none.
func (w *walker) factKey(t *ast.Term) []string {
	switch v := t.Value.(type) {
	case ast.Var:
		if b := w.lookup(v); b != nil {
			return []string{b.id}
		}
		if ast.Var("input") == v {
			return []string{"input"}
		}
		if ref := w.fullRef(v); ref != nil {
			return w.factKey(ast.NewTerm(ref))
		}
	case ast.Ref:
		if len(v) == 1 {
			return w.factKey(v[0])
		}
		key := w.factKey(v[0])
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
				b := w.lookup(o)
				if b == nil || o.IsWildcard() {
					return nil
				}
				key = append(key, "$"+b.id)
			default:
				return nil
			}
		}
		return key
	}
	return nil
}

// report adds an issue at a term. A test may try what never happens, so in a test only references to what does not exist are issues.
func (w *walker) report(t *ast.Term, code, hint, format string, args ...any) {
	if w.quiet || !w.program.reporting || w.def.test && code != UnknownField && code != UnknownData && code != UnknownParam {
		return
	}
	loc := t.Location
	if loc == nil {
		loc = w.def.rule.Location
	}
	w.program.addIssue(w.def.file, loc, code, fmt.Sprintf(format, args...), hint)
}

// termText is a term for a message, 80 characters at most, so that the message stays readable.
func termText(t *ast.Term) string {
	const limit = 80
	s := strings.ReplaceAll(t.String(), "\n", " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
