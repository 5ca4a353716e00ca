package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/inflate"
)

// streamedImage is an image in an archive that can only be read once, from its beginning to its end: from a pipe, from a daemon, or from a
// file that is compressed as a whole. Its layers are read as they come, before the manifest that stands behind them says which they are. It
// implements engine.Streamed.
type streamedImage struct {
	*image     // what is known beforehand; all of it once the archive has been read
	open       func(ctx context.Context) (io.ReadCloser, error)
	reopenable bool   // open may be called more than once
	kind       string // as openImage takes it
	selector   string // the tag or digest of one image in the archive; may be empty
	options    Options
	asked      string // what a daemon was asked to export; empty for other sources
	heldBytes  int64  // how much of the archive is in memory
	done       bool   // the archive has been read
}

// streamedMember is what is known of a member of an archive once it has been read.
type streamedMember struct {
	layer       *layer        // nil when the member can be no layer
	data        []byte        // of a small member that is no layer
	digest      engine.Digest // of a layer as stored
	diffID      engine.Digest // of a layer's uncompressed tar; empty when nothing needed it
	compression compression
	used        bool // by a layer of the image
}

func newStreamedImage(id engine.Identity, kind, pick string, o Options, open func(context.Context) (io.ReadCloser, error)) *streamedImage {
	if o.As != "" {
		id.Name, id.Named = o.As, true
	}
	return &streamedImage{image: &image{id: id}, open: open, kind: kind, selector: pick, options: o}
}

// Stream implements engine.Streamed.
func (s *streamedImage) Stream(ctx context.Context, visit func(engine.Layer) error) (err error) {
	if s.done {
		return errors.New("this image has been read, and its source does not come again")
	}
	s.done = true
	rc, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := rc.Close(); err == nil {
			err = cerr
		}
	}()
	a := &archive{members: map[string]member{}}
	r := &countingReader{r: bufio.NewReaderSize(&contextReader{ctx: ctx, r: rc}, 1<<16)}
	if err := s.readMembers(ctx, a, r, visit); err != nil {
		return err
	}
	if n, err := io.CopyN(io.Discard, r, engine.MaxTrailing+1); !errors.Is(err, io.EOF) {
		if err == nil {
			err = &engine.LimitError{What: "bytes after the archive's end", Limit: engine.MaxTrailing}
		}
		return fmt.Errorf("after the end of the archive (%d bytes on): %w", n, err)
	}
	m, err := a.openImage(ctx, s.kind, s.selector, s.id, s.options)
	if err == nil && s.asked != "" {
		err = a.checkExported(ctx, s.asked, m.id)
	}
	if err != nil {
		return openingError(s.id.Name, err)
	}
	s.id, s.config, s.layers, s.unscanned, s.artifacts = m.id, m.config, m.layers, m.unscanned, m.artifacts
	s.others, s.gaps = m.others, m.gaps // copies have been hashed as they came
	return nil
}

// readMembers reads the members of the archive, to its end marker, into a.
func (s *streamedImage) readMembers(ctx context.Context, a *archive, r *countingReader, visit func(engine.Layer) error) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return hintTruncated(fmt.Errorf("reading the archive after %d files: %w", len(a.members), err))
		}
		name, skip, err := a.memberName(h)
		if err != nil {
			return err
		}
		if skip {
			continue
		}
		m, err := newMember(h, name)
		if err == nil && m.link == "" {
			m.size = h.Size
			m.streamed, err = s.readMember(ctx, name, h.Size, r.n, tr, visit)
		}
		if err != nil {
			return err
		}
		a.members[name] = m
	}
}

