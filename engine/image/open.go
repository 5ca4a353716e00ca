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

// Open opens the source that a user named: a registry reference, a path, "-", or one of these with a prefix such as "oci:". The caller
// closes the image after the last Walk. A mistake in the name or the options is an engine.UsageError; a source that cannot be read, or that
// contradicts itself, is another error. An image whose source can only be read once implements engine.Streamed, and is not known before it
// has been streamed.
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
			return nil, hintAtPath(err, rest)
		}
		return m, nil
	case kindStdin:
		return openStdin(ctx, o)
	case kindRoot:
		return toImage(openRoot(rest, o))
	case kindDockerDaemon, kindPodman:
		return openDaemon(kind, rest, o)
	}
	return openPath(ctx, kind, rest, o)
}

// toImage keeps a nil *image from becoming an engine.Image that is not nil.
func toImage(m *image, err error) (engine.Image, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// hintAtPath adds a hint to a registry's failure when there is a path of the same name.
func hintAtPath(err error, name string) error {
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
		return toImage(openDir(ctx, p, pick, id, o))
	case info.IsDir():
		return nil, engine.Hint(engine.Usage("%s is a directory, not an archive", p), "for an OCI layout directory: oci:%s", p)
	case kind == kindOCI:
		return nil, engine.Hint(engine.Usage("%s is a file, not an OCI layout directory", p), "for an archive: oci-archive:%s", p)
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0:
		return nil, engine.Usage("%s is neither a file nor a directory", p)
	}
	m, err := openFile(ctx, p, kind, pick, id, o)
	return m, openingError(p, err)
}

// findPath splits arg into a path that exists and, after a prefix, the tag or digest that follows it: "path:tag", "path@digest". Of several
// such paths it takes the longest.
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
	return "", "", nil, engine.Hint(err,
		"a path is what ends in .tar, .tar.gz or .tgz or starts with . or /; for a registry reference write registry:%s", arg)
}

// unreadable is the error of a path that exists and cannot be read; p is the path as the user typed it.
func unreadable(p string, err error) error {
	return fmt.Errorf("opening %s: %w", p, withoutPath(err))
}

// openingError adds the source's name to an error that is no usage error; nil stays nil.
func openingError(name string, err error) error {
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
		err := engine.Usage("%s is a directory but no OCI layout: it has no index.json", dir)
		return nil, errors.Join(engine.Hint(err, "%s", l.suggestion(dir)), l.Close())
	}
	m, err := openIndex(ctx, localContent{l}, pick, id, o)
	if err != nil {
		return nil, errors.Join(openingError(dir, err), l.Close())
	}
	m.close = l.Close
	return m, nil
}

