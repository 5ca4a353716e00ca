package image

import (
	"errors"
	"io"
	"math"
	"sync"
)

// ahead reads a stream in a goroutine of its own, some chunks ahead of whoever reads it: so hashing, inflating and looking at the
// files of one layer go on at the same time. Close ends the goroutine and waits for it; it does not close the stream.
type ahead struct {
	full chan chunk
	free chan []byte
	stop chan struct{}
	once sync.Once
	cur  []byte // not yet read
	held []byte // the buffer of cur
	at   int64  // bytes read and skipped
	err  error
}

type chunk struct {
	b   []byte
	buf []byte
	err error
}

// Four chunks of 256 KiB even out bursts; more brings nothing, and each layer has two of these.
const (
	aheadChunks = 4
	aheadBytes  = 256 << 10
	aheadLeast  = 8 << 10
)

// newAhead begins to read r; about is how many bytes that may be, so that a small layer takes little memory.
func newAhead(r io.Reader, about int64) *ahead {
	size := int(min(max(about, aheadLeast), aheadBytes))
	a := &ahead{full: make(chan chunk, aheadChunks), free: make(chan []byte, aheadChunks), stop: make(chan struct{})}
	for range aheadChunks {
		a.free <- make([]byte, size)
	}
	go a.run(r)
	return a
}

func (a *ahead) run(r io.Reader) {
	defer close(a.full)
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
		case a.full <- chunk{buf[:n], buf, err}:
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.cur) == 0 {
		if err := a.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, a.cur)
	a.cur = a.cur[n:]
	a.at += int64(n)
	return n, nil
}

// next takes the next chunk, which may be empty.
func (a *ahead) next() error {
	if a.err != nil {
		return a.err
	}
	if a.held != nil {
		a.free <- a.held
		a.held = nil
	}
	c, ok := <-a.full
	if !ok {
		return io.ErrClosedPipe
	}
	a.cur, a.held, a.err = c.b, c.buf, c.err
	return nil
}

// Seek implements io.Seeker for what archive/tar does with it: to ask where it is, and to skip bodies, which then need not be copied. Going
// back is an error. As with a file, what lies past the end is found by the next Read.
func (a *ahead) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 || offset > math.MaxInt64-a.at {
		return 0, errors.New("a stream goes forward only")
	}
	for offset > 0 {
		if len(a.cur) == 0 {
			if err := a.next(); err != nil {
				if errors.Is(err, io.EOF) {
					break
				}
				return a.at, err
			}
			continue
		}
		n := min(offset, int64(len(a.cur)))
		a.cur = a.cur[n:]
		a.at += n
		offset -= n
	}
	return a.at + offset, nil
}

// Close ends reading ahead. No Read may follow.
func (a *ahead) Close() {
	a.once.Do(func() {
		close(a.stop)
		for range a.full { // until run has returned
		}
	})
}
