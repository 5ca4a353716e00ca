package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Open opens the source that a user named: a registry reference, a path, "-", or one of these with a prefix (design "The command
// line"). The caller closes the image, after the last Walk. A mistake of the caller's is an engine.UsageError; what cannot be read
// or contradicts itself is another error.
func Open(ctx context.Context, source string, o Options) (engine.Image, error) {
	kind, rest, err := parseSource(source)
	if err != nil {
		return nil, err
	}
	if o.Platform != "" {
		if _, err := parsePlatform(o.Platform); err != nil {
			return nil, err
		}
	}
	switch kind {
	case kindRegistry:
		m, err := openRegistry(ctx, rest, o)
		if err != nil {
			return nil, orPath(err, rest)
		}
		return m, nil
	case kindStdin:
		return plainError(openStdin(ctx, o))
	case kindRoot:
		return plainError(openRoot(rest, o))
	}
	return plainError(openPath(ctx, kind, rest, o))
}

// plainError keeps a nil *image from becoming an engine.Image that is not nil.
func plainError(m *image, err error) (engine.Image, error) {
	if err != nil {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
		return nil, err
	}
	return m, nil
}

// orPath adds to the failure of a registry that a path of the same name is there.
func orPath(err error, name string) error {
	if _, serr := os.Lstat(name); serr != nil {
		return err
	}
	more := ""
	if h := (*engine.HintError)(nil); errors.As(err, &h) {
		more = "; or " + h.Hint
	}
	return engine.Hint(err, "did you mean ./%s? A bare name is a registry reference%s", name, more)
}

// openPath opens a file or directory. With a prefix a tag may follow the path.
func openPath(ctx context.Context, kind, arg string, o Options) (*image, error) {
	p, pick, info, err := findPath(kind, arg)
	if err != nil {
		return nil, err
	}
	id := engine.Identity{Name: filepath.Base(p)}
	if pick != "" {
		id.Name += ":" + pick
	}
	switch {
	case info.IsDir() && (kind == kindOCI || kind == kindPath):
		id.Source = kindOCI
		return openDir(ctx, p, pick, id, o)
	case info.IsDir():
		return nil, engine.Hint(engine.Usage("%s is a directory, not an archive", p), "for an OCI layout directory: oci:%s", p)
	case kind == kindOCI:
		return nil, engine.Hint(engine.Usage("%s is a file, not an OCI layout directory", p), "for an archive: oci-archive:%s", p)
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0:
		return nil, engine.Usage("%s is neither a file nor a directory", p)
	}
	f, err := os.Open(p) //nolint:gosec // the path that the user named
	if err != nil {
		return nil, unreadable(p, err)
	}
	m, err := openFile(ctx, f, kind, pick, id, o)
	if err != nil {
		return nil, errors.Join(naming(p, err), f.Close())
	}
	m.close = f.Close
	return m, nil
}

// findPath finds the path in "path" or, after a prefix, in "path:tag": the longest part before a colon that exists.
func findPath(kind, arg string) (p, pick string, info fs.FileInfo, err error) {
	for p = arg; ; {
		info, err = os.Stat(p)
		if err == nil {
			return p, pick, info, nil
		}
		i := strings.LastIndexByte(p, ':')
		if kind == kindPath || i <= 0 {
			break
		}
		p, pick = arg[:i], arg[i+1:]
	}
	if !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return "", "", nil, unreadable(arg, err)
	}
	err = engine.Usage("%s: no such file or directory", arg)
	if before, _, ok := strings.Cut(arg, ":"); ok && kind == kindPath {
		if _, serr := os.Stat(before); serr == nil {
			return "", "", nil, engine.Hint(err, "a tag after a path needs a prefix: oci:%s or docker-archive:%s", arg, arg)
		}
	}
	return "", "", nil, engine.Hint(err, "a path is what ends in .tar, .tar.gz or .tgz or starts with . or /; for a registry reference write registry:%s", arg)
}

// unreadable reports a path that is there but not for this user; the path is as the user typed it.
func unreadable(p string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("opening %s: %w", p, err)
}

// naming puts the source's name before an error that is not about the command line.
func naming(name string, err error) error {
	if u := (*engine.UsageError)(nil); errors.As(err, &u) {
		return err
	}
	return fmt.Errorf("opening %s: %w", name, err)
}

func openDir(ctx context.Context, dir, pick string, id engine.Identity, o Options) (*image, error) {
	l, err := openLayout(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	if !l.has("index.json") {
		return nil, errors.Join(engine.Hint(engine.Usage("%s is a directory but no OCI layout: it has no index.json", dir), "%s", l.guess(dir)), l.Close())
	}
	m, err := openIndex(ctx, local{l}, pick, id, o)
	if err != nil {
		return nil, errors.Join(naming(dir, err), l.Close())
	}
	m.close = l.Close
	return m, nil
}

// guess says what a directory without an image may be.
func (l *layout) guess(dir string) string {
	for _, mark := range []string{"etc/os-release", "usr/lib/os-release", "bin/sh"} {
		if l.has(mark) {
			return "it looks like an unpacked root file system: rootfs:" + dir
		}
	}
	for _, mark := range []string{"Dockerfile", "Containerfile", ".git", "go.mod", "package.json", "pyproject.toml", "pom.xml", "Cargo.toml"} {
		if l.has(mark) {
			return "it looks like source code: build it, then docker save -o image.tar NAME and veto scan ./image.tar"
		}
	}
	return "for an unpacked root file system: rootfs:" + dir
}

// openFile opens an archive: in place where the file seeks, else from memory.
func openFile(ctx context.Context, r io.Reader, kind, pick string, id engine.Identity, o Options) (*image, error) {
	at, size, err := seekable(ctx, r)
	if err != nil {
		return nil, err
	}
	if at, size, err = unpack(ctx, at, size); err != nil {
		return nil, err
	}
	a, err := indexArchive(ctx, at, size)
	if err != nil {
		return nil, err
	}
	return a.open(ctx, kind, pick, id, o)
}

// seekable returns r itself when it is a regular file, from where it stands, else its bytes in memory.
func seekable(ctx context.Context, r io.Reader) (io.ReaderAt, int64, error) {
	if f, ok := r.(*os.File); ok {
		info, err := f.Stat()
		if err != nil {
			return nil, 0, err
		}
		if info.Mode().IsRegular() {
			from, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, 0, err
			}
			size := max(info.Size()-from, 0)
			return io.NewSectionReader(f, from, size), size, nil
		}
	}
	h, err := hold(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	return h, h.size, nil
}

func openStdin(ctx context.Context, o Options) (*image, error) {
	if o.Stdin == nil {
		return nil, engine.Usage("there is no standard input to read an image from")
	}
	m, err := openFile(ctx, o.Stdin, kindPath, "", engine.Identity{Name: "stdin"}, o)
	if err != nil {
		return nil, naming("standard input", err)
	}
	return m, nil
}
