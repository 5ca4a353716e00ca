package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/formats"
)

// The exit codes, in order of precedence: usage, denied, undecided, pass.
const (
	exitPass      = 0
	exitDenied    = 1
	exitUsage     = 2
	exitUndecided = 3
)

const exitStatus = `
EXIT STATUS
  0  pass: no rule denies
  1  denied: a rule denies
  2  a mistake in usage, configuration, waivers or policies, found before anything was evaluated
  3  undecided: an image could not be read, there is no database or it is faulty, a rule failed or lacked its facts`

const exitStatusPlain = `
EXIT STATUS
  0  done
  2  a mistake in usage, configuration, waivers or policies
  3  could not be done`

// verdictError ends a command whose report says it all.
type verdictError struct{ verdict engine.Verdict }

func (e *verdictError) Error() string { return string(e.verdict) }

// codeOf maps what a command returned to its exit code; whatever is not a usage error is "undecided", never 0.
func codeOf(err error) int {
	var verdict *verdictError
	var usage *engine.UsageError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &verdict):
		switch verdict.verdict {
		case engine.Pass:
			return exitPass
		case engine.Denied:
			return exitDenied
		default:
			return exitUndecided
		}
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitUndecided
}

// explainError prints an error and its hints, one line each. What it quotes may come from a hostile image.
func explainError(w io.Writer, err error) {
	var verdict *verdictError
	if err == nil || errors.As(err, &verdict) {
		return
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "veto: interrupted")
		return
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			explainError(w, e)
		}
	} else {
		fmt.Fprintf(w, "veto: %s\n", oneLine(engine.MaskAddresses(err.Error())))
	}
	var hint *engine.HintError
	for e := err; e != nil && hint == nil; e = errors.Unwrap(e) { // those of joined errors stand behind each
		hint, _ = e.(*engine.HintError) //nolint:errorlint // one step of the walk
	}
	if hint != nil {
		fmt.Fprintf(w, "hint: %s\n", oneLine(engine.MaskAddresses(hint.Hint)))
	}
}

func oneLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, l := range lines {
		lines[i] = formats.Escape(strings.TrimSpace(l))
	}
	return strings.Join(lines, "; ")
}
