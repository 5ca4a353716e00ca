package inflate

import (
	"encoding/binary"
	"errors"
	"io"
)

var (
	errCode     = errors.New("deflate: input matches no Huffman code")
	errDistance = errors.New("deflate: a match reaches back before the first byte")
	errBlock    = errors.New("deflate: reserved block type")
	errStored   = errors.New("deflate: a stored block whose length and complement disagree")
	errLengths  = errors.New("deflate: code lengths that make no Huffman code")
	errClosed   = errors.New("inflate: closed")
	errReader   = errors.New("inflate: a reader that returns an impossible count")
	errWriter   = errors.New("inflate: a writer that returns an impossible count")

	// errYield says that more input is needed, and that there is output to be given first: reading input may take long.
	errYield = errors.New("inflate: output first")
)

// readMore reads input when all of it is in the bit buffer or consumed. The last 8 bytes stay in front of the new ones, so that alignToByte
// can give back those that are in the bit buffer.
func (z *Reader) readMore() error {
	if z.outPos > z.delivered && !z.noYield {
		return errYield
	}
	if z.srcErr != nil {
		return z.srcErr
	}
	if z.bytesRead >= z.plan.after && z.speculator == nil {
		z.startSpeculator()
	}
	copy(z.in[:8], z.in[max(z.end, 8)-8:])
	z.pos, z.end = 8, 8
	for range maxEmptyReads {
		n, err := readSome(z.src, z.in[8:inSize])
		z.end, z.srcErr = 8+n, err
		z.bytesRead += int64(n)
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	z.srcErr = io.ErrNoProgress
	return z.srcErr
}

// maxEmptyReads is how often in a row a source may return neither bytes nor an error, as in bufio; then the error is io.ErrNoProgress.
const maxEmptyReads = 100

// readSome reads once. A count that is impossible is an error, and an error that only wraps io.EOF is not taken for the end.
func readSome(r io.Reader, b []byte) (int, error) {
	n, err := r.Read(b)
	switch {
	case n < 0 || n > len(b):
		return 0, errReader
	case err != io.EOF && errors.Is(err, io.EOF): //nolint:errorlint // only a bare io.EOF is an end
		return n, errors.New(err.Error())
	}
	return n, err
}

// need makes the bit buffer hold at least k bits (up to 56). The end of input is io.ErrUnexpectedEOF.
func (z *Reader) need(k uint) error {
	for z.nbits < k {
		if z.pos == z.end {
			if err := z.readMore(); err != nil {
				return unexpectedEOF(err)
			}
		}
		z.bits |= uint64(z.in[z.pos]) << z.nbits
		z.pos++
		z.nbits += 8
	}
	return nil
}

// takeBits consumes k bits, which need has put into the bit buffer.
func (z *Reader) takeBits(k uint) uint {
	v := z.bits & (1<<k - 1)
	z.bits >>= k
	z.nbits -= k
	return uint(v)
}

// alignToByte drops the rest of the current byte, and gives the whole bytes in the bit buffer back to the input.
func (z *Reader) alignToByte() {
	z.pos -= int(z.nbits >> 3)
	z.bits, z.nbits = 0, 0
}

// readBlockHeader reads a block's header (RFC 1951, 3.2.3).
func (z *Reader) readBlockHeader() error {
	if err := z.need(3 + z.skipBits); err != nil {
		return err
	}
	z.takeBits(z.skipBits)
	z.skipBits = 0
	// A header that has been read in part cannot be begun again, so errYield must not interrupt it.
	z.noYield = true
	defer func() { z.noYield = false }()
	z.finalBlock = z.takeBits(1) == 1
	switch z.takeBits(2) {
	case 0:
		return z.readStoredHeader()
	case 1:
		z.setFixedCodes()
		z.state = inSymbols
		return nil
	case 2:
		z.state = inSymbols
		return z.readDynamicCodes()
	}
	return errBlock
}

// readStoredHeader reads the length of a stored block (RFC 1951, 3.2.4).
func (z *Reader) readStoredHeader() error {
	z.alignToByte()
	if err := z.need(32); err != nil {
		return err
	}
	length, complement := z.takeBits(16), z.takeBits(16)
	if length != ^complement&0xffff {
		return errStored
	}
	z.storedLeft, z.state = int(length), inStored
	return nil
}

// copyStored copies as much of a stored block as there is input for and room.
func (z *Reader) copyStored() error {
	if z.storedLeft == 0 {
		z.endBlock()
		return nil
	}
	if z.pos == z.end {
		if err := z.readMore(); err != nil {
			return unexpectedEOF(err)
		}
	}
	from := z.in[z.pos:min(z.end, z.pos+z.storedLeft)]
	n := min(len(from), (outLimit-z.outPos)>>z.shift+1)
	if z.shift == 0 {
		copy(z.out[z.outPos:], from[:n])
	} else {
		for i, c := range from[:n] {
			z.out.store16(z.outPos+2*i, uint16(c))
		}
	}
	z.outPos, z.pos, z.storedLeft = z.outPos+n<<z.shift, z.pos+n, z.storedLeft-n
	return nil
}

func (z *Reader) endBlock() {
	z.state = atBlock
	if z.finalBlock {
		z.state = atTrailer
	}
}

// setFixedCodes builds the tables of the fixed codes (RFC 1951, 3.2.6).
func (z *Reader) setFixedCodes() {
	if z.fixedTables {
		return
	}
	var lengths [288 + 32]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		case i < 288:
			lengths[i] = 8
		default:
			lengths[i] = 5
		}
	}
	z.litCode.build(lengths[:288])
	z.distCode.build(lengths[288:])
	z.buildTables()
	z.minBits, z.fixedTables = z.litCode.min, true
}

