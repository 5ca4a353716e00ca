package lint

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// readExpr reads one expression of a body, and adds the facts that hold after it.
func (w *walker) readExpr(e *ast.Expr) {
	input := w.input
	for _, with := range e.With {
		w.readWith(with)
	}
	for _, with := range e.With {
		if ref, ok := with.Target.Value.(ast.Ref); ok && ref[0].Value.Compare(ast.InputRootDocument.Value) == 0 {
			w.input = nil
		}
	}
	pending := w.pending
	w.pending = nil
	switch terms := e.Terms.(type) {
	case *ast.Term:
		typ := w.typeOf(terms)
		if e.Negated && typ != nil && typ.kinds&boolean == 0 && w.isAlwaysThere(terms) {
			hint := ""
			if typ.kinds&null != 0 {
				hint = "what is unknown is null: " + termText(terms) + " == null"
			}
			w.report(terms, Impossible, hint, "%s is always there and never false, so that `not` of it never holds", termText(terms))
		}
		if d := w.declOf(terms); d != nil && !e.Negated {
			w.assumeGuarantees(d, nil, true)
		}
	case []*ast.Term:
		w.callType(&ast.Term{Value: ast.Call(terms), Location: e.Location}, terms[0], terms[1:], !e.Negated)
		if d := w.functionDecl(terms[0]); d != nil && !e.Negated {
			w.assumeGuarantees(d, terms[1:], true)
		}
	case *ast.SomeDecl:
		w.readSome(terms)
	case *ast.Every:
		w.readEvery(terms)
	case *ast.Not:
		w.readNot(terms)
	case *ast.LogicalAnd:
		w.readAnd(terms)
	case *ast.LogicalOr:
		w.readOr(terms)
	}
	if len(e.With) == 0 {
		if e.Negated {
			positive := *e
			positive.Negated = false
			w.addFacts(w.factsOfNegation(&positive))
		} else {
			w.addFacts(w.pending)
		}
	}
	w.pending, w.input = pending, input
}

// isAlwaysThere says whether a reference leads through nothing but fields that every input has.
func (w *walker) isAlwaysThere(t *ast.Term) bool {
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) < 2 {
		return false
	}
	v, ok := ref[0].Value.(ast.Var)
	if !ok {
		return false
	}
	typ := w.input
	if b := w.lookup(v); b != nil {
		typ = b.typ
	} else if v.Compare(ast.InputRootDocument.Value) != 0 {
		return false
	}
	for _, key := range ref[1:] {
		name, ok := key.Value.(ast.String)
		if !ok || typ == nil || typ.kinds != object || !typ.closed {
			return false
		}
		if typ, ok = typ.fields[string(name)]; !ok {
			return false
		}
	}
	return typ != nil
}

// readWith reads `with target as value`.
func (w *walker) readWith(with *ast.With) {
	ref, ok := with.Target.Value.(ast.Ref)
	if !ok {
		w.typeOf(with.Value)
		return
	}
	root := ref[0].Value
	if root.Compare(ast.InputRootDocument.Value) == 0 || root.Compare(ast.DefaultRootDocument.Value) == 0 {
		pending := w.pending
		typ := w.typeOf(with.Target) // a misspelt target replaces nothing
		w.pending = pending
		if root.Compare(ast.InputRootDocument.Value) == 0 && len(ref) == 1 && w.def.test {
			w.checkMock(with.Value, typ)
		}
	}
	w.typeOf(with.Value)
}

