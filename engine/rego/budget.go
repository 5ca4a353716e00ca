package rego

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/vetoci/veto/engine"
)

// Why the evaluation of a rule ended before its end.
var (
	errOverBudget = errors.New("over its budget of processor time")
	errAbandoned  = errors.New("over its budget, in a built-in function that cannot be interrupted")
)

// watchInterval is how often the time of a rule is read.
const watchInterval = 5 * time.Millisecond

// evaluateWithin evaluates a rule on a thread of its own, and stops it when that has used the rule's budget of processor time. What goes on
// for half as long again, in a built-in function that nothing can interrupt, is left alone: it ends with the process.
func (e *evaluation) evaluateWithin(ctx context.Context, r *rule) engine.RuleResult {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clocks := make(chan func() (time.Duration, error), 1)
	done := make(chan engine.RuleResult, 1)
	go func() {
		runtime.LockOSThread()
		clocks <- threadTime()
		done <- e.evaluate(ctx, r)
		runtime.UnlockOSThread()
	}()
	used := <-clocks
	start, err := used()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case out := <-done:
			return out
		case <-tick.C:
		}
		now, cerr := used()
		switch spent := now - start; {
		case err != nil || cerr != nil:
			cancel(errors.Join(err, cerr)) // a budget that cannot be held is none
		case spent > e.policy.budget+e.policy.budget/2+watchInterval:
			out := r.newResult()
			out.Action, _ = r.actionAt(e.policy.now)
			out.Status, out.Note = engine.StatusError, engine.Maybe(e.errorNote(ctx, r, errAbandoned))
			return out
		case spent > e.policy.budget:
			cancel(errOverBudget)
		}
	}
}
