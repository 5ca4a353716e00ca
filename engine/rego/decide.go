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
	value, err := p.build.input(in, p.sections)
	if err != nil {
		return nil, fmt.Errorf("building the policies' input: %w", err)
	}
	e := &evaluation{p: p, missing: in.Missing, input: value, known: map[string]string{}}
	for i := range in.Findings {
		e.known[in.Findings[i].Ref] = in.Findings[i].Fingerprint
	}
	for i := range in.Secrets {
		e.known[in.Secrets[i].Ref] = in.Secrets[i].Fingerprint
	}
	for i := range in.Gaps {
		e.known[in.Gaps[i].Ref] = in.Gaps[i].Fingerprint
	}
	out := make([]engine.RuleResult, len(p.rules))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(p.rules)) {
		wg.Go(func() {
			for i := range next {
				out[i] = e.rule(ctx, p.rules[i])
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

// evaluation is one input before the rules.
type evaluation struct {
	p       *Policy
	missing []string
	input   ast.Value
	known   map[string]string // ref of a finding, secret or gap: its fingerprint
}

// rule evaluates one rule: its results first; only when there are none is it asked whether it applies.
func (e *evaluation) rule(ctx context.Context, r *rule) engine.RuleResult {
	out := r.blank()
	action, note := r.inForce(e.p.at)
	out.Action = action
	if action == "off" {
		out.Status, out.Note = engine.StatusNotApplicable, "switched off"
		return out
	}
	failed := func(err error) engine.RuleResult {
		out.Status, out.Results, out.Note = engine.StatusError, nil, engine.Maybe(e.explain(r, err))
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, e.p.timeout)
	defer cancel()
	if lacking := r.reads.lacking(e.missing); len(lacking) > 0 {
		out.Status, out.Note = engine.StatusNoData, engine.Maybe("the facts lack "+strings.Join(lacking, ", "))
		// A rule that does not apply to such facts says so by what they have.
		if r.skip != nil && len(r.skipReads.lacking(e.missing)) == 0 {
			reasons, err := e.reasons(ctx, *r.skip)
			if err != nil {
				return failed(err)
			}
			if reasons != "" {
				out.Status, out.Note = engine.StatusNotApplicable, engine.Maybe(reasons)
			}
		}
		return out
	}
	values, err := e.eval(ctx, r.query)
	if err != nil {
		return failed(err)
	}
	if out.Results, err = e.results(r, values); err != nil {
		return failed(err)
	}
	out.Note = engine.Maybe(note)
	switch {
	case len(out.Results) > 0:
		out.Status = engine.Status(action)
	case r.skip == nil:
		out.Status = engine.StatusPass
	default:
		reasons, err := e.reasons(ctx, *r.skip)
		if err != nil {
			return failed(err)
		}
		if out.Status = engine.StatusPass; reasons != "" {
			out.Status, out.Note = engine.StatusNotApplicable, engine.Maybe(reasons)
		}
	}
	return out
}

// blank is the rule's result before anything is known.
func (r *rule) blank() engine.RuleResult {
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

// inForce is what firing means now: before its date a deny only warns.
func (r *rule) inForce(at time.Time) (action, note string) {
	if r.action == "deny" && at.Before(r.enforcedAt) {
		return "warn", "denies from " + strings.TrimSuffix(r.enforcedAt.Format(time.RFC3339), "T00:00:00Z") + " on"
	}
	return r.action, ""
}

// eval runs one query, whose value is a set. A panic in it is an error of its rule.
func (e *evaluation) eval(ctx context.Context, q opa.PreparedEvalQuery) (values []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			values, err = nil, fmt.Errorf("the evaluation failed: %v", r)
		}
	}()
	rs, err := q.Eval(ctx, opa.EvalParsedInput(e.input), opa.EvalTime(e.p.at), opa.EvalSortSets(true))
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

func (e *evaluation) reasons(ctx context.Context, q opa.PreparedEvalQuery) (string, error) {
	values, err := e.eval(ctx, q)
	if err != nil {
		return "", err
	}
	var all []string
	for _, v := range values {
		s, ok := v.(string)
		if !ok || s == "" {
			return "", fmt.Errorf("skip gives %s; a reason is text", short(v))
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return strings.Join(all, "; "), nil
}

// explain words what went wrong with a rule, with its place.
func (e *evaluation) explain(r *rule, err error) string {
	at := e.place(r.loc)
	var failed *topdown.Error
	switch {
	case topdown.IsCancel(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s: took longer than %s and was stopped", at, e.p.timeout)
	case errors.As(err, &failed):
		if failed.Location != nil && failed.Location.File != "" {
			at = e.place(failed.Location)
		}
		return fmt.Sprintf("%s: %s", at, failed.Message)
	}
	return fmt.Sprintf("%s: %v", at, err)
}

// place is a location as reports show it: the same on every machine.
func (e *evaluation) place(loc *ast.Location) string {
	return fmt.Sprintf("%s:%d", e.p.shown[loc.File], loc.Row)
}
