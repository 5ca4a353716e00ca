package rego

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
)

// builtin is one of veto's own built-in functions. All take strings, and an error of one is an error of the rule.
type builtin struct {
	name   string
	about  string
	args   []string
	result types.Type
	call   func(args []string) (ast.Value, error)
}

func builtins() []builtin {
	return []builtin{
		{
			name: "veto.glob_match", about: "whether a path matches a glob: * and ? stay within one component, ** is any number of components",
			args: []string{"pattern", "path"}, result: types.B,
			call: func(a []string) (ast.Value, error) {
				ok, err := globMatch(a[0], a[1])
				return ast.Boolean(ok), err
			},
		},
	}
}

func (b builtin) signature() *types.Function {
	var args []types.Type
	for _, a := range b.args {
		args = append(args, types.Named(a, types.S))
	}
	return types.NewFunction(args, types.Named("result", b.result))
}

func (b builtin) declaration() *ast.Builtin {
	return &ast.Builtin{Name: b.name, Description: b.about, Decl: b.signature()}
}

// function is the built-in as an option of a query.
func (b builtin) function() func(*opa.Rego) {
	return opa.FunctionDyn(&opa.Function{Name: b.name, Decl: b.signature()}, func(_ opa.BuiltinContext, terms []*ast.Term) (*ast.Term, error) {
		args := make([]string, len(terms))
		for i, t := range terms {
			s, ok := t.Value.(ast.String)
			if !ok {
				return nil, fmt.Errorf("%s is text, not %s", b.args[i], t)
			}
			args[i] = string(s)
		}
		v, err := b.call(args)
		if err != nil {
			return nil, err
		}
		return ast.NewTerm(v), nil
	})
}

func declarations() map[string]*ast.Builtin {
	out := map[string]*ast.Builtin{}
	for _, b := range builtins() {
		out[b.name] = b.declaration()
	}
	return out
}
