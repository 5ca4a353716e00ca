package rego

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// A value that no policy can hold is an error wherever it stands in a parameter.
func TestNormalizeNested(t *testing.T) {
	for _, v := range []any{
		math.NaN(), []any{1, math.NaN()}, map[string]any{"a": math.Inf(1)}, []any{map[string]any{"a": []any{math.NaN()}}},
	} {
		if got, err := normalize(v, 0); err == nil {
			t.Errorf("normalize(%v) = %v, want an error", v, got)
		}
	}
}

// YAML and JSON give the same values for the same text: a setting means the same in either.
func TestNormalize(t *testing.T) {
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct{ in, want any }{
		{nil, nil}, {true, true}, {"x", "x"}, {int64(7), int64(7)}, {7, int64(7)}, {7.0, int64(7)}, {7.5, 7.5}, {-7.0, int64(-7)},
		{json.Number("7"), int64(7)}, {json.Number("7.0"), int64(7)}, {json.Number("7.5"), 7.5}, {json.Number("1e3"), int64(1000)},
		{json.Number("9007199254740993"), int64(9007199254740993)},
		{float64(1<<53 - 1), int64(1<<53 - 1)}, {float64(1 << 53), float64(1 << 53)}, {-float64(1 << 53), -float64(1 << 53)},
		{day, "2026-01-02"}, {day.Add(time.Hour), "2026-01-02T01:00:00Z"},
		{day.In(time.FixedZone("x", 3600)), "2026-01-02"},
		{[]any{1, "x", []any{2.0}}, []any{int64(1), "x", []any{int64(2)}}},
		{map[string]any{"a": map[string]any{"b": 1}}, map[string]any{"a": map[string]any{"b": int64(1)}}},
		{[]any{}, []any{}}, {map[string]any{}, map[string]any{}},
	} {
		got, err := normalize(c.in, 0)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("normalize(%v): %v\n%s", c.in, err, diff)
		}
	}
	for _, c := range []struct {
		in   any
		says string
	}{
		{uint64(math.MaxUint64), "the number 18446744073709551615 is too large"}, {json.Number("1e400"), "the number 1e400 is too large"},
		{map[any]any{1: 2}, "keys are text"}, {struct{}{}, "struct {} is not supported"}, {math.Inf(-1), "-Inf is no number"},
	} {
		if _, err := normalize(c.in, 0); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("normalize(%v): %v, want %q", c.in, err, c.says)
		}
	}
	nested := func(depth int) (v any) {
		for i := range depth {
			if v = []any{v}; i%2 == 0 {
				v = map[string]any{"a": v.([]any)[0]}
			}
		}
		return v
	}
	if _, err := normalize(nested(engine.MaxJSONDepth), 0); err != nil {
		t.Errorf("as deep as the limit: %v", err)
	}
	if _, err := normalize(nested(engine.MaxJSONDepth+1), 0); err == nil {
		t.Error("deeper than the limit: no error")
	}
}

// What METADATA may declare, and what it gets wrong. A declaration that is taken for another one gives a rule a value that nobody meant.
func TestParseParameter(t *testing.T) {
	float := func(f float64) *float64 { return &f }
	for _, c := range []struct {
		decl any
		want Parameter
	}{
		{"x", Parameter{Type: "string", Default: "x"}},
		{7, Parameter{Type: "integer", Default: int64(7)}},
		{7.5, Parameter{Type: "number", Default: 7.5}},
		{true, Parameter{Type: "boolean", Default: true}},
		{[]any{"x"}, Parameter{Type: "array", Default: []any{"x"}}},
		{map[string]any{"default": 7}, Parameter{Type: "integer", Default: int64(7)}},
		{map[string]any{"default": map[string]any{"a": 1}}, Parameter{Type: "object", Default: map[string]any{"a": int64(1)}}},
		{map[string]any{"type": "number", "default": 7, "minimum": 7, "maximum": 7.0, "description": "d"},
			Parameter{Type: "number", Default: int64(7), Minimum: float(7), Maximum: float(7), Description: "d"}},
		{map[string]any{"type": "array", "items": "integer", "enum": []any{1, 2}, "default": []any{2, 1}},
			Parameter{Type: "array", Items: "integer", Enum: []any{int64(1), int64(2)}, Default: []any{int64(2), int64(1)}}},
		{map[string]any{"type": "array", "items": "number", "default": []any{1, 1.5}},
			Parameter{Type: "array", Items: "number", Default: []any{int64(1), 1.5}}},
	} {
		got, err := parseParameter(c.decl)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%v: %v\n%s", c.decl, err, diff)
		}
	}
	for _, c := range []struct {
		decl any
		says string
	}{
		{nil, "null says no type"},
		{map[string]any{"type": "string"}, "a default is missing"},
		{map[string]any{"type": "string", "default": nil}, "its default: null is no string"},
		{map[string]any{"type": "integer", "default": 1.5}, "its default: 1.5 is no integer"},
		{map[string]any{"type": 3, "default": 3}, `unknown type "3"`},
		{map[string]any{"type": "array", "items": "text", "default": []any{}}, `unknown type "text"`},
		{map[string]any{"type": "string", "items": "string", "default": "x"}, "items goes with the type array"},
		{map[string]any{"items": "string", "default": "x"}, "items goes with the type array"},
		{map[string]any{"description": 3, "default": "x"}, "description is text, not 3"},
		{map[string]any{"enum": []any{}, "default": "x"}, "enum is a list of values, not []"},
		{map[string]any{"enum": "x", "default": "x"}, "enum is a list of values, not x"},
		{map[string]any{"enum": []any{"y"}, "default": "x"}, `its default: "x" is none of ["y"]`},
		{map[string]any{"minimum": "1", "default": 1}, "minimum is a number, not 1"},
		{map[string]any{"maximum": true, "default": 1}, "maximum is a number, not true"},
		{map[string]any{"minimum": 2, "default": 1}, "its default: 1 is out of range"},
		{map[string]any{"maximum": 0.5, "default": 1}, "its default: 1 is out of range"},
		{map[string]any{"type": "array", "maximum": 2, "default": []any{1, 3}}, "its default: 3 is out of range"},
		{map[string]any{"type": "array", "items": "string", "default": []any{"x", 3}}, "its default: 3 is no string"},
		{map[string]any{"defaul": 1, "default": 1}, `unknown key "defaul"`},
		{math.NaN(), "NaN is no number"},
		{map[string]any{"default": math.NaN()}, "NaN is no number"},
	} {
		if got, err := parseParameter(c.decl); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %+v, %v, want %q", c.decl, got, err, c.says)
		}
	}
	if _, err := parseParameters([]any{"x"}); err == nil || err.Error() != "custom.params is a mapping, not [x]" {
		t.Errorf("a list of parameters: %v", err)
	}
	_, err := parseParameters(map[string]any{"a": 1, "b": map[string]any{"type": "strng", "default": "x"}})
	if err == nil || err.Error() != `the parameter b: unknown type "strng"` || hintOf(err) != `did you mean "string"?` {
		t.Errorf("%v; %s", err, hintOf(err))
	}
}

