package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine/rego/lint"
	"github.com/vetoci/veto/policies"
)

// Every constant key of every reference in the shipped policies is misspelt in turn: each time there is an issue.
func TestEveryMisspeltKeyIsFound(t *testing.T) {
	t.Parallel()
	mods := parseFolder(t, policies.Library())
	schema := policies.InputSchema()
	tried := 0
	for file, mod := range mods {
		visit(mod, func(where *ast.Location, change func(misspelt bool)) {
			if tried++; testing.Short() && tried%4 > 0 {
				return
			}
			change(true)
			defer change(false)
			for _, i := range lint.Check(lint.Input{Modules: mods, Schema: schema}) {
				if i.File == file {
					return
				}
			}
			t.Errorf("%s:%d: misspelt and not found: %s", file, where.Row, where.Text)
		})
	}
	if tried < 80 {
		t.Errorf("only %d keys were misspelt", tried)
	}
}

// visit calls f with a function that misspells a key and mends it again, for every constant key of a module.
func visit(mod *ast.Module, f func(*ast.Location, func(bool))) {
	misspell := func(t *ast.Term) func(bool) {
		right := t.Value
		return func(wrong bool) {
			if t.Value = right; wrong {
				s := string(right.(ast.String))
				t.Value = ast.String(s[:len(s)-1] + fmt.Sprintf("%cx", s[len(s)-1]))
			}
		}
	}
	v := ast.NewGenericVisitor(func(x any) bool {
		if _, ok := x.(*ast.Head); ok {
			return false
		}
		ref, ok := x.(ast.Ref)
		if !ok || len(ref) < 2 {
			return false
		}
		if name := ref.String(); ast.BuiltinMap[name] != nil || strings.HasPrefix(name, "internal.") {
			return false
		}
		for _, op := range ref[1:] {
			if _, ok := op.Value.(ast.String); ok {
				f(op.Location, misspell(op))
			}
		}
		return false
	})
	for _, x := range rules(mod) {
		v.Walk(x)
	}
}

// rules are the bodies and values of a module's rules: what is evaluated.
func rules(mod *ast.Module) []any {
	var out []any
	for _, r := range mod.Rules {
		for ; r != nil; r = r.Else {
			out = append(out, r.Body)
			if r.Head.Value != nil {
				out = append(out, r.Head.Value)
			}
			if r.Head.Key != nil {
				out = append(out, r.Head.Key)
			}
		}
	}
	return out
}
