// Package lint finds the mistakes in policies that OPA's type checker lets pass, and that would make a rule silently never fire:
// a misspelt field under a map or in a helper's argument, a word that no enumeration holds, an order comparison with null. It infers the
// type of every term; of what it cannot infer it says nothing, so every issue is an error.
package lint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The codes of issues.
const (
	UnknownField  = "unknown-field"  // a key that the schema does not have
	UnknownData   = "unknown-data"   // a data reference that nothing defines
	UnknownParam  = "unknown-param"  // a parameter that the rule's METADATA does not declare
	Impossible    = "impossible"     // a comparison that can only go one way
	WrongType     = "wrong-type"     // a value of a kind that the operation cannot take
	UnguardedNull = "unguarded-null" // an operation on what may be null
	MayBeMissing  = "may-be-missing" // a result that is none where a key of a map is not there
	WordOrder     = "word-order"     // words of an enumeration compared by < or >
	WrongIndex    = "wrong-index"    // a position used in another list than its own
	NearMissRule  = "near-miss-rule" // a rule set that veto does not read, called almost like one that it does
	ResultShape   = "result-shape"   // a result with a key that veto does not read, or without msg
	BadSchema     = "bad-schema"     // Input.Schema is no JSON schema
)

// Input is what Check reads.
type Input struct {
	// Modules are parsed with annotations and not compiled, by file name. Names that end in "_test.rego" are tests.
	Modules map[string]*ast.Module
	// Schema is the JSON schema of `input`; the subset that package engine/schema writes.
	Schema []byte
	// DataRoots are the loaded data documents, "exceptions" or "teams.owners"; nothing below them is checked.
	DataRoots []string
	// Builtins are veto's own built-in functions, by name, besides OPA's.
	Builtins map[string]*ast.Builtin
}

// Issue is one mistake.
type Issue struct {
	File string
	Line int    // from 1; 0 when it is in no file
	Col  int    // likewise
	Code string // one of the constants above
	Msg  string
	Hint string // what to do; may be empty
}

// Check returns the issues of all modules, sorted by file and position, each once. A schema that cannot be read is an issue too.
func Check(in Input) []Issue {
	p, err := newProgram(in)
	if err != nil {
		return []Issue{{Code: BadSchema, Msg: "the schema of input cannot be read: " + err.Error()}}
	}
	p.checkMetadata()
	p.infer()
	slices.SortFunc(p.issues, func(a, b Issue) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col,
			strings.Compare(a.Code, b.Code), strings.Compare(a.Msg, b.Msg))
	})
	return slices.Compact(p.issues)
}
