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

// walkSeeking walks an uncompressed tar of size bytes, and seeks past the bodies that nobody reads.
func walkSeeking(ctx context.Context, at io.ReaderAt, size int64, visit func(*engine.File) error) error {
	w := &seekReader{src: at, size: size}
	return walkTar(ctx, tar.NewReader(w), w, visit)
}

// walkTar shows every entry to visit. w is what tr reads, when that seeks: then bodies are sections of it, and can be read later. When w is
// nil they are streams.
func walkTar(ctx context.Context, tr *tar.Reader, w *seekReader, visit func(*engine.File) error) error {
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the tar after %d entries: %w", n, err)
		}
		if n >= engine.MaxEntries {
			return &engine.LimitError{What: "number of entries of one layer", Limit: engine.MaxEntries}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		e, err := entryOf(h)
		if gap := (*gapError)(nil); errors.As(err, &gap) {
			if err := visit(engine.NewFailedEntry(h.Name, err)); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		f := engine.NewFile(e, tr)
		if w != nil && e.Type == engine.TypeFile && !isSparse(h) {
			if e.Size > w.size-w.pos {
				return fmt.Errorf("entry %q: %w", e.Path, io.ErrUnexpectedEOF)
			}
			f = engine.NewFileAt(e, io.NewSectionReader(w.src, w.pos, e.Size))
			f.SetReadableLater()
			f.SetAhead(w.ends(e.Size))
		}
		if attribute := h.PAXRecords[capabilityRecord]; attribute != "" {
			f.SetCapabilities(capabilities(attribute))
		}
		if err := visit(f); err != nil {
			return err
		}
	}
}

// capabilityRecord is the PAX record in which tar programs and Docker keep an extended attribute (star(5), "SCHILY.xattr").
const capabilityRecord = "SCHILY.xattr.security.capability"

// isSparse reports whether an entry is a sparse file, whose body is not stored as it reads (GNU tar manual, "Storing Sparse Files").
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// gapError is the fault of an entry that a walk leaves out, as a gap, before it goes on: some runtimes fail to unpack such an entry, and
// others unpack it.
type gapError struct{ why error }

func (e *gapError) Error() string { return e.why.Error() }
func (e *gapError) Unwrap() error { return e.why }

// limitGap is the gap of an entry that is over a limit.
func limitGap(what string, limit int64) error {
	return &gapError{&engine.LimitError{What: what, Limit: limit}}
}

// entryOf returns the entry that a header describes. The error is a *gapError where the entry alone is at fault. Any other error ends the
// walk, because every runtime refuses the layer, or runtimes differ in what the entry does: ".." in a path, an unknown type, a root that is
// no directory.
func entryOf(h *tar.Header) (engine.Entry, error) {
	p, err := cleanPath(h.Name)
	if err != nil {
		return engine.Entry{}, err
	}
	e := engine.Entry{Path: p, Mode: modeOf(h.Mode), UID: uint32(h.Uid), GID: uint32(h.Gid)} // compared in the next line
	if int(e.UID) != h.Uid || int(e.GID) != h.Gid {
		if max(h.Uid, h.Gid) > engine.MaxOwner {
			return e, limitGap("number of the user or group", engine.MaxOwner)
		}
		return e, &gapError{fmt.Errorf("it belongs to the user %d and the group %d", h.Uid, h.Gid)}
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		e.Type, e.Size = engine.TypeFile, h.Size
	case tar.TypeDir:
		e.Type = engine.TypeDir
	case tar.TypeSymlink:
		e.Type, e.Link = engine.TypeSymlink, h.Linkname
	case tar.TypeLink:
		e.Type = engine.TypeHardlink
		if e.Link, err = cleanPath(h.Linkname); err != nil {
			return e, fmt.Errorf("the hard link %q: its target: %w", e.Path, err)
		}
	case tar.TypeChar:
		e.Type = engine.TypeChar
	case tar.TypeBlock:
		e.Type = engine.TypeBlock
	case tar.TypeFifo:
		e.Type = engine.TypeFifo
	default:
		return e, fmt.Errorf("the entry %q has the unknown type %q", e.Path, h.Typeflag)
	}
	if e.Path == "." && e.Type != engine.TypeDir {
		return e, fmt.Errorf("an entry of type %s stands for the root directory", e.Type)
	}
	if e.Size > engine.MaxFileSize {
		return e, limitGap("size of a file", engine.MaxFileSize)
	}
	if len(e.Link) > engine.MaxPath {
		return e, limitGap("length of the link's target", engine.MaxPath)
	}
	return e, nil
}

