package lint_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/vetoci/veto/engine/rego/lint"
	"github.com/vetoci/veto/policies"
)

func parse(t testing.TB, name, text string) *ast.Module {
	t.Helper()
	mod, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return mod
}

type textFile struct{ Name, Data string }

// readArchive splits a file in txtar form: "-- NAME --" lines head the files.
func readArchive(t testing.TB, path string) (files []textFile) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(name, " --") {
			files = append(files, textFile{Name: strings.TrimSuffix(name, " --")})
		} else if len(files) > 0 {
			files[len(files)-1].Data += line
		}
	}
	return files
}

func parseFolder(t testing.TB, fsys fs.FS) map[string]*ast.Module {
	t.Helper()
	mods := map[string]*ast.Module{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".rego") {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		mods[name] = parse(t, name, string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mods
}

func TestShippedPoliciesAreClean(t *testing.T) {
	mods := parseFolder(t, policies.Tests())
	for _, i := range lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()}) {
		t.Error(i)
	}
	for file := range mods {
		if strings.HasSuffix(file, "_test.rego") {
			delete(mods, file)
		}
	}
	for _, i := range lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()}) {
		t.Error("without tests:", i)
	}
}

// Every archive under testdata holds policies and the issues that they are to have. A file "NAME.rego" is checked by itself, together
// with the shipped library; "want" lists "FILE:LINE CODE: what the message contains" for each issue, and nothing besides.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no test cases", err)
	}
	library := parseFolder(t, policies.Library())
	cases := 0
	for _, path := range paths {
		a := readArchive(t, path)
		want := map[string][]string{}
		for _, f := range a {
			if f.Name == "want" {
				for _, line := range strings.Split(strings.TrimSpace(f.Data), "\n") {
					name, _, _ := strings.Cut(line, ":")
					want[name] = append(want[name], line)
				}
			}
		}
		for _, f := range a {
			if f.Name == "want" {
				continue
			}
			cases++
			wanted := want[f.Name]
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+f.Name, func(t *testing.T) {
				t.Parallel()
				compare(t, library, f, wanted)
			})
			delete(want, f.Name)
		}
		for name := range want {
			t.Errorf("%s: issues wanted of %s, which is not there", path, name)
		}
	}
	if cases < 40 {
		t.Errorf("only %d cases", cases)
	}
}

func compare(t *testing.T, library map[string]*ast.Module, f textFile, want []string) {
	t.Helper()
	mods := maps.Clone(library)
	mods[f.Name] = parse(t, f.Name, f.Data)
	issues := lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema(), DataRoots: []string{"exceptions", "teams.owners"}})
	var got []string
	for _, i := range issues {
		got = append(got, fmt.Sprintf("%s:%d %s: %s; %s", i.File, i.Line, i.Code, i.Msg, i.Hint))
	}
	for i := range min(len(got), len(want)) {
		at, rest, _ := strings.Cut(want[i], ": ")
		if strings.HasPrefix(got[i], at+": ") && strings.Contains(got[i], rest) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Policies of any text are checked to the same issues each time, and never panic.
func FuzzCheck(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		for i, file := range readArchive(f, path) {
			if file.Name != "want" && (i%4 == 0 || !testing.Short()) {
				f.Add(file.Data)
			}
		}
	}
	library := parseFolder(f, policies.Library())
	f.Fuzz(func(t *testing.T, text string) {
		mod, err := ast.ParseModuleWithOpts("fuzz.rego", text, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil || mod == nil {
			return
		}
		mods := maps.Clone(library)
		mods["fuzz.rego"] = mod
		in := lint.Input{Modules: mods, Schema: policies.InputSchema()}
		first := lint.Check(in)
		if diff := cmp.Diff(first, lint.Check(in)); diff != "" {
			t.Errorf("two runs differ:\n%s", diff)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	mods := parseFolder(b, os.DirFS("../../../policies"))
	for b.Loop() {
		lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()})
	}
}

// A set that another package refers to is a helper, whatever it is called; and so is one of a package that has a set which veto reads.
func TestNearMissesOfHelpers(t *testing.T) {
	const denied = "package a\n\ndenied contains \"x\" if input.image.named\n"
	for name, c := range map[string]struct {
		other  string
		issues int
	}{
		"alone":                    {"package b\n\nx := 1\n", 1},
		"another package uses it":  {"package b\n\ndeny[\"b\"] contains \"x\" if count(data.a.denied) > 0\n", 0},
		"an import uses it":        {"package b\n\nimport data.a\n\ndeny[\"b\"] contains \"x\" if count(a.denied) > 0\n", 0},
		"another package denies":   {"package b\n\ndeny[\"b\"] contains \"x\" if input.image.named\n", 1},
		"its package denies":       {"package a\n\ndeny[\"b\"] contains \"x\" if input.image.named\n", 0},
		"its package skips":        {"package a\n\nskip[\"b\"] contains \"x\" if input.image.named\n", 0},
		"its package has a helper": {"package a\n\nhelper contains \"x\" if input.image.named\n", 1},
	} {
		mods := map[string]*ast.Module{"a.rego": parse(t, "a.rego", denied), "b.rego": parse(t, "b.rego", c.other)}
		if issues := lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()}); len(issues) != c.issues {
			t.Errorf("%s: %+v, want %d issues", name, issues, c.issues)
		}
	}
}

// Types travel from rule to rule, as far as the rounds go; further away a mistake is not found, and nothing else is said instead.
func TestTypesTravel(t *testing.T) {
	for n, want := range map[int]int{0: 1, 1: 1, 3: 1, 4: 0, 20: 0} {
		text := "package a\n\nx0 := input.packages[0]\n\n"
		for i := range n {
			text += fmt.Sprintf("x%d := x%d\n\n", i+1, i)
		}
		text += fmt.Sprintf("deny[\"a\"] contains \"x\" if x%d.nme == \"x\"\n", n)
		mods := map[string]*ast.Module{"a.rego": parse(t, "a.rego", text)}
		if issues := lint.Check(lint.Input{Modules: mods, Schema: policies.InputSchema()}); len(issues) != want {
			t.Errorf("%d rules away: %+v, want %d issues", n, issues, want)
		}
	}
}

// A built-in of veto's own is checked as OPA's are.
func TestOwnBuiltins(t *testing.T) {
	own := &ast.Builtin{Name: "own.match", Decl: types.NewFunction([]types.Type{types.S, types.A}, types.B)}
	mods := map[string]*ast.Module{"a.rego": parse(t, "a.rego",
		"package a\n\nx if own.match(3, \"x\")\n\ny if own.match(\"x\", null) == \"z\"\n\n"+
			"z if own.match(\"x\", 1)\n\nw if unknown.match(3) == \"z\"\n")}
	var got []string
	in := lint.Input{Modules: mods, Schema: policies.InputSchema(), Builtins: map[string]*ast.Builtin{own.Name: own, "no.decl": {}}}
	for _, i := range lint.Check(in) {
		got = append(got, fmt.Sprintf("%d %s: %s", i.Line, i.Code, i.Msg))
	}
	want := []string{"3 wrong-type: own.match takes a string, 3 is a number",
		`5 impossible: own.match("x", null) is a boolean, "z" is a string: one is never the other`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
