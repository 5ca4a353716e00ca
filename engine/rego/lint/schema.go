package lint

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/types"
)

// jsonSchema is the subset of draft 2020-12 that engine.Schema writes.
type jsonSchema struct {
	Type       string                 `json:"type"`
	Enum       []any                  `json:"enum"`
	MinLength  int                    `json:"minLength"`
	Properties map[string]*jsonSchema `json:"properties"`
	Additional json.RawMessage        `json:"additionalProperties"`
	Items      *jsonSchema            `json:"items"`
	AnyOf      []*jsonSchema          `json:"anyOf"`
}

// inputShape reads the schema of input. Arrays right under input are its sections; the numbers under input.index are positions in them,
// as the names of the index's views say: "packages_by_name" holds positions in "packages".
func inputShape(schema []byte) (*shape, error) {
	var s jsonSchema
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	in := s.shape("")
	if in == nil || in.kinds != object || !in.closed {
		return nil, fmt.Errorf("input is no closed object")
	}
	for name, f := range in.fields {
		if f != nil && f.kinds == array {
			f.list = name
		}
	}
	if s.Properties["index"] == nil {
		return in, nil
	}
	for name, view := range s.Properties["index"].Properties {
		section, _, ok := strings.Cut(name, "_by_")
		if ok && in.fields[section] != nil {
			in.fields["index"].fields[name] = view.shape(section)
		}
	}
	return in, nil
}

func (s *jsonSchema) shape(into string) *shape {
	if s == nil {
		return nil
	}
	if len(s.AnyOf) > 0 {
		var all []*shape
		for _, one := range s.AnyOf {
			all = append(all, one.shape(into))
		}
		out, _ := joinAll(all)
		return out
	}
	switch s.Type {
	case "null":
		return &shape{kinds: null}
	case "boolean":
		return &shape{kinds: boolean}
	case "integer", "number":
		return &shape{kinds: number, into: into}
	case "string":
		out := &shape{kinds: text, filled: s.MinLength > 0}
		out.words, out.filled = wordsOf(s.Enum, out.filled)
		out.enum = out.words != nil
		return out
	case "array":
		return &shape{kinds: array, elem: s.Items.shape(into)}
	case "object":
		out := &shape{kinds: object, fields: map[string]*shape{}}
		for name, p := range s.Properties {
			out.fields[name] = p.shape(into)
		}
		var more jsonSchema
		switch {
		case string(s.Additional) == "false":
			out.closed = true
		case json.Unmarshal(s.Additional, &more) == nil:
			out.elem = more.shape(into)
		}
		return out
	}
	return nil
}

func wordsOf(enum []any, filled bool) ([]string, bool) {
	var words []string
	for _, e := range enum {
		w, ok := e.(string)
		if !ok {
			return nil, filled
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return nil, filled
	}
	for _, w := range words {
		if w == "" {
			return words, false
		}
	}
	return words, true
}

// paramShape reads the declaration of one parameter from METADATA: {type, default, enum, items …}, or its default alone.
func paramShape(decl any) *shape {
	spec, ok := decl.(map[string]any)
	typ, typed := spec["type"].(string)
	switch {
	case !ok:
		return valueShape(decl)
	case !typed:
		return valueShape(spec["default"])
	}
	enum, _ := spec["enum"].([]any)
	words, filled := wordsOf(enum, false)
	one := &shape{kinds: text, words: words, enum: words != nil, filled: filled}
	var out *shape
	switch typ {
	case "boolean":
		out = &shape{kinds: boolean}
	case "integer", "number":
		out = &shape{kinds: number}
	case "string":
		out = one
	case "array":
		out = &shape{kinds: array}
		if items, _ := spec["items"].(string); items == "string" || words != nil {
			out.elem = one
		}
	case "object":
		out = &shape{kinds: object}
	}
	if d, ok := spec["default"]; ok && d == nil {
		return join(out, &shape{kinds: null})
	}
	return out
}

// valueShape is the shape of a parameter that is declared by its default.
func valueShape(v any) *shape {
	switch v.(type) {
	case bool:
		return &shape{kinds: boolean}
	case string:
		return &shape{kinds: text}
	case json.Number, int, int64, uint64, float64:
		return &shape{kinds: number}
	case []any:
		return &shape{kinds: array}
	}
	return nil
}

// opaShape is what OPA's type of a built-in's argument or result says.
func opaShape(t types.Type) *shape {
	switch t := t.(type) {
	case *types.NamedType:
		return opaShape(t.Type)
	case types.Null:
		return &shape{kinds: null}
	case types.Boolean:
		return &shape{kinds: boolean}
	case types.Number:
		return &shape{kinds: number}
	case types.String:
		return &shape{kinds: text}
	case *types.Array:
		return &shape{kinds: array, elem: opaShape(t.Dynamic())}
	case *types.Set:
		return &shape{kinds: set, elem: opaShape(t.Of())}
	case *types.Object:
		return &shape{kinds: object}
	case types.Any:
		var all []*shape
		for _, one := range t {
			all = append(all, opaShape(one))
		}
		out, _ := joinAll(all)
		return out
	}
	return nil
}
