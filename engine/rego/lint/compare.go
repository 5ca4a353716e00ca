package lint

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// assign binds the left side of `:=` to the right.
func (w *walker) assign(left, right *ast.Term) {
	typ := w.typeOf(right)
	w.bind(left, typ)
	if v, ok := left.Value.(ast.Var); ok && !v.IsWildcard() {
		if b := w.lookup(v); b != nil {
			b.alias = w.factKey(right)
		}
	}
}

// unify reads `=`, which binds variables that have no value yet, and compares otherwise.
func (w *walker) unify(t, left, right *ast.Term, binds bool) {
	switch {
	case binds && w.hasUnbound(left):
		w.assign(left, right)
	case binds && w.hasUnbound(right):
		w.assign(right, left)
	default:
		w.compare(t, false, left, right)
	}
}

// hasUnbound says whether a term holds a variable that has no value yet.
func (w *walker) hasUnbound(t *ast.Term) bool {
	found := false
	switch v := t.Value.(type) {
	case ast.Var:
		if v.IsWildcard() || w.isUnbound(v) {
			return true
		}
		b := w.lookup(v)
		return b != nil && b.typ == nil // in the first pass it was bound to what was unknown then
	case *ast.Array:
		v.Foreach(func(e *ast.Term) { found = found || w.hasUnbound(e) })
	case ast.Object:
		v.Foreach(func(_, e *ast.Term) { found = found || w.hasUnbound(e) })
	}
	return found
}

// bind gives the variables of a pattern their types, and compares its constants with the value.
func (w *walker) bind(t *ast.Term, typ *valueType) {
	switch v := t.Value.(type) {
	case ast.Var:
		if v.IsWildcard() {
			return
		}
		b := w.lookup(v)
		if b == nil {
			if !w.isUnbound(v) {
				return
			}
			b = w.declare(v)
		}
		if typ != nil || !b.bound {
			b.typ = typ
		}
		b.bound = true
	case *ast.Array:
		if typ != nil && typ.kinds&array == 0 && typ.kinds&^null != 0 {
			w.report(t, Impossible, "", "%s never matches %s", termText(t), typ.kinds)
		}
		typ = typ.restrict(array)
		for i := range v.Len() {
			if typ == nil || typ.kinds != array {
				w.bind(v.Elem(i), nil)
			} else {
				w.bind(v.Elem(i), typ.item(i))
			}
		}
	case ast.Object:
		w.bindObject(t, v, typ)
	default:
		w.reportDisjoint(t, t, nil, w.typeOf(t), typ, false)
	}
}

// bindObject is bind for an object as the pattern.
func (w *walker) bindObject(t *ast.Term, o ast.Object, typ *valueType) {
	if typ != nil && typ.kinds&object == 0 {
		if typ.kinds&^null != 0 {
			w.report(t, Impossible, "", "%s never matches %s", termText(t), typ.kinds)
		}
		typ = nil
	}
	o.Foreach(func(k, e *ast.Term) {
		var f *valueType
		if name, ok := k.Value.(ast.String); ok && typ != nil {
			if f, ok = typ.restrict(object).field(string(name)); !ok {
				hint := suggestion(string(name), sortedKeys(typ.fields))
				w.report(k, UnknownField, hint, "what %s is matched with has no field %q", termText(t), string(name))
			}
		}
		w.bind(e, f)
	})
}

// compare reads `==` and `!=`, and `=` between values.
func (w *walker) compare(t *ast.Term, negative bool, left, right *ast.Term) {
	a, b := w.typeOf(left), w.typeOf(right)
	w.reportDisjoint(t, left, right, a, b, negative)
	w.checkPath(left, right)
	w.checkPath(right, left)
	switch {
	case !negative:
		if b != nil {
			w.narrow(left, b.kinds)
		}
		if a != nil {
			w.narrow(right, a.kinds)
		}
	case isNull(right):
		w.narrow(left, anything&^null)
	case isNull(left):
		w.narrow(right, anything&^null)
	}
}

// checkPath reports a text with a slash at its beginning, or a list with one, that a path of the input is compared with: those have none.
func (w *walker) checkPath(t, with *ast.Term) {
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) < 2 || ref[len(ref)-1].Value.Compare(ast.String("path")) != 0 {
		return
	}
	typ := w.typeQuietly(t)
	if whole := w.typeQuietly(ast.NewTerm(ref[:len(ref)-1])); typ == nil || typ.kinds&text == 0 || typ.literals != nil ||
		whole == nil || !whole.closed {
		return
	}
	check := func(e *ast.Term) {
		if s, ok := e.Value.(ast.String); ok && strings.HasPrefix(string(s), "/") {
			hint := "leave out the slash: " + strings.TrimLeft(string(s), "/")
			w.report(e, Impossible, hint, "%s never begins with a slash, as %s does", termText(t), termText(e))
		}
	}
	check(with)
	switch v := with.Value.(type) {
	case ast.Set:
		v.Foreach(check)
	case *ast.Array:
		v.Foreach(check)
	}
}

