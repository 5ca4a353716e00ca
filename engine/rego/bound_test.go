package rego_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
)

func TestMain(m *testing.M) {
	rego.BoundBuiltins()
	os.Exit(m.Run())
}

// Built-in functions that make much of little in one step say so, and the rule fails. Below their bounds they are OPA's own.
func TestBoundedBuiltins(t *testing.T) {
	t.Parallel()
	const big = `x := concat("", [sprintf("%1000d", [i]) | some i in numbers.range(1, 1000)])` + "\n\t"
	const copies = `x := [{"op": "copy", "from": "", "path": "/x"} | some i in numbers.range(1, 12)]` + "\n\t"
	for expr, says := range map[string]string{
		`bits.lsh(1, 1048576) > 1`:                 "",
		`bits.lsh(1, 1048577) > 1`:                 "limit of 1048576",
		`bits.lsh(1, 100000000000000000000) > 1`:   "limit of 1048576",
		`bits.lsh(1, 3) == 8`:                      "",
		`replace("aXa", "X", "yy") == "ayya"`:      "",
		big + `count(replace(x, "", x)) > 1`:       "limit of 268435456",
		big + `count(replace(x, "a", x)) > 1`:      "",
		big + `count(replace(x, " ", x)) > 1`:      "limit of 268435456",
		big + `count(regex.replace(x, "", x)) > 1`: "limit of 268435456",
		`regex.replace("abc", "b", "<$0>") != ""`:  "",
		`json.patch({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}]) == {"a": 1, "b": 1}`:     "",
		big + `count(concat("", [x, x])) > 1`:                                                        "",
		big + `count(concat(x, ["", "", "", ""])) > 1`:                                               "",
		big + `count(concat(x, [s | some i in numbers.range(1, 200); s := "a"])) > 1`:                "",
		big + `y := [sprintf("%d", [i]) | some i in numbers.range(1, 400)]; count(concat(x, y)) > 1`: "limit of 268435456",
		`json.match_schema({"a": 1}, {"$ref": "#"})[0]`:                                              "limit of 10000",
		`json.match_schema({"a": 1}, {"allOf": [{"$ref": "#/definitions/a"}],` +
			` "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}})[0]`: "limit of 10000",
		`json.match_schema({"a": 1}, {"properties": {"a": {"$ref": "#/definitions/n"}},` +
			` "definitions": {"n": {"type": "number"}}})[0]`: "",

		`json.match_schema({"a": 1}, "{\"$ref\": \"#\"}")[0]`:             "limit of 10000",
		`graphql.parse_query(replace(sprintf("%0300d", [0]), "0", "{a"))`: "limit of 200",
		`graphql.is_valid("{ a }", "type Query { a: String }")`:           "",

		`rego.parse_module("x", concat("", ["package a\nx := ", replace(sprintf("%0300d", [0]), "0", "[")]))`: "limit of 200",

		copies + `count(x) == 12; json.patch({}, x) != 1`:  "",
		copies + `json.patch({}, array.concat(x, x)) != 1`: "is over the limit of 12",
	} {
		p := loadText(t, "package own\n\ndeny[\"one\"] contains \"x\" if {\n\t"+expr+"\n}\n", nil)
		rules, err := p.Decide(t.Context(), largeInput(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		failed := rules[0].Status == engine.StatusError
		if failed != (says != "") || !strings.Contains(string(rules[0].Note), says) {
			t.Errorf("%s: %s, %s; want %q", expr, rules[0].Status, rules[0].Note, says)
		}
	}
}

// A built-in function that cannot be interrupted ends the rule that calls it all the same.
func TestBudgetOfBuiltin(t *testing.T) {
	t.Parallel()
	p := loadText(t, `package own

deny["one"] contains "x" if {
	text := concat("", [sprintf("%1000d", [i]) | some i in numbers.range(1, 3000)])
	regex.match(sprintf("(%s){900}x$", ["[ 0-9]?"]), text)
}

deny["two"] contains "y" if input.image.name != "-"
`, func(o *rego.Options) { o.RuleBudget = 100 * time.Millisecond })
	rules, err := p.Decide(t.Context(), largeInput(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	const want = "own.rego:3: took more than 100ms of processor time, in a built-in function that cannot be interrupted"
	if rules[0].Status != engine.StatusError || string(rules[0].Note) != want {
		t.Errorf("%s: %s", rules[0].Status, rules[0].Note)
	}
	if rules[1].Status != engine.StatusDeny {
		t.Errorf("the other rule: %s, %s", rules[1].Status, rules[1].Note)
	}
}

// TestLongMessage refuses a message that no report could show.
func TestLongMessage(t *testing.T) {
	t.Parallel()
	for size, says := range map[string]string{"65536": "", "65537": "bytes of a text of a result is over the limit of 65536"} {
		p := loadText(t, "package own\n\ndeny[\"one\"] contains m if m := sprintf(\"%0"+size+"d\", [1])\n", nil)
		rules, err := p.Decide(t.Context(), largeInput(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(rules[0].Note); !strings.Contains(got, says) || (says == "") != (rules[0].Status == engine.StatusDeny) {
			t.Errorf("%s bytes: %s, %.200s", size, rules[0].Status, got)
		}
	}
}
