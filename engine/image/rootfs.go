package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/vetoci/veto/engine"
)

// openRoot opens an unpacked root file system as an image of one layer. It has no digest and no configuration.
func openRoot(dir string, o Options) (*image, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, engine.Usage("%s: no such file or directory", dir)
	case err != nil:
		return nil, unreadable(dir, err)
	case !info.IsDir():
		return nil, engine.Usage("%s is not a directory: rootfs: takes an unpacked root file system", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	id := engine.Identity{Name: filepath.Base(dir), Source: kindRoot, Platform: engine.Platform{OS: "linux", Architecture: "unknown"}}
	if o.Platform != "" {
		if id.Platform, err = parsePlatform(o.Platform); err != nil {
			return nil, errors.Join(err, root.Close())
		}
	}
	if o.As != "" {
		id.Name, id.Named = o.As, true
	}
	return &image{id: id, layers: []engine.Layer{&rootLayer{root}}, close: root.Close}, nil
}

// rootLayer is the one layer of an unpacked root file system. It never follows a link, and cannot leave its root.
type rootLayer struct{ root *os.Root }

// Info implements engine.Layer. A directory has no digest: nothing can verify it.
func (d *rootLayer) Info() engine.LayerInfo {
	return engine.LayerInfo{Index: 1, Verified: engine.VerifiedClaimed}
}

// Rereadable implements engine.Layer.
func (d *rootLayer) Rereadable() bool { return true }

// Walk implements engine.Layer: parents first, siblings by name.
func (d *rootLayer) Walk(ctx context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	w := &rootWalk{root: d.root, visit: visit}
	return engine.VerifiedClaimed, w.walkDir(ctx, ".", 1)
}

type rootWalk struct {
	root    *os.Root
	visit   func(*engine.File) error
	entries int
}

// walkDir shows what is in the directory p, which has depth components.
func (w *rootWalk) walkDir(ctx context.Context, p string, depth int) error {
	if depth > engine.MaxDepth { // the operating system may allow more
		return w.visit(engine.NewFailedEntry(p, &engine.LimitError{What: "depth of a path", Limit: engine.MaxDepth}))
	}
	f, err := w.root.Open(p)
	if err != nil {
		return fmt.Errorf("reading the directory %q: %w", p, withoutPath(err))
	}
	infos, err := f.Readdir(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading the directory %q: %w", p, withoutPath(err))
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].Name() < infos[j].Name() })
	for _, info := range infos {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.entries++; w.entries > engine.MaxEntries {
			return &engine.LimitError{What: "number of entries of one layer", Limit: engine.MaxEntries}
		}
		if err := w.walkEntry(ctx, path.Join(p, info.Name()), info, depth); err != nil {
			return err
		}
	}
	return nil
}

// walkEntry shows one entry, and what is in it if it is a directory.
func (w *rootWalk) walkEntry(ctx context.Context, p string, info fs.FileInfo, depth int) error {
	if len(p) > engine.MaxPath {
		return w.visit(engine.NewFailedEntry(p, &engine.LimitError{What: "length of a path", Limit: engine.MaxPath}))
	}
	e := engine.Entry{Path: p, Mode: info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)}
	e.UID, e.GID = owner(info)
	switch t := info.Mode().Type(); {
	case t.IsRegular():
		e.Type, e.Size = engine.TypeFile, info.Size()
	case t.IsDir():
		e.Type = engine.TypeDir
	case t&fs.ModeSymlink != 0:
		link, err := w.root.Readlink(p)
		if err != nil {
			return fmt.Errorf("reading the link %q: %w", p, withoutPath(err))
		}
		e.Type, e.Link = engine.TypeSymlink, link
	case t&fs.ModeCharDevice != 0:
		e.Type = engine.TypeChar
	case t&fs.ModeDevice != 0:
		e.Type = engine.TypeBlock
	case t&fs.ModeNamedPipe != 0:
		e.Type = engine.TypeFifo
	default:
		return nil // a socket, which no image can hold
	}
	body := &lazyFile{root: w.root, path: p}
	err := w.visit(engine.NewFileAt(e, body))
	if err := errors.Join(err, body.Close()); err != nil {
		return err
	}
	if e.Type == engine.TypeDir {
		return w.walkDir(ctx, p, depth+1)
	}
	return nil
}

// lazyFile opens a file when it is first read; most never are.
type lazyFile struct {
	root *os.Root
	path string
	f    *os.File
}

// ReadAt implements io.ReaderAt.
func (l *lazyFile) ReadAt(b []byte, off int64) (int, error) {
	if l.f == nil {
		f, err := l.root.OpenFile(l.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return 0, withoutPath(err)
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is no longer a regular file")
		}
		if err != nil {
			return 0, errors.Join(err, f.Close())
		}
		l.f = f
	}
	n, err := l.f.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = withoutPath(err)
	}
	return n, err
}

// Close closes the file if it was opened.
func (l *lazyFile) Close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}

// withoutPath drops the path from an error of the operating system, where the caller names the file in its own words.
func withoutPath(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
