package engine

import (
	"bytes"
	"context"
	"crypto/md5"  // what dpkg records
	"crypto/sha1" // what apk records
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
)

// LimitError says that hostile or oversized input reached one of veto's limits. As a gap its kind is "limit".
type LimitError struct {
	What  string // "file size", "inflated bytes" …
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is over the limit of %d", e.What, e.Limit)
}

// File is an entry with its body, valid while the walk that produced it is visiting it, or longer if it is ReadableLater. It is not safe
// for concurrent use.
type File struct {
	Entry
	body    io.Reader   // the stream, at the first byte not yet in buf
	at      io.ReaderAt // set when the source seeks
	later   bool        // see SetReadableLater
	buf     []byte      // what has been read of a stream
	memory  *Budget
	held    int64 // bytes that buf takes from memory
	err     error // see NewFailedEntry
	caps    []string
	capErr  error      // why they could not be read
	passed  *sumReader // what Stream returned
	ahead   []byte     // see SetAhead
	behind  []byte     // likewise
	distant bool       // see SetDistant
}

// Algorithms are those that package databases record checksums by.
type Algorithms uint8

// The algorithms: dpkg's, apk's, those of rpm.
const (
	MD5 Algorithms = 1 << iota
	SHA1
	SHA256
	AllSums = MD5 | SHA1 | SHA256
)

// sumReader hashes a body while it is read.
type sumReader struct {
	io.Reader
	sums [3]hash.Hash // nil of what is not wanted
}

func summed(r io.Reader, by Algorithms) *sumReader {
	s := &sumReader{}
	var to []io.Writer
	for i, make := range []func() hash.Hash{md5.New, sha1.New,
		sha256.New} { // compared with what the package databases record, never trusted alone
		if by&(1<<i) != 0 {
			s.sums[i] = make()
			to = append(to, s.sums[i])
		}
	}
	if s.Reader = r; len(to) > 0 {
		s.Reader = io.TeeReader(r, io.MultiWriter(to...))
	}
	return s
}

func (s *sumReader) hex(i int) string {
	if s.sums[i] == nil {
		return ""
	}
	return hex.EncodeToString(s.sums[i].Sum(nil))
}

// Seekable says whether the body can be read at random without being held in memory.
func (f *File) Seekable() bool { return f.at != nil }

// Stream returns the body from its first byte, for who does not want to hold it. It can be called once; but for Head before it and Sums
// after it, no other method can be used beside it where the source does not seek. On the way such a body is hashed by the algorithms named.
func (f *File) Stream(by Algorithms) io.Reader {
	if f.at != nil {
		return io.NewSectionReader(f.at, 0, f.Size)
	}
	f.passed = summed(io.LimitReader(io.MultiReader(bytes.NewReader(f.buf), f.body), f.Size), by)
	return f.passed
}

// Sums returns checksums of the whole body, at least by the algorithms named; after Stream by those that it was given.
func (f *File) Sums(by Algorithms) (Sums, error) {
	s := f.passed
	if s == nil && f.at == nil && f.Size > MaxProgramHeld { // too large to be held for this alone: nobody can read it afterwards
		f.Stream(by)
		s = f.passed
	}
	if s == nil {
		at, err := f.ReaderAt(f.Size)
		if err != nil {
			return Sums{}, err
		}
		s = summed(io.NewSectionReader(at, 0, f.Size), by)
	}
	if _, err := io.Copy(io.Discard, s); err != nil {
		return Sums{}, f.short(err)
	}
	return Sums{MD5: s.hex(0), SHA1: s.hex(1), SHA256: s.hex(2)}, nil
}

// NewFile makes a File of a stream: its body can be read once, so random access holds it in memory.
func NewFile(e Entry, body io.Reader) *File { return &File{Entry: e, body: body} }

// NewFileAt makes a File of a source that seeks; the body is the first e.Size bytes of at.
func NewFileAt(e Entry, at io.ReaderAt) *File { return &File{Entry: e, at: at} }

// NewFailedEntry makes a File that stands for an entry which veto cannot take; err says why. It has no body, and its path is shortened, for
// people. A walk shows it and goes on, because a runtime may unpack what veto leaves out.
func NewFailedEntry(path string, err error) *File {
	return &File{Entry: Entry{Path: ShortPath(path)}, err: err}
}

// Err returns why the entry could not be taken: nil for every File but those of NewFailedEntry.
func (f *File) Err() error { return f.err }

// ShortPath shortens a path for people to at most 161 characters and keeps both ends: the first names the place, the last the file.
func ShortPath(path string) string {
	const head, tail = 120, 40
	if len(path) <= head+tail {
		return strings.ToValidUTF8(path, "\uFFFD")
	}
	return strings.ToValidUTF8(path[:head], "") + "…" + strings.ToValidUTF8(path[len(path)-tail:], "")
}

// SetCapabilities gives the file its capabilities, or says why they could not be read.
func (f *File) SetCapabilities(names []string, err error) { f.caps, f.capErr = names, err }

