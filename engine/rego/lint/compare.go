package lint

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// assign binds the left side of `:=`.
func (w *walker) assign(left, right *ast.Term) {
	s := w.shapeOf(right)
	w.bind(left, s)
	if v, ok := left.Value.(ast.Var); ok && !v.IsWildcard() {
		if b := w.lookup(v); b != nil {
			b.alias = w.key(right)
		}
	}
}

// unify is `=`: it binds what has no value yet and compares the rest.
func (w *walker) unify(t, left, right *ast.Term, binds bool) {
	switch {
	case binds && w.pattern(left):
		w.assign(left, right)
	case binds && w.pattern(right):
		w.assign(right, left)
	default:
		w.compare(t, false, left, right)
	}
}

// pattern says that a term holds a variable that has no value yet.
func (w *walker) pattern(t *ast.Term) bool {
	found := false
	switch v := t.Value.(type) {
	case ast.Var:
		if v.IsWildcard() || w.free(v) {
			return true
		}
		b := w.lookup(v)
		return b != nil && b.shape == nil // bound in the first pass to what was unknown then
	case *ast.Array:
		v.Foreach(func(e *ast.Term) { found = found || w.pattern(e) })
	case ast.Object:
		v.Foreach(func(_, e *ast.Term) { found = found || w.pattern(e) })
	}
	return found
}

// bind gives the variables of a pattern their shapes, and compares its constants.
func (w *walker) bind(t *ast.Term, s *shape) {
	switch v := t.Value.(type) {
	case ast.Var:
		if v.IsWildcard() {
			return
		}
		b := w.lookup(v)
		if b == nil {
			if !w.free(v) {
				return
			}
			b = w.declare(v)
		}
		if s != nil || !b.bound {
			b.shape = s
		}
		b.bound = true
	case *ast.Array:
		if s != nil && s.kinds&array == 0 && s.kinds&^null != 0 {
			w.say(t, Impossible, "", "%s never matches %s", source(t), s.kinds)
		}
		s = s.only(array)
		for i := range v.Len() {
			if s == nil || s.kinds != array {
				w.bind(v.Elem(i), nil)
			} else {
				w.bind(v.Elem(i), s.item(i))
			}
		}
	case ast.Object:
		w.bindObject(t, v, s)
	default:
		w.disjoint(t, t, nil, w.shapeOf(t), s, false)
	}
}

func (w *walker) bindObject(t *ast.Term, o ast.Object, s *shape) {
	if s != nil && s.kinds&object == 0 {
		if s.kinds&^null != 0 {
			w.say(t, Impossible, "", "%s never matches %s", source(t), s.kinds)
		}
		s = nil
	}
	o.Foreach(func(k, e *ast.Term) {
		var f *shape
		if name, ok := k.Value.(ast.String); ok && s != nil {
			if f, ok = s.only(object).field(string(name)); !ok {
				w.say(k, UnknownField, meant(string(name), sortedKeys(s.fields)), "what %s is matched with has no field %q", source(t), string(name))
			}
		}
		w.bind(e, f)
	})
}

// compare is `==`, `!=` and `=` between values.
func (w *walker) compare(t *ast.Term, negative bool, left, right *ast.Term) {
	a, b := w.shapeOf(left), w.shapeOf(right)
	w.disjoint(t, left, right, a, b, negative)
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

// disjoint reports two values that are never equal. right is nil where a pattern is matched.
func (w *walker) disjoint(t, left, right *ast.Term, a, b *shape, negative bool) {
	if a == nil || b == nil || a.kinds == 0 || b.kinds == 0 {
		return
	}
	shown := "what it is matched with"
	if right != nil {
		shown = source(right)
		if constant(left) && !constant(right) {
			left, a, b, shown = right, b, a, source(left)
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
			w.say(t, Impossible, "it is always known", "%s is never null: it is %s", source(left), (a.kinds|b.kinds)&^null)
		}
	case both == 0:
		w.say(t, Impossible, "", "%s is %s, %s is %s: one %s the other", source(left), a.kinds, shown, b.kinds, outcome)
	case both == text && a.words != nil && b.words != nil && !overlap(a.words, b.words):
		w.say(t, Impossible, meant(b.words[0], a.words), "%s %s %s", source(left), outcome, shown)
	case both == text && (a.filled && empty(b) || b.filled && empty(a)):
		hint := "it is never empty"
		if a.kinds&null != 0 {
			hint = "what is unknown is null: compare with null"
		}
		w.say(t, Impossible, hint, "%s %s %s", source(left), outcome, shown)
	}
}

func constant(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.String, ast.Number, ast.Boolean, ast.Null:
		return true
	}
	return false
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

func empty(s *shape) bool { return len(s.words) == 1 && s.words[0] == "" }

// order is <, <=, > and >=.
func (w *walker) order(t, left, right *ast.Term) {
	a, b := w.shapeOf(left), w.shapeOf(right)
	for _, side := range []struct {
		term *ast.Term
		s    *shape
	}{{left, a}, {right, b}} {
		if side.s == nil || side.s.kinds&null == 0 {
			continue
		}
		if w.key(side.term) != nil {
			facts := w.facts
			w.facts = w.all // a guard further down does as well: both must hold
			later := w.again(side.term)
			w.facts = facts
			if later == nil || later.kinds&null == 0 {
				continue
			}
		}
		w.say(t, UnguardedNull, "test it too: "+source(side.term)+" != null", "%s may be null (unknown), and null is less than every number and string", source(side.term))
		return
	}
	if a == nil || b == nil {
		return
	}
	switch both := a.kinds & b.kinds &^ null; {
	case both == 0 && a.kinds != 0 && b.kinds != 0:
		w.say(t, Impossible, "", "%s is %s, %s is %s: their order is that of their kinds", source(left), a.kinds, source(right), b.kinds)
	case both == text && (a.enum || b.enum):
		words := a.words
		if !a.enum {
			words = b.words
		}
		w.say(t, WordOrder, "list the words that count: x in {…}; "+oneOf(words), "%s compares words by their letters", source(t))
	}
}

// again is the shape of a term once more, without reporting.
func (w *walker) again(t *ast.Term) *shape {
	quiet, also := w.quiet, w.also
	w.quiet = true
	s := w.shapeOf(t)
	w.quiet, w.also = quiet, also
	return s
}

// member is `x in xs`.
func (w *walker) member(t, x, xs *ast.Term) {
	s, domain := w.shapeOf(x), w.shapeOf(xs)
	elem := w.iterate(xs, domain)
	var members []*ast.Term
	switch v := xs.Value.(type) {
	case *ast.Array:
		v.Foreach(func(e *ast.Term) { members = append(members, e) })
	case ast.Set:
		members = v.Slice()
	}
	for _, m := range members {
		if constant(m) {
			w.disjoint(m, x, m, s, w.again(m), false)
		}
	}
	if members == nil && domain != nil {
		w.disjoint(t, x, xs, s, elem, false)
	}
	if elem != nil {
		w.narrow(x, elem.kinds)
	}
}
