package rego

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/vetoci/veto/engine/glob"
	"github.com/vetoci/veto/engine/purl"
	"github.com/vetoci/veto/engine/version"
)

// builtin is one of veto's own built-in functions. All take strings. When one returns an error, the rule that calls it fails.
type builtin struct {
	name        string
	description string
	args        []string // names
	result      types.Type
	call        func(args []string) (ast.Value, error)
}

func builtins() []builtin {
	return []builtin{
		{
			name:        "veto.glob_match",
			description: "whether a path matches a glob: * and ? stay within one component, ** is any number of components",
			args:        []string{"pattern", "path"},
			result:      types.B,
			call: func(a []string) (ast.Value, error) {
				ok, err := glob.Match(a[0], a[1])
				return ast.Boolean(ok), err
			},
		},
		{
			name:        "veto.version_compare",
			description: "-1, 0 or 1 as a is before, equal to or after b in the order of an OSV ecosystem (\"Debian:12\", \"npm\")",
			args:        []string{"ecosystem", "a", "b"},
			result:      types.N,
			call: func(a []string) (ast.Value, error) {
				n, err := version.Compare(a[0], a[1], a[2])
				return ast.Number(strconv.Itoa(cmp.Compare(n, 0))), err
			},
		},
		{
			name: "veto.purl_match",
			description: "whether a package URL is one that the pattern names: what the pattern leaves out matches anything, " +
				"* and ? are globs",
			args:   []string{"pattern", "purl"},
			result: types.B,
			call: func(a []string) (ast.Value, error) {
				for _, s := range a {
					if _, err := purl.Parse(s); err != nil {
						return nil, err
					}
				}
				return ast.Boolean(purl.Match(a[0], a[1])), nil
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
	return &ast.Builtin{Name: b.name, Description: b.description, Decl: b.signature()}
}

// function is the built-in as an option of a query.
func (b builtin) function() func(*opa.Rego) {
	call := func(_ opa.BuiltinContext, terms []*ast.Term) (*ast.Term, error) {
		args := make([]string, len(b.args))
		for i, t := range terms[:len(b.args)] { // OPA may pass the variable that takes the result, after the arguments
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
	}
	return opa.FunctionDyn(&opa.Function{Name: b.name, Decl: b.signature()}, call)
}

func builtinDeclarations() map[string]*ast.Builtin {
	out := map[string]*ast.Builtin{}
	for _, b := range builtins() {
		out[b.name] = b.declaration()
	}
	return out
}
