package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/vetoci/veto/engine"
)

// local is the content of an OCI layout, in a directory or in an archive (image-spec image-layout.md).
type local struct{ shelf shelf }

func blobPath(d engine.Digest) string {
	algorithm, sum, _ := strings.Cut(string(d), ":")
	return "blobs/" + algorithm + "/" + sum
}

// read reads a small file whole.
func read(s shelf, name string, limit int64) ([]byte, error) {
	section, err := s.get(name)
	if err != nil {
		return nil, err
	}
	if section.Size() > limit {
		return nil, fmt.Errorf("%s: %w", name, &engine.LimitError{What: "file size", Limit: limit})
	}
	b := make([]byte, section.Size())
	if n, err := section.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("%s: %w", name, cut(err))
	}
	return b, nil
}

func (l local) blob(d descriptor, limit int64) ([]byte, error) {
	if _, err := newHash(d.Digest); err != nil {
		return nil, err
	}
	b, err := read(l.shelf, blobPath(d.Digest), limit)
	if err == nil && int64(len(b)) != d.Size {
		err = fmt.Errorf("%s has %d bytes, and its descriptor says %d", blobPath(d.Digest), len(b), d.Size)
	}
	return b, err
}

func (l local) manifest(_ context.Context, d descriptor) ([]byte, error) {
	return l.blob(d, engine.MaxManifest)
}

func (l local) config(_ context.Context, d descriptor) ([]byte, error) {
	return l.blob(d, engine.MaxConfig)
}

func (l local) layer(_ context.Context, d descriptor) (blob, error) {
	b, err := l.shelf.blob(blobPath(d.Digest))
	if err != nil {
		return blob{}, err
	}
	if b.size != d.Size {
		return blob{}, fmt.Errorf("its blob has %d bytes, and the manifest says %d", b.size, d.Size)
	}
	b.digest = d.Digest
	return b, nil
}

func readIndex(l local) (*document, error) {
	raw, err := read(l.shelf, "index.json", engine.MaxManifest)
	if err != nil {
		return nil, err
	}
	doc, err := parseDocument(raw, "")
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	if doc.Manifests == nil {
		return nil, errors.New("index.json is no index: it lists no manifests")
	}
	return doc, nil
}

// openIndex opens the image of a layout, the one that pick names when that is set.
func openIndex(ctx context.Context, l local, pick string, id engine.Identity, o Options) (*image, error) {
	index, err := readIndex(l)
	if err != nil {
		return nil, err
	}
	var tops []descriptor
	var known []string
	var besides []descriptor
	for _, d := range index.Manifests {
		if attestation(d) {
			besides = append(besides, d)
			continue
		}
		names := d.names()
		known = append(known, names...)
		if pick == "" || pick == string(d.Digest) || slices.Contains(names, pick) {
			tops = append(tops, d)
		}
	}
	s := &candidates{c: l, seen: map[engine.Digest]bool{}, beside: besides}
	inner := pick != "" && len(tops) == 0 && wellFormed(engine.Digest(pick)) // a manifest inside one of the indexes
	if inner {
		tops = index.Manifests
	}
	if err := s.collect(ctx, &document{Manifests: tops}, 1); err != nil {
		return nil, err
	}
	if inner {
		s.list = slices.DeleteFunc(s.list, func(c candidate) bool { return string(c.Digest) != pick })
		tops = nil
	}
	if pick != "" && len(tops) == 0 && len(s.list) == 0 {
		return nil, engine.UnknownWord("tag or digest", pick, sorted(known))
	}
	if err := oneName(tops, id.Name, s); err != nil {
		return nil, err
	}
	for _, d := range tops {
		id.ContainedNames = append(id.ContainedNames, d.names()...)
	}
	id.ContainedNames = sorted(id.ContainedNames)
	if err := s.split(ctx); err != nil {
		return nil, err
	}
	return s.open(ctx, id, o)
}

// names are those under which an index holds a manifest: the tag, and what containerd and Docker add.
func (d descriptor) names() []string {
	var out []string
	for _, key := range []string{"org.opencontainers.image.ref.name", "io.containerd.image.name"} {
		if v := d.Annotations[key]; v != "" {
			out = append(out, v)
		}
	}
	return out
}

// oneName refuses to choose by platform between different images: entries of one index are variants of one image only when
// they share their name.
func oneName(tops []descriptor, name string, s *candidates) error {
	for _, d := range tops {
		if d.Digest != tops[0].Digest && refName(d) != refName(tops[0]) {
			return engine.Hint(engine.Usage("%s holds several images", name), "choose one by its tag, oci:PATH:TAG: %s", s.describe())
		}
	}
	return nil
}

// layout is an OCI layout in a directory. Its files cannot lead outside it.
type layout struct {
	root *os.Root
	mu   sync.Mutex
	open map[string]*os.File
}

func openLayout(dir string) (*layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &layout{root: root, open: map[string]*os.File{}}, nil
}

func (l *layout) get(name string) (*io.SectionReader, error) {
	f, size, err := l.file(name)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(f, 0, size), nil
}

func (l *layout) blob(name string) (blob, error) {
	f, size, err := l.file(name)
	if err != nil {
		return blob{}, err
	}
	return blob{at: io.NewSectionReader(f, 0, size), size: size, part: &filePart{file: f, size: size}}, nil
}

// file opens a file once; the layout closes it.
func (l *layout) file(name string) (*os.File, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.open[name]
	if !ok {
		var err error
		// Without O_NONBLOCK a named pipe in place of a blob would hang the scan.
		if f, err = l.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, withoutPath(err))
		}
		l.open[name] = f
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", name)
	}
	return f, info.Size(), nil
}

func (l *layout) has(name string) bool {
	_, err := l.root.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func (l *layout) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := []error{l.root.Close()}
	for _, f := range l.open {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
