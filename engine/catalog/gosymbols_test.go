package catalog

import (
	"bytes"
	"os"
	"testing"
)

func TestSplitSymbol(t *testing.T) {
	for name, want := range map[string][2]string{
		"net/url.Parse":                                     {"net/url", "Parse"},
		"net/url.(*URL).String":                             {"net/url", "URL.String"},
		"net/url.Values.Get":                                {"net/url", "Values.Get"},
		"gopkg.in/yaml%2ev2.Unmarshal":                      {"gopkg.in/yaml.v2", "Unmarshal"},
		"example.test/m.(*Map[...]).Load":                   {"example.test/m", "Map.Load"},
		"slices.SortFunc[...]":                              {"slices", "SortFunc"},
		"example.test/m.Run.func1":                          {"example.test/m", "Run"},
		"example.test/m.Run.func2.1":                        {"example.test/m", "Run"},
		"example.test/m.(*T).Close-fm":                      {"example.test/m", "T.Close"},
		"example.test/m.T.function":                         {"example.test/m", "T.function"},
		"vendor/golang.org/x/net/http2/hpack.HuffmanEncode": {"vendor/golang.org/x/net/http2/hpack", "HuffmanEncode"},
		// what the standard library vendors is not the module
		"main.main":            {"main", "main"},
		"type:.eq.net/url.URL": {"", ""},
		"go:buildid":           {"", ""},
		"_rt0_amd64":           {"", ""},
		"":                     {"", ""},
	} {
		if path, symbol := splitSymbol(name); path != want[0] || symbol != want[1] {
			t.Errorf("%q: %q %q, want %q", name, path, symbol, want)
		}
	}
}

// The functions of this test's own program are known: those that it calls, and not those that it does not.
func TestGoSymbols(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := goSymbols(bytes.NewReader(program))
	if s == nil {
		t.Fatal("no symbols")
	}
	for _, name := range []string{"debug/elf", "debug/elf.NewFile", "debug/elf.File.Section", "testing.tRunner",
		"github.com/vetoci/veto/engine/catalog.programs.Inspect"} {
		if !s.Has(name) {
			t.Errorf("%s is not found", name)
		}
	}
	for _, name := range []string{"net/smtp.Dial", "net/http.Get", "debug/elf.NoSuchThing"} {
		if s.Has(name) {
			t.Errorf("%s is found", name)
		}
	}
	for _, n := range []int{0, 3, 64, 1000, len(program) / 2} {
		goSymbols(bytes.NewReader(program[:n])) // must not panic
	}
}

func FuzzSplitSymbol(f *testing.F) {
	for _, s := range []string{"net/url.(*URL).String", "gopkg.in/yaml%2ev2.F[...]", "a.b.func1", "]a[.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, symbol := splitSymbol(name)
		if len(path)+len(symbol) > len(name) {
			t.Errorf("%q became longer: %q %q", name, path, symbol)
		}
	})
}
