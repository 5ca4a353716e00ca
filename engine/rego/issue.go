package rego

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine"
)

// Issue is one problem of the policies or of their settings.
type Issue struct {
	File     string // as the user named it; "" for a problem that no file has
	Line     int    // from 1; 0 when unknown
	Col      int
	Severity string // error, or warning: what Load accepts
	Text     string
	Hint     string // what to do; may be empty
}

// Error is "file:line:col: text; hint".
func (i Issue) Error() string {
	s := i.Text
	switch {
	case i.File != "" && i.Line > 0:
		s = fmt.Sprintf("%s:%d:%d: %s", i.File, i.Line, max(i.Col, 1), s)
	case i.File != "":
		s = i.File + ": " + s
	}
	if i.Hint != "" {
		s += "; " + i.Hint
	}
	return s
}

// problems gathers issues, so that one run shows all of them.
type problems struct{ issues []Issue }

func (p *problems) add(i Issue) {
	if i.Severity == "" {
		i.Severity = "error"
	}
	p.issues = append(p.issues, i)
}

func (p *problems) at(loc *ast.Location, hint, format string, args ...any) {
	i := Issue{Text: fmt.Sprintf(format, args...), Hint: hint}
	if loc != nil {
		i.File, i.Line, i.Col = loc.File, loc.Row, loc.Col
	}
	p.add(i)
}

// err adds an error of another part, its hint included.
func (p *problems) err(file string, err error) {
	i := Issue{File: file, Text: err.Error()}
	if h := (*engine.HintError)(nil); errors.As(err, &h) {
		i.Hint = h.Hint
	}
	p.add(i)
}

// parsed adds what OPA's parser or compiler complains about.
func (p *problems) parsed(file string, err error) {
	var list ast.Errors
	if !errors.As(err, &list) {
		p.err(file, err)
		return
	}
	var last *ast.Location
	for _, e := range list {
		if e.Location == nil || last == nil || e.Location.Compare(last) != 0 { // what is said twice of one place is one mistake
			p.add(p.translate(file, e))
		}
		last = e.Location
	}
}

func (p *problems) translate(file string, e *ast.Error) Issue {
	i := Issue{File: file, Text: e.Message}
	if e.Location != nil {
		i.Line, i.Col = e.Location.Row, e.Location.Col
		if e.Location.File != "" {
			i.File = e.Location.File
		}
	}
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		if why := removed(name); why != "" {
			i.Text, i.Hint = fmt.Sprintf("%s is not available to policies", name), why
		}
	}
	if e.Details != nil {
		if detail := strings.Join(strings.Fields(strings.Join(e.Details.Lines(), " ")), " "); detail != "" {
			i.Text += ": " + detail
		}
	}
	return i
}

// failed says whether an issue is an error.
func (p *problems) failed() bool {
	return slices.ContainsFunc(p.issues, func(i Issue) bool { return i.Severity == "error" })
}

// sorted returns the issues by file and position, each once.
func (p *problems) sorted() []Issue {
	out := slices.Clone(p.issues)
	slices.SortStableFunc(out, func(a, b Issue) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col, strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(out)
}

// join is every error as one, each a UsageError; nil when there is none.
func (p *problems) join() error {
	var all []error
	for _, i := range p.sorted() {
		if i.Severity == "error" {
			all = append(all, &engine.UsageError{Err: i})
		}
	}
	return errors.Join(all...)
}
