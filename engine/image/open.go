package image

import (
	"bufio"
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
		return openStdin(ctx, o)
	case kindRoot:
		return plainError(openRoot(rest, o))
	case kindDockerDaemon, kindPodman:
		return openDaemon(kind, rest, o)
	}
	return openPath(ctx, kind, rest, o)
}

// plainError keeps a nil *image from becoming an engine.Image that is not nil.
func plainError(m *image, err error) (engine.Image, error) {
	if err != nil {
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
func openPath(ctx context.Context, kind, arg string, o Options) (engine.Image, error) {
	p, pick, info, err := findPath(kind, arg)
	if err != nil {
		return nil, err
	}
	id := engine.Identity{Name: filepath.Base(p)}
	if pick != "" {
		id.Name += arg[len(p):]
	}
	switch {
	case info.IsDir() && (kind == kindOCI || kind == kindPath):
		id.Source = kindOCI
		return plainError(openDir(ctx, p, pick, id, o))
	case info.IsDir():
		return nil, engine.Hint(engine.Usage("%s is a directory, not an archive", p), "for an OCI layout directory: oci:%s", p)
	case kind == kindOCI:
		return nil, engine.Hint(engine.Usage("%s is a file, not an OCI layout directory", p), "for an archive: oci-archive:%s", p)
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0:
		return nil, engine.Usage("%s is neither a file nor a directory", p)
	}
	m, err := openFile(ctx, p, kind, pick, id, o)
	return m, naming(p, err)
}

// findPath finds the path in "path" or, after a prefix, in "path:tag" or "path@digest": the longest part before a colon or an at sign that
// exists.
func findPath(kind, arg string) (p, pick string, info fs.FileInfo, err error) {
	for p = arg; ; {
		info, err = os.Stat(p)
		if err == nil {
			return p, pick, info, nil
		}
		i := strings.LastIndexAny(p, ":@")
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

// naming puts the source's name before an error that is not about the command line; nil stays nil.
func naming(name string, err error) error {
	if err == nil {
		return nil
	}
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

// openFile opens an archive: in place where the file seeks and is not packed as a whole, else as a stream. The path is as the user typed
// it, and findPath has seen it.
func openFile(ctx context.Context, p, kind, pick string, id engine.Identity, o Options) (engine.Image, error) {
	open := func() (io.ReadCloser, error) {
		f, err := os.Open(p) //nolint:gosec // the path that the user named
		if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
			return nil, pe.Err
		}
		return f, err
	}
	rc, err := open()
	if err != nil {
		return nil, err
	}
	f := rc.(*os.File)
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() { // a named pipe: opened once more it would wait for another writer
		return passing(f, id, kind, pick, o), nil
	}
	packed, err := packedWhole(f, info.Size())
	if err != nil {
		err = orSBOM(f, p, err)
	}
	if packed {
		s := newStream(id, kind, pick, o, inflated(p, info.Size(), open))
		s.again = true
		return s, f.Close()
	}
	var m *image
	if err == nil {
		m, err = openArchive(ctx, f, 0, info.Size(), kind, pick, id, o)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	m.close = f.Close
	return m, nil
}

// orSBOM adds to the failure of a file that is no archive what it may be.
func orSBOM(f *os.File, name string, err error) error {
	first := make([]byte, 1)
	if n, _ := f.ReadAt(first, 0); n == 1 && first[0] == '{' {
		return engine.Hint(err, "it looks like JSON; an SBOM is named with its prefix, sbom:%s", name)
	}
	if h := (*engine.HintError)(nil); errors.As(err, &h) {
		return err
	}
	return engine.Hint(err, "give what docker save writes, an OCI archive, or a layout's directory; an image in a registry is named by its reference")
}

// openArchive opens an archive in place: the bytes of f between from and size.
func openArchive(ctx context.Context, f *os.File, from, size int64, kind, pick string, id engine.Identity, o Options) (*image, error) {
	size = max(size-from, 0)
	a, err := indexArchive(ctx, io.NewSectionReader(f, from, size), size)
	if err != nil {
		return nil, err
	}
	if from == 0 {
		a.file = f
	}
	return a.open(ctx, kind, pick, id, o)
}

// passing is an image that r brings once. Closing the image closes r.
func passing(r io.ReadCloser, id engine.Identity, kind, pick string, o Options) *stream {
	s := newStream(id, kind, pick, o, func(context.Context) (io.ReadCloser, error) {
		return whatever(io.NopCloser(r), id.Name)
	})
	s.close = r.Close
	return s
}

// whatever unpacks a stream when it is packed with gzip as a whole.
func whatever(rc io.ReadCloser, name string) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(rc, 1<<16)
	head, err := r.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, rc.Close())
	}
	packed, err := wholeKind(head)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	again := struct {
		io.Reader
		io.Closer
	}{r, rc}
	if !packed {
		return again, nil
	}
	return inflated(name, engine.MaxInflated, func() (io.ReadCloser, error) { return again, nil })(context.Background())
}

// packedWhole says whether an archive is packed with gzip as a whole.
func packedWhole(at io.ReaderAt, size int64) (bool, error) {
	head := make([]byte, min(size, sniffBytes))
	if n, err := at.ReadAt(head, 0); n < len(head) {
		return false, cut(err)
	}
	return wholeKind(head)
}

func wholeKind(head []byte) (packed bool, err error) {
	if len(head) == 0 {
		return false, errors.New("it is empty")
	}
	kind, err := packingOf(head)
	if err == nil && kind == packedZstd {
		err = engine.Hint(errors.New("it is an archive compressed with zstd"), "unpack it first: zstd -d")
	}
	return kind == packedGzip, err
}

func openStdin(ctx context.Context, o Options) (engine.Image, error) {
	if o.Stdin == nil {
		return nil, engine.Usage("there is no standard input to read an image from")
	}
	id := engine.Identity{Name: "stdin"}
	if f, ok := o.Stdin.(*os.File); ok {
		if m, err := openRedirected(ctx, f, id, o); m != nil || err != nil {
			return plainError(m, naming("standard input", err))
		}
	}
	return passing(io.NopCloser(o.Stdin), id, kindPath, "", o), nil
}

// openRedirected opens standard input in place when it is a file, from where it stands; else, or when the file is packed, it is nil.
func openRedirected(ctx context.Context, f *os.File, id engine.Identity, o Options) (*image, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	from, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	rest := max(info.Size()-from, 0)
	if packed, err := packedWhole(io.NewSectionReader(f, from, rest), rest); packed || err != nil {
		return nil, err
	}
	return openArchive(ctx, f, from, info.Size(), kindPath, "", id, o)
}

// openDaemon opens an image that a daemon exports.
func openDaemon(kind, name string, o Options) (engine.Image, error) {
	if o.Export == nil {
		return nil, errors.New("there is no client for " + kind + " to open " + name + " with")
	}
	id := engine.Identity{Name: name, Named: true, Source: kind}
	return newStream(id, kindDocker, "", o, func(ctx context.Context) (io.ReadCloser, error) {
		rc, err := o.Export(ctx, kind, name)
		if err != nil {
			return nil, err
		}
		return rc, nil
	}), nil
}
