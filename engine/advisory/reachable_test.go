package advisory

import (
	"slices"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestReachable(t *testing.T) {
	symbols := engine.NewSymbols(slices.Values([]string{"example.test/m/a", "example.test/m/a.Parse", "example.test/m/a.Reader.Read",
		"example.test/m/b", "example.test/m/b.Other"}))
	a := func(names ...string) []Import { return []Import{{"example.test/m/a", names}} }
	for name, c := range map[string]struct {
		symbols []*engine.Symbols
		imports [][]Import // by record
		want    string
	}{
		"a function":                  {[]*engine.Symbols{symbols}, [][]Import{a("Parse")}, "yes"},
		"a method":                    {[]*engine.Symbols{symbols}, [][]Import{a("Reader.Read")}, "yes"},
		"all of a package":            {[]*engine.Symbols{symbols}, [][]Import{a()}, "yes"},
		"another function":            {[]*engine.Symbols{symbols}, [][]Import{a("Format")}, "no"},
		"a package that is not there": {[]*engine.Symbols{symbols}, [][]Import{{{"example.test/m/c", nil}}}, "no"},
		"one of two packages": {[]*engine.Symbols{symbols},
			[][]Import{{{"example.test/m/c", nil}, {"example.test/m/b", []string{"Other"}}}}, "yes"},
		"one record says, another does not": {[]*engine.Symbols{symbols}, [][]Import{nil, a("Format")}, "no"},
		"no record says":                    {[]*engine.Symbols{symbols}, [][]Import{nil}, "unknown"},
		"a program without symbols":         {[]*engine.Symbols{nil}, [][]Import{a("Parse")}, "unknown"},
		"one of two programs":               {[]*engine.Symbols{nil, symbols}, [][]Import{a("Format")}, "unknown"},
		"nobody looked":                     {nil, [][]Import{a("Parse")}, "unknown"},
		"found in one of two programs":      {[]*engine.Symbols{nil, symbols}, [][]Import{a("Parse")}, "yes"},
	} {
		g := aliasGroup{source: &sourcePackage{packages: []engine.Package{{}}}}
		if len(c.symbols) > 0 {
			g.source.packages = nil
		}
		for _, s := range c.symbols {
			g.source.packages = append(g.source.packages, engine.Package{Symbols: []*engine.Symbols{s}})
		}
		for _, imports := range c.imports {
			g.matches = append(g.matches, match{record: &Advisory{}, evaluation: evaluation{imports: imports}})
		}
		if got := g.reachable(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
