package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// shelf is where a local source keeps its files: an archive or a directory.
type shelf interface {
	// get returns a file by its path in the source; fs.ErrNotExist when it is not there.
	get(name string) (*io.SectionReader, error)
	// blob returns a layer by its path; its digest is the caller's to add.
	blob(name string) (blob, error)
}

// archive is the index of an outer tar: every file by its clean name.
type archive struct {
	at      io.ReaderAt // nil when the archive has passed by
	file    *os.File    // what at reads from its start; nil when it is no file
	members map[string]member
}

// member is one file of an archive, or a link to one.
type member struct {
	from, size int64
	link       string  // the clean name that it stands for
	passed     *passed // in place of from, when the archive has passed by
}

// maxMemberLinks is how many links inside an archive are followed: old `docker save` archives have one, for a layer that stands twice.
const maxMemberLinks = 8

// indexArchive reads the headers of an outer tar.
func indexArchive(ctx context.Context, at io.ReaderAt, size int64) (*archive, error) {
	w := &window{at: at, size: size}
	tr := tar.NewReader(w)
	a := &archive{at: at, members: map[string]member{}}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return nil, cutShort(fmt.Errorf("reading the archive after %d files: %w", len(a.members), err))
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name, skip, err := a.admit(h)
		if err != nil {
			return nil, err
		}
		if skip {
			continue
		}
		m, err := linkOf(h, name)
		if err == nil && m.link == "" {
			if h.Size > w.size-w.pos {
				err = cutShort(fmt.Errorf("the archive ends inside %q: %w", name, io.ErrUnexpectedEOF))
			}
			m.from, m.size = w.pos, h.Size
		}
		if err != nil {
			return nil, err
		}
		a.members[name] = m
	}
}

// admit says what a member is called, and whether it is none.
func (a *archive) admit(h *tar.Header) (name string, skip bool, err error) {
	if len(a.members) >= engine.MaxArchiveFiles {
		return "", false, &engine.LimitError{What: "number of files in the archive", Limit: engine.MaxArchiveFiles}
	}
	if h.Typeflag == tar.TypeXGlobalHeader || h.Typeflag == tar.TypeDir {
		return "", true, nil
	}
	if name, err = cleanPath(h.Name); err != nil {
		return "", false, fmt.Errorf("the archive's file %.60q: %w", h.Name, err)
	}
	if _, ok := a.members[name]; ok {
		return "", false, fmt.Errorf("the archive holds %q twice: tools differ in which of them they read", name)
	}
	return name, false, nil
}

// cutShort adds what to do about an archive that ends too early.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return engine.Hint(err, "the archive is cut short: save or copy it again")
	}
	return err
}

// linkOf returns a member with its link; of a file that is empty, and its place is the caller's to add.
func linkOf(h *tar.Header, name string) (member, error) {
	switch h.Typeflag {
	case tar.TypeReg:
		if sparse(h) {
			return member{}, fmt.Errorf("the archive holds %q as a sparse file", name)
		}
		return member{}, nil
	case tar.TypeSymlink:
		return member{link: path.Clean("/" + path.Join(path.Dir(name), h.Linkname))[1:]}, nil
	case tar.TypeLink:
		link, err := cleanPath(h.Linkname)
		return member{link: link}, err
	}
	return member{}, fmt.Errorf("the archive holds %q, which is neither a file nor a directory", name)
}

// find follows links inside the archive.
func (a *archive) find(name string) (member, error) {
	p, err := cleanPath(name)
	if err != nil {
		return member{}, err
	}
	for range maxMemberLinks {
		m, ok := a.members[p]
		if !ok {
			return m, fmt.Errorf("%q is not in the archive: %w", name, fs.ErrNotExist)
		}
		if m.link == "" {
			return m, nil
		}
		p = m.link
	}
	return member{}, fmt.Errorf("%q in the archive leads through more than %d links", name, maxMemberLinks)
}

func (a *archive) get(name string) (*io.SectionReader, error) {
	m, err := a.find(name)
	switch {
	case err != nil:
		return nil, err
	case m.passed == nil:
		return io.NewSectionReader(a.at, m.from, m.size), nil
	case m.passed.data == nil:
		return nil, fmt.Errorf("%q in the archive is too large, or no document", name)
	}
	return io.NewSectionReader(bytes.NewReader(m.passed.data), 0, m.size), nil
}

func (a *archive) blob(name string) (blob, error) {
	m, err := a.find(name)
	switch {
	case err != nil:
		return blob{}, err
	case m.passed != nil && m.passed.layer != nil:
		return blob{size: m.size, passed: m.passed}, nil
	}
	section, err := a.get(name)
	if err != nil {
		return blob{}, err
	}
	b := blob{at: section, size: m.size}
	if a.file != nil {
		b.part = &filePart{file: a.file, from: m.from, size: m.size}
	}
	return b, nil
}

func (a *archive) has(name string) bool {
	_, ok := a.members[name]
	return ok
}

// open opens the image in the archive. kind is what the prefix demands, or kindPath; pick is the tag after the path.
func (a *archive) open(ctx context.Context, kind, pick string, id engine.Identity, o Options) (*image, error) {
	docker, oci := a.has("manifest.json"), a.has("index.json")
	switch {
	case kind == kindDocker && !docker && oci:
		return nil, engine.Hint(engine.Usage("%s is no docker save archive: it has no manifest.json", id.Name), "it has an index.json: use oci-archive:")
	case kind == kindOCITar && !oci && docker:
		return nil, engine.Hint(engine.Usage("%s is no OCI archive: it has no index.json", id.Name), "it has a manifest.json: use docker-archive:")
	case !docker && !oci:
		return nil, engine.Hint(fmt.Errorf("%s is a tar archive but holds no image: it has neither manifest.json nor index.json", id.Name), "%s", a.guess())
	case !docker:
		id.Source = orElse(id.Source, kindOCITar)
		return openIndex(ctx, local{a}, pick, id, o)
	}
	if kind == kindOCITar {
		id.Source = kindOCITar
	}
	id.Source = orElse(id.Source, kindDocker)
	return a.openDocker(ctx, oci, pick, id, o)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// guess says what an archive without an image may be.
func (a *archive) guess() string {
	for name := range a.members {
		if strings.HasPrefix(name, "etc/") || strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "usr/") {
			return "it looks like a file system (docker export, or a single layer): save the image with docker save instead"
		}
	}
	return "save an image with: docker save -o image.tar NAME"
}
