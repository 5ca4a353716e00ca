package lint

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// callType is the type of a call: of an operator, a built-in, or a function of the policies. binds says whether `=` may bind variables
// in it.
func (w *walker) callType(t, operator *ast.Term, args []*ast.Term, binds bool) *valueType {
	truth := &valueType{kinds: boolean}
	name := operator.String()
	if len(args) == 2 {
		switch name {
		case ast.Assign.Name:
			w.assign(args[0], args[1])
			return truth
		case ast.Equality.Name:
			w.unify(t, args[0], args[1], binds)
			return truth
		case ast.Equal.Name, ast.NotEqual.Name:
			w.compare(t, name == ast.NotEqual.Name, args[0], args[1])
			return truth
		case ast.LessThan.Name, ast.LessThanEq.Name, ast.GreaterThan.Name, ast.GreaterThanEq.Name:
			w.order(t, args[0], args[1])
			return truth
		case ast.Member.Name:
			w.member(t, args[0], args[1])
			w.checkPath(args[0], args[1])
			return truth
		}
	}
	if name == ast.MemberWithKey.Name && len(args) == 3 {
		w.typeOf(args[0])
		w.member(t, args[1], args[2])
		return truth
	}
	if d := w.functionDecl(operator); d != nil {
		return w.callFunction(d, args)
	}
	b := w.program.in.Builtins[name]
	if b == nil {
		b = ast.BuiltinMap[name]
	}
	if b == nil || b.Decl == nil {
		for _, a := range args {
			w.typeOf(a)
		}
		return nil
	}
	return w.callBuiltin(t, b, args)
}

// functionDecl is the function of the policies that an operator names; nil for a built-in.
func (w *walker) functionDecl(operator *ast.Term) *decl {
	d := w.declOf(operator)
	if d == nil || len(d.defs[0].rule.Head.Args) == 0 {
		return nil
	}
	return d
}

// callFunction is the type of a function's result. It adds the types of the arguments to those that the function is called with.
func (w *walker) callFunction(d *decl, args []*ast.Term) *valueType {
	w.decl.dependsOnOthers = true
	arity := len(d.defs[0].rule.Head.Args)
	var argTypes []*valueType
	for i, a := range args {
		if i < arity {
			argTypes = append(argTypes, w.typeOf(a))
		}
	}
	if !w.quiet && !w.def.test && len(argTypes) == arity {
		if !d.called {
			d.called, d.nextArgTypes = true, argTypes
		} else {
			for i := range argTypes {
				argTypes[i] = union(d.nextArgTypes[i], argTypes[i])
			}
			d.nextArgTypes = argTypes
		}
	}
	w.assumeGuarantees(d, args, false)
	if len(args) == arity+1 { // f(x, y) for y = f(x)
		w.bind(args[arity], d.value)
		return &valueType{kinds: boolean}
	}
	return d.value
}

// callBuiltin is the type of a built-in's result. It checks the arguments against what the built-in takes.
func (w *walker) callBuiltin(t *ast.Term, b *ast.Builtin, args []*ast.Term) *valueType {
	arity := b.Decl.Arity()
	decl := b.Decl.FuncArgs()
	var argTypes []*valueType
	for i, a := range args {
		if i >= arity && decl.Variadic == nil {
			break
		}
		typ := w.typeOf(a)
		argTypes = append(argTypes, typ)
		takes := fromOPAType(decl.Arg(i))
		if takes == nil || typ == nil {
			continue
		}
		switch {
		case typ.kinds == null:
		case typ.kinds&takes.kinds == 0:
			w.report(a, WrongType, "", "%s takes %s, %s is %s", builtinName(b), takes.kinds, termText(a), typ.kinds)
		case typ.kinds&null != 0 && takes.kinds&null == 0:
			hint := "test it before: " + termText(a) + " != null"
			w.report(a, UnguardedNull, hint, "%s may be null (unknown), and %s fails on null", termText(a), builtinName(b))
		}
		w.narrow(a, takes.kinds)
	}
	if b.Name == ast.StartsWith.Name && len(args) == 2 {
		w.checkPath(args[0], args[1])
	}
	result := w.builtinResult(b, args, argTypes)
	if len(args) == 1 {
		w.narrow(args[0], kindTestedBy(b.Name))
	}
	if len(args) == arity+1 && decl.Variadic == nil && !types.Void(b.Decl) {
		w.bind(args[arity], result)
		return &valueType{kinds: boolean}
	}
	return result
}

