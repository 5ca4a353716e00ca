package rego

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/schema"
)

// What a rule reads has to be known completely: a section that is not built would be undefined, and the rule silent.
func TestReadsOfEveryForm(t *testing.T) {
	schema, err := json.Marshal(schema.Of(reflect.TypeFor[engine.Input]()))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`input["packages"][0].name == "a"`:                                       "packages",
		`every p in input.packages { p.name != input.image.name }`:               "image packages",
		`$"{input.now}" == "x"`:                                                  "now",
		`print(input.now)`:                                                       "now",
		`count({p | p := input.packages[_].name}) > 0`:                           "packages",
		`{input.image.name: 1} == {"x": 1}`:                                      "image",
		`branch == input.platform.os`:                                            "config image platform",
		`helper(input.os)`:                                                       "gaps os",
		`object.get(input, "now", "") == "x"`:                                    "*",
		`x := input; x.now == "x"`:                                               "*",
		`walk(input, [_, "x"])`:                                                  "*",
		`json.filter(input, ["now"]).now == "x"`:                                 "*",
		`some k; input[k] == "x"`:                                                "*",
		`through.now == "x"`:                                                     "*",
		`limited == "x" with input.now as input.platform.os`:                     "now platform",
		`input.findings[input.index.findings_by_ref["v1"]].id == "x"`:            "findings index:findings_by_ref",
		`some v, _ in input.index; v == "packages_by_name"`:                      "index:*",
		`some l in ["high"]; count(input.index.findings_by_severity[l]) > 0`:     "index:findings_by_severity",
		`count(input.index) > 0`:                                                 "index:*",
		`not input.config.user; regex.match("a", input.image.name)`:              "config image",
		`aliased.config.user == "root"`:                                          "config",
		`[x | some x in input.layers; x.size > 1] == [y | y := input.layers[0]]`: "layers",
	} {
		text := "package own\n\nimport input as aliased\n\ndeny[\"it\"] contains \"x\" if {\n\t" + body + "\n}\n\n" +
			"branch := \"a\" if {\n\tinput.config.user == \"a\"\n} else := input.image.name\n\n" +
			"helper(_) if count(input.gaps) > 0\n\nthrough := input\n\nlimited := input.now\n\nuses_alias if aliased.now == \"x\"\n"
		own := PolicyPath{Name: "own.rego", FS: mapFS("own.rego", text), Path: "own.rego"}
		p := loadProgram(Options{Schema: schema, At: time.Unix(1, 0), Paths: []PolicyPath{own}}, false, false)
		if p.compiler == nil || p.compiler.Failed() {
			t.Errorf("%s: %v", body, p.issues.asError())
			continue
		}
		r := readSetOf(p.compiler, p.rules[0].ref)
		got := slices.DeleteFunc(slices.Sorted(maps.Keys(r.sections)), func(s string) bool { return s == "index" })
		for _, v := range slices.Sorted(maps.Keys(r.views)) {
			got = append(got, "index:"+v)
		}
		if r.allViews {
			got = append(got, "index:*")
		}
		if r.all {
			got = []string{"*"}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s reads %q, want %q", body, s, want)
		}
	}
}
