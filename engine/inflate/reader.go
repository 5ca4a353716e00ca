// Package inflate reads gzip (RFC 1952) and the DEFLATE data in it (RFC 1951).
package inflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

var (
	// ErrChecksum says that a member's content is not what its trailer says: another checksum or length.
	ErrChecksum = errors.New("gzip: the content does not match its checksum or length")
	// ErrHeader says that input is no member of a gzip file.
	ErrHeader = errors.New("gzip: invalid header")
)

// What comes next in the input.
type state int

const (
	atBlock state = iota
	inStored
	inCodes
	atTrailer
)

// Reader inflates a gzip stream: its members' contents, one after the other. It reads ahead; when it returns io.EOF it has read its source
// to the end. Errors stay. It holds 400 KiB. When 64 MiB of input turn out not to be all, and there is a second core, it holds 18 MiB
// more and a goroutine, which ends with the stream, an error, or Close.
type Reader struct {
	src    io.Reader
	srcErr error // what src ended with; applies when pos is end

	in       *inBuffer // in[pos:end] is input; up to 8 bytes before it may be in the bit buffer
	pos, end int
	bits     uint64 // the bit buffer, the next bit lowest, zero from n on
	n        uint   // bits in it

	out   *outBuffer
	start int // where the member's history starts
	given int // out[given:o] is for the caller
	o     int
	eager bool // read input although there is output
	wide  uint // 1: out holds symbols of two bytes, of a scout; else 0

	plan    plan
	scout   *scout
	read    int64  // bytes read of src
	skip    uint   // bits in front of the next block
	adopted []byte // output that comes after out
	helped  int64  // bytes that were in adopted

	state    state
	final    bool // the block is its member's last
	fixed    bool // the codes are the fixed ones
	left     int  // bytes of a stored block
	least    uint // bits that follow at least
	litCode  code
	distCode code
	lit      [litSize]uint32
	dist     [distSize]uint64

	crc, size uint32 // of the member's content that was given or will be
	summed    int    // up to here in out
	err       error
}

// NewReader returns a reader of the gzip stream r, whose first header it reads. Without any byte of input the error is io.EOF, as of
// compress/gzip. It may read r in another goroutine until it has returned an error or is closed. The caller closes the Reader.
func NewReader(r io.Reader) (*Reader, error) { return newReader(r, standard()) }

func newReader(r io.Reader, p plan) (*Reader, error) {
	z := &Reader{src: r, in: new(inBuffer), out: new(outBuffer), pos: 8, end: 8, plan: p}
	if err := z.memberHeader(); err != nil {
		if z.scout != nil {
			z.scout.finish(true)
		}
		return nil, err
	}
	return z, nil
}

// Read implements io.Reader.
func (z *Reader) Read(p []byte) (int, error) {
	if err := z.fill(); err != nil {
		return 0, err
	}
	n := copy(p, z.ready())
	z.consume(n)
	return n, nil
}

// ready is the output that comes next.
func (z *Reader) ready() []byte {
	if z.given < z.o {
		return z.out[z.given:z.o]
	}
	return z.adopted
}

func (z *Reader) consume(n int) {
	if z.given < z.o {
		z.given += n
		return
	}
	z.adopted = z.adopted[n:]
}

// WriteTo implements io.WriterTo.
func (z *Reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if err := z.fill(); errors.Is(err, io.EOF) {
			return total, nil
		} else if err != nil {
			return total, err
		}
		b := z.ready()
		n, err := w.Write(b)
		if n < 0 || n > len(b) {
			return total, errWriter
		}
		total += int64(n)
		z.consume(n)
		if err != nil {
			return total, err
		}
		if n < len(b) {
			return total, io.ErrShortWrite
		}
	}
}

// Close implements io.Closer. It does not close the source, but waits for a call of its Read.
func (z *Reader) Close() error {
	if z.scout != nil {
		z.scout.finish(true)
	}
	if z.err == nil {
		z.err = errClosed
	}
	return nil
}

// fill decodes when there is no output. It returns an error when there is none to come.
func (z *Reader) fill() error {
	for len(z.ready()) == 0 {
		if z.err != nil {
			if z.scout != nil {
				z.scout.finish(false)
			}
			return z.err
		}
		if z.o > outLimit {
			z.slide()
		}
		for z.o <= outLimit && z.err == nil {
			z.err = z.step()
		}
		z.sum()
		if errors.Is(z.err, errYield) {
			z.err = nil
		}
	}
	return nil
}

// slide keeps the history only.
func (z *Reader) slide() {
	kept := history << z.wide
	by := z.o - kept
	copy(z.out[:kept], z.out[by:z.o])
	z.start = max(0, z.start-by)
	z.o, z.given, z.summed = kept, kept, kept
}

func (z *Reader) step() error {
	switch z.state {
	case atBlock:
		if z.scout != nil {
			if err := z.adopt(); err != nil {
				return err
			}
		}
		return z.blockHeader()
	case inStored:
		return z.stored()
	case inCodes:
		return z.codes()
	}
	if err := z.trailer(); err != nil {
		return err
	}
	return z.memberHeader()
}

func (z *Reader) sum() {
	b := z.out[z.summed:z.o]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, b)
	z.size += uint32(len(b))
	z.summed = z.o
}

// trailer checks a member's trailer (RFC 1952, 2.3.1).
func (z *Reader) trailer() error {
	z.align()
	var b [8]byte
	if err := z.readFull(b[:]); err != nil {
		return unexpected(err)
	}
	z.sum()
	if binary.LittleEndian.Uint32(b[:]) != z.crc || binary.LittleEndian.Uint32(b[4:]) != z.size {
		return ErrChecksum
	}
	return nil
}
