package rego_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/policies"
)

// loadText loads one policy.
func loadText(t testing.TB, text string, change func(*rego.Options)) *rego.Policy {
	t.Helper()
	o := rego.Options{Schema: policies.InputSchema(), At: clock(),
		Paths: []rego.PolicyPath{policyPath(t, "own.rego", map[string]string{"own.rego": text})}}
	if change != nil {
		change(&o)
	}
	p, err := rego.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Files and referrers are gathered only when a rule reads them, so a rule that reads them and is not known to do so would see nothing.
func TestPolicyReads(t *testing.T) {
	for body, want := range map[string]string{
		`input.files[_].path == "x"`:                           "files",
		`input.index.files_by_path["x"] == 1`:                  "files",
		`count(input.index.packages_by_name.curl) > 1`:         "packages",
		`count(input.index.findings_by_cve["C"]) > 1`:          "findings",
		`some name, _ in input.index; name == "files_by_path"`: "files findings packages",
		`input.image.name == "x"`:                              "",
		`some section; input[section] != null`:                 "files findings packages referrers",
		`input.referrers[_].digest == "x"`:                     "referrers",
		`input.files[_].path == input.packages[0].name`:        "files packages",
	} {
		p := loadText(t, "package own\n\ndeny[\"one\"] contains \"x\" if {\n\t"+body+"\n}\n", nil)
		var got []string
		for _, s := range []string{"files", "findings", "packages", "referrers"} {
			if p.Reads(s) {
				got = append(got, s)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s reads %q, want %q", body, got, want)
		}
	}
	const two = "package own\n\ndeny[\"one\"] contains \"x\" if input.files[_].path == \"x\"\n\ndeny[\"two\"] contains \"x\"\n"
	off := func(o *rego.Options) { o.Rules = map[string]rego.RuleSetting{"one": {Action: "off"}} }
	if p := loadText(t, two, off); p.Reads("files") {
		t.Error("a rule that is switched off reads files")
	}
}

// A scan that is interrupted has no results; half of the rules would look like all of them.
func TestDecideEndsWithItsContext(t *testing.T) {
	p := loadText(t, onePolicy, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no longer wanted"))
	got, err := p.Decide(ctx, largeInput(1, 1))
	if err == nil || got != nil || !strings.Contains(err.Error(), "no longer wanted") {
		t.Errorf("%v, %v", got, err)
	}
}

// The time of a rule is what the options say, and some seconds without them; a rule that takes longer fails alone.
func TestRuleBudget(t *testing.T) {
	const loop = `package own

deny["one"] contains "x" if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	a * b == -1
}
`
	for limit, stopped := range map[time.Duration]bool{time.Millisecond: true, time.Hour: false} {
		p := loadText(t, strings.ReplaceAll(loop, "3000", map[bool]string{true: "3000", false: "3"}[stopped]),
			func(o *rego.Options) { o.RuleBudget = limit })
		rules, err := p.Decide(t.Context(), largeInput(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		want := "own.rego:3: took more than " + limit.String() + " of processor time" // and where it was stopped
		if strings.HasPrefix(string(rules[0].Note), want) != stopped ||
			(rules[0].Status == engine.StatusError) != stopped {
			t.Errorf("after %v: %s, %s", limit, rules[0].Status, rules[0].Note)
		}
	}
	for _, limit := range []time.Duration{0, -time.Second} {
		p := loadText(t, onePolicy, func(o *rego.Options) { o.RuleBudget = limit })
		if rules, err := p.Decide(t.Context(), largeInput(1, 1)); err != nil || rules[0].Status != engine.StatusDeny {
			t.Errorf("a limit of %v: %v, %v", limit, rules[0].Status, err)
		}
	}
}

// Refs of findings, secrets and gaps are all that a result may name, and its fingerprint is made of theirs: whatever their order, and not
// of the message.
func TestFingerprints(t *testing.T) {
	in := &engine.Input{Facts: engine.Facts{
		Findings: []engine.Finding{{Ref: "v1", Fingerprint: "ff"}, {Ref: "v2", Fingerprint: "ee"}},
		Secrets:  []engine.Secret{{Ref: "s1", Fingerprint: "dd"}},
		Gaps:     []engine.Gap{{Ref: "g1", Fingerprint: "cc", Kind: engine.GapLimit}},
	}}
	engine.Fill(in)
	fingerprint := func(result string) string {
		t.Helper()
		p := loadText(t, "package own\n\ndeny[\"one\"] contains "+result+"\n", nil)
		rules, err := p.Decide(t.Context(), in)
		if err != nil || len(rules[0].Results) != 1 {
			t.Fatalf("%s: %v, %+v", result, err, rules)
		}
		return rules[0].Results[0].Fingerprint
	}
	same := [][]string{
		{`{"msg": "a", "finding": "v1"}`, `{"msg": "b", "finding": "v1"}`, `{"msg": "a", "findings": ["v1", "v1"], "path": "x", "subject": "y"}`},
		{`{"msg": "a", "findings": ["v1", "v2"]}`, `{"msg": "a", "findings": ["v2", "v1"]}`},
		{`{"msg": "a", "finding": "s1"}`}, {`{"msg": "a", "finding": "g1"}`},
		{`"a"`, `"b"`, `{"msg": "a", "layer": "x"}`, `{"msg": "a", "details": 3}`},
		{`{"msg": "a", "subject": "s"}`, `{"msg": "b", "subject": "s"}`}, {`{"msg": "a", "path": "s"}`},
		{`{"msg": "a", "path": "s", "subject": "s"}`},
	}
	by := map[string]string{}
	for _, group := range same {
		first := fingerprint(group[0])
		if other := by[first]; other != "" {
			t.Errorf("%s and %s have one fingerprint", group[0], other)
		}
		by[first] = group[0]
		for _, result := range group[1:] {
			if fingerprint(result) != first {
				t.Errorf("%s and %s have two fingerprints", group[0], result)
			}
		}
	}
	if first := fingerprint(`{"msg": "a", "finding": "v1"}`); first != engine.Fingerprint("one", "ff") {
		t.Errorf("the fingerprint is not of the rule and the finding: %s", first)
	}
}

// What a caller does to what it gets does not change the policy.
func TestPolicyIsImmutable(t *testing.T) {
	p := loadText(t, onePolicy, func(o *rego.Options) { o.Rules = map[string]rego.RuleSetting{"one": {Action: "warn"}} })
	p.Info().Sources[0].Name = "changed"
	p.Relaxations()[0].What = "changed"
	if p.Info().Sources[0].Name != "own.rego" || p.Relaxations()[0].What != "rules.one" {
		t.Errorf("%+v, %+v", p.Info(), p.Relaxations())
	}
}

// Everything that documents and `veto policy list` show of a rule.
func TestRulesAreDescribed(t *testing.T) {
	const text = `package own.sub

# METADATA
# title: A title
# description: A description.
# related_resources: [{ref: "https://example.test/a"}, {ref: "https://example.test/b"}]
# custom:
#   severity: high
#   remediation: Do it.
#   categories: [one, two]
#   aliases: [old]
#   waivable: false
#   effective_on: 2027-01-01
#   params: {limit: 3, word: x}
deny["new"] contains "x" if data.params["new"].limit > 4

info["bare"] contains "x"
`
	p := loadText(t, text, func(o *rego.Options) {
		o.Rules = map[string]rego.RuleSetting{"old": {Action: "info"}}
		o.Params = map[string]map[string]any{"old": {"limit": 7}}
	})
	want := []rego.RuleInfo{
		{ID: "bare", Title: "bare", Action: "info", Default: "info", Package: "own.sub", Source: "own.rego:17", Waivable: true,
			Declared: map[string]rego.Parameter{}, Params: map[string]any{}},
		{ID: "new", Title: "A title", Description: "A description.", Action: "info", Default: "deny", Severity: "high", Remediation: "Do it.",
			URL: "https://example.test/a", Categories: []string{"one", "two"}, Aliases: []string{"old"}, Package: "own.sub",
			Source: "own.rego:15", EnforcedAt: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			Declared: map[string]rego.Parameter{"limit": {Type: "integer", Default: int64(3)}, "word": {Type: "string", Default: "x"}},
			Params:   map[string]any{"limit": int64(7), "word": "x"}},
	}
	if diff := cmp.Diff(want, p.Rules()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantRelaxed := []engine.Relaxation{{What: "rules.old", From: "deny", To: "info"}, {What: "params.old.limit", From: "3", To: "7"}}
	if diff := cmp.Diff(wantRelaxed, p.Relaxations()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rules, err := p.Decide(t.Context(), largeInput(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	r := rules[1]
	if r.Title != "A title" || r.Description != "A description." || r.Severity != "high" || r.Remediation != "Do it." || r.Waivable ||
		r.URL != "https://example.test/a" || len(r.Categories) != 2 || r.Status != engine.StatusInfo || r.Params["limit"] != int64(7) {
		t.Errorf("%+v", r)
	}
}

// A setting of a policy that cannot be read is no second mistake: it may name a rule of that policy.
func TestSettingsOfUnreadablePolicies(t *testing.T) {
	o := rego.Options{Schema: policies.InputSchema(), At: clock(), Rules: map[string]rego.RuleSetting{"elsewhere": {Action: "warn"}},
		Params: map[string]map[string]any{"elsewhere": {"a": 1}}}
	for text, want := range map[string]string{
		"package own\n\ndeny[\"elsewhere\"] contains \"x\" if {\n": "own.rego:",
		onePolicy: "params.elsewhere: unknown rule \"elsewhere\"; known: one\nrules.elsewhere: unknown rule \"elsewhere\"; known: one",
	} {
		o.Paths = []rego.PolicyPath{policyPath(t, "own.rego", map[string]string{"own.rego": text})}
		_, err := rego.Load(t.Context(), o)
		if err == nil || !strings.HasPrefix(err.Error(), want) ||
			strings.Contains(want, "unknown") != strings.Contains(err.Error(), "unknown rule") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Settings are told by where they stand, where that is known.
func TestSettingsSayWhere(t *testing.T) {
	o := rego.Options{Schema: policies.InputSchema(), At: clock(), Rules: map[string]rego.RuleSetting{"one": {Action: "wran"}},
		Paths: []rego.PolicyPath{policyPath(t, "own.rego", map[string]string{"own.rego": onePolicy})}}
	for where, want := range map[string]string{"veto.yaml:7": "veto.yaml:7: rules.one: unknown action", "": "rules.one: unknown action"} {
		o.Where = func(string) string { return where }
		if _, err := rego.Load(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
