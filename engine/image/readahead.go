package image

import (
	"errors"
	"hash"
	"io"
	"math"
	"sync"
)

// readAhead reads a stream in a goroutine of its own, some chunks ahead of its reader: so a layer is hashed, inflated and looked at in
// parallel. Close ends its goroutines and waits for them; it does not close the stream.
type readAhead struct {
	filled   chan chunk
	free     chan []byte
	stop     chan struct{}
	stopOnce sync.Once
	current  []byte // what of the current chunk has not been read
	heldBuf  []byte // the buffer of the current chunk
	offset   int64  // bytes read and skipped
	err      error  // what follows the current chunk
}

type chunk struct {
	data []byte
	buf  []byte
	err  error
}

// Four chunks of 256 KiB even out bursts; larger numbers measured no better, and each layer that is walked has two readAheads.
const (
	readAheadChunks = 4
	readAheadBytes  = 256 << 10
	readAheadMin    = 8 << 10 // bytes of a chunk, for small layers
)

// newReadAhead begins to read r. sizeHint is about how many bytes r has, so that a small layer takes little memory.
// Where h is not nil, a second goroutine hashes what has been read, before the reader gets it.
func newReadAhead(r io.Reader, sizeHint int64, h hash.Hash) *readAhead {
	size := int(min(max(sizeHint, readAheadMin), readAheadBytes))
	a := &readAhead{filled: make(chan chunk, readAheadChunks), free: make(chan []byte, readAheadChunks), stop: make(chan struct{})}
	for range readAheadChunks {
		a.free <- make([]byte, size)
	}
	if h == nil {
		go a.run(r, a.filled)
		return a
	}
	unhashed := make(chan chunk, readAheadChunks)
	go a.run(r, unhashed)
	go a.hash(h, unhashed)
	return a
}

// hash passes on the chunks of unhashed until run closes it. It never waits for the reader: filled has room for all chunks there are.
func (a *readAhead) hash(h hash.Hash, unhashed <-chan chunk) {
	defer close(a.filled)
	for c := range unhashed {
		h.Write(c.data)
		a.filled <- c
	}
}

func (a *readAhead) run(r io.Reader, filled chan<- chunk) {
	defer close(filled)
	for {
		var buf []byte
		select {
		case <-a.stop:
			return
		case buf = <-a.free:
		}
		n, err := 0, error(nil)
		for n < len(buf) && err == nil {
			var k int
			k, err = r.Read(buf[n:])
			n += k
		}
		select {
		case <-a.stop:
			return
		case filled <- chunk{buf[:n], buf, err}:
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (a *readAhead) Read(p []byte) (int, error) {
	for len(a.current) == 0 {
		if err := a.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, a.current)
	a.current = a.current[n:]
	a.offset += int64(n)
	return n, nil
}

// next makes the next chunk, which may be empty, the current one.
func (a *readAhead) next() error {
	if a.err != nil {
		return a.err
	}
	if a.heldBuf != nil {
		a.free <- a.heldBuf
		a.heldBuf = nil
	}
	c, ok := <-a.filled
	if !ok {
		return io.ErrClosedPipe
	}
	a.current, a.heldBuf, a.err = c.data, c.buf, c.err
	return nil
}

// Seek implements io.Seeker as far as archive/tar uses it: to ask where the reader is, and to skip bodies without copying them. Going back
// is an error. As with a file, seeking past the end succeeds, and the next Read finds the end.
func (a *readAhead) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 || offset > math.MaxInt64-a.offset {
		return 0, errors.New("a stream goes forward only")
	}
	for offset > 0 {
		if len(a.current) == 0 {
			if err := a.next(); err != nil {
				if errors.Is(err, io.EOF) {
					break
				}
				return a.offset, err
			}
			continue
		}
		n := min(offset, int64(len(a.current)))
		a.current = a.current[n:]
		a.offset += n
		offset -= n
	}
	return a.offset + offset, nil
}

// Close ends the goroutines. No Read may follow.
func (a *readAhead) Close() {
	a.stopOnce.Do(func() {
		close(a.stop)
		for range a.filled { // it is closed when the goroutines have ended
		}
	})
}
