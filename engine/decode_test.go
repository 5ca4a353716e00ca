package engine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`{"findings": []}`, ""},
		{`{"config": {"labels": {"a": "1", "A": "2"}}}`, ""},
		{`{"findings": [], "findings": []}`, `the top level: the key "findings" stands twice`},
		{`{"findings": [], "Findings": []}`, `the top level: unknown key "Findings"`},
		{`{"FINDINGS": []}`, `the top level: unknown key "FINDINGS"`},
		{`{"findings": [], "findin\u0067s": []}`, `the top level: the key "findings" stands twice`},
		{`{"findings": null}`, `findings: null; an empty list is []`},
		{`{"packages": [{"name": "a"}, {"name": "a", "licenses": null}]}`, `packages[1].licenses: null; an empty list is []`},
		{`{"config": {"labels": null}}`, `config.labels: null; an empty list is []`},
		{`{"config": {"labels": {"a": "1", "a": "2"}}}`, `config.labels: the key "a" stands twice`},
		{`{"packages": [{"name": "a", "Name": "b"}]}`, `packages[0]: unknown key "Name"`},
		{`{"gaps": [{"path": "a"}]}`, `gaps[0].kind: unknown kind ""`},
		{`{"gaps": [{"kind": "MALFORMED"}]}`, `gaps[0].kind: unknown kind "MALFORMED"`},
		{`{"packages": [{"found_by": "nobody"}]}`, `packages[0].found_by: unknown found by "nobody"`},
		{`{"packages": [{"found_by": null}]}`, ""},
		{`{"packages": [null]}`, `packages[0]: null; an empty list is []`},
		{`{"findings": []} {}`, "something follows the end"},
		{`{"findings": [`, "unexpected EOF"},
		{`{"findings": [{"id": "a"}`, "unexpected EOF"},
		{`null`, `the top level: null; an empty list is []`},
		{strings.Repeat("[", 10_000), "depth of JSON"},
	} {
		err := engine.Decode([]byte(c.data), &engine.Input{})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%.100s: %q, want %q", c.data, got, c.want)
		}
	}
}

// Whatever Decode reads, encoding/json reads to the same value, and it reads again what it wrote.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"findings": [], "config": {"labels": {"a": "1"}}}`, `{"packages": [{"name": "a", "licenses": null}]}`,
		`{"a": 1, "a": 2}`,
		`[`, `{"schema_version": "1", "now": "2026-01-01T00:00:00Z", "database": {"shards": []}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, loose engine.Input
		if err := engine.Decode(data, &strict); err != nil {
			return
		}
		if err := json.Unmarshal(data, &loose); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(loose, strict); diff != "" {
			t.Error(diff)
		}
		engine.Fill(&strict)
		again, err := json.Marshal(strict)
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.Decode(again, &engine.Input{}); err != nil {
			t.Errorf("%v: %s", err, again)
		}
	})
}
