// Package inflate reads gzip (RFC 1952) and the DEFLATE data in it (RFC 1951). It is faster than the libraries: a table-driven loop decodes
// symbols while input and output have room (fast.go), and of a long stream a second core decodes parts ahead of the reader (speculator.go).
package inflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

var (
	// ErrChecksum is returned when a member's content has another checksum or length than its trailer says.
	ErrChecksum = errors.New("gzip: the content does not match its checksum or length")
	// ErrHeader is returned when the input does not begin a gzip member where one must begin.
	ErrHeader = errors.New("gzip: invalid header")
)

// state is what comes next in the input.
type state int

const (
	atBlock state = iota
	inStored
	inSymbols
	atTrailer
)

// Reader inflates a gzip stream: the contents of its members, one after the other. It reads ahead; when it returns io.EOF, it has read its
// source to the end. After an error every call returns that error. It holds 400 KiB. When the input is longer than 64 MiB and there is a
// second core, it holds 18 MiB more and a goroutine, which ends with the stream, with an error or with Close.
type Reader struct {
	src    io.Reader
	srcErr error // what src ended with; it counts once pos is end

	in       *inBuffer // in[pos:end] is input; up to 8 bytes before it may be in the bit buffer
	pos, end int
	bits     uint64 // the bit buffer, the next bit lowest, zero from n on
	nbits    uint   // bits in the bit buffer

	out         *outBuffer
	windowStart int  // where in out the member's window begins: no match may reach back before it
	delivered   int  // out[delivered:outPos] is still to be given to the caller
	outPos      int  // where in out the next byte goes
	noYield     bool // readMore reads input although there is output to give
	shift       uint // log2 of the bytes of a symbol in out: 1 in a speculator, whose markers need 16 bits, else 0

	plan       plan
	speculator *speculator
	bytesRead  int64  // of src
	skipBits   uint   // bits in front of the next block
	taken      []byte // output taken over from the speculator, to be given after out
	takenBytes int64  // how many bytes have been taken over in all

	state       state
	finalBlock  bool // the block is its member's last
	fixedTables bool // the tables are those of the fixed codes
	storedLeft  int  // bytes of the stored block that have not been copied
	minBits     uint // how many bits the input has at least, before a symbol
	litCode     code
	distCode    code
	lit         [litSize]uint32
	dist        [distSize]uint64

	crc, size uint32 // checksum and length of the member's content, up to out[summed]
	summed    int
	err       error
}

// NewReader reads the first header of the gzip stream r and returns a reader of its content. When r has no byte at all, the error is
// io.EOF, as it is of compress/gzip. The Reader may read r in another goroutine until it has returned an error or is closed. The caller
// closes it.
func NewReader(r io.Reader) (*Reader, error) { return newReader(r, defaultPlan()) }

func newReader(r io.Reader, p plan) (*Reader, error) {
	z := &Reader{src: r, in: new(inBuffer), out: new(outBuffer), pos: 8, end: 8, plan: p}
	if err := z.readMemberHeader(); err != nil {
		if z.speculator != nil {
			z.speculator.shutDown(true)
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

// ready returns the output that is to be given next.
func (z *Reader) ready() []byte {
	if z.delivered < z.outPos {
		return z.out[z.delivered:z.outPos]
	}
	return z.taken
}

// consume drops the first n bytes of ready.
func (z *Reader) consume(n int) {
	if z.delivered < z.outPos {
		z.delivered += n
		return
	}
	z.taken = z.taken[n:]
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

// Close implements io.Closer. It does not close the source, but waits for a Read of the source that has begun.
func (z *Reader) Close() error {
	if z.speculator != nil {
		z.speculator.shutDown(true)
	}
	if z.err == nil {
		z.err = errClosed
	}
	return nil
}

// fill decodes until there is output. It returns an error when no more will come.
func (z *Reader) fill() error {
	for len(z.ready()) == 0 {
		if z.err != nil {
			if z.speculator != nil {
				z.speculator.shutDown(false)
			}
			return z.err
		}
		if z.outPos > outLimit {
			z.slideWindow()
		}
		for z.outPos <= outLimit && z.err == nil {
			z.err = z.step()
		}
		z.updateChecksum()
		if errors.Is(z.err, errYield) {
			z.err = nil
		}
	}
	return nil
}

// slideWindow moves the window to the beginning of out and drops what is before it.
func (z *Reader) slideWindow() {
	kept := windowSize << z.shift
	by := z.outPos - kept
	copy(z.out[:kept], z.out[by:z.outPos])
	z.windowStart = max(0, z.windowStart-by)
	z.outPos, z.delivered, z.summed = kept, kept, kept
}

// step reads the next part of the stream: a header, a trailer, or content until out is full.
func (z *Reader) step() error {
	switch z.state {
	case atBlock:
		if z.speculator != nil {
			if err := z.takeOver(); err != nil {
				return err
			}
		}
		return z.readBlockHeader()
	case inStored:
		return z.copyStored()
	case inSymbols:
		return z.decodeSymbols()
	}
	if err := z.readTrailer(); err != nil {
		return err
	}
	return z.readMemberHeader()
}

// updateChecksum adds what has come to out since its last call.
func (z *Reader) updateChecksum() {
	b := z.out[z.summed:z.outPos]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, b)
	z.size += uint32(len(b))
	z.summed = z.outPos
}

// readTrailer checks a member's trailer (RFC 1952, 2.3.1).
func (z *Reader) readTrailer() error {
	z.alignToByte()
	var b [8]byte
	if err := z.readFull(b[:]); err != nil {
		return unexpectedEOF(err)
	}
	z.updateChecksum()
	if binary.LittleEndian.Uint32(b[:]) != z.crc || binary.LittleEndian.Uint32(b[4:]) != z.size {
		return ErrChecksum
	}
	return nil
}