// buildTables fills the look-up tables of the current codes.
func (z *Reader) buildTables() {
	fillTable(&z.litCode, z.lit[:], litBits, litEntry, litSub, 0)
	fillTable(&z.distCode, z.dist[:], distBits, distEntry, distSub, invalidDist)
	z.dist[distSize-1] = invalidDist
}

// readDynamicCodes reads the codes of a block (RFC 1951, 3.2.7).
func (z *Reader) readDynamicCodes() error {
	if err := z.need(14); err != nil {
		return err
	}
	lits, dists, n := z.takeBits(5)+257, z.takeBits(5)+1, z.takeBits(4)+4
	if lits > maxLit || dists > maxDist {
		return errLengths
	}
	var lengths [19]uint8
	for i := range n {
		if err := z.need(3); err != nil {
			return err
		}
		// The code length code's own lengths are stored in this order of its symbols.
		const order = "\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"
		lengths[order[i]] = uint8(z.takeBits(3))
	}
	z.fixedTables = false
	if !z.litCode.build(lengths[:]) {
		return errLengths
	}
	var all [maxLit + maxDist]uint8
	if err := z.readCodeLengths(all[:lits+dists]); err != nil {
		return err
	}
	if !z.litCode.build(all[:lits]) || !z.distCode.build(all[lits:lits+dists]) {
		return errLengths
	}
	z.buildTables()
	// Every block ends with the code of endOfBlock: before any symbol the input has at least as many bits as that code.
	z.minBits = max(z.litCode.min, uint(all[endOfBlock]))
	return nil
}

// readCodeLengths reads the lengths of the codes of literals and distances, which are themselves coded with litCode.
func (z *Reader) readCodeLengths(all []uint8) error {
	var table [1 << 7]uint8 // by the next 7 bits: the symbol, and in the low 3 bits its code's length, 0 where there is no code
	fillLengthTable(&z.litCode, &table)
	for i := 0; i < len(all); {
		if z.nbits < 14 && z.end-z.pos >= 8 {
			z.bits |= binary.LittleEndian.Uint64(z.in[z.pos:]) << z.nbits
			z.pos += int((63 - z.nbits) >> 3)
			z.nbits |= 56
			z.bits &= 1<<z.nbits - 1
		}
		if err := z.need(z.litCode.min); err != nil {
			return err
		}
		e := table[z.bits&(1<<7-1)]
		for uint(e&7) > z.nbits {
			if err := z.need(z.nbits + 1); err != nil {
				return err
			}
			e = table[z.bits&(1<<7-1)]
		}
		if e&7 == 0 {
			return errCode
		}
		z.takeBits(uint(e & 7))
		symbol := e >> 3
		if symbol < 16 {
			all[i] = symbol
			i++
			continue
		}
		repeat, extra, value := uint(3), uint(symbol-14), uint8(0)
		if symbol == 18 {
			repeat, extra = 11, 7
		}
		if symbol == 16 {
			if i == 0 {
				return errLengths
			}
			value = all[i-1]
		}
		if err := z.need(extra); err != nil {
			return err
		}
		repeat += z.takeBits(extra)
		if i+int(repeat) > len(all) {
			return errLengths
		}
		for range repeat {
			all[i] = value
			i++
		}
	}
	return nil
}

// fillLengthTable writes the look-up table of the code length code, whose codes have at most 7 bits.
func fillLengthTable(c *code, table *[1 << 7]uint8) {
	codeword, next := 0, 0
	for l := uint(1); l <= c.max; l++ {
		for range c.count[l] {
			for i := codeword; i < len(table); i += 1 << l {
				table[i] = uint8(c.symbols[next]<<3) | uint8(l)
			}
			next++
			codeword = nextCodeword(codeword, l)
		}
	}
}