// suggestion says what to do with a directory that holds no image, by what it seems to be.
func (l *layout) suggestion(dir string) string {
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

// openFile opens an archive: in place when the file seeks and is not compressed as a whole, else as a stream. findPath has found p, which
// is as the user typed it.
func openFile(ctx context.Context, p, kind, pick string, id engine.Identity, o Options) (engine.Image, error) {
	open := func() (io.ReadCloser, error) {
		f, err := os.Open(p) // the path that the user named
		if err != nil {
			return nil, withoutPath(err)
		}
		return f, nil
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
	if !info.Mode().IsRegular() { // a named pipe, which cannot be opened a second time
		return streamFrom(f, id, kind, pick, o), nil
	}
	compressed, err := isGzipArchive(f, info.Size())
	if err != nil {
		err = hintAtSBOM(f, p, err)
	}
	if compressed {
		s := newStreamedImage(id, kind, pick, o, openGunzipped(p, info.Size(), open))
		s.reopenable = true
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

// hintAtSBOM adds a hint to the failure of a file that is no archive.
func hintAtSBOM(f *os.File, name string, err error) error {
	first := make([]byte, 1)
	if n, _ := f.ReadAt(first, 0); n == 1 && first[0] == '{' {
		return engine.Hint(err, "it looks like JSON; an SBOM is named with its prefix, sbom:%s", name)
	}
	if h := (*engine.HintError)(nil); errors.As(err, &h) {
		return err
	}
	return engine.Hint(err, "give what docker save writes, an OCI archive, or a layout's directory; "+
		"an image in a registry is named by its reference")
}

// openArchive opens an archive in place: the bytes of f from byte from to byte size.
func openArchive(ctx context.Context, f *os.File, from, size int64, kind, pick string, id engine.Identity, o Options) (*image, error) {
	size = max(size-from, 0)
	a, err := indexArchive(ctx, io.NewSectionReader(f, from, size), size)
	if err != nil {
		return nil, err
	}
	if from == 0 {
		a.file = f
	}
	return a.openImage(ctx, kind, pick, id, o)
}

// streamFrom returns the image in the archive that r streams. Closing the image closes r.
func streamFrom(r io.ReadCloser, id engine.Identity, kind, pick string, o Options) *streamedImage {
	s := newStreamedImage(id, kind, pick, o, func(context.Context) (io.ReadCloser, error) {
		return decompressArchive(io.NopCloser(r), id.Name)
	})
	s.close = r.Close
	return s
}

// decompressArchive returns the content of an archive that may be compressed with gzip as a whole. Closing it closes rc; after an error rc
// is closed.
func decompressArchive(rc io.ReadCloser, name string) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(rc, 1<<16)
	head, err := r.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, rc.Close())
	}
	compressed, err := isGzipHead(head)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	whole := struct {
		io.Reader
		io.Closer
	}{r, rc}
	if !compressed {
		return whole, nil
	}
	return openGunzipped(name, engine.MaxInflated, func() (io.ReadCloser, error) { return whole, nil })(context.Background())
}

// isGzipArchive reports whether an archive of size bytes is compressed with gzip as a whole. What is no archive is an error.
func isGzipArchive(at io.ReaderAt, size int64) (bool, error) {
	head := make([]byte, min(size, sniffBytes))
	if n, err := at.ReadAt(head, 0); n < len(head) {
		return false, unexpectedEOF(err)
	}
	return isGzipHead(head)
}

// isGzipHead is isGzipArchive for the first sniffBytes bytes of an archive.
func isGzipHead(head []byte) (compressed bool, err error) {
	if len(head) == 0 {
		return false, errors.New("it is empty")
	}
	kind, err := detectCompression(head)
	if err == nil && kind == compressedZstd {
		err = engine.Hint(errors.New("it is an archive compressed with zstd"), "unpack it first: zstd -d")
	}
	return kind == compressedGzip, err
}

func openStdin(ctx context.Context, o Options) (engine.Image, error) {
	if o.Stdin == nil {
		return nil, engine.Usage("there is no standard input to read an image from")
	}
	id := engine.Identity{Name: "stdin"}
	if f, ok := o.Stdin.(*os.File); ok {
		if m, err := openRedirected(ctx, f, id, o); m != nil || err != nil {
			return toImage(m, openingError("standard input", err))
		}
	}
	return streamFrom(io.NopCloser(o.Stdin), id, kindPath, "", o), nil
}

// openRedirected opens standard input in place, from where it stands, when it is a regular file that is not compressed as a whole.
// Otherwise it returns nil.
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
	if compressed, err := isGzipArchive(io.NewSectionReader(f, from, rest), rest); compressed || err != nil {
		return nil, err
	}
	return openArchive(ctx, f, from, info.Size(), kindPath, "", id, o)
}

// openDaemon opens an image that the daemon kind exports when it is streamed.
func openDaemon(kind, name string, o Options) (engine.Image, error) {
	if o.Export == nil {
		return nil, errors.New("there is no client for " + kind + " to open " + name + " with")
	}
	id := engine.Identity{Name: name, Named: true, Source: kind}
	s := newStreamedImage(id, kindDocker, "", o, func(ctx context.Context) (io.ReadCloser, error) {
		rc, err := o.Export(ctx, kind, name)
		if err != nil {
			return nil, err
		}
		return rc, nil
	})
	s.asked = name
	return s, nil
}