// reportDisjoint reports that two values are never equal. right is nil where left is a pattern that is matched. negative is `!=`.
func (w *walker) reportDisjoint(t, left, right *ast.Term, a, b *valueType, negative bool) {
	if a == nil || b == nil || a.kinds == 0 || b.kinds == 0 {
		return
	}
	shown := "what it is matched with"
	if right != nil {
		shown = termText(right)
		if isConstant(left) && !isConstant(right) {
			left, a, b, shown = right, b, a, termText(left)
		}
	}
	outcome := "is never"
	if negative {
		outcome = "is always something other than"
	}
	both := a.kinds & b.kinds
	switch {
	case both == 0 && (a.kinds == null || b.kinds == null):
		if _, isRef := left.Value.(ast.Ref); isRef && !negative {
			w.report(t, Impossible, "it is always known", "%s is never null: it is %s", termText(left), (a.kinds|b.kinds)&^null)
		}
	case both == 0:
		w.report(t, Impossible, "", "%s is %s, %s is %s: one %s the other", termText(left), a.kinds, shown, b.kinds, outcome)
	case both == text && a.literals != nil && b.literals != nil && !overlap(a.literals, b.literals):
		if !a.enum && !b.enum && right != nil && (w.declOf(left).isConstant() || w.declOf(right).isConstant()) {
			return // it is there to be changed
		}
		w.report(t, Impossible, suggestion(b.literals[0], a.literals), "%s %s %s", termText(left), outcome, shown)
	case both == text && (a.nonEmpty && onlyEmpty(b) || b.nonEmpty && onlyEmpty(a)):
		hint := "it is never empty"
		if a.kinds&null != 0 {
			hint = "what is unknown is null: compare with null"
		}
		w.report(t, Impossible, hint, "%s %s %s", termText(left), outcome, shown)
	}
}

// isConstant says whether a declaration is one constant, whatever the input is; d may be nil.
func (d *decl) isConstant() bool {
	if d == nil || len(d.defs) != 1 {
		return false
	}
	r := d.defs[0].rule
	return len(r.Head.Args) == 0 && r.Head.Value != nil && isConstant(r.Head.Value) && len(r.Body) == 1 &&
		r.Body[0].Equal(ast.NewExpr(ast.BooleanTerm(true)))
}

func isConstant(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.String, ast.Number, ast.Boolean, ast.Null:
		return true
	}
	return false
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

func onlyEmpty(typ *valueType) bool { return len(typ.literals) == 1 && typ.literals[0] == "" }

// order reads <, <=, > and >=.
func (w *walker) order(t, left, right *ast.Term) {
	a, b := w.typeOf(left), w.typeOf(right)
	for _, side := range []struct {
		term *ast.Term
		typ  *valueType
	}{{left, a}, {right, b}} {
		if side.typ == nil || side.typ.kinds&null == 0 {
			continue
		}
		if w.factKey(side.term) != nil {
			facts := w.facts
			w.facts = append(slices.Clip(w.bodyFacts), w.outer...) // a guard further down counts too: both expressions must hold
			guarded := w.typeQuietly(side.term)
			w.facts = facts
			if guarded == nil || guarded.kinds&null == 0 {
				continue
			}
		}
		hint := "test it too: " + termText(side.term) + " != null"
		w.report(t, UnguardedNull, hint, "%s may be null (unknown), and null is less than every number and string", termText(side.term))
		return
	}
	if a == nil || b == nil {
		return
	}
	switch both := a.kinds & b.kinds &^ null; {
	case both == 0 && a.kinds != 0 && b.kinds != 0:
		w.report(t, Impossible, "", "%s is %s, %s is %s: their order is that of their kinds", termText(left), a.kinds, termText(right), b.kinds)
	case both == text && (a.enum || b.enum):
		literals := a.literals
		if !a.enum {
			literals = b.literals
		}
		w.report(t, WordOrder, "list the words that count: x in {…}; "+knownHint(literals), "%s compares words by their letters", termText(t))
	}
}

// typeQuietly is typeOf without reporting and narrowing.
func (w *walker) typeQuietly(t *ast.Term) *valueType {
	quiet, pending := w.quiet, w.pending
	w.quiet = true
	typ := w.typeOf(t)
	w.quiet, w.pending = quiet, pending
	return typ
}

// member reads `x in xs`.
func (w *walker) member(t, x, xs *ast.Term) {
	typ, domain := w.typeOf(x), w.typeOf(xs)
	elem := w.elementsOf(xs, domain)
	var members []*ast.Term
	switch v := xs.Value.(type) {
	case *ast.Array:
		v.Foreach(func(e *ast.Term) { members = append(members, e) })
	case ast.Set:
		members = v.Slice()
	}
	for _, m := range members {
		if isConstant(m) {
			w.reportDisjoint(m, x, m, typ, w.typeQuietly(m), false)
		}
	}
	if members == nil && domain != nil {
		w.reportDisjoint(t, x, xs, typ, elem, false)
	}
	if elem != nil {
		w.narrow(x, elem.kinds)
	}
}
