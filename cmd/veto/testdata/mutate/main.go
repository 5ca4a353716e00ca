// Command mutate deletes error returns below engine/, one at a time, and prints those whose absence no test notices.
//
//	go run cmd/veto/testdata/mutate/main.go -n 40 -seed 1
//
// It works on a copy of the tree. An error return is an if statement on an error whose body only returns. For each of a seeded
// sample the return is taken out, the package's own tests run, and if those pass the end-to-end faults of cmd/veto.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// endToEnd are the tests of cmd/veto that go through every stage.
const endToEnd = "TestFaults|TestScript|TestExamples"

type site struct {
	file       string // relative to the root
	line       int
	from, to   int // offsets of the body, braces excluded
	statements string
}

func main() {
	n := flag.Int("n", 40, "how many to delete")
	seed := flag.Uint64("seed", 1, "of the sample")
	from := flag.Int("from", 0, "where in the sample to begin, to go on with an earlier run")
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	if err := mutate(*root, *n, *from, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func mutate(root string, n, from int, seed uint64) error {
	work, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if out, err := exec.Command("cp", "-r", root+"/.", work).CombinedOutput(); err != nil {
		return fmt.Errorf("copying: %w: %s", err, out)
	}
	sites, err := find(work)
	if err != nil {
		return err
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	fmt.Printf("%d error returns in engine/, seed %d\n", len(sites), seed)
	tried, survived, skipped := 0, 0, 0
	sound := map[string]bool{} // folders whose tests pass as they are: only there does a failure say something
	for _, s := range sites[min(from, len(sites)):] {
		if tried == n {
			break
		}
		if dir := filepath.Dir(s.file); !sound[dir] {
			if !s.passes(work, "test", "./"+dir) || len(sound) == 0 && !s.passes(work, "test", "-run", endToEnd, "./cmd/veto") {
				return fmt.Errorf("the tests of %s fail without any change", dir)
			}
			sound[dir] = true
		}
		verdict, err := s.try(work)
		if err != nil {
			return err
		}
		if verdict == "does not build" {
			skipped++
			continue
		}
		tried++
		if verdict == "survived" {
			survived++
		}
		fmt.Printf("%-9s %s:%d  %s\n", verdict, s.file, s.line, s.statements)
	}
	fmt.Printf("%d deleted, %d noticed, %d survived (%d more did not build)\n", tried, tried-survived, survived, skipped)
	return nil
}

func find(work string) ([]site, error) {
	var sites []site
	err := filepath.WalkDir(filepath.Join(work, "engine"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") || strings.Contains(p, "imagetest") {
			return err
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, src, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(work, p)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(node ast.Node) bool {
			stmt, ok := node.(*ast.IfStmt)
			if !ok || len(stmt.Body.List) != 1 || stmt.Else != nil || !aboutError(stmt.Cond) {
				return true
			}
			if _, returns := stmt.Body.List[0].(*ast.ReturnStmt); returns {
				from, to := fset.Position(stmt.Body.Lbrace).Offset+1, fset.Position(stmt.Body.Rbrace).Offset
				text := string(bytes.TrimSpace(src[fset.Position(stmt.Pos()).Offset:to]))
				sites = append(sites, site{rel, fset.Position(stmt.Pos()).Line, from, to, strings.Join(strings.Fields(text), " ")})
			}
			return true
		})
		return nil
	})
	sort.Slice(sites, func(i, j int) bool {
		return sites[i].file < sites[j].file || sites[i].file == sites[j].file && sites[i].line < sites[j].line
	})
	return sites, err
}

// aboutError says whether a condition is "err != nil" for some name of an error.
func aboutError(cond ast.Expr) bool {
	b, ok := cond.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	x, ok := b.X.(*ast.Ident)
	y, isNil := b.Y.(*ast.Ident)
	return ok && isNil && y.Name == "nil" && strings.HasSuffix(strings.ToLower(x.Name), "err")
}

func (s site) try(work string) (string, error) {
	path := filepath.Join(work, s.file)
	src, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, append(append(append([]byte{}, src[:s.from]...), ' '), src[s.to:]...), 0o644); err != nil {
		return "", err
	}
	verdict := "survived"
	switch {
	case !s.passes(work, "vet", "./"+filepath.Dir(s.file)) && !s.passes(work, "build", "./"+filepath.Dir(s.file)):
		verdict = "does not build"
	case !s.passes(work, "test", "./"+filepath.Dir(s.file)):
		verdict = "noticed"
	case !s.passes(work, "test", "-run", endToEnd, "./cmd/veto"):
		verdict = "noticed"
	}
	return verdict, os.WriteFile(path, src, 0o644)
}

func (s site) passes(work string, args ...string) bool {
	cmd := exec.Command("go", args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "VETO_IMAGES=", "VETO_ORACLES=", "VETO_REGISTRY_BIN=")
	if args[0] == "test" {
		cmd.Args = append(cmd.Args, "-count=1", "-timeout=300s")
	}
	return cmd.Run() == nil
}
