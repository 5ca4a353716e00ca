package rego

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/vetoci/veto/engine"
)

// TestOptions say which tests to run.
type TestOptions struct {
	Library      fs.FS // the shipped policies, which others may refer to; nil without them
	LibraryTests bool  // run the *_test.rego of Library too
	Sources      []Source
	Schema       []byte // JSON schema of the input; needed
	Run          string // only tests whose full name ("data.mine_test.test_x") matches this regular expression; "" is all
	Coverage     bool
	Timeout      time.Duration // of each test; 0 is DefaultRuleTimeout
}

// TestReport is what became of the tests.
type TestReport struct {
	Tests    []TestResult // by package and name; a test of several named cases is one result per case
	Skipped  []string     // tests called todo_test_…, sorted
	Coverage *Coverage    // nil unless asked for
}

// TestResult is one test, or one named case of a test.
type TestResult struct {
	Name     string // "data.mine_test.test_x", with "/case" behind it for a case
	Location string // "mine_test.rego:7", as the user named the file
	Passed   bool
	Output   string // what it printed, and why it failed when that was an error
}

// Coverage says which lines of the policies the tests ran.
type Coverage struct {
	Percent float64
	Missed  []string // "mine.rego:7-9", sorted by file and line
}

// Test runs the tests of policies: rules called test_… in *_test.rego. Policies that do not load are a UsageError, and so is a run
// without a single test.
func Test(ctx context.Context, o TestOptions) (*TestReport, error) {
	if _, err := regexp.Compile(o.Run); err != nil {
		return nil, engine.Usage("the tests to run: %w", err)
	}
	p := compile(Options{Library: o.Library, Sources: o.Sources, Schema: o.Schema}, o.LibraryTests, true)
	if err := p.problems.join(); err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultRuleTimeout
	}
	results, covered, err := p.test(ctx, o)
	if err != nil {
		return nil, err
	}
	report := &TestReport{}
	for _, r := range results {
		if r.Skip {
			report.Skipped = append(report.Skipped, r.Package+"."+r.Name)
			continue
		}
		report.Tests = append(report.Tests, outcomes(r, p.partial(r))...)
	}
	slices.Sort(report.Skipped)
	if len(report.Tests) == 0 {
		what := "no test"
		if o.Run != "" {
			what += fmt.Sprintf(" matches %q", o.Run)
		}
		return nil, engine.Hint(engine.Usage("%s", what), "a test is a rule called test_… in a *_test.rego file beside the policies")
	}
	if covered != nil {
		report.Coverage = p.coverage(covered)
	}
	return report, nil
}

// test runs OPA's test runner, which compiles the modules once more with its own stages.
func (p *program) test(ctx context.Context, o TestOptions) (results []*tester.Result, covered *cover.Cover, err error) {
	txn, err := p.store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, nil, fmt.Errorf("running tests: %w", err)
	}
	defer p.store.Abort(ctx, txn)
	var own []*tester.Builtin
	for _, b := range builtins() {
		own = append(own, &tester.Builtin{Decl: b.declaration(), Func: b.function()})
	}
	modules := map[string]*ast.Module{}
	for name, m := range p.modules {
		modules[name] = m.Copy()
	}
	runner := tester.NewRunner().SetCompiler(p.newCompiler()).SetStore(p.store).SetModules(modules).AddCustomBuiltins(own).
		CapturePrintOutput(true).RaiseBuiltinErrors(true).SetTimeout(o.Timeout).Filter(o.Run)
	if o.Coverage {
		covered = cover.New()
		runner = runner.SetCoverageQueryTracer(covered).SetCoverageRuns(nil)
	}
	ch, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, nil, fmt.Errorf("running tests: %w", err)
	}
	for r := range ch {
		results = append(results, r)
	}
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("running tests: %w", context.Cause(ctx))
	}
	slices.SortFunc(results, func(a, b *tester.Result) int {
		return strings.Compare(a.Package+"."+a.Name, b.Package+"."+b.Name)
	})
	return results, covered, nil
}

// partial says whether a test is one of several named cases.
func (p *program) partial(r *tester.Result) bool {
	for _, m := range p.modules {
		for _, rule := range m.Rules {
			if rule.Location.File == r.Location.File && rule.Location.Row == r.Location.Row {
				return len(rule.Head.Ref()) > 1
			}
		}
	}
	return false
}

// outcomes is one result per named case; of a test without cases, one.
func outcomes(r *tester.Result, cases bool) []TestResult {
	one := TestResult{Name: r.Package + "." + r.Name, Passed: r.Pass(), Output: string(r.Output)}
	if r.Location != nil {
		one.Location = fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row)
	}
	switch {
	case r.Error != nil:
		one.Output = strings.TrimPrefix(one.Output+"\n"+r.Error.Error(), "\n")
		return []TestResult{one}
	case len(r.SubResults) == 0:
		if cases && one.Passed { // nothing was tried, so nothing was shown
			one.Passed, one.Output = false, strings.TrimPrefix(one.Output+"\nthe test has no case", "\n")
		}
		return []TestResult{one}
	}
	var out []TestResult
	for path, sub := range r.SubResults.Iter {
		if len(sub.SubResults) > 0 {
			continue
		}
		c := one
		c.Name, c.Passed = one.Name+"/"+strings.Join(path, "/"), !sub.Fail
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b TestResult) int { return strings.Compare(a.Name, b.Name) })
	if r.Fail && !slices.ContainsFunc(out, func(c TestResult) bool { return !c.Passed }) {
		out = append(out, one)
	}
	return out
}

func (p *program) coverage(c *cover.Cover) *Coverage {
	policies := map[string]*ast.Module{}
	for name, m := range p.modules {
		if f := p.owners[name]; !f.test {
			policies[name] = m
		}
	}
	report := c.Report(policies)
	out := &Coverage{Percent: report.Coverage}
	for _, name := range slices.Sorted(maps.Keys(report.Files)) {
		for _, r := range report.Files[name].NotCovered {
			out.Missed = append(out.Missed, fmt.Sprintf("%s:%d-%d", name, r.Start.Row, r.End.Row))
		}
	}
	return out
}
