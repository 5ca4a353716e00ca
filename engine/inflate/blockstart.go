package inflate

import (
	"encoding/binary"
	"errors"
	"io"
)

// decodeAhead looks for the start of a block in the speculator's part of a region, and decodes from there block by block. z is a Reader
// that belongs to the speculator.
func (s *speculator) decodeAhead(z *Reader, r *region) {
	defer s.release(r)
	z.src = &regionReader{data: r.in}
	start, symbolBytes := s.findBlockStart(z, r)
	for plainBytes := 0; start >= 0 && r.publish(start, z.regionBit(), symbolBytes, plainBytes) && !s.stopped(); {
		if z.shift == 1 && z.windowResolved() {
			z.switchToBytes()
		}
		n := noBlock
		if z.readBlockHeader() == nil {
			n = z.decodeBlock(r.out[symbolBytes+plainBytes:])
		}
		switch {
		case n == noBlock:
			r.mu.Lock()
			r.done = true
			r.mu.Unlock()
			return
		case n == noRoom:
			return
		case z.shift == 1:
			symbolBytes += n
		default:
			plainBytes += n
		}
	}
}

// findBlockStart finds the first bit where a block may start: a block with codes of its own that can be decoded, and is followed by what
// may be another block. It returns that bit and how many bytes of output the block has, as two-byte symbols; -1 when there is none.
func (s *speculator) findBlockStart(z *Reader, r *region) (start int64, symbolBytes int) {
	for bit := 8 * int64(r.split); bit < 8*int64(len(r.in)-minTail); bit++ {
		guess := headerBits(r.in, bit) == dynamicHeader && plausibleDynamic(r.in, bit)
		if (guess || bit&0xfff == 0) && (s.stopped() || r.unneeded()) {
			return -1, 0
		}
		if !guess {
			continue
		}
		z.seekRegion(bit)
		z.delivered = z.outPos // drop what a wrong guess before this one left
		if z.readBlockHeader() != nil {
			continue
		}
		z.setMarkers()
		n := z.decodeBlock(r.out)
		if n < 0 || z.regionBit() > 8*int64(len(r.in)-minTail) {
			continue
		}
		if next := headerBits(r.in, z.regionBit()) >> 1; next == 3 || next == 2 && !plausibleDynamic(r.in, z.regionBit()) {
			continue
		}
		return bit, n
	}
	return -1, 0
}

// minTail is how many bytes of the region must follow a block's start: at least as many as plausibleDynamic looks at.
const minTail = 32

// dynamicHeader is the first three bits of a block with codes of its own that is not its member's last (RFC 1951, 3.2.3).
const dynamicHeader = 2 << 1

// headerBits returns the first three bits of a block that starts at this bit: whether it is the last, and its type.
func headerBits(b []byte, bit int64) uint {
	return uint(binary.LittleEndian.Uint16(b[bit>>3:])>>(bit&7)) & 7
}

// plausibleDynamic reports whether a block with codes of its own may start at this bit (RFC 1951, 3.2.7): the numbers of its codes are
// allowed, and the lengths of the code length code make a complete code. It does not look at the first three bits.
func plausibleDynamic(b []byte, bit int64) bool {
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

// regionReader reads a region's input, for the speculator.
type regionReader struct {
	data   []byte
	offset int
}

func (s *regionReader) Read(p []byte) (int, error) {
	n := copy(p, s.data[s.offset:])
	s.offset += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// regionBit returns where in its region the reader is, in bits.
func (z *Reader) regionBit() int64 {
	off := 0
	switch s := z.src.(type) {
	case *regionReader:
		off = s.offset
	case *speculator:
		off = s.offset
	}
	return 8*int64(off-(z.end-z.pos)) - int64(z.nbits)
}

// seekRegion makes the reader go on at a bit of its region, where a block starts.
func (z *Reader) seekRegion(bit int64) {
	switch s := z.src.(type) {
	case *regionReader:
		s.offset = int(bit >> 3)
	case *speculator:
		s.offset = int(bit >> 3)
	}
	z.srcErr, z.pos, z.end, z.bits, z.nbits, z.state = nil, 8, 8, 0, 0, atBlock
	z.skipBits = uint(bit & 7)
}

// setMarkers fills the window with markers: none of its bytes is known. From here on out holds two-byte symbols.
func (z *Reader) setMarkers() {
	for i := range windowSize {
		binary.LittleEndian.PutUint16(z.out[2*i:], uint16(256+i))
	}
	z.shift, z.windowStart, z.outPos, z.delivered = 1, 0, 2*windowSize, 2*windowSize
}

// windowResolved reports whether the window holds no markers.
func (z *Reader) windowResolved() bool {
	for i := z.outPos - 8; i >= z.outPos-2*windowSize; i -= 8 {
		if binary.LittleEndian.Uint64(z.out[i:])&0xff00ff00ff00ff00 != 0 {
			return false
		}
	}
	return true
}

// switchToBytes makes out hold bytes instead of two-byte symbols, once the window holds no markers.
func (z *Reader) switchToBytes() {
	from := z.outPos - 2*windowSize
	for i := range windowSize {
		z.out[i] = z.out[from+2*i]
	}
	z.shift, z.windowStart, z.outPos, z.delivered = 0, 0, windowSize, windowSize
}

// What decodeBlock returns instead of a length.
const (
	noBlock = -1 // the block is its member's last, or is cut short, or is none at all
	noRoom  = -2 // the output does not fit
)

// decodeBlock decodes what follows a block's header into b. It returns how many bytes of b that takes.
func (z *Reader) decodeBlock(b []byte) int {
	if z.finalBlock {
		return noBlock
	}
	n := 0
	for z.state != atBlock {
		if z.outPos > outLimit {
			z.slideWindow()
		}
		err := z.step()
		if err != nil && !errors.Is(err, errYield) {
			return noBlock
		}
		if z.outPos-z.delivered > len(b)-n {
			return noRoom
		}
		n += copy(b[n:], z.out[z.delivered:z.outPos])
		z.delivered = z.outPos
	}
	return n
}

// publish tells the reader what it may take over. It returns false when the reader needs no more of this region.
func (r *region) publish(startBit, endBit int64, symbolBytes, plainBytes int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.noLongerNeeded {
		return false
	}
	r.startBit, r.endBit, r.symbolBytes, r.plainBytes = startBit, endBit, symbolBytes, plainBytes
	return true
}

// unneeded reports whether the reader needs no more of this region.
func (r *region) unneeded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noLongerNeeded
}
