package engine

import (
	"encoding/json"
	"reflect"
	"sort"
	"strings"
)

// Maybe is a string that may be unknown: "" in Go, null in JSON, so that no policy mistakes an unknown for an empty value.
type Maybe string

// MarshalJSON writes the unknown as null.
func (m Maybe) MarshalJSON() ([]byte, error) {
	if m == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(m))
}

// UnmarshalJSON reads null as unknown.
func (m *Maybe) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*m = ""
		return nil
	}
	return json.Unmarshal(b, (*string)(m))
}

// CheckDepth holds JSON to MaxJSONDepth levels by counting brackets outside strings, before anything recurses into it. What is no JSON
// is left for a parser to refuse.
func CheckDepth(data []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxJSONDepth {
				return &LimitError{What: "depth of JSON", Limit: MaxJSONDepth}
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// Fill replaces every nil slice and map that v (a pointer) reaches by an empty one: in the wire form a list is never null.
func Fill(v any) { fill(reflect.ValueOf(v)) }

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		switch v.Type().Elem().Kind() {
		case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer:
			for i := range v.Len() {
				fill(v.Index(i))
			}
		}
	case reflect.Map:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}

// Schema derives the JSON schema (draft 2020-12) of a wire type: every property required, none besides, unknowns nullable, `enum` tags
// kept. Nullable is an anyOf, because OPA's type checker takes a list of types for the first of them and then refuses `x == null`.
func Schema(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[Maybe](), reflect.TypeFor[Digest]():
		return nullable(map[string]any{"type": "string", "minLength": 1})
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(Schema(t.Elem()))
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": Schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": Schema(t.Elem())}
	case reflect.Struct:
		props := map[string]any{}
		schemaFields(t, props)
		names := make([]string, 0, len(props))
		for name := range props {
			names = append(names, name)
		}
		sort.Strings(names)
		return map[string]any{"type": "object", "properties": props, "required": names, "additionalProperties": false}
	}
	return map[string]any{} // any JSON
}

func nullable(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}

func schemaFields(t reflect.Type, props map[string]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			schemaFields(f.Type, props)
			continue
		case !f.IsExported() || name == "-" || name == "":
			continue
		}
		s := Schema(f.Type)
		if enum := f.Tag.Get("enum"); enum != "" {
			var values []any
			for _, v := range strings.Split(enum, ",") {
				values = append(values, v)
			}
			if either, ok := s["anyOf"].([]any); ok {
				either[0].(map[string]any)["enum"] = values
			} else {
				s["enum"] = values
			}
		}
		props[name] = s
	}
}
