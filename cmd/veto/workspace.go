package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vetoci/veto/engine"
)

// workspace is where configuration, waivers and policies are read from: the file system around the working directory, or,
// with --trust, one directory or one commit and nothing else.
type workspace struct {
	sys     *system
	trusted fs.FS  // nil without --trust
	base    string // of the working directory inside trusted, slash-separated
	label   string // how --trust was given
	// repository is that of a trusted commit; nil without one.
	repository *repository
}

// openWorkspace reads from the working tree or, with --trust, from what it names and nothing else.
func openWorkspace(ctx context.Context, sys *system, trust string) (*workspace, error) {
	ws := &workspace{sys: sys, label: trust, base: "."}
	if trust == "" {
		return ws, nil
	}
	sys.atEnd = append(sys.atEnd, ws.Close)
	return ws, ws.openTrusted(ctx, trust)
}

// Close ends what reading a trusted commit needs.
func (ws *workspace) Close() error {
	if c, ok := ws.trusted.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func isPath(p string) bool {
	return p == "." || p == ".." || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../")
}

// locate turns a path as a user gave it into a file system and a name in it.
func (ws *workspace) locate(p string) (fs.FS, string, error) {
	if ws.trusted == nil {
		clean := filepath.Clean(p) // shells complete a folder with a slash
		return os.DirFS(filepath.Dir(clean)), filepath.Base(clean), nil
	}
	name := path.Join(ws.base, filepath.ToSlash(p))
	if filepath.IsAbs(p) || !fs.ValidPath(name) {
		return nil, "", engine.Hint(engine.Usage("%s leads out of what --trust %s trusts", p, ws.label),
			"give a path inside it, relative to the working directory")
	}
	return ws.trusted, name, nil
}

// read reads a whole settings file.
func (ws *workspace) read(p string) ([]byte, error) { return ws.readUpTo(p, engine.MaxSettings) }

func (ws *workspace) readUpTo(p string, limit int64) ([]byte, error) {
	fsys, name, err := ws.locate(p)
	if err != nil {
		return nil, err
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, ws.explain(p, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, ws.explain(p, err)
	}
	if int64(len(b)) > limit {
		return nil, engine.Usage("%s: %v", p, &engine.LimitError{What: "file size", Limit: limit})
	}
	return b, nil
}

func (ws *workspace) explain(p string, err error) error {
	where := ""
	if ws.trusted != nil {
		where = " in " + ws.label + " (--trust)"
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &engine.UsageError{Err: fmt.Errorf("%s%s: %w", p, where, fs.ErrNotExist)}
	}
	return &engine.UsageError{Err: fmt.Errorf("reading %s%s: %w", p, where, err)}
}

// settingsName is the configuration file that is looked for.
const settingsName = "veto.yaml"

// refuseMisnamed returns an error when a folder has a configuration under a name that veto does not read: rules that nobody applies are
// worse than none. rel is how the folder is called.
func refuseMisnamed(files fs.FS, dir, rel string) error {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil //nolint:nilerr // whoever looks for the file itself says it
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		for strings.HasSuffix(name, ".yaml.yaml") || strings.HasSuffix(name, ".yaml.yml") {
			name = strings.TrimSuffix(name, path.Ext(name))
		}
		switch strings.TrimPrefix(name, ".") {
		case "veto.yaml", "veto.yml":
			if e.Name() != settingsName {
				return engine.Hint(engine.Usage("%s%s is not read: the configuration is called %s", rel, e.Name(), settingsName),
					"rename it, or name it with --config")
			}
		}
	}
	return nil
}

// findSettings looks for veto.yaml from the working directory upward to the repository's root; without a repository in the
// working directory only. It returns the path relative to the working directory, "" when there is none.
func (ws *workspace) findSettings() (string, error) {
	if ws.trusted != nil {
		return ws.findTrusted()
	}
	root, up := ws.repositoryRoot()
	dir, rel := ws.sys.dir, ""
	for {
		p := filepath.Join(dir, settingsName)
		if err := refuseMisnamed(os.DirFS(dir), ".", rel); err != nil {
			return "", err
		}
		if _, err := os.Lstat(p); err == nil {
			return rel + settingsName, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", engine.Usage("looking for %s: %v", settingsName, err)
		}
		if !up || dir == root {
			return "", nil
		}
		dir, rel = filepath.Dir(dir), rel+"../"
	}
}

func (ws *workspace) repositoryRoot() (string, bool) {
	for dir := ws.sys.dir; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

func (ws *workspace) findTrusted() (string, error) {
	rel := ""
	for dir := ws.base; ; dir = path.Dir(dir) {
		if err := refuseMisnamed(ws.trusted, dir, rel); err != nil {
			return "", err
		}
		_, err := fs.Stat(ws.trusted, path.Join(dir, settingsName))
		switch {
		case err == nil:
			return rel + settingsName, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", engine.Usage("looking for %s in %s: %v", settingsName, ws.label, err)
		case dir == ".":
			return "", nil
		}
		rel += "../"
	}
}
