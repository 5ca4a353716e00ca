package rego

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/vetoci/veto/engine"
)

// Parameter is one declared parameter of a rule.
type Parameter struct {
	Type        string // string, integer, number, boolean, array, object
	Items       string // of an array: the type of its elements; "" is any
	Enum        []any  // the values, or an array's elements, that are allowed; nil is any
	Minimum     *float64
	Maximum     *float64
	Default     any
	Description string
}

// typeNames are JSON schema's names of types (draft 2020-12, validation, 6.1.1), without null.
func typeNames() []string {
	return []string{"string", "integer", "number", "boolean", "array", "object"}
}

// parseParameters reads METADATA custom.params: each is its default, or {type, default, description, items, enum, minimum, maximum}.
func parseParameters(value any) (map[string]Parameter, error) {
	all, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("custom.params is a mapping, not %v", value)
	}
	out := map[string]Parameter{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p, err := parseParameter(all[name])
		if err != nil {
			return nil, keepHint(err, "the parameter %s: %v", name, err)
		}
		out[name] = p
	}
	return out, nil
}

// parseParameter reads one declaration: {type, default, …}, or the default alone, whose type it then has.
func parseParameter(value any) (Parameter, error) {
	value, err := normalize(value, 0)
	if err != nil {
		return Parameter{}, err
	}
	spec, ok := value.(map[string]any)
	if !ok {
		if value == nil {
			return Parameter{}, errors.New("null says no type; write {type, default}")
		}
		return Parameter{Type: typeOf(value), Default: value}, nil
	}
	p := Parameter{}
	for _, key := range slices.Sorted(maps.Keys(spec)) {
		if err := p.setField(key, spec[key]); err != nil {
			return p, err
		}
	}
	fallback, ok := spec["default"]
	if !ok {
		return p, errors.New("a default is missing")
	}
	if p.Type == "" {
		p.Type = typeOf(fallback)
	}
	if p.Items != "" && p.Type != "array" {
		return p, errors.New("items goes with the type array")
	}
	if p.Default, err = p.validate(fallback); err != nil {
		return p, fmt.Errorf("its default: %w", err)
	}
	return p, nil
}

// setField reads one key of a declaration but its default, which needs all others.
func (p *Parameter) setField(key string, value any) error {
	switch key {
	case "type", "items":
		s, _ := value.(string)
		if !slices.Contains(typeNames(), s) {
			return engine.UnknownWord("type", fmt.Sprint(value), typeNames())
		}
		if key == "type" {
			p.Type = s
		} else {
			p.Items = s
		}
	case "description":
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("description is text, not %v", value)
		}
		p.Description = s
	case "enum":
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return fmt.Errorf("enum is a list of values, not %v", value)
		}
		p.Enum = list
	case "minimum", "maximum":
		n, ok := asFloat(value)
		if !ok {
			return fmt.Errorf("%s is a number, not %v", key, value)
		}
		if key == "minimum" {
			p.Minimum = &n
		} else {
			p.Maximum = &n
		}
	case "default":
	default:
		return engine.UnknownWord("key", key, []string{"type", "default", "description", "items", "enum", "minimum", "maximum"})
	}
	return nil
}

// validate checks a value against the declaration and returns it normalized.
func (p Parameter) validate(value any) (any, error) {
	value, err := normalize(value, 0)
	if err != nil {
		return nil, err
	}
	if !hasType(value, p.Type) {
		return nil, fmt.Errorf("%s is no %s", toJSON(value), p.Type)
	}
	each := []any{value}
	if p.Type == "array" {
		each = value.([]any)
	}
	for _, v := range each {
		if p.Items != "" && !hasType(v, p.Items) {
			return nil, fmt.Errorf("%s is no %s", toJSON(v), p.Items)
		}
		if p.Enum != nil && !slices.ContainsFunc(p.Enum, func(e any) bool { return toJSON(e) == toJSON(v) }) {
			return nil, fmt.Errorf("%s is none of %s", toJSON(v), toJSON(p.Enum))
		}
		if n, ok := asFloat(v); ok && (p.Minimum != nil && n < *p.Minimum || p.Maximum != nil && n > *p.Maximum) {
			return nil, fmt.Errorf("%s is out of range", toJSON(v))
		}
	}
	return value, nil
}

// hasType says whether a normalized value is of a type. An integer is a number too.
func hasType(value any, typ string) bool {
	t := typeOf(value)
	return t == typ || t == "integer" && typ == "number"
}

func typeOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64:
		return "integer"
	case float64:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

func asFloat(value any) (float64, bool) {
	switch n := value.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// toJSON writes a value as JSON, for people and to compare normalized values.
func toJSON(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

// normalize turns what YAML and JSON decoders return into nil, bool, string, int64, float64, []any and map[string]any. Whatever else, NaN
// and the infinities included, is an error. A number without a fraction is an int64.
func normalize(value any, depth int) (any, error) {
	if depth > engine.MaxJSONDepth {
		return nil, &engine.LimitError{What: "depth", Limit: engine.MaxJSONDepth}
	}
	switch v := value.(type) {
	case nil, bool, string, int64:
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		return nil, fmt.Errorf("the number %d is too large", v)
	case float64:
		return normalizeNumber(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("the number %s is too large", v)
		}
		return normalizeNumber(f)
	case time.Time: // a YAML date without quotes
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.UTC().Format(time.DateOnly), nil
		}
		return v.UTC().Format(time.RFC3339), nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = normalize(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			var err error
			if out[k], err = normalize(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[any]any:
		return nil, errors.New("keys are text; put quotes around others")
	}
	return nil, fmt.Errorf("%T is not supported", value)
}

// normalizeNumber turns a float without a fraction into an int64 where that is exact, below 2^53.
func normalizeNumber(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%v is no number", f)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return f, nil
}
