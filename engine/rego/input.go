package rego

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine"
)

// inputBuilder turns an engine.Input into the OPA value that its JSON stands for, without writing JSON. It holds the fields of every
// struct type below engine.Input, which are found once per policy, and does not change after that.
type inputBuilder map[reflect.Type][]field

// field is one field of a struct that its JSON has.
type field struct {
	key   *ast.Term // name, as an object's key
	name  string    // by its json tag
	index []int     // for reflect.Value.FieldByIndex
}

func newInputBuilder() inputBuilder {
	b := inputBuilder{}
	b.addType(reflect.TypeFor[engine.Input]())
	return b
}

// addType finds the fields of the struct types that t is made of.
func (b inputBuilder) addType(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		b.addType(t.Elem())
	case reflect.Struct:
		if _, ok := b[t]; ok {
			return
		}
		b[t] = nil // a type that holds itself ends here
		b[t] = b.jsonFields(t, nil)
	}
}

// jsonFields lists the fields that the JSON of t has. Those of an embedded struct without a json tag are its own, as in encoding/json.
// parents is the index of t in the struct that embeds it.
func (b inputBuilder) jsonFields(t reflect.Type, parents []int) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, parents...), i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			out = append(out, b.jsonFields(f.Type, index)...)
		case f.IsExported() && name != "-" && name != "":
			out = append(out, field{ast.StringTerm(name), name, index})
			b.addType(f.Type)
		}
	}
	return out
}

// build builds those parts of the input that are read.
func (b inputBuilder) build(in *engine.Input, r *readSet) (ast.Value, error) {
	v := reflect.ValueOf(in).Elem()
	var items [][2]*ast.Term
	for _, f := range b[v.Type()] {
		if !r.all && !r.sections[f.name] {
			continue
		}
		part, err := b.buildSection(f, v.FieldByIndex(f.index), r)
		if err != nil {
			return nil, fmt.Errorf("input.%s: %w", f.name, err)
		}
		items = append(items, [2]*ast.Term{f.key, part})
	}
	return ast.NewObject(items...), nil
}

// buildSection builds one top-level section; of the index only the views that are read.
func (b inputBuilder) buildSection(f field, v reflect.Value, r *readSet) (*ast.Term, error) {
	if f.name != "index" || r.all || r.allViews {
		return b.toTerm(v)
	}
	var items [][2]*ast.Term
	for _, view := range b[v.Type()] {
		if !r.views[view.name] {
			continue
		}
		t, err := b.toTerm(v.FieldByIndex(view.index))
		if err != nil {
			return nil, err
		}
		items = append(items, [2]*ast.Term{view.key, t})
	}
	return ast.ObjectTerm(items...), nil
}

// toTerm is v as an OPA value. What is unknown (an empty Maybe or Digest, a nil pointer) is null, as in JSON.
func (b inputBuilder) toTerm(v reflect.Value) (*ast.Term, error) {
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
		return b.toTerm(v.Elem())
	case reflect.Slice:
		if v.Len() == 0 {
			return ast.InternedEmptyArray, nil
		}
		terms := make([]*ast.Term, v.Len())
		for i := range terms {
			var err error
			if terms[i], err = b.toTerm(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return ast.ArrayTerm(terms...), nil
	case reflect.Map:
		if v.Len() == 0 {
			return ast.InternedEmptyObject, nil
		}
		items := make([][2]*ast.Term, 0, v.Len())
		for entry := v.MapRange(); entry.Next(); {
			t, err := b.toTerm(entry.Value())
			if err != nil {
				return nil, err
			}
			items = append(items, [2]*ast.Term{ast.StringTerm(entry.Key().String()), t})
		}
		return ast.ObjectTerm(items...), nil
	case reflect.Struct:
		fields := b[v.Type()]
		items := make([][2]*ast.Term, len(fields))
		for i, f := range fields {
			t, err := b.toTerm(v.FieldByIndex(f.index))
			if err != nil {
				return nil, err
			}
			items[i] = [2]*ast.Term{f.key, t}
		}
		return ast.ObjectTerm(items...), nil
	}
	return nil, fmt.Errorf("a %s has no JSON form here", v.Type())
}
