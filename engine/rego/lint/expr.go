package lint

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// expr reads one expression of a body and learns from it.
func (w *walker) expr(e *ast.Expr) {
	input := w.input
	for _, with := range e.With {
		w.with(with)
	}
	for _, with := range e.With {
		if ref, ok := with.Target.Value.(ast.Ref); ok && ref[0].Value.Compare(ast.InputRootDocument.Value) == 0 {
			w.input = nil
		}
	}
	also := w.also
	w.also = nil
	switch terms := e.Terms.(type) {
	case *ast.Term:
		w.statement(e, terms)
	case []*ast.Term:
		if len(terms) > 0 {
			w.invoke(&ast.Term{Value: ast.Call(terms), Location: e.Location}, terms[0], terms[1:], !e.Negated)
		}
	case *ast.SomeDecl:
		w.some(terms)
	case *ast.Every:
		w.every(terms)
	case *ast.Not:
		w.nested(terms.Body, nil, nil)
		if len(terms.Body) == 1 {
			w.also = append(w.also, w.negation(terms.Body[0])...)
		}
	case *ast.LogicalAnd:
		w.and(terms)
	case *ast.LogicalOr:
		w.or(terms)
	}
	if len(e.With) == 0 {
		if e.Negated {
			positive := *e
			positive.Negated = false
			w.learn(w.negation(&positive))
		} else {
			w.learn(w.also)
		}
	}
	w.also, w.input = also, input
}

func (w *walker) with(with *ast.With) {
	ref, ok := with.Target.Value.(ast.Ref)
	if !ok {
		w.shapeOf(with.Value)
		return
	}
	root := ref[0].Value
	if root.Compare(ast.InputRootDocument.Value) == 0 || root.Compare(ast.DefaultRootDocument.Value) == 0 {
		also := w.also
		w.shapeOf(with.Target) // a misspelt target mocks nothing
		w.also = also
	}
	w.shapeOf(with.Value)
}

// statement is an expression that is a term alone: it holds unless it is false or undefined.
func (w *walker) statement(e *ast.Expr, t *ast.Term) {
	w.shapeOf(t)
	switch v := t.Value.(type) {
	case ast.Call:
		if d := w.function(v[0]); d != nil && !e.Negated {
			w.promised(d, v[1:], true)
		}
	case ast.Var, ast.Ref:
		if d := w.rule0(t); d != nil && !e.Negated {
			w.promised(d, nil, true)
		}
	}
}

// rule0 is the rule that a variable or a reference names, to its end.
func (w *walker) rule0(t *ast.Term) *decl {
	ref, ok := t.Value.(ast.Ref)
	if !ok {
		ref = ast.Ref{t}
	}
	v, ok := ref[0].Value.(ast.Var)
	if !ok || w.lookup(v) != nil {
		return nil
	}
	if full := w.global(v); full != nil {
		ref = append(append(ast.Ref{}, full...), ref[1:]...)
	}
	names := constants(ref[1:])
	if len(names) < 2 || len(names) != len(ref)-1 || ref[0].Value.Compare(ast.DefaultRootDocument.Value) != 0 {
		return nil
	}
	k := w.p.packages[dotted(names[:len(names)-1])]
	if k == nil {
		return nil
	}
	return k.decls[names[len(names)-1]]
}

// some binds what `some x in xs` and `some k, v in xs` declare.
func (w *walker) some(s *ast.SomeDecl) {
	for _, sym := range s.Symbols {
		c, ok := sym.Value.(ast.Call)
		if !ok || len(c) < 3 {
			continue
		}
		xs := c[len(c)-1]
		domain := w.shapeOf(xs)
		elem := w.iterate(xs, domain)
		if len(c) == 4 {
			w.bind(c[1], domain.keys())
		}
		w.bind(c[len(c)-2], elem)
		w.narrow(xs, collections)
	}
}

// iterate is the shape of the elements of a term that is iterated over.
func (w *walker) iterate(xs *ast.Term, domain *shape) *shape {
	elem, ok := domain.each()
	if !ok && domain.kinds&collections == 0 && domain.kinds != null {
		w.say(xs, WrongType, positionHint(domain), "%s is %s; there is nothing in it", source(xs), domain.kinds)
	}
	return elem
}

