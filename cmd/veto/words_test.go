package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vetoci/veto/formats"
)

// declared are the names of this module's code: packages, and what stands in them as "Name", "package.Name", "Type.member" and
// "package.Type.member".
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, p := range listPackages(t) {
		pkg := filepath.Base(p.ImportPath)
		names["package "+pkg] = true
		add := func(name string) { names[name], names[pkg+"."+name] = true, true }
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				declaredBy(d, add)
			}
		}
	}
	return names
}

func declaredBy(d ast.Decl, add func(string)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name.Name)
			return
		}
		recv := d.Recv.List[0].Type
		if star, ok := recv.(*ast.StarExpr); ok {
			recv = star.X
		}
		if id, ok := recv.(*ast.Ident); ok {
			add(id.Name + "." + d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					add(n.Name)
				}
			case *ast.TypeSpec:
				add(s.Name.Name)
				ast.Inspect(s.Type, func(n ast.Node) bool {
					if f, ok := n.(*ast.Field); ok {
						for _, name := range f.Names {
							add(s.Name.Name + "." + name.Name)
						}
					}
					return true
				})
			}
		}
	}
}

// spoken are the words of flags and JSON: the flags of all commands, formats, keys of veto.yaml, and the paths and words of both schemas.
func spoken(t *testing.T) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	each(newRoot(&system{}), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			words["--"+f.Name] = true
			if f.Shorthand != "" {
				words["-"+f.Shorthand] = true
			}
		})
	})
	for _, w := range slices.Concat(settingsKeys(), formats.Names(), []string{"input", "-o facts", "limit"}) {
		words[w] = true
	}
	for _, name := range []string{"docs/schema/run.json", "policies/schema/input.json"} {
		var schema schemaNode
		readJSON(t, filepath.Join(root(t), name), &schema)
		schema.walk(nil, func(path []string, n schemaNode) {
			for i := range path { // "packages[].source" is found as "source", too
				words[strings.Join(path[i:], ".")] = true
			}
			for _, w := range n.Enum {
				if s, ok := w.(string); ok {
					words[s] = true
				}
			}
		})
	}
	return words
}

// schemaNode is what these tests read of a JSON schema.
type schemaNode struct {
	Properties map[string]schemaNode
	Items      *schemaNode
	AnyOf      []schemaNode
	Enum       []any
}

// walk visits a node and what is in it. A path's word is a key, with [] behind it for what a list holds.
func (n schemaNode) walk(path []string, visit func([]string, schemaNode)) {
	visit(path, n)
	for _, key := range sortedKeys(n.Properties) {
		n.Properties[key].walk(slices.Concat(path, []string{key}), visit)
	}
	if n.Items != nil && len(path) > 0 {
		n.Items.walk(slices.Concat(path[:len(path)-1], []string{path[len(path)-1] + "[]"}), visit)
	}
	for _, c := range n.AnyOf {
		c.walk(path, visit)
	}
}
