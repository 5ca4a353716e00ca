package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vetoci/veto/engine"
)

// Limits of a trusted commit. Only what is asked for is read: a large file that nobody names costs nothing.
const (
	maxGitTree = 16 << 20 // bytes of one folder's object, some 400,000 names
	maxGitBlob = 64 << 20 // bytes of one file; callers have lower limits of their own
)

// gitTree is the tree of a commit as a file system. It asks git's plumbing for objects by their ids, one after the other, so that neither
// filters nor attributes nor the index nor a work tree have a say. Links are followed inside the tree and never lead out of it.
type gitTree struct {
	root string // id of the tree
	mu   sync.Mutex
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	dirs map[string]map[string]gitEntry // by id
}

// gitEntry is one name of a tree object.
type gitEntry struct {
	mode string // octal, as git has it: 40000 is a folder, 120000 a link, 160000 a submodule
	id   string
}

const (
	gitFolder    = "40000"
	gitLink      = "120000"
	gitSubmodule = "160000"
)

// openGitTree opens the tree of a commit. Whoever opened it closes it.
func openGitTree(ctx context.Context, git func(ctx context.Context, args ...string) *exec.Cmd, tree string) (*gitTree, error) {
	t := &gitTree{root: tree, dirs: map[string]map[string]gitEntry{}, cmd: git(ctx, "cat-file", "--batch")}
	var err error
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("running git: %w", err)
	}
	return t, nil
}

// Close ends git.
func (t *gitTree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cmd == nil {
		return nil
	}
	err := t.in.Close()
	cmd := t.cmd
	t.cmd = nil
	if werr := cmd.Wait(); werr != nil && err == nil && cmd.ProcessState.ExitCode() > 0 {
		err = fmt.Errorf("git cat-file: %w", werr)
	}
	return err
}

// object reads an object of a type (gitprotocol of cat-file --batch: "<id> <type> <size>", the content, a newline).
func (t *gitTree) object(id, typ string, limit int64) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cmd == nil {
		return nil, fs.ErrClosed
	}
	if _, err := io.WriteString(t.in, id+"\n"); err != nil {
		return nil, fmt.Errorf("asking git: %w", err)
	}
	head, err := t.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git's answer: %w", err)
	}
	f := strings.Fields(head)
	if len(f) == 2 && f[1] == "missing" {
		return nil, engine.Hint(fmt.Errorf("git has no object %s here", id), "fetch the whole commit: a partial clone lacks files")
	}
	if len(f) != 3 || f[1] != typ {
		return nil, fmt.Errorf("git says %q of %s, which is no %s", strings.TrimSpace(head), id, typ)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return nil, fmt.Errorf("git gives %s the size %q", id, f[2])
	}
	if size > limit {
		_ = t.cmd.Process.Kill() // nobody reads what it would write now
		t.cmd = nil
		return nil, &engine.LimitError{What: "size of a git object", Limit: limit}
	}
	b := make([]byte, size+1)
	if _, err := io.ReadFull(t.out, b); err != nil {
		return nil, fmt.Errorf("git's answer: %w", err)
	}
	return b[:size], nil
}

// folder reads a tree object: "<mode> <name>\0<id>" for each name, the id in binary.
func (t *gitTree) folder(id string) (map[string]gitEntry, error) {
	if d, ok := t.dirs[id]; ok {
		return d, nil
	}
	b, err := t.object(id, "tree", maxGitTree)
	if err != nil {
		return nil, err
	}
	d, width := map[string]gitEntry{}, len(t.root)/2
	for len(b) > 0 {
		head, rest, ok := bytes.Cut(b, []byte{0})
		mode, name, named := strings.Cut(string(head), " ")
		if !ok || !named || len(rest) < width || name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
			return nil, fmt.Errorf("the git tree %s is malformed", id)
		}
		if _, twice := d[name]; twice {
			return nil, fmt.Errorf("the git tree %s has %q twice", id, name)
		}
		d[name] = gitEntry{mode, hex.EncodeToString(rest[:width])}
		b = rest[width:]
	}
	t.dirs[id] = d
	return d, nil
}

// find returns the entry of a path, through links.
func (t *gitTree) find(name string) (gitEntry, error) {
	at := []gitEntry{{gitFolder, t.root}} // the entries on the way
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(at) == 1 {
				return gitEntry{}, errors.New("a link leads out of the repository")
			}
			at = at[:len(at)-1]
			continue
		}
		here := at[len(at)-1]
		if here.mode != gitFolder {
			return gitEntry{}, fs.ErrNotExist
		}
		d, err := t.folder(here.id)
		if err != nil {
			return gitEntry{}, err
		}
		e, ok := d[part]
		switch {
		case !ok:
			return gitEntry{}, fs.ErrNotExist
		case e.mode == gitSubmodule:
			return gitEntry{}, errors.New("it is in a submodule, which is another repository")
		case e.mode != gitLink:
			at = append(at, e)
			continue
		}
		target, err := t.object(e.id, "blob", engine.MaxPath)
		if err != nil {
			return gitEntry{}, err
		}
		if links++; links > engine.MaxLinks {
			return gitEntry{}, engine.ErrLinkLoop
		}
		if path.IsAbs(string(target)) {
			return gitEntry{}, errors.New("a link leads out of the repository")
		}
		rest = append(strings.Split(string(target), "/"), rest...)
	}
	return at[len(at)-1], nil
}

// Open implements fs.FS.
func (t *gitTree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	e, err := t.find(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := &gitFile{name: path.Base(name), entry: e, tree: t}
	if e.mode == gitFolder {
		return f, nil
	}
	b, err := t.object(e.id, "blob", maxGitBlob)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f.Reader, f.size = bytes.NewReader(b), int64(len(b))
	return f, nil
}

// gitFile is an open file or folder, and its description.
type gitFile struct {
	*bytes.Reader // nil of a folder
	name          string
	entry         gitEntry
	size          int64
	tree          *gitTree
	read          int // names of a folder that ReadDir has given
}

func (f *gitFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *gitFile) Close() error               { return nil }
func (f *gitFile) Name() string               { return f.name }
func (f *gitFile) Size() int64                { return f.size }
func (f *gitFile) ModTime() time.Time         { return time.Time{} }
func (f *gitFile) IsDir() bool                { return f.entry.mode == gitFolder }
func (f *gitFile) Sys() any                   { return nil }

func (f *gitFile) Mode() fs.FileMode {
	switch f.entry.mode {
	case gitFolder:
		return fs.ModeDir | 0o555
	case gitLink:
		return fs.ModeSymlink | 0o444
	case gitSubmodule:
		return fs.ModeIrregular
	}
	return 0o444
}

func (f *gitFile) Read(p []byte) (int, error) {
	if f.Reader == nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("is a directory")}
	}
	return f.Reader.Read(p)
}

// ReadDir implements fs.ReadDirFile.
func (f *gitFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: errors.New("not a directory")}
	}
	d, err := f.tree.folder(f.entry.id)
	if err != nil {
		return nil, err
	}
	names := sortedKeys(d)[f.read:]
	if n > 0 && len(names) == 0 {
		return nil, io.EOF
	}
	if n > 0 && len(names) > n {
		names = names[:n]
	}
	f.read += len(names)
	out := make([]fs.DirEntry, 0, len(names))
	for _, name := range names {
		out = append(out, fs.FileInfoToDirEntry(&gitFile{name: name, entry: d[name], tree: f.tree}))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out, nil
}
