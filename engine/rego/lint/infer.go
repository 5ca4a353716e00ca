package lint

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// typeOf is the type of a term. It reports what is wrong with the term, and narrows what the term tests.
func (w *walker) typeOf(t *ast.Term) *valueType {
	if t == nil {
		return nil
	}
	switch v := t.Value.(type) {
	case ast.Null:
		return &valueType{kinds: null}
	case ast.Boolean:
		return &valueType{kinds: boolean}
	case ast.Number:
		return &valueType{kinds: number}
	case ast.String:
		return literal(string(v))
	case ast.Var:
		return w.variableType(t, v)
	case ast.Ref:
		return w.refType(v)
	case ast.Call:
		return w.callType(t, v[0], v[1:], false)
	case *ast.Array:
		var all []*valueType
		v.Foreach(func(e *ast.Term) { all = append(all, w.typeOf(e)) })
		return &valueType{kinds: array, elem: unionOf(all), items: all}
	case ast.Set:
		var all []*valueType
		for _, e := range v.Slice() {
			all = append(all, w.typeOf(e))
		}
		return &valueType{kinds: set, elem: unionOf(all)}
	case ast.Object:
		return w.objectType(v)
	case *ast.TemplateString:
		for _, part := range v.Parts {
			switch part := part.(type) {
			case *ast.Expr:
				w.readNested(ast.Body{part}, nil, nil)
			case *ast.Term:
				w.typeOf(part)
			}
		}
		return &valueType{kinds: text}
	}
	return w.comprehensionType(t)
}

// objectType is the type of an object that is written out.
func (w *walker) objectType(o ast.Object) *valueType {
	out := &valueType{kinds: object, fields: map[string]*valueType{}}
	o.Foreach(func(k, v *ast.Term) {
		typ := w.typeOf(v)
		if name, ok := k.Value.(ast.String); ok {
			out.fields[string(name)] = typ
			return
		}
		w.typeOf(k)
	})
	return out
}

// comprehensionType is the type of a comprehension; of any other term, nothing is known.
func (w *walker) comprehensionType(t *ast.Term) *valueType {
	var elem *valueType
	switch v := t.Value.(type) {
	case *ast.ArrayComprehension:
		w.readNested(v.Body, nil, func() { elem = w.typeOf(v.Term) })
		return &valueType{kinds: array, elem: elem}
	case *ast.SetComprehension:
		w.readNested(v.Body, nil, func() { elem = w.typeOf(v.Term) })
		return &valueType{kinds: set, elem: elem}
	case *ast.ObjectComprehension:
		w.readNested(v.Body, nil, func() {
			w.typeOf(v.Key)
			elem = w.typeOf(v.Value)
		})
		return &valueType{kinds: object, elem: elem}
	}
	return nil
}

// variableType is the type of a name: of a variable, or of what it stands for outside of the definition.
func (w *walker) variableType(t *ast.Term, v ast.Var) *valueType {
	if b := w.lookup(v); b != nil {
		return w.narrowed([]string{b.id}, w.narrowed(b.alias, b.typ))
	}
	return w.refType(ast.Ref{t})
}

// fullRef is what a name refers to that is no variable: a rule of the package, or an import of data or input. nil is neither.
func (w *walker) fullRef(v ast.Var) ast.Ref {
	if _, ok := w.decl.pkg.decls[string(v)]; ok {
		return w.def.mod.Package.Path.Append(ast.StringTerm(string(v)))
	}
	for _, imp := range w.def.mod.Imports {
		path, ok := imp.Path.Value.(ast.Ref)
		if !ok || len(path) == 0 || imp.Name() != v || len(path) == 1 && path[0].Value.Compare(v) == 0 {
			continue
		}
		if root := path[0].Value; root.Compare(ast.InputRootDocument.Value) == 0 || root.Compare(ast.DefaultRootDocument.Value) == 0 {
			return path
		}
	}
	return nil
}

// refType is the type of what a reference leads to.
func (w *walker) refType(r ast.Ref) *valueType {
	head := r[0]
	v, ok := head.Value.(ast.Var)
	if !ok {
		return w.followRef(w.typeOf(head), nil, r, 1)
	}
	if b := w.lookup(v); b != nil {
		return w.followRef(w.narrowed(b.alias, b.typ), []string{b.id}, r, 1)
	}
	switch {
	case v.Compare(ast.InputRootDocument.Value) == 0:
		return w.followRef(w.input, []string{"input"}, r, 1)
	case v.Compare(ast.DefaultRootDocument.Value) == 0:
		return w.dataType(r)
	}
	if full := w.fullRef(v); full != nil {
		located := slices.Clone(full)
		for i, key := range located { // an issue is where the name is used, not where it is imported
			located[i] = &ast.Term{Value: key.Value, Location: head.Location}
		}
		return w.refType(append(located, r[1:]...))
	}
	return w.followRef(nil, nil, r, 1)
}

