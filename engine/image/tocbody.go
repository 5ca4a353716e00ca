package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sort"

	"github.com/vetoci/veto/engine"
)

// addSelf adds the table as the entry that it is in its tar.
func (t *toc) addSelf(h *tar.Header, raw []byte, c tocChunk) error {
	e, err := entryOf(h)
	if err != nil {
		return err
	}
	c.sum, c.summed = sha256.Sum256(raw), true
	t.entries = append(t.entries, tocEntry{Entry: e, first: int32(len(t.chunks)), n: 1}) //nolint:gosec // as many as MaxTOC has room for
	t.chunks = append(t.chunks, c)
	return nil
}

// walk shows every entry to visit. Of the bodies only what is read travels.
func (t *toc) walk(ctx context.Context, b blob, visit func(*engine.File) error) error {
	r := &tocReader{toc: t, src: reach{ctx: ctx, blob: b}}
	for i := range t.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &t.entries[i]
		if err := visit(engine.NewFileAt(e.Entry, &tocBody{r: r, e: e})); err != nil {
			return err
		}
		if r.err != nil { // whoever read the body may have taken it for a fault of the file
			return fmt.Errorf("the entry %q, by the table of contents: %w", e.Path, r.err)
		}
	}
	return nil
}

// tocReader fetches, inflates and verifies chunks for one walk.
type tocReader struct {
	*toc
	src    reach
	member int64     // offset of what stream inflates
	stream io.Reader // nil before the first
	pos    int64     // bytes that have been read of stream
	total  int64     // bytes inflated
	recent []kept
	err    error // the first failure that is not the file's own
}

type kept struct {
	i int32
	b []byte
}

