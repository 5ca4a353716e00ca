package lint

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// shapeOf is the shape of a term. It checks what it reads.
func (w *walker) shapeOf(t *ast.Term) *shape {
	if t == nil {
		return nil
	}
	switch v := t.Value.(type) {
	case ast.Null:
		return &shape{kinds: null}
	case ast.Boolean:
		return &shape{kinds: boolean}
	case ast.Number:
		return &shape{kinds: number}
	case ast.String:
		return word(string(v))
	case ast.Var:
		return w.variable(t, v)
	case ast.Ref:
		return w.ref(t, v)
	case ast.Call:
		return w.invoke(t, v[0], v[1:], false)
	case *ast.Array:
		var all []*shape
		v.Foreach(func(e *ast.Term) { all = append(all, w.shapeOf(e)) })
		return &shape{kinds: array, elem: joined(all), items: all}
	case ast.Set:
		var all []*shape
		for _, e := range v.Slice() {
			all = append(all, w.shapeOf(e))
		}
		return &shape{kinds: set, elem: joined(all)}
	case ast.Object:
		return w.object(v)
	case *ast.TemplateString:
		for _, part := range v.Parts {
			switch part := part.(type) {
			case *ast.Expr:
				w.nested(ast.Body{part}, nil, nil)
			case *ast.Term:
				w.shapeOf(part)
			}
		}
		return &shape{kinds: text}
	}
	return w.comprehension(t)
}

func joined(all []*shape) *shape {
	out, _ := joinAll(all)
	return out
}

func (w *walker) object(o ast.Object) *shape {
	out := &shape{kinds: object, fields: map[string]*shape{}}
	o.Foreach(func(k, v *ast.Term) {
		s := w.shapeOf(v)
		if name, ok := k.Value.(ast.String); ok {
			out.fields[string(name)] = s
			return
		}
		w.shapeOf(k)
	})
	return out
}

func (w *walker) comprehension(t *ast.Term) *shape {
	var elem *shape
	switch v := t.Value.(type) {
	case *ast.ArrayComprehension:
		w.nested(v.Body, nil, func() { elem = w.shapeOf(v.Term) })
		return &shape{kinds: array, elem: elem}
	case *ast.SetComprehension:
		w.nested(v.Body, nil, func() { elem = w.shapeOf(v.Term) })
		return &shape{kinds: set, elem: elem}
	case *ast.ObjectComprehension:
		w.nested(v.Body, nil, func() {
			w.shapeOf(v.Key)
			elem = w.shapeOf(v.Value)
		})
		return &shape{kinds: object, elem: elem}
	}
	return nil
}

func (w *walker) variable(t *ast.Term, v ast.Var) *shape {
	if b := w.lookup(v); b != nil {
		return w.known([]string{b.id}, w.known(b.alias, b.shape))
	}
	return w.ref(t, ast.Ref{t})
}

// global is the full reference of a name that is no variable: a rule of the package or an import.
func (w *walker) global(v ast.Var) ast.Ref {
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

// ref walks a reference from its head.
func (w *walker) ref(t *ast.Term, r ast.Ref) *shape {
	head := r[0]
	v, ok := head.Value.(ast.Var)
	if !ok {
		return w.walk(w.shapeOf(head), nil, r, 1)
	}
	if b := w.lookup(v); b != nil {
		return w.walk(w.known(b.alias, b.shape), []string{b.id}, r, 1)
	}
	switch {
	case v.Compare(ast.InputRootDocument.Value) == 0:
		return w.walk(w.input, []string{"input"}, r, 1)
	case v.Compare(ast.DefaultRootDocument.Value) == 0:
		return w.data(t, r)
	}
	if full := w.global(v); full != nil {
		located := slices.Clone(full)
		for i, op := range located { // what is wrong with it is wrong here
			located[i] = &ast.Term{Value: op.Value, Location: head.Location}
		}
		return w.ref(t, append(located, r[1:]...))
	}
	return w.walk(nil, nil, r, 1)
}

// walk goes down from s along the operands of r from index i on; key is the identity of where it stands.
func (w *walker) walk(s *shape, key []string, r ast.Ref, i int) *shape {
	for ; i < len(r); i++ {
		s = w.known(key, s)
		s = w.step(s, r[:i], r[i])
		if key != nil {
			key = w.key(ast.NewTerm(append(ast.Ref{r[0]}, r[1:i+1]...)))
		}
	}
	return w.known(key, s)
}

// step goes one key down.
func (w *walker) step(s *shape, base ast.Ref, op *ast.Term) *shape {
	name, constant := op.Value.(ast.String)
	if constant {
		f, ok := s.field(string(name))
		if !ok {
			w.missing(s, base, op, string(name))
		}
		return f
	}
	v, isVar := op.Value.(ast.Var)
	var index *shape
	free := isVar && (v.IsWildcard() || w.free(v))
	if !free {
		index = w.shapeOf(op)
	} else if !v.IsWildcard() {
		w.bind(op, s.keys())
	}
	if s == nil {
		return nil
	}
	if s.kinds&collections == 0 {
		if s.kinds != null {
			w.say(op, WrongType, positionHint(s), "%s is %s; there is nothing in it", source(ast.NewTerm(base)), s.kinds)
		}
		return nil
	}
	if index != nil && s.kinds&collections == object && s.closed && index.kinds == text && index.words != nil {
		return w.pick(s, base, op, index.words)
	}
	if index != nil && s.list != "" && index.into != "" && index.into != s.list {
		w.say(op, WrongIndex, "use input."+index.into, "%s holds positions in input.%s, not in %s", source(op), index.into, source(ast.NewTerm(base)))
		return nil
	}
	if n, ok := op.Value.(ast.Number); ok {
		if i, ok := n.Int(); ok {
			return s.item(i)
		}
	}
	f, _ := s.each()
	return f
}

// free says that a variable has no value yet, so that a reference binds it.
func (w *walker) free(v ast.Var) bool {
	b := w.lookup(v)
	if b != nil {
		return !b.bound
	}
	return w.global(v) == nil && v.Compare(ast.InputRootDocument.Value) != 0 && v.Compare(ast.DefaultRootDocument.Value) != 0
}

// pick is the join of the fields that the words name; when they name none of them, that is an issue.
func (w *walker) pick(s *shape, base ast.Ref, op *ast.Term, words []string) *shape {
	var found []*shape
	for _, name := range words {
		if f, ok := s.fields[name]; ok {
			found = append(found, f)
		}
	}
	out, ok := joinAll(found)
	if !ok && len(words) > 0 {
		w.missing(s, base, op, words[0])
	}
	return out
}

// missing reports a constant key that is not there.
func (w *walker) missing(s *shape, base ast.Ref, op *ast.Term, name string) {
	where := source(ast.NewTerm(base))
	switch {
	case s.kinds&object != 0:
		w.say(op, UnknownField, meant(name, sortedKeys(s.fields)), "%s has no field %q", where, name)
	case s.kinds&array != 0:
		w.say(op, WrongType, "take its elements: some x in "+where, "%s is an array; it has no field %q", where, name)
	case s.kinds != null:
		w.say(op, WrongType, positionHint(s), "%s is %s; it has no field %q", where, s.kinds, name)
	}
}

func positionHint(s *shape) string {
	if s.into == "" {
		return ""
	}
	return "it is a position: input." + s.into + "[position]"
}