// readMember reads one file of the archive, which begins at byte at. A layer is shown to visit and what is small is held in memory; what is
// neither is no part of an image.
func (s *streamedImage) readMember(
	ctx context.Context, name string, size, at int64, r io.Reader, visit func(engine.Layer) error,
) (*streamedMember, error) {
	body := bufio.NewReaderSize(r, 1<<16)
	head, err := body.Peek(int(min(size, sniffBytes)))
	if err != nil {
		return nil, hintTruncated(fmt.Errorf("the archive ends inside %q: %w", name, unexpectedEOF(err)))
	}
	kind, err := detectCompression(head)
	if err != nil || size == 0 {
		return s.holdSmall(name, size, body)
	}
	p := &streamedMember{compression: kind}
	b := blob{digest: digestOfBlobPath(name), size: size}
	info := engine.LayerInfo{Digest: b.digest, Size: size, Verified: engine.VerifiedClaimed}
	l := &layer{info: info, blob: b, verify: s.options.Verify, streamed: p}
	var retained *bytes.Buffer
	var content io.Reader = body
	if s.heldBytes+size <= engine.MaxRetained {
		retained = bytes.NewBuffer(make([]byte, 0, size))
		content = io.TeeReader(body, retained)
		s.heldBytes += size
	}
	l.blob.stream = content
	p.layer = l
	if err := visit(l); err != nil {
		return nil, hintTruncated(fmt.Errorf("%s: %w", name, err))
	}
	if p.digest == "" {
		return nil, fmt.Errorf("%s: nobody has read it", name)
	}
	l.blob.stream, l.blob.digest, l.info.Digest = nil, p.digest, p.digest
	switch {
	case retained != nil:
		l.blob.at = bytes.NewReader(retained.Bytes())
	case s.reopenable:
		l.blob.open = func(ctx context.Context) (io.ReadCloser, error) { return s.reopen(ctx, at, size) }
	}
	return p, nil
}

// holdSmall holds a small member in memory: a manifest, a configuration.
func (s *streamedImage) holdSmall(name string, size int64, r io.Reader) (*streamedMember, error) {
	if size > engine.MaxConfig || s.heldBytes+size > engine.MaxRetained {
		return &streamedMember{}, nil // archive.section refuses it, should the image need it
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, hintTruncated(fmt.Errorf("the archive ends inside %q: %w", name, unexpectedEOF(err)))
	}
	s.heldBytes += size
	return &streamedMember{data: b}, nil
}

// reopen opens the source once more and skips to the size bytes of a member, from byte at on. The caller closes the stream.
func (s *streamedImage) reopen(ctx context.Context, at, size int64) (io.ReadCloser, error) {
	rc, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, &contextReader{ctx: ctx, r: rc}, at); err != nil {
		return nil, errors.Join(unexpectedEOF(err), rc.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(rc, size), rc}, nil
}

// countingReader counts the bytes that have been read of r.
type countingReader struct {
	r *bufio.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// openGunzipped returns a function that opens a file, of size bytes and compressed with gzip as a whole, and inflates it. Whoever calls
// that function closes what it returns.
func openGunzipped(name string, size int64, open func() (io.ReadCloser, error)) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) {
		rc, err := open()
		if err != nil {
			return nil, err
		}
		z, err := inflate.NewReader(bufio.NewReaderSize(rc, 1<<16))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Base(name), err), rc.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{newLimitedReader(z, size), closers{rc, z}}, nil
	}
}

// closers are closed in their order: the source before the inflater, which waits for what it reads.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// layerFor returns the layer that b stands for in the image. The layer's content has been hashed while it was streamed; layerFor compares
// its digests with what the manifest (b.digest, which may be empty) and the configuration (diffID) say.
func (p *streamedMember) layerFor(b blob, diffID engine.Digest, o Options) (*layer, error) {
	switch {
	case b.digest != "" && b.digest != p.digest:
		return nil, digestMismatch("the blob", p.digest, b.digest)
	case p.diffID == "" && p.compression != uncompressed: // another scan has hashed it, and its cache holds what that found
	case cmp.Or(p.diffID, p.digest) != diffID:
		return nil, digestMismatch("its content", cmp.Or(p.diffID, p.digest), diffID)
	}
	if err := checkForm(b.mediaType, p.compression); err != nil {
		return nil, err
	}
	l := p.layer
	if p.used {
		copied := *l
		l = &copied
	}
	p.used = true
	l.streamed = nil
	return l, nil
}
