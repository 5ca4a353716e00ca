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

// issue is one mistake in the policies or in their settings. It is what the UsageErrors of Load and Test wrap.
type issue struct {
	File string // as the user named it; "" when the mistake is in no file
	Line int    // from 1; 0 when unknown
	Col  int    // from 1; 0 when unknown
	Text string
	Hint string // what to do; may be empty
}

// Error is "file:line:col: text; hint".
func (i issue) Error() string {
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

// issueList gathers issues, so that one run shows all of them.
type issueList struct{ all []issue }

func (p *issueList) add(i issue) { p.all = append(p.all, i) }

func (p *issueList) empty() bool { return len(p.all) == 0 }

// addAt adds an issue at a location, which may be nil.
func (p *issueList) addAt(loc *ast.Location, hint, format string, args ...any) {
	i := issue{Text: fmt.Sprintf(format, args...), Hint: hint}
	if loc != nil {
		i.File, i.Line, i.Col = loc.File, loc.Row, loc.Col
	}
	p.add(i)
}

// addError adds an error with its hint.
func (p *issueList) addError(file string, err error) {
	p.add(issue{File: file, Text: err.Error(), Hint: hintOf(err)})
}

// addParserErrors adds what OPA's parser complains about: of several errors at one location the first.
func (p *issueList) addParserErrors(file string, err error) {
	var errs ast.Errors
	if !errors.As(err, &errs) {
		p.addError(file, err)
		return
	}
	var last *ast.Location
	for _, e := range errs {
		if e.Location == nil || last == nil || e.Location.Compare(last) != 0 {
			p.add(issueOf(file, e))
		}
		last = e.Location
	}
}

// issueOf is an error of OPA's parser or compiler. file is where it is when the error does not say.
func issueOf(file string, e *ast.Error) issue {
	i := issue{File: file, Text: e.Message}
	if e.Location != nil {
		i.Line, i.Col = e.Location.Row, e.Location.Col
		if e.Location.File != "" {
			i.File = e.Location.File
		}
	}
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		if reason := removedBecause(name); reason != "" {
			i.Text, i.Hint = fmt.Sprintf("%s is not available to policies", name), reason
		}
	}
	if e.Details != nil {
		if detail := strings.Join(strings.Fields(strings.Join(e.Details.Lines(), " ")), " "); detail != "" {
			i.Text += ": " + detail
		}
	}
	return i
}

// sorted returns the issues by file and position, each once.
func (p *issueList) sorted() []issue {
	out := slices.Clone(p.all)
	slices.SortStableFunc(out, func(a, b issue) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col, strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(out)
}

// asError joins the issues, each as a UsageError; nil when there is none.
func (p *issueList) asError() error {
	var all []error
	for _, i := range p.sorted() {
		all = append(all, &engine.UsageError{Err: i})
	}
	return errors.Join(all...)
}

// hintOf is the hint of an error, "" when it has none.
func hintOf(err error) string {
	var h *engine.HintError
	if errors.As(err, &h) {
		return h.Hint
	}
	return ""
}

// keepHint rewords an error and keeps its hint.
func keepHint(err error, format string, args ...any) error {
	if hint := hintOf(err); hint != "" {
		return engine.Hint(fmt.Errorf(format, args...), "%s", hint)
	}
	return fmt.Errorf(format, args...)
}
