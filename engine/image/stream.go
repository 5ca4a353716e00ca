package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/vetoci/veto/engine"
	gz "github.com/vetoci/veto/engine/inflate"
)

// stream is an image in an archive that passes by once: from a pipe, from a daemon, or packed as a whole. Its layers are read as they
// pass, before the manifest that stands behind them says what they are. It implements engine.Streamed.
type stream struct {
	*image // what is known beforehand; all of it once the archive has been read
	open   func(ctx context.Context) (io.ReadCloser, error)
	again  bool // open may be called more than once
	kind   string
	pick   string
	o      Options
	kept   int64 // bytes in memory
	read   bool
}

// passed is what is learned about a member of the archive while it passes.
type passed struct {
	layer *layer
	data  []byte // of a small member that is no layer
	sum   engine.Digest
	diff  engine.Digest // of the inflated content; empty when nothing needed it
	kind  packing
	used  bool // by a layer of the image
}

func newStream(id engine.Identity, kind, pick string, o Options, open func(context.Context) (io.ReadCloser, error)) *stream {
	if o.As != "" {
		id.Name, id.Named = o.As, true
	}
	return &stream{image: &image{id: id}, open: open, kind: kind, pick: pick, o: o}
}

// Stream implements engine.Streamed.
func (s *stream) Stream(ctx context.Context, visit func(engine.Layer) error) (err error) {
	if s.read {
		return errors.New("this image has been read, and its source does not come again")
	}
	s.read = true
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
	r := &counted{r: bufio.NewReaderSize(&patient{ctx: ctx, r: rc}, 1<<16)}
	if err := s.members(ctx, a, r, visit); err != nil {
		return err
	}
	if n, err := io.CopyN(io.Discard, r, engine.MaxTrailing+1); !errors.Is(err, io.EOF) {
		if err == nil {
			err = &engine.LimitError{What: "bytes after the archive's end", Limit: engine.MaxTrailing}
		}
		return fmt.Errorf("after the end of the archive (%d bytes on): %w", n, err)
	}
	m, err := a.open(ctx, s.kind, s.pick, s.id, s.o)
	if err != nil {
		return naming(s.id.Name, err)
	}
	s.id, s.config, s.layers, s.unscanned, s.beside = m.id, m.config, m.layers, m.unscanned, m.beside
	return nil
}

// members reads the archive's members to its end.
func (s *stream) members(ctx context.Context, a *archive, r *counted, visit func(engine.Layer) error) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cutShort(fmt.Errorf("reading the archive after %d files: %w", len(a.members), err))
		}
		name, skip, err := a.admit(h)
		if err != nil {
			return err
		}
		if skip {
			continue
		}
		m, err := linkOf(h, name)
		if err == nil && m.link == "" {
			m.size = h.Size
			m.passed, err = s.member(ctx, name, h.Size, r.n, tr, visit)
		}
		if err != nil {
			return err
		}
		a.members[name] = m
	}
}

// member reads one file of the archive: a layer is shown to visit, what is small is kept, and the rest is no part of an image.
func (s *stream) member(ctx context.Context, name string, size, at int64, r io.Reader, visit func(engine.Layer) error) (*passed, error) {
	body := bufio.NewReaderSize(r, 1<<16)
	head, err := body.Peek(int(min(size, sniffBytes)))
	if err != nil {
		return nil, cutShort(fmt.Errorf("the archive ends inside %q: %w", name, cut(err)))
	}
	kind, err := packingOf(head)
	if err != nil || size == 0 {
		return s.keep(name, size, body)
	}
	p := &passed{kind: kind}
	l := &layer{info: engine.LayerInfo{Size: size, Verified: engine.VerifiedClaimed}, verify: s.o.Verify, passed: p, blob: blob{size: size}}
	l.blob.digest = digestOfBlobPath(name)
	l.info.Digest = l.blob.digest
	var retained *bytes.Buffer
	var content io.Reader = body
	if s.kept+size <= engine.MaxRetained {
		retained = bytes.NewBuffer(make([]byte, 0, size))
		content = io.TeeReader(body, retained)
		s.kept += size
	}
	l.blob.once = content
	p.layer = l
	if err := visit(l); err != nil {
		return nil, cutShort(fmt.Errorf("%s: %w", name, err))
	}
	if p.sum == "" {
		return nil, fmt.Errorf("%s: nobody has read it", name)
	}
	l.blob.once, l.blob.digest, l.info.Digest = nil, p.sum, p.sum
	switch {
	case retained != nil:
		l.blob.at = bytes.NewReader(retained.Bytes())
	case s.again:
		l.blob.open = func(ctx context.Context) (io.ReadCloser, error) { return s.reopen(ctx, at, size) }
	}
	return p, nil
}

// keep holds a small member in memory: a manifest, a configuration.
func (s *stream) keep(name string, size int64, r io.Reader) (*passed, error) {
	if size > engine.MaxConfig || s.kept+size > engine.MaxRetained {
		return &passed{}, nil // whoever needs it will say that it is not there
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, cutShort(fmt.Errorf("the archive ends inside %q: %w", name, cut(err)))
	}
	s.kept += size
	return &passed{data: b}, nil
}

// reopen starts the source anew and skips to a member's bytes.
func (s *stream) reopen(ctx context.Context, at, size int64) (io.ReadCloser, error) {
	rc, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, &patient{ctx: ctx, r: rc}, at); err != nil {
		return nil, errors.Join(cut(err), rc.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(rc, size), rc}, nil
}

// counted says where in a stream its reader stands.
type counted struct {
	r *bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// inflated opens a file of size bytes that is packed with gzip as a whole.
func inflated(name string, size int64, open func() (io.ReadCloser, error)) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) {
		rc, err := open()
		if err != nil {
			return nil, err
		}
		z, err := gz.NewReader(bufio.NewReaderSize(rc, 1<<16))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Base(name), err), rc.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{newBounded(z, size), closers{rc, z}}, nil
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

// place makes the layer of an image out of what has passed by: its content has been hashed, and now it shows whether it is what the
// manifest (b.digest) and the configuration (diffID) say.
func (p *passed) place(b blob, diffID engine.Digest, o Options) (*layer, error) {
	switch {
	case b.digest != "" && b.digest != p.sum:
		return nil, mismatch("the blob", p.sum, b.digest)
	case p.kind == packedNot && p.sum != diffID, p.diff != "" && p.diff != diffID:
		return nil, mismatch("its content", or(p.diff, p.sum), diffID)
	case p.diff == "" && (b.digest == "" || o.Verify):
		return nil, errors.New("its content has not been hashed as the image's configuration does")
	}
	l := p.layer
	if p.used {
		again := *l
		l = &again
	}
	p.used = true
	l.passed = nil
	return l, nil
}
