package inflate

import (
	"encoding/binary"
	"errors"
	"io"
)

// explore looks for the start of a block in the scout's part of a region, and decodes from there block by block; z is the scout's own.
func (s *scout) explore(z *Reader, r *region) {
	defer s.drop(r)
	z.src = &source{b: r.in}
	start, wide := s.begin(z, r)
	for clean := 0; start >= 0 && r.publish(start, z.bit(), wide, clean) && !s.finished(); {
		if z.wide == 1 && z.known() {
			z.narrow()
		}
		n := noBlock
		if z.blockHeader() == nil {
			n = z.block(r.out[wide+clean:])
		}
		switch {
		case n == noBlock:
			r.mu.Lock()
			r.done = true
			r.mu.Unlock()
			return
		case n == noRoom:
			return
		case z.wide == 1:
			wide += n
		default:
			clean += n
		}
	}
}

// begin finds the first bit where a block may start: one with codes of its own and another one behind it. It decodes that block, and returns the bit and how
// many bytes of output that are; -1 when there is none.
func (s *scout) begin(z *Reader, r *region) (start int64, wide int) {
	for bit := 8 * int64(r.split); bit < 8*int64(len(r.in)-minTail); bit++ {
		guess := kindAt(r.in, bit) == coded && plausible(r.in, bit)
		if (guess || bit&0xfff == 0) && (s.finished() || r.abandoned()) {
			return -1, 0
		}
		if !guess {
			continue
		}
		z.place(bit)
		z.given = z.o // what a wrong guess before left
		if z.blockHeader() != nil {
			continue
		}
		z.mark()
		n := z.block(r.out)
		if n < 0 || z.bit() > 8*int64(len(r.in)-minTail) {
			continue
		}
		if next := kindAt(r.in, z.bit()) >> 1; next == 3 || next == 2 && !plausible(r.in, z.bit()) {
			continue
		}
		return bit, n
	}
	return -1, 0
}

// minTail is how many bytes plausible looks at, and more.
const minTail = 32

// coded is the first three bits of a block with codes of its own that is not the last (RFC 1951, 3.2.3).
const coded = 2 << 1

// kindAt is the first three bits of the block at this bit.
func kindAt(b []byte, bit int64) uint {
	return uint(binary.LittleEndian.Uint16(b[bit>>3:])>>(bit&7)) & 7
}

// plausible says whether the codes of a block may be at this bit, whose first three are not looked at (RFC 1951, 3.2.7): the numbers of codes are allowed, and
// the lengths of the code length code make it complete.
func plausible(b []byte, bit int64) bool {
	v := binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7)
	if v>>3&31 > maxLit-257 || v>>8&31 > maxDist-1 {
		return false
	}
	n := v>>13&15 + 4
	bit += 17
	v = binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7)
	space := 0
	for range n {
		space += 1 << 7 >> (v & 7) & (1<<7 - 1)
		v >>= 3
	}
	return space == 1<<7
}

// source is a region's input for the scout.
type source struct {
	b   []byte
	off int
}

func (s *source) Read(p []byte) (int, error) {
	n := copy(p, s.b[s.off:])
	s.off += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// bit is where the reader is in the region, in bits.
func (z *Reader) bit() int64 {
	off := 0
	switch s := z.src.(type) {
	case *source:
		off = s.off
	case *scout:
		off = s.off
	}
	return 8*int64(off-(z.end-z.pos)) - int64(z.n)
}

// place makes the reader go on at a bit of its region.
func (z *Reader) place(bit int64) {
	switch s := z.src.(type) {
	case *source:
		s.off = int(bit >> 3)
	case *scout:
		s.off = int(bit >> 3)
	}
	z.srcErr, z.pos, z.end, z.bits, z.n, z.state = nil, 8, 8, 0, 0, atBlock
	z.skip = uint(bit & 7)
}

// mark makes all of the history unknown: its bytes are markers.
func (z *Reader) mark() {
	for i := range history {
		binary.LittleEndian.PutUint16(z.out[2*i:], uint16(256+i))
	}
	z.wide, z.start, z.o, z.given = 1, 0, 2*history, 2*history
}

// known says whether the history has no markers.
func (z *Reader) known() bool {
	for i := z.o - 8; i >= z.o-2*history; i -= 8 {
		if binary.LittleEndian.Uint64(z.out[i:])&0xff00ff00ff00ff00 != 0 {
			return false
		}
	}
	return true
}

// narrow goes on with bytes instead of symbols.
func (z *Reader) narrow() {
	from := z.o - 2*history
	for i := range history {
		z.out[i] = z.out[from+2*i]
	}
	z.wide, z.start, z.o, z.given = 0, 0, history, history
}

// What block returns instead of a length.
const (
	noBlock = -1 // it is the last of its member, is cut, or none at all
	noRoom  = -2
)

// block decodes what follows a block's header into b and returns its length there.
func (z *Reader) block(b []byte) int {
	if z.final {
		return noBlock
	}
	n := 0
	for z.state != atBlock {
		if z.o > outLimit {
			z.slide()
		}
		err := z.step()
		if err != nil && !errors.Is(err, errYield) {
			return noBlock
		}
		if z.o-z.given > len(b)-n {
			return noRoom
		}
		n += copy(b[n:], z.out[z.given:z.o])
		z.given = z.o
	}
	return n
}

// publish says what the reader may take; false is that it needs no more.
func (r *region) publish(start, last int64, wide, clean int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.quit {
		return false
	}
	r.start, r.last, r.wide, r.clean = start, last, wide, clean
	return true
}

func (r *region) abandoned() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.quit
}
