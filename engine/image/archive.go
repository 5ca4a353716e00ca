package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// shelf is where a local source keeps its files: an archive or a directory.
type shelf interface {
	// get returns a file by its path in the source; fs.ErrNotExist when it is not there.
	get(name string) (*io.SectionReader, error)
}

// archive is the index of an outer tar: every file by its clean name.
type archive struct {
	at      io.ReaderAt
	members map[string]member
}

// member is one file of an archive, or a link to one.
type member struct {
	from, size int64
	link       string // the clean name that it stands for
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
		if len(a.members) >= engine.MaxArchiveFiles {
			return nil, &engine.LimitError{What: "number of files in the archive", Limit: engine.MaxArchiveFiles}
		}
		if h.Typeflag == tar.TypeXGlobalHeader || h.Typeflag == tar.TypeDir {
			continue
		}
		name, err := cleanPath(h.Name)
		if err != nil {
			return nil, err
		}
		m, err := memberOf(h, name, w)
		if err != nil {
			return nil, err
		}
		if _, ok := a.members[name]; ok {
			return nil, fmt.Errorf("the archive holds %q twice: tools differ in which of them they read", name)
		}
		a.members[name] = m
	}
}

// cutShort adds what to do about an archive that ends too early.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return engine.Hint(err, "the archive is cut short: save or copy it again")
	}
	return err
}

func memberOf(h *tar.Header, name string, w *window) (member, error) {
	switch h.Typeflag {
	case tar.TypeReg:
		if sparse(h) {
			return member{}, fmt.Errorf("the archive holds %q as a sparse file", name)
		}
		if h.Size > w.size-w.pos {
			return member{}, cutShort(fmt.Errorf("the archive ends inside %q: %w", name, io.ErrUnexpectedEOF))
		}
		return member{from: w.pos, size: h.Size}, nil
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
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(a.at, m.from, m.size), nil
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
		id.Source = kindOCITar
		return openIndex(ctx, local{a}, pick, id, o)
	}
	id.Source = kindDocker
	if kind == kindOCITar {
		id.Source = kindOCITar
	}
	return a.openDocker(ctx, oci, pick, id, o)
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
