// Package rpmdb reads the package databases of rpm in its three formats: Berkeley DB's hash (rpm before 4.16), ndb (SUSE) and SQLite. It
// needs random access only, not a file, and checks whatever it reads: a database may be forged.
package rpmdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vetoci/veto/engine"
)

// Read calls visit with the header of each package, in the order of the database, as Parse takes it. visit may keep the slice. The first
// error, of the database or of visit, ends Read and is returned; a database without packages is none. A *engine.LimitError says that there
// are more headers than engine.MaxPackages, or one larger than engine.MaxRPMHeader. size is the size of the database in bytes.
func Read(ctx context.Context, at io.ReaderAt, size int64, visit func(header []byte) error) error {
	magic := make([]byte, 16)
	if n, err := at.ReadAt(magic, 0); n < len(magic) {
		return fmt.Errorf("the database has no head: %w", unexpectedEOF(err))
	}
	r := &reader{ctx: ctx, at: at, size: size, visit: visit}
	switch {
	case string(magic) == "SQLite format 3\x00":
		return r.sqlite()
	case string(magic[:4]) == "RpmP":
		return r.ndb()
	case binary.LittleEndian.Uint32(magic[12:]) == bdbMagic:
		return r.bdb(binary.LittleEndian)
	case binary.BigEndian.Uint32(magic[12:]) == bdbMagic:
		return r.bdb(binary.BigEndian)
	}
	return errors.New("it is no database of rpm: neither SQLite, nor ndb, nor Berkeley DB")
}

// reader is the state of one Read.
type reader struct {
	ctx       context.Context
	at        io.ReaderAt
	size      int64
	visit     func([]byte) error
	headers   int
	bytesRead int64
}

// bytes reads n bytes at an offset. It fails after it has read four times the size of the database: only a forged one whose pages refer to
// each other in circles needs that much.
func (r *reader) bytes(offset, n int64) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	if offset < 0 || n < 0 || offset > r.size || n > r.size-offset {
		return nil, fmt.Errorf("it names %d bytes at %d of %d: %w", n, offset, r.size, io.ErrUnexpectedEOF)
	}
	if r.bytesRead += n; r.bytesRead > 4*r.size+1<<20 {
		return nil, errors.New("its pages refer to each other in circles")
	}
	b := make([]byte, n)
	if got, err := r.at.ReadAt(b, offset); int64(got) < n {
		return nil, unexpectedEOF(err)
	}
	return b, nil
}

// emit passes one header to visit.
func (r *reader) emit(b []byte) error {
	if r.headers++; r.headers > engine.MaxPackages {
		return &engine.LimitError{What: "number of packages of one database", Limit: engine.MaxPackages}
	}
	return r.visit(b)
}

// unexpectedEOF returns io.ErrUnexpectedEOF for a read that came to the end too early, else err.
func unexpectedEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func headerTooLarge() error {
	return &engine.LimitError{What: "size of an rpm header", Limit: engine.MaxRPMHeader}
}
