package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
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
}

// maxTrusted bounds the archive of a trusted commit, in bytes.
const maxTrusted = 256 << 20

// openWorkspace resolves --trust. A directory is only what is written as one (./x, ../x, /x): a name such as "main" is always a
// git revision, because a pull request could bring a directory of that name.
func openWorkspace(ctx context.Context, sys *system, trust string) (*workspace, error) {
	ws := &workspace{sys: sys, label: trust, base: "."}
	switch {
	case trust == "":
		return ws, nil
	case isPath(trust):
		info, err := os.Stat(trust)
		if err != nil {
			return nil, engine.Usage("--trust: %v", err)
		}
		if !info.IsDir() {
			return nil, engine.Usage("--trust %s: not a directory", trust)
		}
		root, err := os.OpenRoot(trust) // links may not lead out of what is trusted
		if err != nil {
			return nil, engine.Usage("--trust: %v", err)
		}
		ws.trusted = root.FS()
		return ws, nil
	}
	return ws, ws.openCommit(ctx, trust)
}

func isPath(p string) bool {
	return p == "." || p == ".." || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../")
}

// openCommit reads the commit's files through git archive: the working tree and the index are never looked at.
func (ws *workspace) openCommit(ctx context.Context, rev string) error {
	if strings.HasPrefix(rev, "-") {
		return engine.Usage("--trust %s: not a git revision", rev)
	}
	commit, err := ws.git(ctx, 4096, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return engine.Hint(engine.Usage("--trust %s: no such commit here", rev),
			"fetch it first (git fetch --depth=1 origin BRANCH), or write a directory as ./%s", rev)
	}
	prefix, err := ws.git(ctx, 1<<16, "rev-parse", "--show-prefix")
	if err != nil {
		return engine.Usage("--trust %s: %v", rev, err)
	}
	top, err := ws.git(ctx, 1<<16, "rev-parse", "--show-toplevel")
	if err != nil {
		return engine.Usage("--trust %s: %v", rev, err)
	}
	// --attr-source makes no difference to an archive: it reads .gitattributes of the commit itself.
	archive, err := ws.git(ctx, maxTrusted, "-C", strings.TrimSpace(string(top)), "archive", "--format=zip", "-0",
		strings.TrimSpace(string(commit)))
	if err != nil {
		return engine.Usage("--trust %s: %v", rev, err)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return engine.Usage("--trust %s: reading the commit: %v", rev, err)
	}
	ws.trusted = files
	ws.base = path.Clean(strings.TrimSpace(string(prefix)))
	return nil
}

func (ws *workspace) git(ctx context.Context, limit int64, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = ws.sys.dir, ws.sys.environ
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("running git: %w", err)
	}
	b, readErr := io.ReadAll(io.LimitReader(out, limit+1))
	if int64(len(b)) > limit {
		readErr = &engine.LimitError{What: "git's output", Limit: limit}
		if err := cmd.Process.Kill(); err != nil {
			return nil, errors.Join(readErr, err)
		}
	}
	if err := cmd.Wait(); err != nil && readErr == nil {
		readErr = fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return b, readErr
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