// chunk returns the content of a chunk, which the caller must not change.
func (r *tocReader) chunk(i int32) ([]byte, error) {
	for _, have := range r.recent {
		if have.i == i {
			return have.b, nil
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	c := &r.chunks[i]
	if c.size > engine.MaxTOCChunk {
		return nil, &engine.LimitError{What: "size of a chunk of a file", Limit: engine.MaxTOCChunk}
	}
	b := r.room(c.size)
	err := r.fill(c, b)
	if err == nil && sha256.Sum256(b) != c.sum {
		err = engine.Hint(fmt.Errorf("the chunk at byte %d of the blob does not have the digest that the table says", c.offset),
			"the image is damaged or was tampered with: copy or push it again")
	}
	if err != nil {
		r.err = err
		return nil, err
	}
	r.recent = append(r.recent, kept{i, b})
	return b, nil
}

// What a walk remembers of chunks, unless one chunk is larger: files are read from their beginning, with looks behind.
const (
	keptChunks = 64
	keptBytes  = 8 << 20
)

// room makes a buffer for a chunk, of what it forgets for that where possible.
func (r *tocReader) room(n int64) []byte {
	held, k := n, len(r.recent)
	for k > 0 && len(r.recent)-k < keptChunks && held+int64(cap(r.recent[k-1].b)) <= keptBytes {
		k--
		held += int64(cap(r.recent[k].b))
	}
	var spare []byte
	for _, old := range r.recent[:k] {
		if int64(cap(old.b)) >= n {
			spare = old.b[:n]
		}
	}
	r.recent = r.recent[k:]
	if spare == nil {
		return make([]byte, n)
	}
	return spare
}

// fill inflates a chunk into b. Chunks that are packed together are inflated in one go when they are asked for in their order.
func (r *tocReader) fill(c *tocChunk, b []byte) error {
	if c.zeros {
		clear(b)
		return nil
	}
	if r.stream == nil || r.member != c.offset || r.pos > c.inner {
		var err error
		if r.stream, err = r.inflate(&packedRange{r: &r.src, at: c.offset, end: c.end}); err != nil {
			r.stream = nil
			return fmt.Errorf("at byte %d of the blob: %w", c.offset, err)
		}
		r.member, r.pos = c.offset, 0
	}
	if r.total += c.inner - r.pos + c.size; r.total > engine.MaxInflated {
		return &engine.LimitError{What: "inflated size of one layer", Limit: engine.MaxInflated}
	}
	_, err := io.CopyN(io.Discard, r.stream, c.inner-r.pos)
	if err == nil {
		_, err = io.ReadFull(r.stream, b)
	}
	if err != nil {
		r.stream = nil
		return fmt.Errorf("inflating from byte %d of the blob on: %w", c.offset, cut(err))
	}
	r.pos = c.inner + c.size
	return nil
}

// tocBody is the body of one file.
type tocBody struct {
	r    *tocReader
	e    *tocEntry
	next int32 // the chunk that h, the hash of the whole body, wants next
	h    hash.Hash
}

// ReadAt implements io.ReaderAt.
func (f *tocBody) ReadAt(p []byte, off int64) (n int, err error) {
	chunks := f.r.chunks[f.e.first : f.e.first+f.e.n]
	k := sort.Search(len(chunks), func(i int) bool { return chunks[i].at+chunks[i].size > off })
	for ; k < len(chunks) && n < len(p); k++ {
		b, err := f.chunk(int32(k)) //nolint:gosec // an index of chunks
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b[off+int64(n)-chunks[k].at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// chunk returns one chunk. When they have all come in their order, the digest of the whole is checked too.
func (f *tocBody) chunk(k int32) ([]byte, error) {
	b, err := f.r.chunk(f.e.first + k)
	if err != nil || k != f.next || f.e.n == 1 {
		return b, err
	}
	sum, ok := f.r.sums[f.e.first]
	if !ok {
		return b, nil
	}
	if f.h == nil {
		f.h = sha256.New()
	}
	f.h.Write(b)
	if f.next++; f.next == f.e.n && sha256Sum(f.h.Sum(nil)) != sum {
		f.r.err = errors.New("its chunks have the digests that the table says, and the whole file has not")
		return nil, f.r.err
	}
	return b, nil
}

// reach reads a blob's ranges, a little further than it is asked to: neighbours are often wanted too, and each request costs what many
// bytes cost.
type reach struct {
	ctx  context.Context
	blob blob
	from int64 // where buf starts
	buf  []byte
	step int64
}

// Measured on layers of a gigabyte, where what is wanted lies in hundreds of places: a request to a registry, with where that redirects to,
// costs what about half a megabyte costs.
const (
	reachLeast = 128 << 10
	reachMore  = 4 // times as much, as long as what is asked for lies close behind
	reachMost  = 1 << 20
	reachOnce  = 8 << 20 // of a single chunk
)

// read returns bytes from at on, at least one; want is how many will be asked for in all likelihood.
func (r *reach) read(at, want int64) ([]byte, error) {
	end := r.from + int64(len(r.buf))
	if at >= r.from && at < end {
		return r.buf[at-r.from:], nil
	}
	if at >= end && at-end < r.step { // going on
		r.step = min(reachMore*r.step, reachMost)
	} else {
		r.step = reachLeast
	}
	n := min(max(min(want, reachOnce), r.step), r.blob.size-at)
	b, err := r.blob.ranges(r.ctx, at, n)
	if err != nil {
		return nil, err
	}
	r.from, r.buf = at, b
	return b, nil
}

// packedRange reads a part of a blob. It is an io.ByteReader, so that an inflater takes no more of it than it needs.
type packedRange struct {
	r       *reach
	at, end int64
	cur     []byte
}

func (p *packedRange) more() error {
	if len(p.cur) > 0 {
		return nil
	}
	if p.at >= p.end {
		return io.EOF
	}
	b, err := p.r.read(p.at, p.end-p.at)
	if err != nil {
		return err
	}
	p.cur = b[:min(int64(len(b)), p.end-p.at)]
	p.at += int64(len(p.cur))
	return nil
}

func (p *packedRange) Read(b []byte) (int, error) {
	if err := p.more(); err != nil {
		return 0, err
	}
	n := copy(b, p.cur)
	p.cur = p.cur[n:]
	return n, nil
}

func (p *packedRange) ReadByte() (byte, error) {
	if err := p.more(); err != nil {
		return 0, err
	}
	c := p.cur[0]
	p.cur = p.cur[1:]
	return c, nil
}
