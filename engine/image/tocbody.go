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

// addTable adds the table itself, which in eStargz is an entry of the tar; c is where it lies in the blob.
func (t *toc) addTable(h *tar.Header, raw []byte, c tocChunk) error {
	e, err := entryOf(h)
	if err != nil {
		return err
	}
	c.sum, c.hasSum = sha256.Sum256(raw), true
	first := int32(len(t.chunks)) // as many as MaxTOC has room for
	t.entries = append(t.entries, tocEntry{Entry: e, firstChunk: first, chunkCount: 1})
	t.chunks = append(t.chunks, c)
	return nil
}

// walk shows every entry to visit. Only those bodies are fetched that visit reads.
func (t *toc) walk(ctx context.Context, b blob, visit func(*engine.File) error) error {
	r := &tocReader{toc: t, ranges: rangeReader{ctx: ctx, blob: b}}
	for i := range t.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &t.entries[i]
		f := engine.NewFileAt(e.Entry, &tocBody{r: r, e: e})
		f.SetDistant()
		if err := visit(f); err != nil {
			return err
		}
		if r.err != nil { // visit may have taken it for a fault of that one file
			return fmt.Errorf("the entry %q, by the table of contents: %w", e.Path, r.err)
		}
	}
	return nil
}

// tocReader fetches, inflates and verifies chunks for one walk.
type tocReader struct {
	*toc
	ranges       rangeReader
	stream       io.Reader // inflates from byte streamOffset of the blob on; nil when there is none
	streamOffset int64
	streamPos    int64 // bytes read of stream
	inflated     int64 // bytes inflated in all
	cached       []cachedChunk
	err          error // the first failure that is no fault of a single file; it ends the walk
}

// cachedChunk is the content of the chunk toc.chunks[index].
type cachedChunk struct {
	index int32
	data  []byte
}

