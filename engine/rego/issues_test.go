package rego

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine"
)

// An issue says where it is as far as that is known, in the form that editors and CI systems jump to.
func TestIssueError(t *testing.T) {
	for _, c := range []struct {
		i    issue
		want string
	}{
		{issue{Text: "t"}, "t"},
		{issue{Text: "t", Hint: "h"}, "t; h"},
		{issue{File: "f", Text: "t"}, "f: t"},
		{issue{File: "f", Line: 3, Text: "t"}, "f:3:1: t"},
		{issue{File: "f", Line: 3, Col: 7, Text: "t", Hint: "h"}, "f:3:7: t; h"},
		{issue{Line: 3, Col: 7, Text: "t"}, "t"},
	} {
		if got := c.i.Error(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.i, got, c.want)
		}
	}
}

// Issues are shown in the order of files and lines, each once, and each is a mistake of the caller's.
func TestIssueList(t *testing.T) {
	var list issueList
	if err := list.asError(); err != nil || !list.empty() {
		t.Errorf("no issue is %v", err)
	}
	loc := func(file string, row, col int) *ast.Location { return &ast.Location{File: file, Row: row, Col: col} }
	list.addAt(loc("b", 1, 1), "", "last")
	list.addAt(loc("a", 2, 1), "", "third")
	list.addAt(loc("a", 1, 9), "", "second %d", 2)
	list.addAt(loc("a", 1, 1), "hint", "first")
	list.addAt(loc("a", 1, 1), "hint", "first")
	list.addAt(loc("a", 1, 1), "", "also first")
	list.addAt(nil, "", "nowhere")
	list.addError("a", engine.Hint(errors.New("of the file"), "do it"))
	var got []string
	for _, i := range list.sorted() {
		got = append(got, i.Error())
	}
	want := []string{"nowhere", "a: of the file; do it", "a:1:1: also first", "a:1:1: first; hint", "a:1:9: second 2", "a:2:1: third",
		"b:1:1: last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	joined, ok := list.asError().(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != len(want) || list.empty() {
		t.Fatalf("%v", list.asError())
	}
	for _, err := range joined.Unwrap() {
		if !errors.As(err, new(*engine.UsageError)) {
			t.Errorf("%v is no UsageError", err)
		}
	}
}

// What OPA's parser says is passed on once per location; what is no error of OPA's is passed on too.
func TestParserErrors(t *testing.T) {
	var list issueList
	at := &ast.Location{File: "x.rego", Row: 2, Col: 3}
	list.addParserErrors("given.rego", ast.Errors{
		{Message: "one", Location: at}, {Message: "the same again", Location: at},
		{Message: "two", Location: &ast.Location{Row: 4, Col: 1}}, {Message: "nowhere"}, {Message: "nowhere either"},
		{Message: "undefined function http.send", Location: &ast.Location{Row: 9}},
		{Message: "undefined function own.thing", Location: &ast.Location{Row: 10}},
	})
	list.addParserErrors("given.rego", errors.New("no list"))
	var got []string
	for _, i := range list.all {
		got = append(got, i.Error())
	}
	want := []string{"x.rego:2:3: one", "given.rego:4:1: two", "given.rego: nowhere", "given.rego: nowhere either",
		"given.rego:9:1: http.send is not available to policies; " + removedBecause("http.send"),
		"given.rego:10:1: undefined function own.thing", "given.rego: no list"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
