package rego

import (
	"encoding/json"
	"strconv"
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
		ast.BitsShiftLeft.Name:         boundShift,
		ast.Concat.Name:                boundConcat,
		ast.Replace.Name:               boundReplace,
		ast.RegexReplace.Name:          boundRegexReplace,
		ast.JSONPatch.Name:             boundPatch,
		ast.JSONMatchSchema.Name:       func(args []*ast.Term) error { return boundSchema(args[1]) },
		ast.JSONSchemaVerify.Name:      func(args []*ast.Term) error { return boundSchema(args[0]) },
		ast.GraphQLParse.Name:          boundNesting,
		ast.GraphQLParseAndVerify.Name: boundNesting,
		ast.GraphQLParseQuery.Name:     boundNesting,
		ast.GraphQLParseSchema.Name:    boundNesting,
		ast.GraphQLIsValid.Name:        boundNesting,
		ast.GraphQLSchemaIsValid.Name:  boundNesting,
		ast.RegoParseModule.Name:       boundNesting,
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

// boundConcat bounds what concat makes of a list or a set of texts.
func boundConcat(args []*ast.Term) error {
	between, size, count := len(text(args[0])), 0, 0
	add := func(t *ast.Term) {
		size, count = size+len(text(t)), count+1
	}
	switch list := args[1].Value.(type) {
	case *ast.Array:
		list.Foreach(add)
	case ast.Set:
		list.Foreach(add)
	}
	return boundText(max(count-1, 0), size, between)
}

// boundNesting bounds how deep the brackets of a text in another language go: their parsers call themselves for each.
func boundNesting(args []*ast.Term) error {
	for _, t := range args {
		depth := 0
		for _, c := range []byte(text(t)) {
			switch c {
			case '{', '[', '(':
				if depth++; depth > engine.MaxRegoNesting {
					return &engine.LimitError{What: "depth of brackets in a text", Limit: engine.MaxRegoNesting}
				}
			case '}', ']', ')':
				depth--
			}
		}
	}
	return nil
}

// boundSchema bounds what a JSON schema refers to, one reference after the other: one that refers to itself is followed without end, even
// where a document has nothing of it, and references of references may be as many as there is time.
func boundSchema(t *ast.Term) error {
	schema, err := ast.JSON(t.Value)
	if err != nil {
		return nil //nolint:nilerr // the function itself says what is wrong with it
	}
	if s, ok := schema.(string); ok {
		if err := engine.CheckDepth([]byte(s)); err != nil {
			return err
		}
		if json.Unmarshal([]byte(s), &schema) != nil {
			schema = nil // the function itself says so
		}
	}
	refs := map[string][]string{} // targets, by the pointer of the object with the reference
	listReferences(schema, "#", refs)
	left := engine.MaxRegoReferences
	return followReferences("#", refs, &left, 0)
}

// listReferences notes the references in a schema by where they are.
func listReferences(v any, at string, refs map[string][]string) {
	switch v := v.(type) {
	case map[string]any:
		if target, ok := v["$ref"].(string); ok {
			refs[at] = append(refs[at], target)
		}
		for key, child := range v {
			listReferences(child, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), refs)
		}
	case []any:
		for i, child := range v {
			listReferences(child, at+"/"+strconv.Itoa(i), refs)
		}
	}
}

// followReferences follows all references below a pointer. What is deeper than the number of references in a schema refers to itself.
func followReferences(from string, refs map[string][]string, left *int, depth int) error {
	tooMany := &engine.LimitError{What: "references in a JSON schema, one after the other", Limit: int64(engine.MaxRegoReferences)}
	if depth > len(refs)+1 {
		return tooMany
	}
	for at, targets := range refs {
		if at != from && !strings.HasPrefix(at, from+"/") {
			continue
		}
		for _, target := range targets {
			if *left--; *left < 0 {
				return tooMany
			}
			if err := followReferences(strings.TrimSuffix(target, "/"), refs, left, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
