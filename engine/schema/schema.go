// Package schema describes the JSON of the facts by a schema.
package schema

import (
	"reflect"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Of derives the JSON schema (draft 2020-12) of a wire type: every property required, none besides, unknowns nullable, `enum` tags
// kept. Nullable is an anyOf, because OPA's type checker takes a list of types for the first of them and then refuses `x == null`.
func Of(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[engine.Maybe](), reflect.TypeFor[engine.Digest]():
		return nullable(map[string]any{"type": "string", "minLength": 1})
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(Of(t.Elem()))
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": Of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": Of(t.Elem())}
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
		s := Of(f.Type)
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