// followRef is the type that the keys of r from index i on lead to. typ is the type of r[:i], and key its fact key, nil without one.
func (w *walker) followRef(typ *valueType, key []string, r ast.Ref, i int) *valueType {
	for ; i < len(r); i++ {
		typ = w.narrowed(key, typ)
		typ = w.descend(typ, r[:i], r[i])
		if key != nil {
			key = w.factKey(ast.NewTerm(append(ast.Ref{r[0]}, r[1:i+1]...)))
		}
	}
	return w.narrowed(key, typ)
}

// descend is the type under a key of a value of type typ. base is the reference to that value. An unbound variable as the key is bound.
func (w *walker) descend(typ *valueType, base ast.Ref, key *ast.Term) *valueType {
	name, constant := key.Value.(ast.String)
	if constant {
		f, ok := typ.field(string(name))
		if !ok {
			w.reportMissing(typ, base, key, string(name))
		}
		return f
	}
	v, isVar := key.Value.(ast.Var)
	var keyType *valueType
	free := isVar && (v.IsWildcard() || w.isUnbound(v))
	if !free {
		keyType = w.typeOf(key)
	} else if !v.IsWildcard() {
		w.bind(key, typ.keys())
	}
	if typ == nil {
		return nil
	}
	if typ.kinds&collections == 0 {
		if typ.kinds != null {
			w.report(key, WrongType, positionHint(typ), "%s is %s; there is nothing in it", termText(ast.NewTerm(base)), typ.kinds)
		}
		return nil
	}
	if keyType != nil && typ.kinds&collections == object && typ.closed && keyType.kinds == text && keyType.literals != nil {
		return w.fieldsNamed(typ, base, key, keyType.literals)
	}
	if keyType != nil && typ.section != "" && keyType.positionIn != "" && keyType.positionIn != typ.section {
		w.report(key, WrongIndex, "use input."+keyType.positionIn, "%s holds positions in input.%s, not in %s",
			termText(key), keyType.positionIn, termText(ast.NewTerm(base)))
		return nil
	}
	if n, ok := key.Value.(ast.Number); ok {
		if i, ok := n.Int(); ok {
			return typ.item(i)
		}
	}
	f, _ := typ.elements()
	return f
}

// isUnbound says whether a variable has no value yet, so that a reference binds it.
func (w *walker) isUnbound(v ast.Var) bool {
	b := w.lookup(v)
	if b != nil {
		return !b.bound
	}
	return w.fullRef(v) == nil && v.Compare(ast.InputRootDocument.Value) != 0 && v.Compare(ast.DefaultRootDocument.Value) != 0
}

// fieldsNamed is the union of those fields of a closed object that names has. That it has none of them is an issue.
func (w *walker) fieldsNamed(typ *valueType, base ast.Ref, key *ast.Term, names []string) *valueType {
	var found []*valueType
	for _, name := range names {
		if f, ok := typ.fields[name]; ok {
			found = append(found, f)
		}
	}
	out, ok := unionAll(found)
	if !ok && len(names) > 0 {
		w.reportMissing(typ, base, key, names[0])
	}
	return out
}

// reportMissing reports a constant key that a value of type typ does not have.
func (w *walker) reportMissing(typ *valueType, base ast.Ref, key *ast.Term, name string) {
	where := termText(ast.NewTerm(base))
	switch {
	case typ.kinds&object != 0:
		w.report(key, UnknownField, suggestion(name, sortedKeys(typ.fields)), "%s has no field %q", where, name)
	case typ.kinds&array != 0:
		w.report(key, WrongType, "take its elements: some x in "+where, "%s is an array; it has no field %q", where, name)
	case typ.kinds != null:
		w.report(key, WrongType, positionHint(typ), "%s is %s; it has no field %q", where, typ.kinds, name)
	}
}

// positionHint is the hint for a number that is used as if it were the element at that position.
func positionHint(typ *valueType) string {
	if typ.positionIn == "" {
		return ""
	}
	return "it is a position: input." + typ.positionIn + "[position]"
}
