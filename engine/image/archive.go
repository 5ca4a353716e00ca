package image

import (
	"archive/tar"
	"bytes"
	"cmp"
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

// localFiles are the files of a local source: an archive (archive) or a directory (layout).
type localFiles interface {
	// section returns the content of a file by its path in the source; the error wraps fs.ErrNotExist when there is none.
	section(name string) (*io.SectionReader, error)
	// layerBlob returns a layer by its path in the source. The caller adds its digest.
	layerBlob(name string) (blob, error)
}

// archive is the index of an outer tar: every file by its clean name.
type archive struct {
	at      io.ReaderAt // nil when the archive was read as a stream
	file    *os.File    // what at reads from its start; nil when it is no file
	members map[string]member
}

// member is one file of an archive, or a link to one.
type member struct {
	from, size int64           // bytes of the archive
	link       string          // the clean name that it leads to; empty for a file
	streamed   *streamedMember // in place of from, when the archive was read as a stream
}

// maxMemberLinks is how many links inside an archive are followed: old `docker save` archives have one where two layers are the same.
const maxMemberLinks = 8

// indexArchive reads the headers of an outer tar of size bytes.
func indexArchive(ctx context.Context, at io.ReaderAt, size int64) (*archive, error) {
	w := &seekReader{src: at, size: size}
	tr := tar.NewReader(w)
	a := &archive{at: at, members: map[string]member{}}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return nil, hintTruncated(fmt.Errorf("reading the archive after %d files: %w", len(a.members), err))
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name, skip, err := a.memberName(h)
		if err != nil {
			return nil, err
		}
		if skip {
			continue
		}
		m, err := newMember(h, name)
		if err == nil && m.link == "" {
			if h.Size > w.size-w.pos {
				err = hintTruncated(fmt.Errorf("the archive ends inside %q: %w", name, io.ErrUnexpectedEOF))
			}
			m.from, m.size = w.pos, h.Size
		}
		if err != nil {
			return nil, err
		}
		a.members[name] = m
	}
}

// memberName returns the clean name of a header. With skip the header is no file: a directory, or a PAX global header.
func (a *archive) memberName(h *tar.Header) (name string, skip bool, err error) {
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

// hintTruncated adds a hint to the error of an archive that ends too early.
func hintTruncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return engine.Hint(err, "the archive is cut short: save or copy it again")
	}
	return err
}

// newMember returns the member that a header describes: a link, or a file whose place the caller adds.
func newMember(h *tar.Header, name string) (member, error) {
	switch h.Typeflag {
	case tar.TypeReg:
		if isSparse(h) {
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

// resolve returns the file that a name leads to, through links inside the archive.
func (a *archive) resolve(name string) (member, error) {
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

func (a *archive) section(name string) (*io.SectionReader, error) {
	m, err := a.resolve(name)
	switch {
	case err != nil:
		return nil, err
	case m.streamed == nil:
		return io.NewSectionReader(a.at, m.from, m.size), nil
	case m.streamed.data == nil:
		return nil, fmt.Errorf("%q in the archive is too large, or no document", name)
	}
	return io.NewSectionReader(bytes.NewReader(m.streamed.data), 0, m.size), nil
}

func (a *archive) layerBlob(name string) (blob, error) {
	m, err := a.resolve(name)
	switch {
	case err != nil:
		return blob{}, err
	case m.streamed != nil && m.streamed.layer != nil:
		return blob{size: m.size, streamed: m.streamed}, nil
	}
	section, err := a.section(name)
	if err != nil {
		return blob{}, err
	}
	b := blob{at: section, size: m.size}
	if a.file != nil {
		b.file = &fileSection{file: a.file, from: m.from, size: m.size}
	}
	return b, nil
}

func (a *archive) has(name string) bool {
	_, ok := a.members[name]
	return ok
}

// openImage opens the image in the archive. kind is what the prefix demands, or kindPath; pick is the tag or digest after the path.
func (a *archive) openImage(ctx context.Context, kind, pick string, id engine.Identity, o Options) (*image, error) {
	docker, oci := a.has("manifest.json"), a.has("index.json")
	switch {
	case kind == kindDocker && !docker && oci:
		err := engine.Usage("%s is no docker save archive: it has no manifest.json", id.Name)
		return nil, engine.Hint(err, "it has an index.json: use oci-archive:")
	case kind == kindOCITar && !oci && docker:
		err := engine.Usage("%s is no OCI archive: it has no index.json", id.Name)
		return nil, engine.Hint(err, "it has a manifest.json: use docker-archive:")
	case !docker && !oci:
		err := fmt.Errorf("%s is a tar archive but holds no image: it has neither manifest.json nor index.json", id.Name)
		return nil, engine.Hint(err, "%s", a.suggestion())
	case !docker:
		id.Source = cmp.Or(id.Source, kindOCITar)
		return openIndex(ctx, localContent{a}, pick, id, o)
	}
	if kind == kindOCITar {
		id.Source = kindOCITar
	}
	id.Source = cmp.Or(id.Source, kindDocker)
	return a.openDocker(ctx, oci, pick, id, o)
}

// suggestion says what to do with an archive that holds no image, by what it seems to be.
func (a *archive) suggestion() string {
	for name := range a.members {
		if strings.HasPrefix(name, "etc/") || strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "usr/") {
			return "it looks like a file system (docker export, or a single layer): save the image with docker save instead"
		}
	}
	return "save an image with: docker save -o image.tar NAME"
}
