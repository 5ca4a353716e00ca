package lint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/vetoci/veto/engine/rego/lint"
	"github.com/vetoci/veto/policies"
)

// compiler compiles modules as strictly as veto does, against the schema of the input.
func compiler(t testing.TB) *ast.Compiler {
	t.Helper()
	var schema any
	if err := json.Unmarshal(policies.InputSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	return ast.NewCompiler().WithStrict(true).WithSchemas(schemas)
}

// defaultParams are the parameters of every rule as its METADATA declares them.
func defaultParams(mods map[string]*ast.Module) map[string]any {
	params := map[string]any{}
	for _, mod := range mods {
		for _, a := range mod.Annotations {
			declared, ok := a.Custom["params"].(map[string]any)
			if !ok {
				continue
			}
			values := map[string]any{}
			for name, spec := range declared {
				values[name] = spec.(map[string]any)["default"]
			}
			path := a.GetTargetPath()
			params[string(path[len(path)-1].Value.(ast.String))] = values
		}
	}
	return params
}

func runTests(t *testing.T, mods map[string]*ast.Module) (n int) {
	t.Helper()
	store := inmem.NewFromObject(map[string]any{"params": defaultParams(mods)})
	runner := tester.NewRunner().SetCompiler(compiler(t)).SetStore(store).SetModules(mods).RaiseBuiltinErrors(true)
	results, err := runner.RunTests(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for r := range results {
		n++
		if !r.Pass() {
			var b bytes.Buffer
			one := make(chan *tester.Result, 1)
			one <- r
			close(one)
			_ = tester.PrettyReporter{Output: &b, Verbose: true}.Report(one)
			t.Error(b.String())
		}
	}
	return n
}

// The example of a policy of one's own is clean, formatted, and passes its tests beside the shipped policies.
func TestExample(t *testing.T) {
	fsys := os.DirFS("../../../examples/custom-policy")
	mods := parseFolder(t, fsys)
	for name := range mods {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		checkFormatted(t, name, text)
	}
	if n := runTests(t, mods); n < 6 {
		t.Errorf("only %d tests ran", n)
	}
	for name, m := range parseFolder(t, policies.Library()) {
		mods[name] = m
	}
	for _, i := range lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()}) {
		t.Error(i)
	}
}

// The shipped policies pass their tests, and every rule has tests that name it: one that fires, one that stays silent.
func TestLibrary(t *testing.T) {
	mods := parseFolder(t, policies.Tests())
	if n := runTests(t, mods); n < 30 {
		t.Errorf("only %d tests ran", n)
	}
	var tests []string
	for _, mod := range mods {
		for _, r := range mod.Rules {
			tests = append(tests, r.Head.Ref()[0].String())
		}
	}
	for id := range ruleIDs(t) {
		for _, kind := range []string{"fires", "silent"} {
			prefix := "test_" + strings.ReplaceAll(id, "-", "_") + "_" + kind
			if !slices.ContainsFunc(tests, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
				t.Errorf("rule %s has no test %s…", id, prefix)
			}
		}
	}
}

// ruleIDs are the rules of the library with their METADATA.
func ruleIDs(t testing.TB) map[string]*ast.Annotations {
	t.Helper()
	out := map[string]*ast.Annotations{}
	for _, mod := range parseFolder(t, policies.Library()) {
		for _, a := range mod.Annotations {
			path := a.GetTargetPath()
			if set := path[max(0, len(path)-2)].Value.String(); a.Scope == "rule" && slices.Contains([]string{`"deny"`, `"warn"`, `"info"`}, set) {
				out[string(path[len(path)-1].Value.(ast.String))] = a
			}
		}
	}
	return out
}

func TestLibraryHasItsMetadata(t *testing.T) {
	want := []string{
		"advisories-missing", "assessment-incomplete", "database-missing", "database-stale", "inventory-empty", "os-end-of-life",
		"os-support-ended", "package-malicious", "secret-found", "user-root", "vuln-fixable", "vuln-known-exploited", "vuln-likely-exploited",
	}
	rules := ruleIDs(t)
	for _, id := range want {
		a := rules[id]
		if a == nil {
			t.Errorf("no rule %s", id)
			continue
		}
		for _, key := range []string{"severity", "remediation", "categories", "waivable"} {
			if a.Custom[key] == nil {
				t.Errorf("%s has no custom.%s", id, key)
			}
		}
		if a.Title == "" || a.Description == "" || len(a.RelatedResources) == 0 {
			t.Errorf("%s has no title, description or related resource", id)
		}
		params, _ := a.Custom["params"].(map[string]any)
		for name, spec := range params {
			for _, key := range []string{"type", "default", "description"} {
				if spec.(map[string]any)[key] == nil {
					t.Errorf("%s: parameter %s has no %s", id, name, key)
				}
			}
		}
	}
	if len(rules) != len(want) {
		t.Errorf("%d rules, %d are known here", len(rules), len(want))
	}
}

// Every kind of gap denies by default: a kind that is new to the schema must not be forgotten.
func TestEveryKindOfGapDenies(t *testing.T) {
	var schema struct {
		Properties struct {
			Gaps struct {
				Items struct {
					Properties struct{ Kind struct{ Enum []string } }
				}
			}
		}
	}
	if err := json.Unmarshal(policies.InputSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	kinds := schema.Properties.Gaps.Items.Properties.Kind.Enum
	params := ruleIDs(t)["assessment-incomplete"].Custom["params"].(map[string]any)
	var listed []string
	for _, k := range params["kinds"].(map[string]any)["default"].([]any) {
		listed = append(listed, k.(string))
	}
	listed = append(listed, "no_advisories") // of the rule advisories-missing
	slices.Sort(listed)
	slices.Sort(kinds)
	if !slices.Equal(kinds, listed) {
		t.Errorf("kinds %v, denied %v", kinds, listed)
	}
}

// What OPA's own checker does with the schema: a typo that it can see is an error, a comparison with null is none.
func TestSchemaInOPA(t *testing.T) {
	for body, ok := range map[string]bool{
		`input.packages[_].nam == "curl"`:          false,
		`input.packages[_].name == "curl"`:         true,
		`input.config.user == null`:                true,
		`input.os == null`:                         true,
		`input.os.id == "debian"`:                  true,
		`input.database.kev.age_days > 3`:          true,
		`input.databse.state == "ok"`:              false,
		`input.packages[_].source.nam == "x"`:      false,
		`input.index.packages_by_name.curl[_] > 1`: true,
		`input.findings[_].severity.score == null`: true,
	} {
		c := compiler(t)
		c.Compile(map[string]*ast.Module{"a.rego": parse(t, "a.rego", "package a\n\nx if "+body)})
		if c.Failed() == ok {
			t.Errorf("%s: %v", body, c.Errors)
		}
	}
}

func TestLibraryIsFormatted(t *testing.T) {
	fsys := policies.Tests()
	for name := range parseFolder(t, fsys) {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		checkFormatted(t, name, text)
	}
}

func checkFormatted(t *testing.T, name string, text []byte) {
	t.Helper()
	want, err := format.SourceWithOpts(name, text, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s is not formatted (-want +got):\n%s", name, diff)
	}
}
