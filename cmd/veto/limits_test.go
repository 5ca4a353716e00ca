package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// docs/limits.md has a row for each limit, with its number.
func TestLimitsAreDocumented(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, filepath.Join(root(t), "engine", "limits.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check("engine", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root(t), "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(Max\\w+)` \\| ([^|]+) \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(string(b), -1) {
		rows[m[1]] = m[2]
	}
	for _, name := range pkg.Scope().Names() {
		n, _ := constant.Int64Val(pkg.Scope().Lookup(name).(*types.Const).Val())
		if rows[name] != quantity(n) {
			t.Errorf("docs/limits.md says %q of %s, and it is %s", rows[name], name, quantity(n))
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/limits.md has %s, which is no limit", name)
	}
}

// A limit that one package keeps to itself has a row too, in the section of limits of single parts.
func TestLimitsOfPartsAreDocumented(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root(t), "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z]+\\.[mM]ax\\w+)` \\| ([^|]+) \\| [^|]+ \\| [^|]+ \\|$")
	for _, m := range row.FindAllStringSubmatch(string(b), -1) {
		rows[m[1]] = m[2]
	}
	// What a format or a number type has is no limit of veto's.
	formats := []string{"inflate.maxDistBits", "inflate.maxCodeBits", "inflate.maxLit", "inflate.maxDist", "version.maxInt64",
		"version.maxInt32"}
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			if p.ImportPath == module+"/engine" && name == "limits.go" {
				continue
			}
			for name, value := range maxima(t, filepath.Join(p.Dir, name)) {
				name = filepath.Base(p.Dir) + "." + name
				if !slices.Contains(formats, name) && rows[name] != value {
					t.Errorf("docs/limits.md says %q of %s, and it is %s", rows[name], name, value)
				}
				delete(rows, name)
			}
		}
	}
	for name := range rows {
		t.Errorf("docs/limits.md has %s, which is no limit", name)
	}
}

// maxima are the constants of a file that are named max…, with their values.
func maxima(t *testing.T, path string) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 || !regexp.MustCompile(`^[mM]ax[A-Z]`).MatchString(spec.Names[0].Name) {
			return true
		}
		text := types.ExprString(spec.Values[0])
		value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, strings.ReplaceAll(text, "time.Minute", "60000000000"))
		if err != nil {
			return true // no number, or one that depends on another
		}
		n64, _ := constant.Int64Val(constant.ToInt(value.Value))
		if out[spec.Names[0].Name] = quantity(n64); strings.Contains(text, "time.") {
			out[spec.Names[0].Name] = time.Duration(n64).String()
		}
		return true
	})
	return out
}
