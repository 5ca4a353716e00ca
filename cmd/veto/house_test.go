package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// room says what a package may import of this module, and why. A package in no row fails the test; so does a row without a package.
type room struct {
	pkg     string // below the module, "" is none
	imports []string
	why     string
}

func rooms() []room {
	instruments := []string{"engine", "engine/daemon", "engine/document", "engine/registry", "engine/glob", "engine/version", "engine/purl",
		"engine/inflate", "engine/schema"}
	with := func(more ...string) []string { return append(append([]string{}, instruments...), more...) }
	return []room{
		{"engine", nil, "the words and the gate know no stage: standard library only"},
		{"engine/scan", []string{"engine"}, "reads an image into facts: walks its layers for the inspectors; the stages are handed in"},
		{"engine/registry", []string{"engine"}, "an instrument: speaks to registries, knows nothing of images"},
		{"engine/daemon", []string{"engine"}, "an instrument: asks Docker and Podman for images, knows nothing of what is in them"},
		{"engine/version", []string{"engine"}, "an instrument: orders versions"},
		{"engine/glob", []string{"engine"}, "an instrument: patterns over slash-separated names"},
		{"engine/purl", []string{"engine"}, "an instrument: package URLs and ecosystem names"},
		{"engine/inflate", nil, "an instrument: inflates gzip; a codec knows nothing of images"},
		{"engine/schema", []string{"engine"}, "an instrument: what the JSON of the facts looks like"},
		{"engine/document", []string{"engine"}, "an instrument: documents read strictly: YAML that people write, JSON of machines"},
		{"engine/image", instruments, "a stage: sources → layers, layers → tree"},
		{"engine/image/cache", []string{"engine"}, "a part of image: keeps what was learned from hashed layers"},
		{"engine/image/imagetest", []string{"engine"}, "packs images for tests; imported by tests only"},
		{"engine/catalog", with("engine/catalog/rpmdb"), "a stage: files → evidence → inventory"},
		{"engine/catalog/rpmdb", []string{"engine"}, "a part of catalog: the formats of rpm's databases"},
		{"engine/advisory", instruments, "a stage: inventory → findings"},
		{"engine/advisory/feed", with("engine/advisory"), "upstream feeds → advisories: speaks the matcher's words"},
		{"engine/advisory/store", with("engine/advisory", "engine/advisory/feed"), "keeps what feeds bring, in the matcher's words"},
		{"engine/secret", instruments, "an inspector: credentials, redacted"},
		{"engine/waiver", instruments, "a stage: the waiver file → marks"},
		{"engine/vex", instruments, "a stage: VEX documents → marks"},
		{"engine/remedy", instruments, "a stage: findings → changes"},
		{"engine/rego", with("engine/rego/lint"), "a stage: facts → rule results"},
		{"engine/rego/lint", instruments, "a part of rego: what OPA's checker lets pass"},
		{"formats", []string{"engine"}, "a format sees the run and nothing else"},
		{"policies", nil, "Rego and its embed; no other Go"},
		{"cmd/veto", []string{"*"}, "the only place that knows every stage"},
	}
}

// homes says where a third-party module may be imported, and why it is there at all.
func homes() []struct{ prefix, home, why string } {
	return []struct{ prefix, home, why string }{
		{"github.com/open-policy-agent/opa", "engine/rego", "evaluates Rego"},
		{"github.com/google/go-containerregistry", "engine/registry", "registry authentication, names and transport"},
		{"github.com/package-url/packageurl-go", "engine/purl", "the package URL specification"},
		{"github.com/pandatix/go-cvss", "engine/advisory", "CVSS vectors to scores"},
		{"go.etcd.io/bbolt", "engine/advisory/store", "the shards' file format"},
		{"github.com/owenrumney/go-sarif", "formats", "SARIF's object model"},
		{"github.com/klauspost/compress", "engine/image engine/catalog", "gzip and zstd, faster than the standard library's; chisel's manifest"},
		{"github.com/spf13/cobra", "cmd/veto", "the command line"},
		{"github.com/spf13/pflag", "cmd/veto", "cobra's flags"},
		{"golang.org/x/net/http/httpproxy", "cmd/veto", "what HTTPS_PROXY and NO_PROXY mean"},
		{"golang.org/x/sys/unix", "engine/rego", "the processor time of a thread"},
		{"golang.org/x/term", "cmd/veto", "is this a terminal, and how wide"},
		{"go.yaml.in/yaml/v3", "cmd/veto engine/document engine/waiver engine/rego", "veto.yaml, waiver files, policy data"},
	}
}

func TestHouseImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if len(p.GoFiles) == 0 {
			continue
		}
		i := slices.IndexFunc(rooms(), func(r room) bool { return r.pkg == name })
		if i < 0 {
			t.Errorf("package %s is in no room: add a row with its reason to rooms()", name)
			continue
		}
		seen[name] = true
		r := rooms()[i]
		for _, imp := range p.Imports {
			inside, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case ours && !slices.Contains(r.imports, inside) && !slices.Contains(r.imports, "*"):
				t.Errorf("%s imports %s; its room is: %s", name, inside, r.why)
			case ours && strings.HasSuffix(inside, "test"):
				t.Errorf("%s imports %s, which is for tests", name, inside)
			case !ours && strings.Contains(strings.Split(imp, "/")[0], "."):
				checkHome(t, name, imp)
			}
		}
	}
	for _, r := range rooms() {
		if !seen[r.pkg] {
			t.Errorf("the row for %s matches no package", r.pkg)
		}
	}
}

func checkHome(t *testing.T, pkg, imp string) {
	t.Helper()
	for _, h := range homes() {
		if imp == h.prefix || strings.HasPrefix(imp, h.prefix+"/") {
			for _, home := range strings.Fields(h.home) {
				if pkg == home || strings.HasPrefix(pkg, home+"/") {
					return
				}
			}
			t.Errorf("%s imports %s, whose only home is %s (%s)", pkg, imp, h.home, h.why)
			return
		}
	}
	t.Errorf("%s imports %s, which has no home: add a row with its reason to homes()", pkg, imp)
}

// Every direct dependency is in homes() or is for tests only, with its reason.
func TestHouseDependencies(t *testing.T) {
	tests := map[string]string{
		"github.com/rogpeppe/go-internal":          "testscript: end-to-end stories",
		"github.com/google/go-cmp":                 "differences of values",
		"github.com/santhosh-tekuri/jsonschema/v6": "validates SARIF, OSV and our own schemas",
		"golang.org/x/mod":                         "oracle for Go's version order",
		"github.com/google/osv-scalibr":            "oracle for version orders that have no native tool here, its package semantic alone",
	}
	out, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(out), "\n") {
		f := strings.Fields(line)
		if len(f) != 2 || !strings.HasPrefix(f[1], "v") || !strings.HasPrefix(line, "\t") {
			continue
		}
		known := tests[f[0]] != ""
		for _, h := range homes() {
			known = known || h.prefix == f[0] || strings.HasPrefix(f[0], h.prefix+"/") || strings.HasPrefix(h.prefix, f[0]+"/")
		}
		if !known {
			t.Errorf("go.mod requires %s, for which no row gives a reason", f[0])
		}
	}
}

func TestHouseShape(t *testing.T) {
	t.Parallel()
	banned := []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "types", "manager", "handler"}
	engineLines := 0
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if slices.Contains(banned, path.Base(name)) {
			t.Errorf("package %s is named after nothing", name)
		}
		for _, file := range p.GoFiles {
			full := filepath.Join(p.Dir, file)
			src, err := os.ReadFile(full)
			if err != nil {
				t.Fatal(err)
			}
			where := name + "/" + file
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, full, src, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(src), "\n"); n > maxFile {
				t.Errorf("%s has %d lines, more than %d", where, n, maxFile)
			}
			if name == "engine" {
				engineLines += functionLines(fset, f, string(src))
				checkNoGoroutines(t, fset, f, where)
			}
			checkShape(t, fset, f, where, strings.HasPrefix(name, "cmd/"))
		}
	}
	if engineLines > maxEngine {
		t.Errorf("the functions of engine have %d lines, more than %d: something in them belongs to a stage", engineLines, maxEngine)
	}
}