// A value of veto.yaml is held to the declaration, at its boundaries.
func TestValidateParameter(t *testing.T) {
	one, two := 1.0, 2.0
	for _, c := range []struct {
		p     Parameter
		value any
		says  string // "" is accepted
	}{
		{Parameter{Type: "integer", Minimum: &one, Maximum: &two}, 1, ""}, {Parameter{Type: "integer", Minimum: &one, Maximum: &two}, 2.0, ""},
		{Parameter{Type: "integer", Minimum: &one}, 0, "out of range"}, {Parameter{Type: "integer", Maximum: &two}, 3, "out of range"},
		{Parameter{Type: "number"}, 3, ""}, {Parameter{Type: "number"}, 3.5, ""}, {Parameter{Type: "integer"}, 3.5, "3.5 is no integer"},
		{Parameter{Type: "number"}, "3", `"3" is no number`}, {Parameter{Type: "string"}, 3, "3 is no string"},
		{Parameter{Type: "boolean"}, "true", `"true" is no boolean`}, {Parameter{Type: "boolean"}, false, ""},
		{Parameter{Type: "array"}, "x", `"x" is no array`}, {Parameter{Type: "array"}, []any{1, "x"}, ""},
		{Parameter{Type: "object"}, []any{}, "[] is no object"}, {Parameter{Type: "object"}, map[string]any{}, ""},
		{Parameter{Type: "string"}, nil, "null is no string"},
		{Parameter{Type: "string", Enum: []any{"a", "b"}}, "b", ""}, {Parameter{Type: "string", Enum: []any{"a"}}, "c", `"c" is none of ["a"]`},
		{Parameter{Type: "array", Enum: []any{"a"}}, []any{}, ""},
		{Parameter{Type: "array", Enum: []any{"a"}}, []any{"a", "c"}, `"c" is none of ["a"]`},
		{Parameter{Type: "integer", Enum: []any{int64(1)}}, 1.0, ""}, {Parameter{Type: "string", Enum: []any{"1"}}, "1", ""},
		{Parameter{Type: "array", Enum: []any{"1"}}, []any{1}, `1 is none of ["1"]`},
		{Parameter{Type: "array", Items: "boolean"}, []any{true, 1}, "1 is no boolean"},
	} {
		_, err := c.p.validate(c.value)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v of %+v: %v, want %q", c.value, c.p, err, c.says)
		}
	}
}

// The beginning of a value is valid text, of a length that people read.
func TestJSONExcerpt(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"x", `"x"`}, {strings.Repeat("x", 118), `"` + strings.Repeat("x", 118) + `"`},
		{strings.Repeat("x", 119), `"` + strings.Repeat("x", 119) + "…"}, {strings.Repeat("é", 80), `"` + strings.Repeat("é", 59) + "…"},
		{map[string]any{"a": 1}, `{"a":1}`}, {math.Inf(1), "+Inf"},
	} {
		if got := jsonExcerpt(c.v); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if got := fmt.Sprint(toJSON(math.NaN())); got != "NaN" {
		t.Errorf("what has no JSON is shown as %s", got)
	}
}