// chunk returns the content of a chunk, which the caller must not change.
func (r *tocReader) chunk(i int32) ([]byte, error) {
	for _, have := range r.cached {
		if have.index == i {
			return have.data, nil
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	c := &r.chunks[i]
	if c.size > engine.MaxTOCChunk {
		return nil, &engine.LimitError{What: "size of a chunk of a file", Limit: engine.MaxTOCChunk}
	}
	b := r.chunkBuffer(c.size)
	err := r.inflateChunk(c, b)
	if err == nil && sha256.Sum256(b) != c.sum {
		err = engine.Hint(fmt.Errorf("the chunk at byte %d of the blob does not have the digest that the table says", c.offset),
			"the image is damaged or was tampered with: copy or push it again")
	}
	if err != nil {
		r.err = err
		return nil, err
	}
	r.cached = append(r.cached, cachedChunk{i, b})
	return b, nil
}

// How many chunks and bytes a walk remembers, unless one chunk is larger: files are read from their beginning, and sometimes backwards.
const (
	cacheChunks = 64
	cacheBytes  = 8 << 20
)

// chunkBuffer returns a buffer of n bytes. For it, it drops chunks from the cache that are no longer to be held, and uses the buffer of one
// of them where it can.
func (r *tocReader) chunkBuffer(n int64) []byte {
	held, k := n, len(r.cached)
	for k > 0 && len(r.cached)-k < cacheChunks && held+int64(cap(r.cached[k-1].data)) <= cacheBytes {
		k--
		held += int64(cap(r.cached[k].data))
	}
	var spare []byte
	for _, old := range r.cached[:k] {
		if int64(cap(old.data)) >= n {
			spare = old.data[:n]
		}
	}
	r.cached = r.cached[k:]
	if spare == nil {
		return make([]byte, n)
	}
	return spare
}

// inflateChunk inflates a chunk into b. Chunks that were compressed together are inflated in one go when they are asked for in their order.
func (r *tocReader) inflateChunk(c *tocChunk, b []byte) error {
	if c.zeros {
		clear(b)
		return nil
	}
	if r.stream == nil || r.streamOffset != c.offset || r.streamPos > c.innerOffset {
		var err error
		if r.stream, err = r.inflate(&compressedRange{ranges: &r.ranges, at: c.offset, end: c.end}); err != nil {
			r.stream = nil
			return fmt.Errorf("at byte %d of the blob: %w", c.offset, err)
		}
		r.streamOffset, r.streamPos = c.offset, 0
	}
	if r.inflated += c.innerOffset - r.streamPos + c.size; r.inflated > engine.MaxInflated {
		return &engine.LimitError{What: "inflated size of one layer", Limit: engine.MaxInflated}
	}
	_, err := io.CopyN(io.Discard, r.stream, c.innerOffset-r.streamPos)
	if err == nil {
		_, err = io.ReadFull(r.stream, b)
	}
	if err != nil {
		r.stream = nil
		return fmt.Errorf("inflating from byte %d of the blob on: %w", c.offset, unexpectedEOF(err))
	}
	r.streamPos = c.innerOffset + c.size
	return nil
}

// tocBody is the body of one file.
type tocBody struct {
	r    *tocReader
	e    *tocEntry
	h    hash.Hash // of the chunks before next; nil before the first
	next int32     // the chunk that h needs next
}

// ReadAt implements io.ReaderAt.
func (f *tocBody) ReadAt(p []byte, off int64) (n int, err error) {
	chunks := f.r.chunks[f.e.firstChunk : f.e.firstChunk+f.e.chunkCount]
	k := sort.Search(len(chunks), func(i int) bool { return chunks[i].fileOffset+chunks[i].size > off })
	for ; k < len(chunks) && n < len(p); k++ {
		b, err := f.chunk(int32(k)) // an index of chunks
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b[off+int64(n)-chunks[k].fileOffset:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// chunk returns one chunk of the body. When all have been read in their order, it checks the digest of the whole file too.
func (f *tocBody) chunk(k int32) ([]byte, error) {
	b, err := f.r.chunk(f.e.firstChunk + k)
	if err != nil || k != f.next || f.e.chunkCount == 1 {
		return b, err
	}
	sum, ok := f.r.sums[f.e.firstChunk]
	if !ok {
		return b, nil
	}
	if f.h == nil {
		f.h = sha256.New()
	}
	f.h.Write(b)
	if f.next++; f.next == f.e.chunkCount && sha256Sum(f.h.Sum(nil)) != sum {
		f.r.err = errors.New("its chunks have the digests that the table says, and the whole file has not")
		return nil, f.r.err
	}
	return b, nil
}

// rangeReader fetches ranges of a blob, and more than is asked for: what follows is often wanted too, and a request costs as much as many
// bytes.
type rangeReader struct {
	ctx       context.Context
	blob      blob
	buf       []byte // what was fetched last
	bufStart  int64  // where in the blob buf starts
	fetchSize int64  // bytes that the next request asks for at least
}

// Measured on layers of a gigabyte where what is wanted lies in hundreds of places: a request to a registry, with the one that it redirects
// to, takes as long as about half a megabyte. Numbers are bytes but for fetchGrowth.
const (
	fetchMin        = 128 << 10
	fetchGrowth     = 4 // how many times more each request asks for, as long as requests follow each other closely
	fetchLimit      = 1 << 20
	fetchChunkLimit = 8 << 20 // when a single chunk has as many
)

// read returns bytes of the blob from byte at on, at least one. want is how many the caller is likely to need.
func (r *rangeReader) read(at, want int64) ([]byte, error) {
	end := r.bufStart + int64(len(r.buf))
	if at >= r.bufStart && at < end {
		return r.buf[at-r.bufStart:], nil
	}
	if at >= end && at-end < r.fetchSize { // it follows closely
		r.fetchSize = min(fetchGrowth*r.fetchSize, fetchLimit)
	} else {
		r.fetchSize = fetchMin
	}
	n := min(max(min(want, fetchChunkLimit), r.fetchSize), r.blob.size-at)
	b, err := r.blob.ranges(r.ctx, at, n)
	if err != nil {
		return nil, err
	}
	r.bufStart, r.buf = at, b
	return b, nil
}

// compressedRange reads bytes at to end of a blob. It is an io.ByteReader, so that a decompressor takes no more of it than it needs.
type compressedRange struct {
	ranges  *rangeReader
	at, end int64
	current []byte // fetched and not yet read
}

// fetch makes sure that current has at least one byte.
func (p *compressedRange) fetch() error {
	if len(p.current) > 0 {
		return nil
	}
	if p.at >= p.end {
		return io.EOF
	}
	b, err := p.ranges.read(p.at, p.end-p.at)
	if err != nil {
		return err
	}
	p.current = b[:min(int64(len(b)), p.end-p.at)]
	p.at += int64(len(p.current))
	return nil
}

func (p *compressedRange) Read(b []byte) (int, error) {
	if err := p.fetch(); err != nil {
		return 0, err
	}
	n := copy(b, p.current)
	p.current = p.current[n:]
	return n, nil
}

func (p *compressedRange) ReadByte() (byte, error) {
	if err := p.fetch(); err != nil {
		return 0, err
	}
	c := p.current[0]
	p.current = p.current[1:]
	return c, nil
}
