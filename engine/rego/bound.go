package rego

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/vetoci/veto/engine"
)

// BoundBuiltins puts a bound before those of OPA's built-in functions that make much of little in one step: nothing can interrupt one, and
// what is too large for the machine's memory ends the process without a word. OPA keeps its functions in one table of the process: call
// this once, before anything is evaluated.
func BoundBuiltins() {
	for name, check := range map[string]func(args []*ast.Term) error{
		ast.BitsShiftLeft.Name: boundShift,
		ast.Replace.Name:       boundReplace,
		ast.RegexReplace.Name:  boundRegexReplace,
		ast.JSONPatch.Name:     boundPatch,
	} {
		call := topdown.GetBuiltin(name)
		topdown.RegisterBuiltinFunc(name, func(bctx topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			if err := check(args); err != nil {
				return err
			}
			return call(bctx, args, iter)
		})
	}
}

func number(t *ast.Term) int64 {
	n, ok := t.Value.(ast.Number)
	if !ok {
		return 0 // the function itself says what is wrong with it
	}
	i, ok := n.Int64()
	if !ok {
		return 1<<63 - 1
	}
	return i
}

func text(t *ast.Term) string {
	s, _ := t.Value.(ast.String)
	return string(s)
}

func boundShift(args []*ast.Term) error {
	if number(args[1]) > engine.MaxRegoShift {
		return &engine.LimitError{What: "bits of a shift", Limit: engine.MaxRegoShift}
	}
	return nil
}

func boundReplace(args []*ast.Term) error {
	s, old, with := text(args[0]), text(args[1]), text(args[2])
	return boundText(strings.Count(s, old), len(s), len(with))
}

// boundRegexReplace assumes the most matches that a text can have.
func boundRegexReplace(args []*ast.Term) error {
	s, with := text(args[0]), text(args[2])
	return boundText(len(s)+1, len(s)*(1+strings.Count(with, "$")), len(with)) // each $ stands for parts of its match
}

// boundText bounds a text of size bytes in which each of count parts becomes length bytes.
func boundText(count, size, length int) error {
	if size+count*min(length, engine.MaxRegoText+1) > engine.MaxRegoText {
		return &engine.LimitError{What: "bytes of a text", Limit: engine.MaxRegoText}
	}
	return nil
}

// boundPatch bounds the copies in one patch: each may double the document.
func boundPatch(args []*ast.Term) error {
	copies := 0
	if list, ok := args[1].Value.(*ast.Array); ok {
		list.Foreach(func(t *ast.Term) {
			if op := t.Get(ast.StringTerm("op")); op != nil && text(op) == "copy" {
				copies++
			}
		})
	}
	if copies > engine.MaxRegoCopies {
		return &engine.LimitError{What: "copies in a JSON patch", Limit: engine.MaxRegoCopies}
	}
	return nil
}
