package lint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/policies"
)

func checkSchema(t *testing.T, name string, value any) {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(policies.InputSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("input.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("input.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(doc); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// The inputs that the library's tests are built from are whole: the schema accepts them.
func TestFixturesFollowTheSchema(t *testing.T) {
	c := compiler(t)
	if c.Compile(parseFolder(t, policies.Tests())); c.Failed() {
		t.Fatal(c.Errors)
	}
	for _, query := range []string{
		"data.veto.fixture.base",
		"data.veto.fixture.without_database",
		"data.veto.fixture.with_packages([])",
		"data.veto.fixture.with_findings([data.veto.fixture.finding])",
		"data.veto.fixture.with_gaps([data.veto.fixture.gap])",
	} {
		rs, err := rego.New(rego.Query("x := "+query), rego.Compiler(c)).Eval(context.Background())
		if err != nil || len(rs) != 1 {
			t.Fatal(query, err, rs)
		}
		checkSchema(t, query, rs[0].Bindings["x"])
	}
}

// What Go writes is what the schema says, also of an input about which nothing is known.
func TestGoFollowsTheSchema(t *testing.T) {
	in := engine.Input{}
	in.Layers = []engine.LayerInfo{{Verified: engine.VerifiedClaimed}}
	in.Packages = []engine.Package{{Reached: "unknown"}}
	in.Findings = []engine.Finding{{Kind: "vulnerability", Origin: engine.OriginUnknown, Severity: engine.Severity{Level: engine.Unknown},
		Fix: "none", Reachable: "unknown"}}
	in.Gaps = []engine.Gap{{Kind: engine.GapLimit}}
	in.Waivers = []engine.Waiver{{State: "active"}}
	in.Database = engine.Database{State: "ok", Shards: []engine.Shard{{}}, KEV: &engine.Shard{}}
	in.OS = &engine.OS{}
	in.Index = engine.NewIndex(&in.Facts)
	engine.Fill(&in)
	checkSchema(t, "input", in)
	in.OS, in.Database.KEV = nil, nil
	checkSchema(t, "input without distribution", in)
}
