// Package engine holds veto's words, the types of what flows through it, and the Gate that judges facts. Data flows one way:
//
//	Image → layers → inspectors → LayerFacts → merge, assembly → Inventory
//	      → matcher → Findings → VEX, waivers → policy → Report
//
// Package scan goes as far as the facts, the Gate from there. The engine knows no stage, starts no goroutine and imports the standard
// library only.
package engine

import (
	"context"
	"errors"
	"fmt"
)

// GateParts are the stages of a Gate. All are needed but VEX and Weakened.
type GateParts struct {
	VEX      func(f *Facts) error // marks findings with what VEX documents say of them
	Waivers  Waivers
	Policy   Policy
	Plan     func(f *Facts, rules []RuleResult) []Change
	Weakened []Relaxation
}

// Gate judges images by their facts. It is safe for concurrent use.
type Gate struct{ p GateParts }

// NewGate makes a Gate. It complains about a missing part here, not later.
func NewGate(p GateParts) (*Gate, error) {
	switch {
	case p.Waivers == nil:
		return nil, errors.New("engine: the gate has no waivers")
	case p.Policy == nil:
		return nil, errors.New("engine: the gate has no policy")
	case p.Plan == nil:
		return nil, errors.New("engine: the gate has no plan")
	}
	return &Gate{p}, nil
}

// Judge lets waivers and policies decide over facts, recorded or fresh. It changes in: marks, the index, the relaxations.
func (g *Gate) Judge(ctx context.Context, in *Input) (*Report, error) {
	if err := g.Prepare(in); err != nil {
		return nil, err
	}
	rules, err := g.p.Policy.Decide(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := g.p.Waivers.Subtract(&in.Facts, rules); err != nil {
		return nil, fmt.Errorf("waivers: %w", err)
	}
	r := &Report{Facts: in.Facts, Policy: g.p.Policy.Info()}
	r.Decision = Decision{Verdict: VerdictOf(rules), Rules: rules, Weakened: in.Weakened}
	if r.Decision.Verdict == Denied {
		if r.Decision.Plan, err = g.plan(ctx, in, rules); err != nil {
			return nil, err
		}
	}
	Fill(r)
	return r, nil
}

// Prepare brings facts into the form that policies see: marked by VEX documents and waivers, relaxations listed, index built, no list null.
func (g *Gate) Prepare(in *Input) error {
	if g.p.VEX != nil {
		if err := g.p.VEX(&in.Facts); err != nil {
			return fmt.Errorf("VEX: %w", err)
		}
	}
	if err := g.p.Waivers.Mark(&in.Facts); err != nil {
		return fmt.Errorf("waivers: %w", err)
	}
	in.Weakened = append([]Relaxation{}, g.p.Weakened...)
	in.Index = NewIndex(&in.Facts)
	for i := range in.Files {
		in.Index.FilesByPath[in.Files[i].Path] = i
	}
	Fill(in)
	return nil
}

// plan asks the remedy for changes, then asks the policies again without the findings that those clear: the plan passes when
// no rule denies any more.
func (g *Gate) plan(ctx context.Context, in *Input, rules []RuleResult) (Plan, error) {
	plan := Plan{Changes: g.p.Plan(&in.Facts, rules)}
	cleared := map[string]bool{}
	for _, c := range plan.Changes {
		for _, ref := range c.Findings {
			cleared[ref] = true
		}
	}
	again := *in
	again.Findings = nil
	for _, f := range in.Findings {
		if !cleared[f.Ref] {
			again.Findings = append(again.Findings, f)
		}
	}
	again.Waivers = append([]Waiver{}, in.Waivers...)
	again.Index = NewIndex(&again.Facts)
	again.Index.FilesByPath = in.Index.FilesByPath
	Fill(&again)
	rules, err := g.p.Policy.Decide(ctx, &again)
	if err != nil {
		return plan, fmt.Errorf("planning: %w", err)
	}
	if err := g.p.Waivers.Subtract(&again.Facts, rules); err != nil {
		return plan, fmt.Errorf("planning: waivers: %w", err)
	}
	plan.Passes = VerdictOf(rules) == Pass
	for _, r := range rules {
		if r.Status == StatusDeny {
			plan.Left = append(plan.Left, r.ID)
		}
	}
	return plan, nil
}
