package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Which rules veto reads. A name that is not one of these is a helper, and never denies.
func TestActionOf(t *testing.T) {
	for name, want := range map[string]string{
		"deny": "deny", "warn": "warn", "info": "info", "skip": "skip", "violation": "deny",
		"deny_root": "deny suffixed", "warn_": "warn suffixed", "info_a_b": "info suffixed", "violation_x": "deny suffixed",
		"skip_x": "", "denied": "", "Deny": "", "": "", "_deny": "", "allow": "", "denyx": "",
	} {
		action, suffixed := ActionOf(name)
		got := action
		if suffixed {
			got += " suffixed"
		}
		if got != want {
			t.Errorf("ActionOf(%q) = %q, want %q", name, got, want)
		}
	}
}

// The id of a rule without one is what people write into waivers and veto.yaml, so it must not change.
func TestDefaultID(t *testing.T) {
	for _, c := range []struct{ pkg, set, want string }{
		{"main", "deny", "main-deny"}, {"main.img", "deny_root", "main-img-deny-root"}, {"Main.A2_9", "warn", "main-a2-9-warn"},
		{`x["a b/c"]`, "violation", "x-a-b-c-violation"}, {"az.09", "deny", "az-09-deny"}, {"a`{.@[", "deny", "a-deny"},
		{"/0:", "deny", "0-deny"},
	} {
		if got := DefaultID(c.pkg, c.set); got != c.want {
			t.Errorf("DefaultID(%q, %q) = %q, want %q", c.pkg, c.set, got, c.want)
		}
	}
}

// Sets that look as if veto read them.
func TestNearMiss(t *testing.T) {
	for name, want := range map[string]string{
		"denied": "deny", "denies": "deny", "denial": "deny", "denials": "deny", "violations": "deny", "fail": "deny", "failure": "deny",
		"warning": "warn", "warnings": "warn", "warned": "warn", "infos": "info", "information": "info", "notice": "info", "skipped": "skip",
		"skips": "skip",
		"Deny":  "deny", "DENY_x": "deny", "dney": "deny", "eny": "deny", "den": "deny", "deney": "deny", "denyy": "deny", "dany": "deny",
		"xdeny": "deny", "wran": "warn", "arn": "warn", "warnn": "warn", "inf": "info", "ifno": "info", "skp": "skip", "skpi": "skip",
		"deny": "deny",
		"":     "", "allow": "", "de": "", "denyxy": "", "dxxy": "", "ydne": "", "helper": "", "deny2you": "", "warnings2": "", "fo": "",
	} {
		if got := nearMiss(name); got != want {
			t.Errorf("nearMiss(%q) = %q, want %q", name, got, want)
		}
	}
}

// Seeded words with one edit are one edit apart, in both directions; with none, and with others at both ends, they are not.
func TestOneEditApart(t *testing.T) {
	for _, word := range []string{"deny", "a", "abcdef"} {
		for i := range len(word) + 1 {
			if inserted := word[:i] + "#" + word[i:]; !oneEditApart(inserted, word) || !oneEditApart(word, inserted) {
				t.Errorf("%s and %s are one edit apart", word, inserted)
			}
			if i == len(word) {
				continue
			}
			if changed := word[:i] + "#" + word[i+1:]; !oneEditApart(changed, word) {
				t.Errorf("%s and %s are one edit apart", word, changed)
			}
			if i+1 < len(word) {
				if swapped := word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]; !oneEditApart(swapped, word) {
					t.Errorf("%s and %s are one edit apart", word, swapped)
				}
			}
		}
		for _, other := range []string{"#" + word + "#", word + "##", "##" + word} {
			if oneEditApart(other, word) || oneEditApart(word, other) {
				t.Errorf("%s and %s are more than one edit apart", word, other)
			}
		}
	}
	for _, c := range [][2]string{{"abcd", "badc"}, {"abcd", "cbad"}, {"abcd", "xbcx"}, {"abc", "bca"}} {
		if oneEditApart(c[0], c[1]) {
			t.Errorf("%s and %s are more than one edit apart", c[0], c[1])
		}
	}
}

// The hint names what was probably meant; only when nothing is near does it list what there is, and no more than people read.
func TestSuggestion(t *testing.T) {
	words := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("word-number-%02d", i))
		}
		return out
	}
	for _, c := range []struct {
		word  string
		known []string
		want  string
	}{
		{"HIGH", []string{"low", "high"}, `did you mean "high"?`},
		{"no-advisories", []string{"limit", "no_advisories"}, `did you mean "no_advisories"?`},
		{"no advisories", []string{"limit", "no_advisories"}, `did you mean "no_advisories"?`},
		{"one-two-three four five", []string{"one_two_three_four_five"}, `did you mean "one_two_three_four_five"?`},
		{"ONE-TWO-THREE-FOUR", []string{"one-two-three-four"}, `did you mean "one-two-three-four"?`},
		{"limits", []string{"limit", "no_advisories"}, `did you mean "limit"?`},
		{"denied", []string{"deny", "warn"}, `did you mean "deny"?`},
		{"denied", []string{"allowed", "warn"}, "known: allowed, warn"},
		{"entirely", []string{"different", "words"}, "known: different, words"},
		{"entirely", nil, ""},
		{"entirely", words(25), "known: " + strings.Join(words(25), ", ")},
		{"entirely", words(26), "known: " + strings.Join(words(25), ", ") + " and 1 more"},
		{"entirely", words(40), "known: " + strings.Join(words(25), ", ") + " and 15 more"},
	} {
		if got := suggestion(c.word, c.known); got != c.want {
			t.Errorf("suggestion(%q, %q) = %s, want %s", c.word, c.known, got, c.want)
		}
	}
}

