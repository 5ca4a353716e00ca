package image

import (
	"context"
	"encoding/json"
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

// localContent is the content of an OCI layout in a directory or in an archive (image-spec image-layout.md).
type localContent struct{ files localFiles }

// blobPath is where a layout keeps the blob of a digest.
func blobPath(d engine.Digest) string {
	algorithm, sum, _ := strings.Cut(string(d), ":")
	return "blobs/" + algorithm + "/" + sum
}

// readSmall reads a whole file of at most limit bytes.
func readSmall(s localFiles, name string, limit int64) ([]byte, error) {
	section, err := s.section(name)
	if err != nil {
		return nil, err
	}
	if section.Size() > limit {
		return nil, fmt.Errorf("%s: %w", name, &engine.LimitError{What: "file size", Limit: limit})
	}
	b := make([]byte, section.Size())
	if n, err := section.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("%s: %w", name, unexpectedEOF(err))
	}
	return b, nil
}

// readBlob reads a whole blob of at most limit bytes, and compares its size with the descriptor's. Its digest is the caller's to check.
func (l localContent) readBlob(d descriptor, limit int64) ([]byte, error) {
	if _, err := newHash(d.Digest); err != nil {
		return nil, err
	}
	b, err := readSmall(l.files, blobPath(d.Digest), limit)
	if err == nil && int64(len(b)) != d.Size {
		err = fmt.Errorf("%s has %d bytes, and its descriptor says %d", blobPath(d.Digest), len(b), d.Size)
	}
	return b, err
}

func (l localContent) manifest(_ context.Context, d descriptor) ([]byte, error) {
	return l.readBlob(d, engine.MaxManifest)
}

func (l localContent) config(_ context.Context, d descriptor) ([]byte, error) {
	return l.readBlob(d, engine.MaxConfig)
}

func (l localContent) layer(_ context.Context, d descriptor) (blob, error) {
	b, err := l.files.layerBlob(blobPath(d.Digest))
	if err != nil {
		return blob{}, err
	}
	if b.size != d.Size {
		return blob{}, fmt.Errorf("its blob has %d bytes, and the manifest says %d", b.size, d.Size)
	}
	b.digest, b.mediaType = d.Digest, d.MediaType
	return b, nil
}

// readIndex reads index.json, which may leave out everything but its list, and list nothing.
func readIndex(l localContent) (*ociManifest, error) {
	raw, err := readSmall(l.files, "index.json", engine.MaxManifest)
	if err != nil {
		return nil, err
	}
	if listsNothing(raw) {
		return &ociManifest{}, nil
	}
	doc, err := parseManifest(raw, "")
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	if doc.Manifests == nil {
		return nil, errors.New("index.json is no index: it lists no manifests")
	}
	return doc, nil
}

// listsNothing reports whether a document is an index whose list is null.
func listsNothing(raw []byte) bool {
	var doc map[string]json.RawMessage
	if err := decodeJSON(raw, &doc); err != nil {
		return false
	}
	_, config := doc["config"]
	_, layers := doc["layers"]
	return string(doc["manifests"]) == "null" && !config && !layers
}

// openIndex opens the image of a layout: the one that pick names by its tag or digest, or the only one when pick is empty.
func openIndex(ctx context.Context, l localContent, pick string, id engine.Identity, o Options) (*image, error) {
	index, err := readIndex(l)
	if err != nil {
		return nil, err
	}
	var tops []descriptor
	var known []string
	for _, d := range index.Manifests {
		known = append(known, d.names()...)
		if pick == "" || pick == string(d.Digest) || slices.Contains(d.names(), pick) {
			tops = append(tops, d)
		}
	}
	inner := pick != "" && len(tops) == 0 && validDigest(engine.Digest(pick)) // a manifest inside one of the indexes
	if inner {
		tops = index.Manifests
	}
	s := &candidates{content: l}
	if err := s.gather(ctx, &ociManifest{Manifests: tops}); err != nil {
		return nil, err
	}
	if inner {
		s.list = slices.DeleteFunc(s.list, func(c candidate) bool { return string(c.Digest) != pick })
		tops = nil
	}
	if pick != "" && len(s.list) == 0 {
		return nil, engine.UnknownWord("tag or digest", pick, sortedUnique(known))
	}
	tops = slices.DeleteFunc(slices.Clone(tops), func(d descriptor) bool { return len(s.below(d.Digest).list) == 0 })
	if err := oneName(tops, id.Name, s); err != nil {
		return nil, err
	}
	for _, d := range tops {
		id.ContainedNames = append(id.ContainedNames, d.names()...)
	}
	id.ContainedNames = sortedUnique(id.ContainedNames)
	if err := s.setAsideAbsent(ctx); err != nil {
		return nil, err
	}
	return s.open(ctx, id, o)
}

// names returns the names under which an index holds a manifest: the tag, and the full name that containerd and Docker add.
func (d descriptor) names() []string {
	var out []string
	for _, key := range []string{"org.opencontainers.image.ref.name", "io.containerd.image.name"} {
		if v := d.Annotations[key]; v != "" {
			out = append(out, v)
		}
	}
	return out
}

// oneName returns an error when entries of an index have different names: they are different images then, and not one image for several
// platforms.
func oneName(tops []descriptor, name string, s *candidates) error {
	for _, d := range tops {
		if d.Digest != tops[0].Digest && refName(d) != refName(tops[0]) {
			return engine.Hint(engine.Usage("%s holds several images", name), "choose one by its tag, oci:PATH:TAG: %s", s.describe())
		}
	}
	return nil
}

// layout is an OCI layout in a directory. A link inside it that leads outside it is an error.
type layout struct {
	root   *os.Root
	mu     sync.Mutex
	opened map[string]*os.File // by path in the layout; Close closes them
}

func openLayout(dir string) (*layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &layout{root: root, opened: map[string]*os.File{}}, nil
}

func (l *layout) section(name string) (*io.SectionReader, error) {
	f, size, err := l.file(name)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(f, 0, size), nil
}

func (l *layout) layerBlob(name string) (blob, error) {
	f, size, err := l.file(name)
	if err != nil {
		return blob{}, err
	}
	return blob{at: io.NewSectionReader(f, 0, size), size: size, file: &fileSection{file: f, size: size}}, nil
}

// file returns an opened regular file and its size. It opens each file once; Close closes them.
func (l *layout) file(name string) (*os.File, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.opened[name]
	if !ok {
		var err error
		// Without O_NONBLOCK, opening a named pipe in place of a blob would hang.
		if f, err = l.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, withoutPath(err))
		}
		l.opened[name] = f
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
	for _, f := range l.opened {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