// checkNoGoroutines holds engine to words: whoever starts something has to end it, and words do neither. Go is sync.WaitGroup's.
func checkNoGoroutines(t *testing.T, fset *token.FileSet, f *ast.File, where string) {
	t.Helper()
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s:%d: engine starts no goroutine", where, fset.Position(n.Pos()).Line)
		case *ast.SelectorExpr:
			if slices.Contains([]string{"Go", "AfterFunc"}, n.Sel.Name) {
				t.Errorf("%s:%d: %s starts a goroutine, and engine starts none", where, fset.Position(n.Pos()).Line, n.Sel.Name)
			}
		}
		return true
	})
}

// functionLines counts the code of a file's functions.
func functionLines(fset *token.FileSet, f *ast.File, src string) int {
	n := 0
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			n += codeLines(src[fset.Position(fn.Pos()).Offset:fset.Position(fn.End()).Offset])
		}
	}
	return n
}

func codeLines(src string) int {
	n := 0
	for _, l := range strings.Split(src, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "//") {
			n++
		}
	}
	return n
}

func checkShape(t *testing.T, fset *token.FileSet, f *ast.File, where string, cmd bool) {
	t.Helper()
	at := func(n ast.Node) string { return fmt.Sprintf("%s:%d", where, fset.Position(n.Pos()).Line) }
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == "init" && d.Recv == nil {
				t.Errorf("%s: no init functions", at(d))
			}
			if n := fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines, more than %d", at(d), d.Name.Name, n, maxFunc)
			}
		case *ast.GenDecl:
			if d.Tok == token.VAR {
				checkVars(t, d, at)
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.InterfaceType:
			if m := n.Methods.NumFields(); m > maxInterface {
				t.Errorf("%s: an interface of %d methods, more than %d", at(n), m, maxInterface)
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if !ok || cmd || pkg.Obj != nil {
				return true
			}
			call := pkg.Name + "." + n.Sel.Name
			forbidden := []string{"os.Exit", "os.Getenv", "os.LookupEnv", "os.Environ", "time.Now", "time.Since", "fmt.Print", "fmt.Println",
				"fmt.Printf", "os.Stdout", "os.Stderr", "os.Stdin"}
			if slices.Contains(forbidden, call) {
				t.Errorf("%s: %s belongs to cmd/veto; it is passed in", at(n), call)
			}
		}
		return true
	})
}

// checkVars allows package variables that are constants in all but the keyword: errors, compiled regexps, replacers, embeds, and blank
// assertions that a type implements an interface.
func checkVars(t *testing.T, d *ast.GenDecl, at func(ast.Node) string) {
	t.Helper()
	embed := d.Doc != nil && strings.Contains(d.Doc.Text()+fmt.Sprint(commentText(d.Doc)), "go:embed")
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		if embed || v.Doc != nil && strings.Contains(commentText(v.Doc), "go:embed") || v.Names[0].Name == "_" {
			continue
		}
		for i, name := range v.Names {
			if i >= len(v.Values) || !constantCall(v.Values[i]) {
				t.Errorf("%s: package variable %s: pass it, or make it a function", at(v), name.Name)
			}
		}
	}
}

func commentText(g *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range g.List {
		b.WriteString(c.Text)
	}
	return b.String()
}

func constantCall(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && slices.Contains([]string{"errors.New", "strings.NewReplacer", "fmt.Errorf", "regexp.MustCompile"}, pkg.Name+"."+sel.Sel.Name)
}