// Capabilities returns what SetCapabilities was given.
func (f *File) Capabilities() ([]string, error) { return f.caps, f.capErr }

// SetReadableLater says that the body can still be read after the visit, until the image is closed, and beside other files: they are then
// inspected in parallel.
func (f *File) SetReadableLater() { f.later = true }

// ReadableLater says whether SetReadableLater was called.
func (f *File) ReadableLater() bool { return f.later }

// Charge makes the file's buffers count against b until Release.
func (f *File) Charge(b *Budget) { f.memory = b }

// Release gives back what the file's buffers took from the budget.
func (f *File) Release() {
	if f.memory != nil && f.held > 0 {
		f.memory.give(f.held)
	}
	if f.memory != nil {
		f.memory.putBuffer(f.buf)
	}
	f.held, f.buf = 0, nil
}

// Head returns up to n bytes from the start of the body, fewer when the body is shorter. The caller must not change them.
func (f *File) Head(n int) ([]byte, error) {
	n = int(min(int64(n), f.Size))
	if f.at != nil {
		b := make([]byte, n)
		if read, err := f.at.ReadAt(b, 0); read < n {
			return nil, f.short(err)
		}
		return b, nil
	}
	if err := f.fill(int64(n)); err != nil {
		return nil, err
	}
	return f.buf[:n], nil
}

// Bytes returns the whole body, or a *LimitError when it is larger than limit bytes. The caller must neither change nor keep it.
func (f *File) Bytes(limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, &LimitError{What: "file size", Limit: limit}
	}
	if f.at != nil && f.buf == nil {
		if err := f.take(f.Size); err != nil {
			return nil, err
		}
		b := f.memory.buffer(f.Size)
		if n, err := f.at.ReadAt(b, 0); int64(n) < f.Size {
			return nil, f.short(err)
		}
		f.buf = b
	}
	if f.at == nil {
		if err := f.fill(f.Size); err != nil {
			return nil, err
		}
	}
	return f.buf, nil
}

// ReaderAt gives random access to the body: from the source where that seeks, else from memory, or a *LimitError when the
// body is larger than limit bytes and would have to be held.
func (f *File) ReaderAt(limit int64) (io.ReaderAt, error) {
	if f.at != nil {
		return io.NewSectionReader(f.at, 0, f.Size), nil
	}
	b, err := f.Bytes(limit)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(b), nil
}

func (f *File) fill(n int64) error {
	have := int64(len(f.buf))
	if have >= n {
		return nil
	}
	if err := f.take(n - have); err != nil {
		return err
	}
	b := f.memory.buffer(n)
	copy(b, f.buf)
	if _, err := io.ReadFull(f.body, b[have:]); err != nil {
		return f.short(err)
	}
	f.buf = b
	return nil
}

func (f *File) take(n int64) error {
	if f.memory == nil {
		return nil
	}
	// What is held already must not wait for what only it could give back: one file is charged as one request.
	if f.held > 0 {
		f.memory.give(f.held)
		n += f.held
		f.held = 0
	}
	if err := f.memory.take(n); err != nil {
		return err
	}
	f.held = n
	return nil
}

func (f *File) short(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %s: %w", f.Path, err)
}

// Budget bounds the bytes that all files under inspection hold in memory at once. A request waits for room; one larger than the whole
// budget is a *LimitError.
type Budget struct {
	ctx   context.Context // of the one scan that the budget belongs to
	size  int64
	mu    sync.Mutex
	free  int64
	given chan struct{} // closed when something is given back
	spare []byte        // the largest that a file has given back: a new one would have to be cleared, and mapped
}

// minSpare is the size in bytes from which a buffer is worth keeping.
const minSpare = 64 << 10

// buffer returns a buffer of n bytes with any content; b may be nil.
func (b *Budget) buffer(n int64) []byte {
	if b == nil || n < minSpare {
		return make([]byte, n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if int64(cap(b.spare)) < n {
		return make([]byte, n)
	}
	kept := b.spare[:n]
	b.spare = nil
	return kept
}

// putBuffer keeps a buffer that nobody uses any more.
func (b *Budget) putBuffer(buf []byte) {
	if cap(buf) < minSpare {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if cap(buf) > cap(b.spare) {
		b.spare = buf[:0]
	}
}

// NewBudget makes a budget of size bytes for one scan. Whoever waits for room gets the error of ctx when that ends.
func NewBudget(ctx context.Context, size int64) *Budget {
	return &Budget{ctx: ctx, size: size, free: size, given: make(chan struct{})}
}

func (b *Budget) take(n int64) error {
	if n > b.size {
		return &LimitError{What: "memory for one file", Limit: b.size}
	}
	for {
		b.mu.Lock()
		if b.free >= n {
			b.free -= n
			b.mu.Unlock()
			return nil
		}
		given := b.given
		b.mu.Unlock()
		select {
		case <-given:
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
}

func (b *Budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	close(b.given)
	b.given = make(chan struct{})
}