// modeOf returns the permissions, set-uid, set-gid and sticky bits of a tar header's mode (POSIX pax, "ustar Interchange Format").
func modeOf(m int64) fs.FileMode {
	mode := fs.FileMode(m & 0o777) // nine bits
	if m&0o4000 != 0 {
		mode |= fs.ModeSetuid
	}
	if m&0o2000 != 0 {
		mode |= fs.ModeSetgid
	}
	if m&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

// cleanPath makes an entry's name relative to the image's root: it drops "./", a leading "/" and doubled slashes. ".." is an error, because
// no honest builder writes it and tools differ in what they make of it.
func cleanPath(name string) (string, error) {
	if len(name) > engine.MaxPath {
		return "", limitGap("length of a path", engine.MaxPath)
	}
	if strings.Count(name, "/") >= engine.MaxDepth {
		return "", limitGap("depth of a path", engine.MaxDepth)
	}
	if strings.Contains(name, "..") {
		for part := range strings.SplitSeq(name, "/") {
			if part == ".." {
				return "", fmt.Errorf("the entry %q has \"..\" in its path", name)
			}
		}
	}
	return path.Clean(strings.TrimLeft(name, "/")), nil
}

// seekReader is an io.ReadSeeker over a source that seeks. Its small buffer lets one read bring the headers of several small files.
type seekReader struct {
	src      io.ReaderAt
	size     int64
	pos      int64
	buf      []byte // bytes of src from bufStart on
	bufStart int64
	space    []byte // the memory of buf

	next      []byte // bytes of src from nextStart on, which take the place of buf once they are read
	nextStart int64
	nextSpace []byte // the memory of next
}

const tarBlock = 512 // bytes, to which tar fills up bodies

// How many bytes a read of the source brings: a few small files with their headers, since more would read bodies that nobody wants. After a
// seek past a body, when the next header is likely followed by another large body, only a header.
const (
	seekBuf          = 16 << 10
	seekBufAfterJump = 1 << 10
)

func (w *seekReader) Read(p []byte) (int, error) {
	if w.pos >= w.size {
		return 0, io.EOF
	}
	if !w.has(w.pos) && w.pos >= w.nextStart && w.pos < w.nextStart+int64(len(w.next)) {
		w.buf, w.bufStart, w.next, w.nextStart = w.next, w.nextStart, nil, 0
		w.space, w.nextSpace = w.nextSpace, w.space
	}
	if !w.has(w.pos) {
		if len(p) >= seekBuf {
			n, err := w.src.ReadAt(p[:min(int64(len(p)), w.size-w.pos)], w.pos)
			w.pos += int64(n)
			if n > 0 {
				return n, nil
			}
			return 0, unexpectedEOF(err)
		}
		if w.space == nil {
			w.space = make([]byte, seekBuf)
		}
		size := int64(seekBuf)
		if w.pos > w.bufStart+int64(len(w.buf)) {
			size = seekBufAfterJump
		}
		n, err := w.src.ReadAt(w.space[:min(size, w.size-w.pos)], w.pos)
		if n == 0 {
			return 0, unexpectedEOF(err)
		}
		w.bufStart, w.buf = w.pos, w.space[:n]
	}
	n := copy(p, w.buf[w.pos-w.bufStart:])
	w.pos += int64(n)
	return n, nil
}

// ends returns what is at hand of the next n bytes, a body: its first bytes, as far as the buffer has them, and its last. For these it
// reads now what the next header would be read with: a few bytes before it.
func (w *seekReader) ends(n int64) (head, tail []byte) {
	if w.has(w.pos) {
		head = w.buf[w.pos-w.bufStart:]
		head = head[:min(n, int64(len(head)))]
	}
	if int64(len(head)) == n {
		return head, head[max(0, n-engine.EdgeBytes):]
	}
	length := min(n, engine.EdgeBytes)
	from := w.pos + n - length
	if w.nextSpace == nil {
		w.nextSpace = make([]byte, seekBuf)
	}
	read, _ := w.src.ReadAt(w.nextSpace[:min(engine.EdgeBytes+tarBlock+seekBufAfterJump, w.size-from)], from)
	if w.nextStart, w.next = from, w.nextSpace[:read]; int64(read) < length {
		return head, nil // whoever needs it will see the error
	}
	return head, w.next[:length]
}

// has says whether the buffer has a place.
func (w *seekReader) has(pos int64) bool {
	return pos >= w.bufStart && pos < w.bufStart+int64(len(w.buf))
}

func (w *seekReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.pos
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the start")
	}
	w.pos = offset
	return offset, nil
}
