package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// site is one change of the source.
type site struct {
	file     string // relative to the working directory
	line     int
	from, to int    // offsets of what is replaced
	with     string // what stands there instead
	what     string // for people
}

func (s site) where() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// find lists every change below a folder, by file and place. Tests and what packs images for them stay as they are.
func find(dir string) ([]site, error) {
	var sites []site
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") ||
			strings.Contains(p, "imagetest") || strings.Contains(p, "testdata") {
			return err
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, src, 0)
		if err != nil {
			return err
		}
		in := source{file: p, text: string(src), set: set}
		ast.Inspect(f, func(n ast.Node) bool {
			in.changes(n)
			return true
		})
		sites = append(sites, in.sites...)
		return nil
	})
	sort.SliceStable(sites, func(i, j int) bool {
		return sites[i].file < sites[j].file || sites[i].file == sites[j].file && sites[i].from < sites[j].from
	})
	return sites, err
}

// source is one file with the changes that have been found in it.
type source struct {
	file  string
	text  string
	set   *token.FileSet
	sites []site
}

func (s *source) offset(p token.Pos) int { return s.set.Position(p).Offset }

func (s *source) code(n ast.Node) string { return s.text[s.offset(n.Pos()):s.offset(n.End())] }

func (s *source) add(n ast.Node, with string) {
	from, to := s.offset(n.Pos()), s.offset(n.End())
	s.sites = append(s.sites, site{s.file, s.set.Position(n.Pos()).Line, from, to, with, short(s.text[from:to]) + "  ->  " + short(with)})
}

func short(code string) string {
	code = strings.Join(strings.Fields(code), " ")
	if len(code) > 70 {
		return code[:70] + "…"
	}
	if code == "" {
		return "nothing"
	}
	return code
}

// changes adds those that begin at one node.
func (s *source) changes(n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		if isNilCheck(n.Cond) && onlyReturns(n.Body) && n.Else == nil {
			s.add(n.Body, "{}")
			return
		}
		s.add(n.Cond, "!("+s.code(n.Cond)+")")
	case *ast.CaseClause:
		for _, e := range n.List {
			if b, ok := e.(*ast.BinaryExpr); ok && (comparison(b.Op) || b.Op == token.LAND || b.Op == token.LOR) {
				s.add(e, "!("+s.code(e)+")")
			}
		}
	case *ast.BinaryExpr:
		s.operator(n)
	case *ast.ReturnStmt:
		s.results(n)
	case *ast.ExprStmt:
		if _, ok := n.X.(*ast.CallExpr); ok {
			s.add(n, "")
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE && n.Tok != token.ASSIGN {
			s.add(n, "")
		}
	case *ast.BranchStmt:
		if n.Label == nil && (n.Tok == token.CONTINUE || n.Tok == token.BREAK) {
			s.add(n, "")
		}
	}
}

// operator moves a boundary, or takes one of two conditions alone.
func (s *source) operator(b *ast.BinaryExpr) {
	moved := map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">", token.LAND: "||", token.LOR: "&&",
		token.EQL: "!=", token.NEQ: "=="}
	if to := moved[b.Op]; to != "" && !isNilCheck(b) {
		s.add(b, s.code(b.X)+" "+to+" "+s.code(b.Y))
	}
}

// results replaces one result of a return by what a failing function forgets: the error by nil, a boolean by the other.
func (s *source) results(r *ast.ReturnStmt) {
	for _, e := range r.Results {
		switch e := e.(type) {
		case *ast.Ident:
			switch {
			case e.Name == "true":
				s.add(e, "false")
			case e.Name == "false":
				s.add(e, "true")
			case strings.HasSuffix(strings.ToLower(e.Name), "err"):
				s.add(e, "nil")
			}
		case *ast.CallExpr:
			if name := s.code(e.Fun); name == "errors.New" || name == "fmt.Errorf" || strings.HasPrefix(name, "engine.Usage") {
				s.add(e, "nil")
			}
		}
	}
}

func comparison(op token.Token) bool {
	switch op {
	case token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ:
		return true
	}
	return false
}

// isNilCheck says whether a condition is "err != nil" for some name of an error.
func isNilCheck(cond ast.Expr) bool {
	b, ok := cond.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	x, ok := b.X.(*ast.Ident)
	y, isNil := b.Y.(*ast.Ident)
	return ok && isNil && y.Name == "nil" && strings.HasSuffix(strings.ToLower(x.Name), "err")
}

func onlyReturns(b *ast.BlockStmt) bool {
	if len(b.List) != 1 {
		return false
	}
	_, ok := b.List[0].(*ast.ReturnStmt)
	return ok
}
