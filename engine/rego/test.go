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
	Paths        []PolicyPath
	Schema       []byte // JSON schema of the input; needed
	Run          string // only tests whose full name ("data.mine_test.test_x") matches this regular expression; "" is all
	Coverage     bool
	Timeout      time.Duration // of each test; 0 is DefaultRuleBudget
}

// TestReport is what became of the tests.
type TestReport struct {
	Tests    []TestResult // by package and name; a test of several named cases is one result per case
	Skipped  []string     // tests called todo_test_…, sorted
	Coverage *Coverage    // nil unless asked for
}

// TestResult is one test, or one named case of a test.
type TestResult struct {
	Name     string // "data.mine_test.test_x", followed by "/case" for a case
	Location string // "mine_test.rego:7", as the user named the file
	Passed   bool
	Output   string // what it printed, and why it failed when that was an error
}

// Coverage says which lines of the policies the tests ran.
type Coverage struct {
	Percent float64
	Missed  []string // "mine.rego:7-9", sorted by file and line
}

// Test runs the tests of policies: rules called test_… in *_test.rego. The error is an engine.UsageError when the policies do not load,
// or when there is no test to run; a test that fails is no error.
func Test(ctx context.Context, o TestOptions) (*TestReport, error) {
	if _, err := regexp.Compile(o.Run); err != nil {
		return nil, engine.Usage("the tests to run: %w", err)
	}
	p := loadProgram(Options{Library: o.Library, Paths: o.Paths, Schema: o.Schema}, o.LibraryTests, true)
	if err := p.issues.asError(); err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultRuleBudget
	}
	results, covered, err := p.runTests(ctx, o)
	if err != nil {
		return nil, err
	}
	report := &TestReport{}
	for _, r := range results {
		if r.Skip {
			report.Skipped = append(report.Skipped, r.Package+"."+r.Name)
			continue
		}
		report.Tests = append(report.Tests, testResults(r, p.hasCases(r))...)
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

// runTests runs OPA's test runner. It compiles the modules again, because it adds rules to them that tell the cases of a test apart.
func (p *program) runTests(ctx context.Context, o TestOptions) (results []*tester.Result, covered *cover.Cover, err error) {
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

// hasCases says whether a test is written as named cases: test_x[name] if …
func (p *program) hasCases(r *tester.Result) bool {
	for _, m := range p.modules {
		for _, rule := range m.Rules {
			if rule.Location.File == r.Location.File && rule.Location.Row == r.Location.Row {
				return len(rule.Head.Ref()) > 1
			}
		}
	}
	return false
}

// testResults is one result per named case, or one for a test that is not written as cases.
func testResults(r *tester.Result, hasCases bool) []TestResult {
	whole := TestResult{Name: r.Package + "." + r.Name, Passed: r.Pass(), Output: string(r.Output)}
	if r.Location != nil {
		whole.Location = fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row)
	}
	switch {
	case r.Error != nil:
		whole.Output = strings.TrimPrefix(whole.Output+"\n"+r.Error.Error(), "\n")
		return []TestResult{whole}
	case len(r.SubResults) == 0:
		if hasCases && whole.Passed { // a test that tried nothing has shown nothing
			whole.Passed, whole.Output = false, strings.TrimPrefix(whole.Output+"\nthe test has no case", "\n")
		}
		return []TestResult{whole}
	}
	var out []TestResult
	for path, sub := range r.SubResults.Iter {
		if len(sub.SubResults) > 0 {
			continue
		}
		c := whole
		c.Name, c.Passed = whole.Name+"/"+strings.Join(path, "/"), !sub.Fail
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b TestResult) int { return strings.Compare(a.Name, b.Name) })
	if r.Fail && !slices.ContainsFunc(out, func(c TestResult) bool { return !c.Passed }) {
		out = append(out, whole)
	}
	return out
}

// coverage lists the lines of the policies, without their tests, that no test ran.
func (p *program) coverage(c *cover.Cover) *Coverage {
	policies := map[string]*ast.Module{}
	for name, m := range p.modules {
		if f := p.files[name]; !f.test {
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