// builtinName is what a policy writes for a built-in: "+" for plus.
func builtinName(b *ast.Builtin) string {
	if b.Infix != "" {
		return b.Infix
	}
	return b.Name
}

// kindTestedBy is the kind for which a built-in such as is_string is true; none for any other.
func kindTestedBy(name string) kinds {
	switch name {
	case ast.IsNumber.Name:
		return number
	case ast.IsString.Name:
		return text
	case ast.IsBoolean.Name:
		return boolean
	case ast.IsArray.Name:
		return array
	case ast.IsObject.Name:
		return object
	case ast.IsSet.Name:
		return set
	case ast.IsNull.Name:
		return null
	}
	return 0
}

// builtinResult is the type of a built-in's result: of some it is more than OPA's declaration says.
func (w *walker) builtinResult(b *ast.Builtin, args []*ast.Term, argTypes []*valueType) *valueType {
	first := func() *valueType {
		if len(argTypes) > 0 {
			return argTypes[0]
		}
		return nil
	}
	switch b.Name {
	case ast.ObjectGet.Name:
		if len(args) == 3 {
			return w.objectGet(args, argTypes)
		}
	case ast.Sort.Name:
		if typ := first(); typ != nil {
			elem, _ := typ.elements()
			return &valueType{kinds: array, elem: elem}
		}
	case ast.Max.Name, ast.Min.Name:
		elem, _ := first().elements()
		return elem
	case ast.ArrayConcat.Name, ast.Or.Name:
		if len(argTypes) == 2 && argTypes[0] != nil && argTypes[1] != nil {
			a, _ := argTypes[0].elements()
			c, _ := argTypes[1].elements()
			return &valueType{kinds: argTypes[0].kinds & (array | set), elem: union(a, c)}
		}
	case ast.ArraySlice.Name, ast.ArrayReverse.Name, ast.Minus.Name, ast.And.Name:
		if typ := first(); typ != nil && typ.kinds&(array|set) != 0 {
			return &valueType{kinds: typ.kinds & (array | set), elem: typ.elem}
		}
	case ast.ObjectKeys.Name:
		return &valueType{kinds: set, elem: first().keys()}
	case ast.Lower.Name, ast.Upper.Name:
		if typ := first(); typ != nil && typ.literals != nil {
			change := strings.ToLower
			if b.Name == ast.Upper.Name {
				change = strings.ToUpper
			}
			out := &valueType{kinds: text, nonEmpty: typ.nonEmpty, literals: []string{}}
			for _, literal := range typ.literals {
				out.literals = append(out.literals, change(literal))
			}
			return out
		}
	}
	return fromOPAType(b.Decl.Result())
}

// objectGet is the type of object.get(object, key or path, default).
func (w *walker) objectGet(args []*ast.Term, argTypes []*valueType) *valueType {
	if argTypes[0] == nil {
		return nil
	}
	path := []*ast.Term{args[1]}
	if a, ok := args[1].Value.(*ast.Array); ok {
		path = nil
		a.Foreach(func(t *ast.Term) { path = append(path, t) })
	}
	typ := argTypes[0]
	base := ast.Ref{args[0]}
	for _, op := range path {
		if _, ok := op.Value.(ast.String); !ok {
			return nil
		}
		typ = w.descend(typ, base, op)
		base = append(base[:len(base):len(base)], op)
	}
	if typ == nil {
		return nil
	}
	return union(typ, argTypes[2])
}
