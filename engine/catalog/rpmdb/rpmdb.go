// Package rpmdb reads the package databases of rpm in its three formats: Berkeley DB's hash (rpm before 4.16), ndb (SUSE) and SQLite. It needs no file,
// only random access, and it believes nothing that it reads.
package rpmdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vetoci/veto/engine"
)

// Read calls each with the header of each package, in the order of the database. The slice is each's to keep. Its own errors and each's end the
// reading; an empty database has no packages. A *engine.LimitError says that the database has more, or larger, headers than are read.
func Read(ctx context.Context, at io.ReaderAt, size int64, each func(header []byte) error) error {
	magic := make([]byte, 16)
	if n, err := at.ReadAt(magic, 0); n < len(magic) {
		return fmt.Errorf("the database has no head: %w", cut(err))
	}
	r := &reader{ctx: ctx, at: at, size: size, each: each}
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

// reader is the reading of one database.
type reader struct {
	ctx   context.Context
	at    io.ReaderAt
	size  int64
	each  func([]byte) error
	count int
	read  int64 // bytes of pages
}

// bytes reads n bytes at an offset. Reading a database many times over, as only a forged one makes it, ends at a multiple of its size.
func (r *reader) bytes(offset, n int64) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	if offset < 0 || n < 0 || offset > r.size || n > r.size-offset {
		return nil, fmt.Errorf("it names %d bytes at %d of %d: %w", n, offset, r.size, io.ErrUnexpectedEOF)
	}
	if r.read += n; r.read > 4*r.size+1<<20 {
		return nil, errors.New("its pages refer to each other in circles")
	}
	b := make([]byte, n)
	if got, err := r.at.ReadAt(b, offset); int64(got) < n {
		return nil, cut(err)
	}
	return b, nil
}

// header hands one header on.
func (r *reader) header(b []byte) error {
	if r.count++; r.count > engine.MaxPackages {
		return &engine.LimitError{What: "number of packages of one database", Limit: engine.MaxPackages}
	}
	return r.each(b)
}

func cut(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func headerTooLarge() error {
	return &engine.LimitError{What: "size of an rpm header", Limit: engine.MaxRPMHeader}
}