// checkMock reports keys of a test's input that no input has: the rules never see them, and the test proves nothing.
func (w *walker) checkMock(t *ast.Term, typ *valueType) {
	if typ == nil {
		return
	}
	switch v := t.Value.(type) {
	case ast.Object:
		if typ.kinds&object == 0 {
			return
		}
		v.Foreach(func(k, e *ast.Term) {
			name, ok := k.Value.(ast.String)
			if !ok {
				return
			}
			f, known := typ.restrict(object).field(string(name))
			if !known {
				hint := suggestion(string(name), sortedKeys(typ.fields))
				w.report(k, UnknownField, hint, "the input has no field %q there", string(name))
			}
			w.checkMock(e, f)
		})
	case *ast.Array:
		if typ.kinds&array == 0 {
			return
		}
		f, _ := typ.restrict(array).elements()
		v.Foreach(func(e *ast.Term) { w.checkMock(e, f) })
	}
}

// declOf is the declaration that a variable or a whole reference names; nil when it is none, or leads below one.
func (w *walker) declOf(t *ast.Term) *decl {
	ref, ok := t.Value.(ast.Ref)
	if !ok {
		ref = ast.Ref{t}
	}
	v, ok := ref[0].Value.(ast.Var)
	if !ok || w.lookup(v) != nil {
		return nil
	}
	if full := w.fullRef(v); full != nil {
		ref = append(append(ast.Ref{}, full...), ref[1:]...)
	}
	names := constantKeys(ref[1:])
	if len(names) < 2 || len(names) != len(ref)-1 || ref[0].Value.Compare(ast.DefaultRootDocument.Value) != 0 {
		return nil
	}
	k := w.program.packages[dotted(names[:len(names)-1])]
	if k == nil {
		return nil
	}
	return k.decls[names[len(names)-1]]
}

// readSome binds the variables of `some x in xs` and `some k, v in xs`.
func (w *walker) readSome(s *ast.SomeDecl) {
	for _, sym := range s.Symbols {
		c, ok := sym.Value.(ast.Call)
		if !ok || len(c) < 3 {
			continue
		}
		xs := c[len(c)-1]
		domain := w.typeOf(xs)
		elem := w.elementsOf(xs, domain)
		if len(c) == 4 {
			w.bind(c[1], domain.keys())
		}
		w.bind(c[len(c)-2], elem)
		w.narrow(xs, collections)
	}
}

// elementsOf is the type of the elements of a term of type typ. That it can have none is an issue.
func (w *walker) elementsOf(xs *ast.Term, typ *valueType) *valueType {
	elem, ok := typ.elements()
	if !ok && typ.kinds&collections == 0 && typ.kinds != null {
		w.report(xs, WrongType, positionHint(typ), "%s is %s; there is nothing in it", termText(xs), typ.kinds)
	}
	return elem
}

// readEvery reads `every k, v in xs { … }`.
func (w *walker) readEvery(e *ast.Every) {
	domain := w.typeOf(e.Domain)
	elem := w.elementsOf(e.Domain, domain)
	w.readNested(e.Body, func() {
		for _, t := range []*ast.Term{e.Key, e.Value} {
			if t == nil {
				continue
			}
			w.declarePattern(t)
			if t == e.Key {
				w.bind(t, domain.keys())
			} else {
				w.bind(t, elem)
			}
		}
	}, nil)
}

// readNot reads `not { … }`. Of a body of several expressions it is unknown which one does not hold.
func (w *walker) readNot(n *ast.Not) {
	before := w.facts // what holds further down may do so only because the body does not hold
	w.readNested(n.Body, func() { w.facts, w.outer = slices.Clip(before), append(slices.Clip(w.outer), w.bodyFacts...) }, nil)
	if len(n.Body) == 1 {
		w.pending = append(w.pending, w.factsOfNegation(n.Body[0])...)
	}
}

// readAnd reads both sides; the facts of each hold after it.
func (w *walker) readAnd(a *ast.LogicalAnd) {
	for _, side := range []ast.Body{a.Lhs, a.Rhs} {
		before := len(w.bodyFacts)
		var learnt []fact
		w.readNested(side, nil, func() {
			learnt = append(learnt, w.facts[before:]...)
		})
		w.addFacts(learnt)
		w.bodyFacts = append(w.bodyFacts, learnt...)
	}
}

