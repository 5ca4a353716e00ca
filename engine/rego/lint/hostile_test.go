package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine/rego/lint"
	"github.com/vetoci/veto/policies"
)

// What is deep or wide takes time in proportion to its length.
func TestDeepPolicies(t *testing.T) {
	const n = 300
	for name, text := range map[string]string{
		"comprehensions": "package a\n\nx := " + nest("[y | y := ", "input.packages", "]", n),
		"calls":          "package a\n\nf(x) := x\n\nx := " + nest("f(", "input.packages", ")", n),
		"arrays":         "package a\n\nx := " + nest("[", "input.packages", "]", n),
		"every":          "package a\n\nx if " + nest("every y in input.packages { ", "input.os.id", " }", n),
		"facts":          "package a\n\nx if {\n" + strings.Repeat("\tinput.config.user != null\n", n) + "}\n",
		"chain":          "package a\n\nx0 := input\n\n" + chain(n),
		"recursion":      "package a\n\nf(x) := [f(x), x]\n\ng(x) := {\"a\": g(x), \"b\": x}\n\ny := f(g(input))\n",
		"rules":          "package a\n\n" + strings.Repeat("x contains input.packages[_].name if input.config.user != null\n\n", n),
	} {
		t.Run(name, func(t *testing.T) {
			mods := map[string]*ast.Module{"a.rego": parse(t, "a.rego", text)}
			start := time.Now()
			for _, i := range lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()}) {
				t.Error(i)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func nest(left, middle, right string, n int) string {
	return strings.Repeat(left, n) + middle + strings.Repeat(right, n) + "\n"
}

// chain is n rules, each twice as large as the one before.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "x%d := [x%d, x%d]\n\n", i+1, i, i)
	}
	return b.String()
}