func TestKindsInMessages(t *testing.T) {
	for k, want := range map[kinds]string{
		null: "null", null | text: "null or a string", array | object | set: "an array or an object or a set",
		boolean | number: "a boolean or a number", 0: "",
	} {
		if got := k.String(); got != want {
			t.Errorf("%d is %q, want %q", k, got, want)
		}
	}
	long := ast.StringTerm(strings.Repeat("é", 79))
	if got := termText(long); got != `"`+strings.Repeat("é", 79)+"…" {
		t.Errorf("a term of 81 characters is shown as %s", got)
	}
	if got := termText(ast.StringTerm(strings.Repeat("é", 78))); got != `"`+strings.Repeat("é", 78)+`"` {
		t.Errorf("a term of 80 characters is cut to %s", got)
	}
	if got := termText(ast.MustParseTerm("[x |\n x := 1]")); strings.Contains(got, "\n") {
		t.Errorf("a term is shown in two lines: %q", got)
	}
}

// A schema that cannot be read is an issue of its own: without it nothing is checked, and silence would look like approval.
func TestSchemaThatCannotBeRead(t *testing.T) {
	for schema, want := range map[string]string{
		"":                               "unexpected end of JSON input",
		"{":                              "unexpected end of JSON input",
		"null":                           "input is no closed object",
		"{}":                             "input is no closed object",
		`{"type": "array", "items": {}}`: "input is no closed object",
		`{"type": "object"}`:             "input is no closed object",
		`{"type": "object", "additionalProperties": true}`:                                 "input is no closed object",
		`{"type": "object", "additionalProperties": {}}`:                                   "input is no closed object",
		`{"type": "object", "additionalProperties": "x"}`:                                  "input is no closed object",
		`{"anyOf": [{"type": "object", "additionalProperties": false}, {"type": "null"}]}`: "input is no closed object",
	} {
		issues := Check(Input{Schema: []byte(schema)})
		if len(issues) != 1 || issues[0].Code != BadSchema || issues[0].Msg != "the schema of input cannot be read: "+want {
			t.Errorf("%s: %+v", schema, issues)
		}
	}
	if issues := Check(Input{Schema: []byte(`{"type": "object", "additionalProperties": false}`)}); len(issues) > 0 {
		t.Errorf("a schema without properties: %+v", issues)
	}
}

// What each form of a schema lets a policy do without an issue, and what not.
func TestTypesOfSchema(t *testing.T) {
	const schema = `{"type": "object", "additionalProperties": false, "properties": {
		"word": {"type": "string", "enum": ["a", "b"]},
		"word_or_empty": {"type": "string", "enum": ["a", ""]},
		"odd": {"type": "string", "enum": ["a", 3]},
		"full": {"type": "string", "minLength": 1},
		"any_text": {"type": "string"},
		"whole": {"type": "integer"}, "part": {"type": "number"}, "flag": {"type": "boolean"}, "none": {"type": "null"},
		"maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
		"list": {"type": "array", "items": {"type": "integer"}}, "any_list": {"type": "array"},
		"map": {"type": "object", "additionalProperties": {"type": "integer"}},
		"open": {"type": "object", "additionalProperties": true}, "free": {},
		"closed": {"type": "object", "additionalProperties": false, "properties": {"x": {"type": "string"}}},
		"index": {"type": "object", "additionalProperties": false, "properties": {
			"list_by_x": {"type": "array", "items": {"type": "integer"}}, "other": {"type": "array", "items": {"type": "integer"}}}}
	}}`
	for body, want := range map[string]string{
		`input.word == "c"`:                            "impossible",
		`input.word == "b"`:                            "",
		`input.word == ""`:                             "impossible",
		`input.word < "b"`:                             "word-order",
		`"b" < input.word`:                             "word-order",
		`input.word_or_empty == ""`:                    "",
		`input.word_or_empty == "c"`:                   "impossible",
		`input.odd == "c"`:                             "",
		`input.odd < "c"`:                              "",
		`input.full == ""`:                             "impossible",
		`input.any_text == ""`:                         "",
		`input.whole == "1"`:                           "impossible",
		`input.part == "1"`:                            "impossible",
		`input.part == 1.5`:                            "",
		`input.flag == "true"`:                         "impossible",
		`input.flag == true`:                           "",
		`input.none == "x"`:                            "impossible",
		`input.none == null`:                           "",
		`input.maybe == 3`:                             "impossible",
		`input.maybe == null`:                          "",
		`input.maybe > "a"`:                            "unguarded-null",
		`input.list[0] == "x"`:                         "impossible",
		`input.list.x == 3`:                            "wrong-type",
		`input.any_list[0] == "x"`:                     "",
		`input.any_list == "x"`:                        "impossible",
		`input.map.x == "x"`:                           "impossible",
		`input.map.x == 3`:                             "",
		`input.open.x == "x"`:                          "",
		`input.open == "x"`:                            "impossible",
		`input.free == "x"`:                            "",
		`input.free.x.y == "x"`:                        "",
		`input.closed.y == "x"`:                        "unknown-field",
		`input.closed[input.any_text] > 3`:             "impossible",
		`input.list[input.index.list_by_x[0]] == 1`:    "",
		`input.any_list[input.index.list_by_x[0]] > 1`: "wrong-index",
		`input.list[input.index.other[0]] == 1`:        "",
		`input.list[input.whole] == 1`:                 "",
	} {
		mod, err := ast.ParseModuleWithOpts("a.rego", "package a\n\nx if "+body, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		var got []string
		for _, i := range Check(Input{Modules: map[string]*ast.Module{"a.rego": mod, "nothing.rego": nil, "empty.rego": {}},
			Schema: []byte(schema)}) {
			got = append(got, i.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
