package rego

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/vetoci/veto/engine"
)

// Decide evaluates every rule that is switched on. The rules come back sorted by id, their results sorted too. What goes wrong with
// one rule is that rule's status; the error is the context's end, or an input that has no form that policies can see.
func (p *Policy) Decide(ctx context.Context, in *engine.Input) ([]engine.RuleResult, error) {
	value, err := p.inputs.build(in, p.reads)
	if err != nil {
		return nil, fmt.Errorf("building the policies' input: %w", err)
	}
	e := &evaluation{policy: p, missing: in.Missing, input: value, fingerprints: map[string]string{}}
	for i := range in.Findings {
		e.fingerprints[in.Findings[i].Ref] = in.Findings[i].Fingerprint
	}
	for i := range in.Secrets {
		e.fingerprints[in.Secrets[i].Ref] = in.Secrets[i].Fingerprint
	}
	for i := range in.Gaps {
		e.fingerprints[in.Gaps[i].Ref] = in.Gaps[i].Fingerprint
	}
	out := make([]engine.RuleResult, len(p.rules))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(p.rules)) {
		wg.Go(func() {
			for i := range next {
				out[i] = e.evaluateWithin(ctx, p.rules[i])
			}
		})
	}
	for i := range p.rules {
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("evaluating policies: %w", context.Cause(ctx))
	}
	return out, nil
}

// evaluation is one input with what the rules need to judge it.
type evaluation struct {
	policy       *Policy
	missing      []string // top-level sections that recorded facts lack
	input        ast.Value
	fingerprints map[string]string // of findings, secrets and gaps, by ref
}

// evaluate evaluates one rule. Whether it applies is asked only when it has no result: a rule that fires cannot be skipped.
func (e *evaluation) evaluate(ctx context.Context, r *rule) engine.RuleResult {
	out := r.newResult()
	action, note := r.actionAt(e.policy.now)
	out.Action = action
	if action == "off" {
		out.Status, out.Note = engine.StatusNotApplicable, "switched off"
		return out
	}
	failed := func(err error) engine.RuleResult {
		out.Status, out.Results, out.Note = engine.StatusError, nil, engine.Maybe(e.errorNote(ctx, r, err))
		return out
	}
	if lacking := r.reads.among(e.missing); len(lacking) > 0 {
		out.Status, out.Note = engine.StatusNoData, engine.Maybe("the facts lack "+strings.Join(lacking, ", "))
		// The rule may not apply to such facts, and its skips may say so without those that are missing.
		if r.skipQuery != nil && len(r.skipReads.among(e.missing)) == 0 {
			reasons, err := e.skipReasons(ctx, *r.skipQuery)
			if err != nil {
				return failed(err)
			}
			if reasons != "" {
				out.Status, out.Note = engine.StatusNotApplicable, engine.Maybe(reasons)
			}
		}
		return out
	}
	values, err := e.query(ctx, r.query)
	if err != nil {
		return failed(err)
	}
	if out.Results, err = e.parseResults(r, values); err != nil {
		return failed(err)
	}
	out.Note = engine.Maybe(note)
	switch {
	case len(out.Results) > 0:
		out.Status = engine.Status(action)
	case r.skipQuery == nil:
		out.Status = engine.StatusPass
	default:
		reasons, err := e.skipReasons(ctx, *r.skipQuery)
		if err != nil {
			return failed(err)
		}
		if out.Status = engine.StatusPass; reasons != "" {
			out.Status, out.Note = engine.StatusNotApplicable, engine.Maybe(reasons)
		}
	}
	return out
}

// newResult is the rule's result without status and results.
func (r *rule) newResult() engine.RuleResult {
	out := engine.RuleResult{
		ID: r.id, Title: r.title(), Severity: engine.Maybe(r.meta.severity), Description: engine.Maybe(r.meta.description),
		Remediation: engine.Maybe(r.meta.remediation), URL: engine.Maybe(r.meta.url), Categories: append([]string{}, r.meta.categories...),
		Package: r.pkg, Source: r.source, Waivable: r.meta.waivable, Params: map[string]any{}, Results: []engine.Result{},
	}
	for name, v := range r.params {
		out.Params[name] = v
	}
	return out
}

// actionAt is what firing means at a time, and a note when that is less than the action: before its date a deny only warns.
func (r *rule) actionAt(now time.Time) (action, note string) {
	if r.action == "deny" && now.Before(r.enforcedAt) {
		return "warn", "denies from " + strings.TrimSuffix(r.enforcedAt.Format(time.RFC3339), "T00:00:00Z") + " on"
	}
	return r.action, ""
}

// query runs one query, whose value is a set. A panic in it is an error of its rule.
func (e *evaluation) query(ctx context.Context, q opa.PreparedEvalQuery) (values []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			values, err = nil, fmt.Errorf("the evaluation failed: %v", r)
		}
	}()
	rs, err := q.Eval(ctx, opa.EvalParsedInput(e.input), opa.EvalTime(e.policy.now), opa.EvalSortSets(true))
	if err != nil {
		return nil, err
	}
	if len(rs) != 1 || len(rs[0].Expressions) != 1 {
		return nil, errors.New("the rule has no value")
	}
	values, ok := rs[0].Expressions[0].Value.([]any)
	if !ok {
		return nil, errors.New("the rule is no set of results")
	}
	if len(values) > engine.MaxRuleResults {
		return nil, &engine.LimitError{What: "number of results", Limit: engine.MaxRuleResults}
	}
	return values, nil
}

// skipReasons returns why a rule does not apply, "" when it does.
func (e *evaluation) skipReasons(ctx context.Context, q opa.PreparedEvalQuery) (string, error) {
	values, err := e.query(ctx, q)
	if err != nil {
		return "", err
	}
	var all []string
	for _, v := range values {
		s, ok := v.(string)
		if !ok || s == "" {
			return "", fmt.Errorf("skip gives %s; a reason is text", jsonExcerpt(v))
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return strings.Join(all, "; "), nil
}

// errorNote is the note of a rule that failed: file and line, and what went wrong there.
func (e *evaluation) errorNote(ctx context.Context, r *rule, err error) string {
	where := e.reportPosition(r.loc)
	var failed *topdown.Error
	switch {
	case errors.Is(err, errAbandoned):
		return fmt.Sprintf("%s: took more than %s of processor time, in a built-in function that cannot be interrupted", where, e.policy.budget)
	case topdown.IsCancel(err) && errors.Is(context.Cause(ctx), errOverBudget):
		return fmt.Sprintf("%s: took more than %s of processor time and was stopped", where, e.policy.budget)
	case topdown.IsCancel(err):
		return fmt.Sprintf("%s: was stopped: %v", where, context.Cause(ctx))
	case errors.As(err, &failed):
		if failed.Location != nil && failed.Location.File != "" {
			where = e.reportPosition(failed.Location)
		}
		return fmt.Sprintf("%s: %s", where, failed.Message)
	}
	return fmt.Sprintf("%s: %v", where, err)
}

// reportPosition is the file and line of a location as reports show them: the same on every machine.
func (e *evaluation) reportPosition(loc *ast.Location) string {
	return fmt.Sprintf("%s:%d", e.policy.reportNames[loc.File], loc.Row)
}
