package rego

import (
	"math"
	"testing"
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
