package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vetoci/veto/engine"
)

// keepsOut refuses, with --trust, a folder of data in the work tree or reached through it: what is judged could bring advisories that know
// of nothing, or a cache that says what its layers hold. flag is how the folder is named, and given whether somebody did; the folder of
// the user's cache is only refused in the work tree of a repository, for without one nobody can tell the work tree from the rest.
func (ws *workspace) keepsOut(flag, dir string, given bool) error {
	if ws.trusted == nil || dir == "" {
		return nil
	}
	top, repository := ws.repositoryRoot()
	if !repository {
		if top = ws.sys.dir; !given {
			return nil
		}
	}
	steps, err := way(ws.sys.dir, dir)
	if err != nil {
		return engine.Usage("%s %s: %v", flag, dir, err)
	}
	tops, err := way(top, ".")
	if err != nil {
		return engine.Usage("%s: %v", top, err)
	}
	var except []string
	if repository {
		except = append(except, filepath.Join(tops[len(tops)-1], ".git")) // git never checks anything out there
	}
	if ws.repository == nil { // a folder is trusted, and what is in it
		trusted, err := way(ws.sys.dir, ws.label)
		if err != nil {
			return engine.Usage("--trust %s: %v", ws.label, err)
		}
		except = append(except, trusted[len(trusted)-1])
	}
	for _, p := range steps {
		if within(p, tops...) && !within(p, except...) {
			err := engine.Usage("%s %s is inside the work tree %s, whose content --trust %s does not trust", flag, dir, top, ws.label)
			return engine.Hint(err, "keep it outside of the checkout")
		}
	}
	return nil
}

func within(p string, dirs ...string) bool {
	for _, dir := range dirs {
		if p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

// way lists how a path reads, once as it is written and again after each symbolic link that leads on; the last has none. What does not
// exist yet counts as it is written.
func way(dir, p string) ([]string, error) {
	if !filepath.IsAbs(p) {
		p = filepath.Join(dir, p)
	}
	out := []string{filepath.Clean(p)}
	if real, err := filepath.EvalSymlinks(p); err == nil && strings.Contains(p, "..") {
		out = append([]string{real}, out...) // what follows a link may lead up from where the link leads
	}
	for range engine.MaxLinks {
		next, err := followOne(out[len(out)-1])
		if err != nil {
			return nil, err
		}
		if next == "" {
			return out, nil
		}
		out = append(out, next)
	}
	return nil, engine.ErrLinkLoop
}

// followOne replaces the first symbolic link of a clean, absolute path by where it leads; "" when there is none.
func followOne(p string) (string, error) {
	for end := 1; end <= len(p); end++ {
		if end < len(p) && p[end] != '/' {
			continue
		}
		info, err := os.Lstat(p[:end])
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		to, err := os.Readlink(p[:end])
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(p[:end]), to)
		}
		return filepath.Join(to, p[end:]), nil
	}
	return "", nil
}
