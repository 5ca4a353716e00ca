package main

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine/rego"
)

// policies locates policy paths. A path that is given twice, in whatever spelling, or that a folder which is given holds, counts once:
// the configuration names a folder, and a command line one file of it.
func (ws *workspace) policies(paths []string) ([]rego.PolicyPath, error) {
	var sources []rego.PolicyPath
	places := make([]string, len(paths))
	for i, p := range paths {
		places[i] = ws.canonicalPath(p)
	}
	for i, p := range paths {
		fsys, name, err := ws.locate(p)
		if err != nil {
			return nil, err
		}
		if slices.Contains(places[:i], places[i]) || slices.ContainsFunc(places, func(folder string) bool { return holds(folder, places[i]) }) {
			if _, err := fs.Stat(fsys, name); err != nil {
				return nil, ws.explain(p, err)
			}
			continue
		}
		sources = append(sources, rego.PolicyPath{Name: p, FS: fsys, Path: name})
	}
	return sources, nil
}

// canonicalPath spells a path in the one way in which equal places are equal.
func (ws *workspace) canonicalPath(p string) string {
	if ws.trusted != nil {
		return path.Join(ws.base, filepath.ToSlash(p))
	}
	if real, err := filepath.EvalSymlinks(p); err == nil {
		p = real
	}
	if abs, err := filepath.Abs(p); err == nil {
		p = abs
	}
	return filepath.ToSlash(p)
}

// holds says whether loading a folder loads a path in it, too. Hidden folders are not loaded.
func holds(folder, p string) bool {
	rest, inside := strings.CutPrefix(p, strings.TrimSuffix(folder, "/")+"/")
	return inside && rest != "" && !strings.HasPrefix(rest, ".") && !strings.Contains(rest, "/.")
}
