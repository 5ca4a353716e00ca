package rego_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/policies"
)

const testPolicy = `package own_test

import data.own

test_pass if count(own.deny.one) == 1

test_fail if {
	print("what I saw", own.deny.one)
	count(own.deny.one) == 2
}

test_error if to_number("n/a") == 1

test_cases[note] if {
	some note, want in {"one": 1, "two": 2}
	count(own.deny.one) == want
}

test_none[note] if {
	some note in []
	note == ""
}

test_builtin if veto.version_compare("npm", "1.0.0", "1.10.0") == -1

todo_test_later if false
`

func TestTests(t *testing.T) {
	own := policyPath(t, "pol", map[string]string{"pol/own.rego": onePolicy, "pol/own_test.rego": testPolicy})
	o := rego.TestOptions{Schema: policies.InputSchema(), Library: policies.Library(), Paths: []rego.PolicyPath{own}, Coverage: true}
	report, err := rego.Test(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Tests {
		report.Tests[i].Output = strings.TrimSpace(report.Tests[i].Output)
	}
	at := func(name, line string, passed bool, output string) rego.TestResult {
		return rego.TestResult{Name: "data.own_test." + name, Location: "pol/own_test.rego:" + line, Passed: passed, Output: output}
	}
	want := []rego.TestResult{
		at("test_builtin", "24", true, ""),
		at("test_cases/one", "14", true, ""),
		at("test_cases/two", "14", false, ""),
		at("test_error", "12", false, `pol/own_test.rego:12: eval_builtin_error: to_number: strconv.ParseFloat: parsing "n/a": invalid syntax`),
		at("test_fail", "7", false, `what I saw {"x"}`),
		at("test_none", "19", false, "the test has no case"),
		at("test_pass", "5", true, ""),
	}
	if diff := cmp.Diff(want, report.Tests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data.own_test.todo_test_later"}, report.Skipped); diff != "" {
		t.Error(diff)
	}
	o.Run = "test_pass$"
	if report, err = rego.Test(t.Context(), o); err != nil || len(report.Tests) != 1 {
		t.Errorf("%v, %v", report, err)
	}
}

func TestTestsThatCannotRun(t *testing.T) {
	policy := map[string]string{"pol/own.rego": onePolicy}
	broken := map[string]string{"pol/own.rego": onePolicy, "pol/own_test.rego": "package own_test\n\ntest_x if data.own.dney.one == set()\n"}
	for name, c := range map[string]struct {
		o    rego.TestOptions
		says string
	}{
		"none":    {rego.TestOptions{Paths: []rego.PolicyPath{policyPath(t, "pol", policy)}}, "no test"},
		"filter":  {rego.TestOptions{Library: policies.Tests(), LibraryTests: true, Run: "nothing_like_it"}, `no test matches "nothing_like_it"`},
		"pattern": {rego.TestOptions{Library: policies.Tests(), LibraryTests: true, Run: "["}, "missing closing"},
		"typo":    {rego.TestOptions{Paths: []rego.PolicyPath{policyPath(t, "pol", broken)}}, "own_test.rego:3"},
	} {
		c.o.Schema = policies.InputSchema()
		if _, err := rego.Test(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// Coverage names the lines that no test ran, of policies only; a test that loops ends with its time.
func TestCoverageAndTime(t *testing.T) {
	own := policyPath(t, "pol", map[string]string{
		"pol/own.rego": onePolicy + "\nused := 1\n\nnever if {\n\tinput.image.named\n\tinput.image.name == \"x\"\n}\n",
		"pol/own_test.rego": "package own_test\n\nimport data.own\n\ntest_used if own.used == 1\n\ntest_one if count(own.deny.one) == 1\n\n" +
			"never if false\n\ntest_loop if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\ta * b == -1\n}\n",
	})
	o := rego.TestOptions{Schema: policies.InputSchema(), Paths: []rego.PolicyPath{own}, Coverage: true, Run: "test_(used|one)$"}
	report, err := rego.Test(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pol/own.rego:9-9", "pol/own.rego:10-10", "pol/own.rego:11-11"}, report.Coverage.Missed); diff != "" ||
		report.Coverage.Percent <= 0 ||
		report.Coverage.Percent >= 100 {
		t.Errorf("%.1f %%\n%s", report.Coverage.Percent, diff)
	}
	o.Coverage, o.Run, o.Timeout = false, "test_loop", time.Millisecond
	report, err = rego.Test(t.Context(), o)
	if err != nil || report.Coverage != nil || len(report.Tests) != 1 || report.Tests[0].Passed ||
		!strings.Contains(report.Tests[0].Output, "cancel") {
		t.Errorf("%v, %+v", err, report)
	}
	// Interrupted tests are no result, not even of those that ran.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := rego.Test(ctx, o); err == nil || report != nil {
		t.Errorf("interrupted: %v, %+v", err, report)
	}
}

// Cases of cases are named by both, and the level between them is no test of its own.
func TestNestedCases(t *testing.T) {
	own := policyPath(t, "pol", map[string]string{"pol/own.rego": onePolicy, "pol/own_test.rego": `package own_test

test_nested[outer][inner] if {
	some outer in ["a", "b"]
	some inner, want in {"good": 1, "bad": 2}
	count(data.own.deny.one) == want
}
`})
	report, err := rego.Test(t.Context(), rego.TestOptions{Schema: policies.InputSchema(), Paths: []rego.PolicyPath{own}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, r := range report.Tests {
		got[strings.TrimPrefix(r.Name, "data.own_test.")] = r.Passed
	}
	want := map[string]bool{"test_nested/a/bad": false, "test_nested/a/good": true, "test_nested/b/bad": false, "test_nested/b/good": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
