package rego_test

import (
	"strings"
	"testing"

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
