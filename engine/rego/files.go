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

// policySet is the files of one policy path, or of the library.
type policySet struct {
	name    string // "default", or what reports show: never an absolute path of this machine
	library bool
	files   []*file // sorted by path
	rules   int     // how many rules they define
}

// file is one policy or data file.
type file struct {
	set        *policySet
	name       string // in errors: as the user named it
	reportName string // in reports: the same on every machine
	path       string // relative to the policy path: what the digest covers
	text       []byte
	test       bool
}

func isPolicy(name string) bool { return strings.HasSuffix(name, ".rego") }
func isTest(name string) bool   { return strings.HasSuffix(name, "_test.rego") }

func isData(name string) bool {
	switch path.Base(name) {
	case "veto.yaml", "veto-waivers.yaml": // veto's own files are not for policies
		return false
	}
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// readFiles reads every policy path. Tests are left out unless they are asked for.
func (p *program) readFiles(libraryTests, tests bool) {
	if p.options.Library != nil {
		s := &policySet{name: "default", library: true}
		p.sets = append(p.sets, s)
		p.readPath(s, PolicyPath{Name: "veto's library", FS: p.options.Library, Path: "."}, libraryTests)
	}
	seen := map[string]bool{}
	for _, given := range p.options.Paths {
		name := path.Clean(given.Name)
		if seen[name] {
			p.issues.addError(given.Name, errors.New("the same policies are given twice"))
			continue
		}
		seen[name] = true
		s := &policySet{name: name}
		if path.IsAbs(name) || strings.Contains(name, `\`) { // reports name no folder of this machine
			s.name = path.Base(path.Clean(given.Path))
		}
		p.sets = append(p.sets, s)
		p.readPath(s, given, tests)
	}
	for _, s := range p.sets {
		slices.SortFunc(s.files, func(a, b *file) int { return strings.Compare(a.path, b.path) })
	}
}

// readPath reads the policies of one path, and the data files of those folders that hold a policy.
func (p *program) readPath(s *policySet, given PolicyPath, tests bool) {
	root := path.Clean(given.Path)
	info, err := fs.Stat(given.FS, root)
	if err != nil {
		p.issues.addError(given.Name, withoutPath(err))
		return
	}
	folders := map[string]bool{} // that hold a policy
	var found []*file
	if !info.IsDir() {
		found = append(found, p.newFile(s, given, root, path.Base(root)))
		folders["."] = isPolicy(root)
	} else if found, err = p.listFolder(s, given, root, folders); err != nil {
		p.issues.addError(given.Name, err)
		return
	}
	policies := 0
	for _, f := range found {
		if f == nil || f.test && !tests || isData(f.path) && !folders[path.Dir(f.path)] {
			continue
		}
		if isPolicy(f.path) && !f.test {
			policies++
		}
		if err := p.readText(given, root, info.IsDir(), f); err != nil {
			p.issues.addError(f.name, err)
			continue
		}
		s.files = append(s.files, f)
	}
	if policies == 0 && p.issues.empty() {
		hint := "a policy is a .rego file, or a folder of them; *_test.rego are tests"
		p.issues.add(issue{File: given.Name, Text: "no .rego file", Hint: hint})
	}
}

// isPassedOver says whether a file or folder is known to hold no policies: those of version control and of editors, and the folder in which
// a mounted Kubernetes ConfigMap has its files a second time.
func isPassedOver(name string) bool {
	return strings.HasPrefix(name, "..") || strings.HasPrefix(name, ".#") || strings.HasPrefix(name, "._") ||
		slices.Contains([]string{".git", ".github", ".gitlab", ".hg", ".svn", ".vscode", ".idea", ".regal"}, name)
}

// listFolder lists the policies and data files below root, and adds to folders those that hold a policy.
func (p *program) listFolder(s *policySet, given PolicyPath, root string, folders map[string]bool) ([]*file, error) {
	var found []*file
	seen := 0
	err := fs.WalkDir(given.FS, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, withoutPath(err))
		}
		if seen++; seen > engine.MaxPolicyEntries {
			return &engine.LimitError{What: "number of files", Limit: engine.MaxPolicyEntries}
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		if root == "." {
			rel = name
		}
		if name == root {
			return nil
		}
		if isPassedOver(path.Base(name)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if isPolicy(name) && strings.Contains("/"+rel, "/.") {
			return fmt.Errorf("%s is hidden, and such policies are not read: rename what begins with a dot, or move it away", rel)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(given.FS, name)
			switch {
			case err != nil:
				return fmt.Errorf("following the link %s: %w", rel, withoutPath(err))
			case info.IsDir():
				return fmt.Errorf("%s is a link to a folder; links to folders are not followed", rel)
			}
		}
		if d.IsDir() || !isPolicy(name) && !isData(name) || strings.Contains("/"+rel, "/.") {
			return nil
		}
		if isPolicy(name) {
			folders[path.Dir(rel)] = true
		}
		found = append(found, p.newFile(s, given, name, rel))
		return nil
	})
	return found, err
}

func (p *program) newFile(s *policySet, given PolicyPath, fullPath, rel string) *file {
	f := &file{set: s, path: rel, name: path.Clean(given.Name), reportName: s.name, test: isTest(rel)}
	if path.Clean(given.Path) != fullPath {
		f.name, f.reportName = path.Join(given.Name, rel), path.Join(s.name, rel)
	}
	if s.library {
		f.name = path.Join("policies", rel)
	}
	return f
}

// readText reads a file's text, of engine.MaxPolicyFile bytes at most.
func (p *program) readText(given PolicyPath, root string, dir bool, f *file) error {
	fullPath := root
	if dir {
		fullPath = path.Join(root, f.path)
	}
	r, err := given.FS.Open(fullPath)
	if err != nil {
		return withoutPath(err)
	}
	f.text, err = io.ReadAll(io.LimitReader(r, engine.MaxPolicyFile+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return withoutPath(err)
	}
	if len(f.text) > engine.MaxPolicyFile {
		return &engine.LimitError{What: "file size", Limit: engine.MaxPolicyFile}
	}
	return nil
}

// digest is the SHA-256 of the names and contents of the files without tests, so that the same policies have the same digest wherever
// they are stored.
func (s *policySet) digest() engine.Digest {
	h := sha256.New()
	for _, f := range s.files {
		if f.test {
			continue
		}
		sum := sha256.Sum256(f.text)
		fmt.Fprintf(h, "%s %q\n", hex.EncodeToString(sum[:]), f.path)
	}
	return engine.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// withoutPath drops the operation and the path from an error of the file system: the issue names the file as the user did.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
