package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// The stages below are the smallest that work: they show what the gate itself does.

type stage struct {
	rules func(in *Input) []RuleResult
}

func (s stage) Decide(_ context.Context, in *Input) ([]RuleResult, error) { return s.rules(in), nil }
func (s stage) Info() PolicyInfo                                          { return PolicyInfo{Mode: "enforce"} }
func (stage) Mark(*Facts) error                                           { return nil }
func (stage) Subtract(*Facts, []RuleResult) error                         { return nil }

// denying has one rule, which denies each finding.
func denying() GateParts {
	s := stage{rules: func(in *Input) []RuleResult {
		r := RuleResult{ID: "any", Status: StatusPass}
		for _, f := range in.Findings {
			r.Status = StatusDeny
			r.Results = append(r.Results, Result{Msg: f.ID, Findings: []string{f.Ref}})
		}
		return []RuleResult{r}
	}}
	return GateParts{Waivers: s, Policy: s, Plan: func(*Facts, []RuleResult) []Change { return nil }}
}

// found are facts with a finding for each name.
func found(names ...string) *Input {
	in := &Input{}
	for _, n := range names {
		in.Findings = append(in.Findings, Finding{Kind: "vulnerability", ID: "CVE-" + n, Package: FoundPackage{Name: n, Ecosystem: "test"},
			FixedVersions: []string{"2"}})
	}
	in.Findings = Identify(in.Findings)
	return in
}

func judge(t *testing.T, p GateParts, in *Input) (*Report, error) {
	t.Helper()
	g, err := NewGate(p)
	if err != nil {
		t.Fatal(err)
	}
	return g.Judge(t.Context(), in)
}

func TestNewGateNamesWhatIsMissing(t *testing.T) {
	for name, drop := range map[string]func(*GateParts){
		"waivers": func(p *GateParts) { p.Waivers = nil }, "policy": func(p *GateParts) { p.Policy = nil },
		"plan": func(p *GateParts) { p.Plan = nil },
	} {
		p := denying()
		drop(&p)
		if _, err := NewGate(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// A plan says that it passes only when the policies, asked again, agree.
func TestPlanIsAskedAgain(t *testing.T) {
	for _, clearAll := range []bool{true, false} {
		p := denying()
		p.Plan = func(f *Facts, _ []RuleResult) []Change {
			c := Change{Findings: []string{f.Findings[0].Ref}}
			if clearAll {
				c.Findings = append(c.Findings, f.Findings[1].Ref)
			}
			return []Change{c}
		}
		r, err := judge(t, p, found("a", "b"))
		if err != nil {
			t.Fatal(err)
		}
		if r.Decision.Verdict != Denied || r.Decision.Plan.Passes != clearAll || len(r.Findings) != 2 {
			t.Errorf("clearing all %v: verdict %s, passes %v, %d findings kept", clearAll, r.Decision.Verdict, r.Decision.Plan.Passes,
				len(r.Findings))
		}
		if (len(r.Decision.Plan.Left) == 0) != clearAll {
			t.Errorf("left = %v", r.Decision.Plan.Left)
		}
	}
}

// A plan passes only when the policies, asked again, pass: a rule that then fails, or lacks its facts, is no pass.
func TestAPlanThatEndsUndecidedDoesNotPass(t *testing.T) {
	for _, status := range []Status{StatusError, StatusNoData, "", StatusPass, StatusWarn, StatusWaived} {
		p := denying()
		inner := p.Policy.(stage).rules
		p.Policy = stage{rules: func(in *Input) []RuleResult {
			rules := inner(in)
			if len(in.Findings) == 0 {
				rules = append(rules, RuleResult{ID: "other", Status: status})
			}
			return rules
		}}
		p.Plan = func(f *Facts, _ []RuleResult) []Change { return []Change{{Findings: []string{f.Findings[0].Ref}}} }
		r, err := judge(t, p, found("a"))
		if err != nil {
			t.Fatal(err)
		}
		want := status == StatusPass || status == StatusWarn || status == StatusWaived
		if r.Decision.Plan.Passes != want {
			t.Errorf("a plan after which a rule is %q passes: %v", status, r.Decision.Plan.Passes)
		}
	}
}

// What the gate marks stays in the report, and the plan does not change the facts that were judged.
func TestJudgeKeepsTheFacts(t *testing.T) {
	p := denying()
	p.Weakened = []Relaxation{{What: "--now"}}
	p.VEX = func(f *Facts) error {
		f.Findings[0].VEXStatus = "affected"
		return nil
	}
	p.Plan = func(f *Facts, _ []RuleResult) []Change { return []Change{{Findings: []string{f.Findings[0].Ref}}} }
	in := found("a", "b")
	in.Files = []FileFact{{Path: "etc/passwd"}, {Path: "etc/group"}}
	r, err := judge(t, p, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 2 || r.Findings[0].VEXStatus != "affected" || len(r.Decision.Weakened) != 1 || r.Decision.Plan.Left[0] != "any" {
		t.Errorf("%+v", r.Decision)
	}
	if in.Index.FilesByPath["etc/group"] != 1 || len(in.Index.FindingsByRef) != 2 || in.Packages == nil {
		t.Errorf("the index is %+v", in.Index)
	}
}

type failing struct {
	stage
	err error
}

func (f failing) Decide(context.Context, *Input) ([]RuleResult, error) { return nil, f.err }
func (f failing) Mark(*Facts) error                                    { return f.err }

// A stage that fails ends the judgement with its error: there is no report that could be taken for a decision.
func TestAStageThatFails(t *testing.T) {
	broken := errors.New("out of order")
	for name, spoil := range map[string]func(*GateParts){
		"VEX":     func(p *GateParts) { p.VEX = func(*Facts) error { return broken } },
		"waivers": func(p *GateParts) { p.Waivers = failing{err: broken} },
		"policy":  func(p *GateParts) { p.Policy = failing{err: broken} },
	} {
		p := denying()
		spoil(&p)
		if r, err := judge(t, p, found("a")); !errors.Is(err, broken) || r != nil {
			t.Errorf("%s: report %v, error %v", name, r, err)
		}
	}
}

// second is a policy, or waivers, that fail when the plan asks again.
type second struct {
	stage
	calls *int
	err   error
}

func (s second) Decide(ctx context.Context, in *Input) ([]RuleResult, error) {
	if *s.calls++; *s.calls > 1 {
		return nil, s.err
	}
	return s.stage.Decide(ctx, in)
}

func (s second) Subtract(*Facts, []RuleResult) error {
	if *s.calls++; *s.calls > 1 {
		return s.err
	}
	return nil
}

func TestAPlanThatCannotBeAskedAgain(t *testing.T) {
	broken := errors.New("out of order")
	for name, spoil := range map[string]func(*GateParts, second){
		"policy":  func(p *GateParts, s second) { p.Policy = s },
		"waivers": func(p *GateParts, s second) { p.Waivers = s },
	} {
		p := denying()
		spoil(&p, second{stage: p.Policy.(stage), calls: new(int), err: broken})
		if _, err := judge(t, p, found("a")); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
