package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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

// quantity writes whole units from 64 KiB on, else digits in groups.
func quantity(n int64) string {
	for _, u := range []struct {
		shift int
		name  string
	}{{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 64<<10 && n%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.name)
		}
	}
	s := fmt.Sprint(n)
	var groups []string
	for ; len(s) > 3; s = s[:len(s)-3] {
		groups = append([]string{s[len(s)-3:]}, groups...)
	}
	return strings.Join(append([]string{s}, groups...), ",")
}
