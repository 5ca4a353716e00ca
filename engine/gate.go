// Package engine holds veto's vocabulary and its pipeline. Data flows one way:
//
//	Image → layers → Inspectors → LayerFacts → merge, assemble → Inventory → Matcher → Findings → Waivers → Policy → Report
//
// Every stage is handed in through Parts; the engine knows none of them and imports the standard library only.
package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Parts are the stages of a Gate. All are needed but for those that say so.
type Parts struct {
	Inspectors []Inspector
	Merge      func(layers []LayerFacts) (*Tree, error)
	Assemble   func(tree *Tree, layers []LayerFacts) (*Inventory, error)
	Matcher    Matcher
	Waivers    Waivers
	Policy     Policy
	Plan       func(f *Facts, rules []RuleResult) []Change
	Weakened   []Relaxation // may be empty
	Workers    int          // layers read at once, at least 1
	Memory     int64        // bytes that files under inspection may hold together
	// Base says what the image was built on; nil when nothing asks.
	Base func(c Config, layers []LayerInfo) *Base
	// Cache keeps what is learned from layers; nil for none.
	Cache LayerCache
	// Verify says that layers check their diff IDs too, so that what the cache gives must have been checked likewise.
	Verify bool
	// WholeTree asks for facts about every file: they are large, and only some policies and people want them.
	WholeTree bool
	// Progress is told how many of an image's layers have been read; nil for none. Of a source that streams, of is 0: nobody knows.
	Progress func(read, of int)
}

// Gate judges images. It is safe for concurrent use.
type Gate struct{ p Parts }

// New complains about a missing part here, not later.
func New(p Parts) (*Gate, error) {
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"inspectors", len(p.Inspectors) == 0}, {"merge", p.Merge == nil}, {"assemble", p.Assemble == nil},
		{"matcher", p.Matcher == nil}, {"waivers", p.Waivers == nil}, {"policy", p.Policy == nil}, {"plan", p.Plan == nil},
		{"workers", p.Workers < 1}, {"memory", p.Memory < 1},
	} {
		if part.missing {
			return nil, errors.New("engine: the gate has no " + part.name)
		}
	}
	return &Gate{p}, nil
}

// Check takes inventory of an image, matches it, and decides, as of the clock at. An error means that there is no decision.
func (g *Gate) Check(ctx context.Context, img Image, at time.Time) (*Report, error) {
	in, err := g.Inspect(ctx, img, at)
	if err != nil {
		return nil, err
	}
	return g.Judge(ctx, in)
}

// Inspect gathers the facts: everything that policies see.
func (g *Gate) Inspect(ctx context.Context, img Image, at time.Time) (*Input, error) {
	s := &scan{Gate: g, img: img}
	asking, stop := context.WithCancel(ctx)
	refer := s.referrers(asking)
	inv, err := s.inventory(ctx)
	if err != nil {
		stop()
	}
	referrers := refer() // also after an error: whoever closes the image must not find it in use
	stop()
	if err != nil {
		return nil, err
	}
	matches, err := g.p.Matcher.Match(ctx, inv, at)
	if err != nil {
		return nil, fmt.Errorf("matching: %w", err)
	}
	id := img.Identity()
	in := &Input{Facts: Facts{
		SchemaVersion: SchemaVersion,
		Now:           at.UTC().Format(time.RFC3339),
		Image:         id,
		Platform:      id.Platform,
		Config:        img.Config(),
		OS:            inv.OS,
		Packages:      inv.Packages,
		Findings:      matches.Findings,
		Coverage:      slices.Concat(inv.Coverage, matches.Coverage, referrers.gaps),
		Referrers:     referrers.list,
		Database:      matches.Database,
		Layers:        s.infos(),
	}}
	s.describe(in)
	if part, ok := img.(Partial); ok {
		for _, p := range part.Unscanned() {
			in.Coverage = append(in.Coverage, Coverage{Kind: CoveragePlatformNotScanned, Subject: Maybe(p.String()),
				Detail: "the source also holds an image for this platform, which was not scanned"})
		}
	}
	if g.p.Base != nil {
		in.Base = g.p.Base(in.Config, in.Layers)
	}
	originate(in.Findings, in.Base, in.Layers)
	in.Findings = Identify(in.Findings)
	in.Coverage = IdentifyCoverage(in.Coverage)
	return in, nil
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

// Prepare brings facts into the form that policies see: waivers marked, relaxations listed, index built, no list null.
func (g *Gate) Prepare(in *Input) error {
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
