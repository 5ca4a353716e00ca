package lint

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

func dotted(names []string) string { return strings.Join(names, ".") }

// invoke reads a call: an operator, a built-in, or a function of the policies. binds says that it may bind variables (`=`).
func (w *walker) invoke(t, op *ast.Term, args []*ast.Term, binds bool) *shape {
	yes := &shape{kinds: boolean}
	name := op.String()
	if len(args) == 2 {
		switch name {
		case ast.Assign.Name:
			w.assign(args[0], args[1])
			return yes
		case ast.Equality.Name:
			w.unify(t, args[0], args[1], binds)
			return yes
		case ast.Equal.Name, ast.NotEqual.Name:
			w.compare(t, name == ast.NotEqual.Name, args[0], args[1])
			return yes
		case ast.LessThan.Name, ast.LessThanEq.Name, ast.GreaterThan.Name, ast.GreaterThanEq.Name:
			w.order(t, args[0], args[1])
			return yes
		case ast.Member.Name:
			w.member(t, args[0], args[1])
			return yes
		}
	}
	if name == ast.MemberWithKey.Name && len(args) == 3 {
		w.shapeOf(args[0])
		w.member(t, args[1], args[2])
		return yes
	}
	if d := w.function(op); d != nil {
		return w.call(d, args)
	}
	b := w.p.in.Builtins[name]
	if b == nil {
		b = ast.BuiltinMap[name]
	}
	if b == nil || b.Decl == nil {
		for _, a := range args {
			w.shapeOf(a)
		}
		return nil
	}
	return w.builtin(t, b, args)
}

// function is the declaration that an operator names, or nil for a built-in.
func (w *walker) function(op *ast.Term) *decl {
	d := w.rule0(op)
	if d == nil || len(d.defs[0].rule.Head.Args) == 0 {
		return nil
	}
	return d
}

func (w *walker) call(d *decl, args []*ast.Term) *shape {
	w.decl.leans = true
	if d.pkg != w.decl.pkg {
		d.used = true
	}
	arity := len(d.defs[0].rule.Head.Args)
	var shapes []*shape
	for i, a := range args {
		if i < arity {
			shapes = append(shapes, w.shapeOf(a))
		}
	}
	if !w.quiet && !w.def.test && len(shapes) == arity {
		if !d.called {
			d.called, d.calls = true, shapes
		} else {
			for i := range shapes {
				shapes[i] = join(d.calls[i], shapes[i])
			}
			d.calls = shapes
		}
	}
	w.promised(d, args, false)
	if len(args) == arity+1 {
		w.bind(args[arity], d.value)
		return &shape{kinds: boolean}
	}
	return d.value
}

// builtin checks the arguments of a built-in against what it takes, and gives the shape of its result.
func (w *walker) builtin(t *ast.Term, b *ast.Builtin, args []*ast.Term) *shape {
	arity := b.Decl.Arity()
	decl := b.Decl.FuncArgs()
	var shapes []*shape
	for i, a := range args {
		if i >= arity && decl.Variadic == nil {
			break
		}
		s := w.shapeOf(a)
		shapes = append(shapes, s)
		takes := opaShape(decl.Arg(i))
		if takes == nil || s == nil {
			continue
		}
		switch {
		case s.kinds == null:
		case s.kinds&takes.kinds == 0:
			w.say(a, WrongType, "", "%s takes %s, %s is %s", title(b), takes.kinds, source(a), s.kinds)
		case s.kinds&null != 0 && takes.kinds&null == 0:
			w.say(a, UnguardedNull, "test it before: "+source(a)+" != null", "%s may be null (unknown), and %s fails on null", source(a), title(b))
		}
		w.narrow(a, takes.kinds)
	}
	result := w.result(b, args, shapes)
	if k, ok := isKind(b.Name); ok && len(args) == 1 {
		w.narrow(args[0], k)
	}
	if len(args) == arity+1 && decl.Variadic == nil && !types.Void(b.Decl) {
		w.bind(args[arity], result)
		return &shape{kinds: boolean}
	}
	return result
}

func title(b *ast.Builtin) string {
	if b.Infix != "" {
		return b.Infix
	}
	return b.Name
}

func isKind(name string) (kinds, bool) {
	switch name {
	case ast.IsNumber.Name:
		return number, true
	case ast.IsString.Name:
		return text, true
	case ast.IsBoolean.Name:
		return boolean, true
	case ast.IsArray.Name:
		return array, true
	case ast.IsObject.Name:
		return object, true
	case ast.IsSet.Name:
		return set, true
	case ast.IsNull.Name:
		return null, true
	}
	return 0, false
}

func (w *walker) result(b *ast.Builtin, args []*ast.Term, shapes []*shape) *shape {
	first := func() *shape {
		if len(shapes) > 0 {
			return shapes[0]
		}
		return nil
	}
	switch b.Name {
	case ast.ObjectGet.Name:
		if len(args) == 3 {
			return w.objectGet(args, shapes)
		}
	case ast.Sort.Name:
		if s := first(); s != nil {
			elem, _ := s.each()
			return &shape{kinds: array, elem: elem}
		}
	case ast.Max.Name, ast.Min.Name:
		elem, _ := first().each()
		return elem
	case ast.ArrayConcat.Name, ast.Or.Name:
		if len(shapes) == 2 && shapes[0] != nil && shapes[1] != nil {
			a, _ := shapes[0].each()
			c, _ := shapes[1].each()
			return &shape{kinds: shapes[0].kinds & (array | set), elem: join(a, c)}
		}
	case ast.ArraySlice.Name, ast.ArrayReverse.Name, ast.Minus.Name, ast.And.Name:
		if s := first(); s != nil && s.kinds&(array|set) != 0 {
			return &shape{kinds: s.kinds & (array | set), elem: s.elem}
		}
	case ast.ObjectKeys.Name:
		return &shape{kinds: set, elem: first().keys()}
	case ast.Lower.Name, ast.Upper.Name:
		if s := first(); s != nil && s.words != nil {
			change := strings.ToLower
			if b.Name == ast.Upper.Name {
				change = strings.ToUpper
			}
			out := &shape{kinds: text, filled: s.filled, words: []string{}}
			for _, word := range s.words {
				out.words = append(out.words, change(word))
			}
			return out
		}
	}
	return opaShape(b.Decl.Result())
}

// objectGet is object.get(object, key or path, default).
func (w *walker) objectGet(args []*ast.Term, shapes []*shape) *shape {
	if shapes[0] == nil {
		return nil
	}
	path := []*ast.Term{args[1]}
	if a, ok := args[1].Value.(*ast.Array); ok {
		path = nil
		a.Foreach(func(t *ast.Term) { path = append(path, t) })
	}
	s := shapes[0]
	base := ast.Ref{args[0]}
	for _, op := range path {
		if _, ok := op.Value.(ast.String); !ok {
			return nil
		}
		s = w.step(s, base, op)
		base = append(base[:len(base):len(base)], op)
	}
	if s == nil {
		return nil
	}
	return join(s, shapes[2])
}
