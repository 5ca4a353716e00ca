package lint

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/types"
)

// jsonSchema is the subset of JSON schema, draft 2020-12, that engine/schema writes.
type jsonSchema struct {
	Type       string                 `json:"type"`
	Enum       []any                  `json:"enum"`
	MinLength  int                    `json:"minLength"`
	Properties map[string]*jsonSchema `json:"properties"`
	Additional json.RawMessage        `json:"additionalProperties"`
	Items      *jsonSchema            `json:"items"`
	AnyOf      []*jsonSchema          `json:"anyOf"`
}

// inputType reads the schema of input. The arrays at its top level are sections, and the numbers under input.index are positions in them:
// the view "packages_by_name" holds positions in "packages".
func inputType(schema []byte) (*valueType, error) {
	var s jsonSchema
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	in := s.toType("")
	if in == nil || in.kinds != object || !in.closed {
		return nil, fmt.Errorf("input is no closed object")
	}
	for name, f := range in.fields {
		if f != nil && f.kinds == array {
			f.section = name
		}
	}
	if s.Properties["index"] == nil {
		return in, nil
	}
	for name, view := range s.Properties["index"].Properties {
		section, _, ok := strings.Cut(name, "_by_")
		if ok && in.fields[section] != nil {
			in.fields["index"].fields[name] = view.toType(section)
		}
	}
	return in, nil
}

// toType is the type that a schema allows. Numbers are positions in the section positionIn; "" is none.
func (s *jsonSchema) toType(positionIn string) *valueType {
	if s == nil {
		return nil
	}
	if len(s.AnyOf) > 0 {
		var all []*valueType
		for _, one := range s.AnyOf {
			all = append(all, one.toType(positionIn))
		}
		return unionOf(all)
	}
	switch s.Type {
	case "null":
		return &valueType{kinds: null}
	case "boolean":
		return &valueType{kinds: boolean}
	case "integer", "number":
		return &valueType{kinds: number, positionIn: positionIn}
	case "string":
		out := &valueType{kinds: text, nonEmpty: s.MinLength > 0}
		out.literals, out.nonEmpty = enumLiterals(s.Enum, out.nonEmpty)
		out.enum = out.literals != nil
		return out
	case "array":
		return &valueType{kinds: array, elem: s.Items.toType(positionIn)}
	case "object":
		out := &valueType{kinds: object, fields: map[string]*valueType{}}
		for name, p := range s.Properties {
			out.fields[name] = p.toType(positionIn)
		}
		var more jsonSchema
		switch {
		case string(s.Additional) == "false":
			out.closed = true
		case json.Unmarshal(s.Additional, &more) == nil:
			out.elem = more.toType(positionIn)
		}
		return out
	}
	return nil
}

// enumLiterals are the strings of an enumeration, nil when it has none or other values too; and whether a string is never empty, given
// that without the enumeration.
func enumLiterals(enum []any, nonEmpty bool) ([]string, bool) {
	var literals []string
	for _, e := range enum {
		w, ok := e.(string)
		if !ok {
			return nil, nonEmpty
		}
		literals = append(literals, w)
	}
	if len(literals) == 0 {
		return nil, nonEmpty
	}
	for _, w := range literals {
		if w == "" {
			return literals, false
		}
	}
	return literals, true
}

// paramType is the type of a parameter that METADATA declares: by {type, default, enum, items …}, or by its default alone.
func paramType(decl any) *valueType {
	spec, ok := decl.(map[string]any)
	name, typed := spec["type"].(string)
	switch {
	case !ok:
		return defaultType(decl)
	case !typed:
		return defaultType(spec["default"])
	}
	enum, _ := spec["enum"].([]any)
	literals, nonEmpty := enumLiterals(enum, false)
	one := &valueType{kinds: text, literals: literals, enum: literals != nil, nonEmpty: nonEmpty}
	var out *valueType
	switch name {
	case "boolean":
		out = &valueType{kinds: boolean}
	case "integer", "number":
		out = &valueType{kinds: number}
	case "string":
		out = one
	case "array":
		out = &valueType{kinds: array}
		if items, _ := spec["items"].(string); items == "string" || literals != nil {
			out.elem = one
		}
	case "object":
		out = &valueType{kinds: object}
	}
	if d, ok := spec["default"]; ok && d == nil {
		return union(out, &valueType{kinds: null})
	}
	return out
}

// defaultType is the type of a parameter that is declared by its default alone.
func defaultType(v any) *valueType {
	switch v.(type) {
	case bool:
		return &valueType{kinds: boolean}
	case string:
		return &valueType{kinds: text}
	case json.Number, int, int64, uint64, float64:
		return &valueType{kinds: number}
	case []any:
		return &valueType{kinds: array}
	}
	return nil
}

// fromOPAType is the type of a built-in's argument or result, which OPA declares.
func fromOPAType(t types.Type) *valueType {
	switch t := t.(type) {
	case *types.NamedType:
		return fromOPAType(t.Type)
	case types.Null:
		return &valueType{kinds: null}
	case types.Boolean:
		return &valueType{kinds: boolean}
	case types.Number:
		return &valueType{kinds: number}
	case types.String:
		return &valueType{kinds: text}
	case *types.Array:
		return &valueType{kinds: array, elem: fromOPAType(t.Dynamic())}
	case *types.Set:
		return &valueType{kinds: set, elem: fromOPAType(t.Of())}
	case *types.Object:
		return &valueType{kinds: object}
	case types.Any:
		var all []*valueType
		for _, one := range t {
			all = append(all, fromOPAType(one))
		}
		return unionOf(all)
	}
	return nil
}
