package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/vetoci/veto/engine"
)

// held is a stream kept in memory, so that it seeks: an archive names its layers only at its end, and nothing is written to disk.
type held struct {
	chunks [][]byte
	size   int64
}

// holdChunk is large enough to be cheap and small enough to waste little.
const holdChunk = 1 << 20

// hold reads r to its end, or to engine.MaxHeld.
func hold(ctx context.Context, r io.Reader) (*held, error) {
	h := &held{}
	p := &patient{ctx: ctx, r: r}
	for {
		b := make([]byte, holdChunk)
		n, err := io.ReadFull(p, b)
		if n > 0 {
			h.chunks = append(h.chunks, b[:n])
			h.size += int64(n)
		}
		switch {
		case h.size > engine.MaxHeld:
			return nil, engine.Hint(&engine.LimitError{What: "size of an archive that cannot seek", Limit: engine.MaxHeld},
				"store it uncompressed in a file and scan that: it is then read in place, whatever its size")
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && n < holdChunk && p.ended:
			return h, nil
		case err != nil:
			return nil, err
		}
	}
}

// ReadAt implements io.ReaderAt.
func (h *held) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off < 0 || off >= h.size {
			return n, io.EOF
		}
		c := copy(p[n:], h.chunks[off/holdChunk][off%holdChunk:])
		n, off = n+c, off+int64(c)
	}
	return n, nil
}

// unpack returns an archive that seeks. One packed with gzip is inflated into memory: a stream of gzip cannot seek.
func unpack(ctx context.Context, at io.ReaderAt, size int64) (io.ReaderAt, int64, error) {
	head := make([]byte, min(size, sniffBytes))
	if n, err := at.ReadAt(head, 0); n < len(head) {
		return nil, 0, cut(err)
	}
	if len(head) == 0 {
		return nil, 0, errors.New("it is empty")
	}
	kind, err := packingOf(head)
	switch {
	case err != nil:
		return nil, 0, err
	case kind == packedNot:
		return at, size, nil
	case kind == packedZstd:
		return nil, 0, engine.Hint(errors.New("it is an archive compressed with zstd"), "unpack it first: zstd -d")
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(at, 0, size), 1<<16))
	if err != nil {
		return nil, 0, err
	}
	h, err := hold(ctx, z)
	if err != nil {
		return nil, 0, fmt.Errorf("inflating the archive: %w", err)
	}
	return h, h.size, nil
}
