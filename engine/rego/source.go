package rego

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// source is what one Source or the library holds.
type source struct {
	name    string // "default", or what reports show: never an absolute path of this machine
	library bool
	files   []*file // sorted by name
	rules   int
}

// file is one policy or data file.
type file struct {
	source *source
	name   string // what errors show
	shown  string // what reports show
	rel    string // relative to the source: what the digest covers
	text   []byte
	test   bool
}

func isPolicy(name string) bool { return strings.HasSuffix(name, ".rego") }
func isTest(name string) bool   { return strings.HasSuffix(name, "_test.rego") }

func isData(name string) bool {
	switch path.Base(name) {
	case "veto.yaml", "veto-waivers.yaml": // veto's own files are no data of policies
		return false
	}
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// read reads every source. Tests are left out unless they are asked for.
func (p *program) read(libraryTests, tests bool) {
	if p.o.Library != nil {
		s := &source{name: "default", library: true}
		p.sources = append(p.sources, s)
		p.walk(s, Source{Name: "veto's library", FS: p.o.Library, Path: "."}, libraryTests)
	}
	seen := map[string]bool{}
	for _, given := range p.o.Sources {
		name := path.Clean(given.Name)
		if seen[name] {
			p.problems.err(given.Name, errors.New("the same policies are given twice"))
			continue
		}
		seen[name] = true
		s := &source{name: name}
		if path.IsAbs(name) || strings.Contains(name, `\`) { // a report is the same on every machine
			s.name = path.Base(path.Clean(given.Path))
		}
		p.sources = append(p.sources, s)
		p.walk(s, given, tests)
	}
	for _, s := range p.sources {
		slices.SortFunc(s.files, func(a, b *file) int { return strings.Compare(a.rel, b.rel) })
	}
}

func (p *program) walk(s *source, given Source, tests bool) {
	root := path.Clean(given.Path)
	info, err := fs.Stat(given.FS, root)
	if err != nil {
		p.problems.err(given.Name, unwrapPath(err))
		return
	}
	folders := map[string]bool{} // that hold a policy
	var found []*file
	if !info.IsDir() {
		found = append(found, p.file(s, given, root, path.Base(root)))
		folders["."] = isPolicy(root)
	} else if found, err = p.folder(s, given, root, folders); err != nil {
		p.problems.err(given.Name, err)
		return
	}
	policies := 0
	for _, f := range found {
		if f == nil || f.test && !tests || isData(f.rel) && !folders[path.Dir(f.rel)] {
			continue
		}
		if isPolicy(f.rel) && !f.test {
			policies++
		}
		if err := p.load(given, root, info.IsDir(), f); err != nil {
			p.problems.err(f.name, err)
			continue
		}
		s.files = append(s.files, f)
	}
	if policies == 0 && len(p.problems.issues) == 0 {
		p.problems.add(Issue{File: given.Name, Text: "no .rego file", Hint: "a policy is a .rego file, or a folder of them; *_test.rego are tests"})
	}
}

func (p *program) folder(s *source, given Source, root string, folders map[string]bool) ([]*file, error) {
	var found []*file
	seen := 0
	err := fs.WalkDir(given.FS, root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading %s: %w", at, unwrapPath(err))
		}
		if seen++; seen > engine.MaxPolicyEntries {
			return &engine.LimitError{What: "number of files", Limit: engine.MaxPolicyEntries}
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(at, root), "/")
		if root == "." {
			rel = at
		}
		if at == root {
			return nil
		}
		if strings.HasPrefix(path.Base(at), ".") { // .git, editors' files, the ..data of Kubernetes
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(given.FS, at)
			switch {
			case err != nil:
				return fmt.Errorf("following the link %s: %w", rel, unwrapPath(err))
			case info.IsDir():
				return fmt.Errorf("%s is a link to a folder; links to folders are not followed", rel)
			}
		}
		if d.IsDir() || !isPolicy(at) && !isData(at) {
			return nil
		}
		if isPolicy(at) {
			folders[path.Dir(rel)] = true
		}
		found = append(found, p.file(s, given, at, rel))
		return nil
	})
	return found, err
}

func (p *program) file(s *source, given Source, at, rel string) *file {
	f := &file{source: s, rel: rel, name: path.Clean(given.Name), shown: s.name, test: isTest(rel)}
	if path.Clean(given.Path) != at {
		f.name, f.shown = path.Join(given.Name, rel), path.Join(s.name, rel)
	}
	if s.library {
		f.name = path.Join("policies", rel)
	}
	return f
}

func (p *program) load(given Source, root string, dir bool, f *file) error {
	at := root
	if dir {
		at = path.Join(root, f.rel)
	}
	r, err := given.FS.Open(at)
	if err != nil {
		return unwrapPath(err)
	}
	f.text, err = io.ReadAll(io.LimitReader(r, engine.MaxPolicyFile+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return unwrapPath(err)
	}
	if len(f.text) > engine.MaxPolicyFile {
		return &engine.LimitError{What: "file size", Limit: engine.MaxPolicyFile}
	}
	return nil
}

// digest covers names and contents, whatever the place on this machine.
func (s *source) digest() engine.Digest {
	h := sha256.New()
	for _, f := range s.files {
		if f.test {
			continue
		}
		sum := sha256.Sum256(f.text)
		fmt.Fprintf(h, "%s %q\n", hex.EncodeToString(sum[:]), f.rel)
	}
	return engine.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// unwrapPath drops the operation and the path, which the problem's own place says better.
func unwrapPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