func (w *walker) every(e *ast.Every) {
	domain := w.shapeOf(e.Domain)
	elem := w.iterate(e.Domain, domain)
	w.nested(e.Body, func() {
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

// and reads both sides; what either learns holds after it.
func (w *walker) and(a *ast.LogicalAnd) {
	for _, side := range []ast.Body{a.Lhs, a.Rhs} {
		before := len(w.all)
		var learnt []fact
		w.nested(side, nil, func() {
			if len(w.facts) > before {
				learnt = append(learnt, w.facts[before:]...)
			}
		})
		w.learn(learnt)
		w.all = append(w.all, learnt...)
	}
}

// or reads both sides; what both learn holds after it.
func (w *walker) or(o *ast.LogicalOr) {
	var sides [2][]fact
	before := len(w.all)
	for i, side := range []ast.Body{o.Lhs, o.Rhs} {
		first := func() {
			if i == 1 && len(o.Lhs) == 1 { // the right side matters only where the left one does not hold
				w.facts = append(w.facts, w.negation(o.Lhs[0])...)
			}
		}
		w.nested(side, first, func() {
			if len(w.facts) > before {
				sides[i] = append(sides[i], w.facts[before:]...)
			}
		})
	}
	for _, a := range sides[0] {
		for _, b := range sides[1] {
			if join0(a.key) == join0(b.key) {
				w.also = append(w.also, fact{a.key, a.keep | b.keep})
			}
		}
	}
}

// negation is what holds when an expression does not: `x == null` and is_null(x) only.
func (w *walker) negation(e *ast.Expr) []fact {
	var of *ast.Term
	terms, ok := e.Terms.([]*ast.Term)
	if t, is := e.Terms.(*ast.Term); is {
		if c, is := t.Value.(ast.Call); is {
			terms, ok = c, true
		}
	}
	if !ok || e.Negated || len(e.With) > 0 {
		return nil
	}
	switch name := terms[0].String(); {
	case name == ast.IsNull.Name && len(terms) == 2:
		of = terms[1]
	case (name == ast.Equal.Name || name == ast.Equality.Name) && len(terms) == 3 && isNull(terms[2]):
		of = terms[1]
	case (name == ast.Equal.Name || name == ast.Equality.Name) && len(terms) == 3 && isNull(terms[1]):
		of = terms[2]
	default:
		return nil
	}
	return w.about(of, anything&^null)
}

func isNull(t *ast.Term) bool {
	_, ok := t.Value.(ast.Null)
	return ok
}

// about is the fact that a term is of certain kinds, and the same of the reference that a variable was assigned from.
func (w *walker) about(t *ast.Term, keep kinds) []fact {
	var out []fact
	if key := w.key(t); key != nil {
		out = append(out, fact{key, keep})
	}
	if v, ok := t.Value.(ast.Var); ok {
		if b := w.lookup(v); b != nil && b.alias != nil {
			out = append(out, fact{b.alias, keep})
		}
	}
	return out
}

// learn adds facts that are new. There is an end to it, so that the time that a policy takes grows with its length and no faster.
func (w *walker) learn(facts []fact) {
	const most = 200
	for _, f := range facts {
		if len(w.facts) < most && !slices.ContainsFunc(w.facts, func(o fact) bool { return o.keep == f.keep && slices.Equal(o.key, f.key) }) {
			w.facts = append(w.facts, f)
		}
	}
}

// narrow notes that a term is of certain kinds once the current expression has held.
func (w *walker) narrow(t *ast.Term, keep kinds) {
	if keep&anything != anything && keep != 0 {
		w.also = append(w.also, w.about(t, keep)...)
	}
}

// promised notes what holds when a call or a rule is true. A rule with a default is true for another reason, unless it stands alone.
func (w *walker) promised(d *decl, args []*ast.Term, alone bool) {
	for _, one := range d.defs {
		if one.rule.Default && !alone || one.rule.Head.Key != nil || len(one.rule.Head.Ref()) > 1 {
			return
		}
	}
	for _, p := range d.promises {
		switch {
		case p.arg < 0:
			w.also = append(w.also, fact{append([]string{"input"}, split0(p.path)...), p.keep})
		case p.arg < len(args):
			if key := w.key(args[p.arg]); key != nil {
				w.also = append(w.also, fact{append(append([]string{}, key...), split0(p.path)...), p.keep})
			}
		}
	}
}
