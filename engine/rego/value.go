package rego

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine"
)

// builder turns Go structs into OPA values by their json tags, in the form that their JSON has but never through JSON. It is
// immutable, so that its keys are built once per policy.
type builder map[reflect.Type][]field

type field struct {
	key   *ast.Term
	name  string
	index []int
}

func newBuilder() builder {
	b := builder{}
	b.learn(reflect.TypeFor[engine.Input]())
	return b
}

func (b builder) learn(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		b.learn(t.Elem())
	case reflect.Struct:
		if _, ok := b[t]; ok {
			return
		}
		b[t] = nil
		b[t] = b.fields(t, nil)
	}
}

// fields lists those of the JSON form; embedded structs without a name of their own are flattened, as encoding/json does.
func (b builder) fields(t reflect.Type, at []int) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			out = append(out, b.fields(f.Type, index)...)
		case f.IsExported() && name != "-" && name != "":
			out = append(out, field{ast.StringTerm(name), name, index})
			b.learn(f.Type)
		}
	}
	return out
}

// input builds the parts of the input that are read.
func (b builder) input(in *engine.Input, r *reads) (ast.Value, error) {
	v := reflect.ValueOf(in).Elem()
	var items [][2]*ast.Term
	for _, f := range b[v.Type()] {
		if !r.all && !r.sections[f.name] {
			continue
		}
		part, err := b.part(f, v.FieldByIndex(f.index), r)
		if err != nil {
			return nil, fmt.Errorf("input.%s: %w", f.name, err)
		}
		items = append(items, [2]*ast.Term{f.key, part})
	}
	return ast.NewObject(items...), nil
}

func (b builder) part(f field, v reflect.Value, r *reads) (*ast.Term, error) {
	if f.name != "index" || r.all || r.allViews {
		return b.term(v)
	}
	var items [][2]*ast.Term
	for _, view := range b[v.Type()] {
		if !r.views[view.name] {
			continue
		}
		t, err := b.term(v.FieldByIndex(view.index))
		if err != nil {
			return nil, err
		}
		items = append(items, [2]*ast.Term{view.key, t})
	}
	return ast.ObjectTerm(items...), nil
}

// term is the value of v: an unknown (an empty Maybe or Digest, a nil pointer) is null, as in JSON.
func (b builder) term(v reflect.Value) (*ast.Term, error) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() == 0 && (v.Type() == reflect.TypeFor[engine.Maybe]() || v.Type() == reflect.TypeFor[engine.Digest]()) {
			return ast.InternedNullTerm, nil
		}
		return ast.InternedTerm(v.String()), nil
	case reflect.Bool:
		return ast.InternedTerm(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return ast.InternedTerm(int(v.Int())), nil
	case reflect.Float64:
		return ast.FloatNumberTerm(v.Float()), nil
	case reflect.Pointer:
		if v.IsNil() {
			return ast.InternedNullTerm, nil
		}
		return b.term(v.Elem())
	case reflect.Slice:
		if v.Len() == 0 {
			return ast.InternedEmptyArray, nil
		}
		terms := make([]*ast.Term, v.Len())
		for i := range terms {
			var err error
			if terms[i], err = b.term(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return ast.ArrayTerm(terms...), nil
	case reflect.Map:
		if v.Len() == 0 {
			return ast.InternedEmptyObject, nil
		}
		items := make([][2]*ast.Term, 0, v.Len())
		for at := v.MapRange(); at.Next(); {
			t, err := b.term(at.Value())
			if err != nil {
				return nil, err
			}
			items = append(items, [2]*ast.Term{ast.StringTerm(at.Key().String()), t})
		}
		return ast.ObjectTerm(items...), nil
	case reflect.Struct:
		fields := b[v.Type()]
		items := make([][2]*ast.Term, len(fields))
		for i, f := range fields {
			t, err := b.term(v.FieldByIndex(f.index))
			if err != nil {
				return nil, err
			}
			items[i] = [2]*ast.Term{f.key, t}
		}
		return ast.ObjectTerm(items...), nil
	}
	return nil, fmt.Errorf("a %s has no JSON form here", v.Type())
}
