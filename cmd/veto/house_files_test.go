package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// The files of this folder, tests and their tools too, keep to the columns and lines of the house.
func TestHouseColumns(t *testing.T) {
	for _, pattern := range []string{"*.go", "testdata/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
			if len(lines) > maxFile {
				t.Errorf("%s has %d lines, more than %d", name, len(lines), maxFile)
			}
			for i, line := range lines {
				if n := utf8.RuneCountInString(line); n > maxColumns {
					t.Errorf("%s:%d has %d columns, more than %d", name, i+1, n, maxColumns)
				}
			}
		}
	}
}

// What several tests use stands in a file of its own, named for what it is: a file with tests holds nothing that another one uses.
func TestHouseHelpers(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath != module+"/cmd/veto" {
			continue
		}
		declared, unresolved := map[string]string{}, map[string][]string{}
		for _, name := range p.TestGoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			tests := false
			for id := range f.Scope.Objects {
				test := strings.HasPrefix(id, "Test") && id != "TestMain"
				if tests = tests || test; !test {
					names = append(names, id)
				}
			}
			for _, id := range names {
				if tests {
					declared[id] = name
				}
			}
			for _, id := range f.Unresolved {
				unresolved[id.Name] = append(unresolved[id.Name], name)
			}
		}
		for id, where := range declared {
			if users := unresolved[id]; len(users) > 0 {
				t.Errorf("%s is in %s, which has tests, and %s uses it: give it a file of its own", id, where, users[0])
			}
		}
	}
}