// readOr reads both sides; the facts that they share hold after it.
func (w *walker) readOr(o *ast.LogicalOr) {
	var sideFacts [2][]fact
	before := len(w.bodyFacts)
	for i, side := range []ast.Body{o.Lhs, o.Rhs} {
		first := func() {
			if i == 1 && len(o.Lhs) == 1 { // the right side counts only where the left one does not hold
				w.facts = append(w.facts, w.factsOfNegation(o.Lhs[0])...)
			}
		}
		w.readNested(side, first, func() {
			sideFacts[i] = append(sideFacts[i], w.facts[before:]...)
		})
	}
	for _, a := range sideFacts[0] {
		for _, b := range sideFacts[1] {
			if joinKey(a.key) == joinKey(b.key) {
				w.pending = append(w.pending, fact{a.key, a.keep | b.keep})
			}
		}
	}
}

// factsOfNegation are the facts that hold when an expression does not: those of `x == null` and is_null(x).
func (w *walker) factsOfNegation(e *ast.Expr) []fact {
	var term *ast.Term
	terms, ok := e.Terms.([]*ast.Term)
	if !ok || e.Negated || len(e.With) > 0 {
		return nil
	}
	switch name := terms[0].String(); {
	case name == ast.IsNull.Name && len(terms) == 2:
		term = terms[1]
	case (name == ast.Equal.Name || name == ast.Equality.Name) && len(terms) == 3 && isNull(terms[2]):
		term = terms[1]
	case (name == ast.Equal.Name || name == ast.Equality.Name) && len(terms) == 3 && isNull(terms[1]):
		term = terms[2]
	default:
		return nil
	}
	return w.factsAbout(term, anything&^null)
}

func isNull(t *ast.Term) bool {
	_, ok := t.Value.(ast.Null)
	return ok
}

// factsAbout are the facts that a term is of certain kinds, and that the reference which a variable was assigned from is.
func (w *walker) factsAbout(t *ast.Term, keep kinds) []fact {
	var out []fact
	if key := w.factKey(t); key != nil {
		out = append(out, fact{key, keep})
	}
	if v, ok := t.Value.(ast.Var); ok {
		if b := w.lookup(v); b != nil && b.alias != nil {
			out = append(out, fact{b.alias, keep})
		}
	}
	return out
}

// addFacts adds facts that are new, up to 200: each is compared with all before, and the time of a body must grow with its length only.
func (w *walker) addFacts(facts []fact) {
	const limit = 200
	for _, f := range facts {
		if len(w.facts) < limit && !slices.ContainsFunc(w.facts, func(o fact) bool { return o.keep == f.keep && slices.Equal(o.key, f.key) }) {
			w.facts = append(w.facts, f)
		}
	}
}

// narrow notes that a term is of certain kinds where the current expression holds. None says nothing, and all kinds neither.
func (w *walker) narrow(t *ast.Term, keep kinds) {
	if keep&anything != anything && keep != 0 {
		w.pending = append(w.pending, w.factsAbout(t, keep)...)
	}
}

// assumeGuarantees notes what holds when a call or a rule has a value. A default gives it one without its guarantees, unless the expression
// stands alone, so that the value is not false.
func (w *walker) assumeGuarantees(d *decl, args []*ast.Term, alone bool) {
	for _, one := range d.defs {
		if one.rule.Default && !alone || one.rule.Head.Key != nil || len(one.rule.Head.Ref()) > 1 {
			return
		}
	}
	for _, p := range d.guarantees {
		switch {
		case p.arg < 0:
			w.pending = append(w.pending, fact{append([]string{"input"}, splitKey(p.path)...), p.keep})
		case p.arg < len(args):
			if key := w.factKey(args[p.arg]); key != nil {
				w.pending = append(w.pending, fact{append(append([]string{}, key...), splitKey(p.path)...), p.keep})
			}
		}
	}
}
