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

	// errYield says that more input is needed while there is output that nobody has seen.
	errYield = errors.New("inflate: output first")
)

// more reads input when all is in the bit buffer or consumed. The last 8 bytes stay in front of it: those in the bit buffer can be given back.
func (z *Reader) more() error {
	if z.o > z.given && !z.eager {
		return errYield
	}
	if z.srcErr != nil {
		return z.srcErr
	}
	if z.read >= z.plan.after && z.scout == nil {
		z.startScout()
	}
	copy(z.in[:8], z.in[max(z.end, 8)-8:])
	z.pos, z.end = 8, 8
	for range maxEmpty {
		n, err := readSome(z.src, z.in[8:inSize])
		z.end, z.srcErr = 8+n, err
		z.read += int64(n)
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

// maxEmpty is how often in a row a reader may return nothing.
const maxEmpty = 100

// readSome reads once, and distrusts the reader.
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
	for z.n < k {
		if z.pos == z.end {
			if err := z.more(); err != nil {
				return unexpected(err)
			}
		}
		z.bits |= uint64(z.in[z.pos]) << z.n
		z.pos++
		z.n += 8
	}
	return nil
}

// take consumes k bits, which are there.
func (z *Reader) take(k uint) uint {
	v := z.bits & (1<<k - 1)
	z.bits >>= k
	z.n -= k
	return uint(v)
}

// align drops what is left of the current byte and gives whole ones back.
func (z *Reader) align() {
	z.pos -= int(z.n >> 3)
	z.bits, z.n = 0, 0
}

// blockHeader reads a block's header (RFC 1951, 3.2.3).
func (z *Reader) blockHeader() error {
	if err := z.need(3 + z.skip); err != nil {
		return err
	}
	z.take(z.skip)
	z.skip = 0
	// Nothing can be given back from here on, so this goes on without handing out.
	z.eager = true
	defer func() { z.eager = false }()
	z.final = z.take(1) == 1
	switch z.take(2) {
	case 0:
		return z.storedHeader()
	case 1:
		z.fixedCodes()
		z.state = inCodes
		return nil
	case 2:
		z.state = inCodes
		return z.dynamicCodes()
	}
	return errBlock
}

func (z *Reader) storedHeader() error {
	z.align()
	if err := z.need(32); err != nil {
		return err
	}
	length, complement := z.take(16), z.take(16)
	if length != ^complement&0xffff {
		return errStored
	}
	z.left, z.state = int(length), inStored
	return nil
}

// stored copies of a stored block what is there and has room.
func (z *Reader) stored() error {
	if z.left == 0 {
		z.endBlock()
		return nil
	}
	if z.pos == z.end {
		if err := z.more(); err != nil {
			return unexpected(err)
		}
	}
	from := z.in[z.pos:min(z.end, z.pos+z.left)]
	n := min(len(from), (outLimit-z.o)>>z.wide+1)
	if z.wide == 0 {
		copy(z.out[z.o:], from[:n])
	} else {
		for i, c := range from[:n] {
			z.out.set(z.o+2*i, uint16(c))
		}
	}
	z.o, z.pos, z.left = z.o+n<<z.wide, z.pos+n, z.left-n
	return nil
}

func (z *Reader) endBlock() {
	z.state = atBlock
	if z.final {
		z.state = atTrailer
	}
}

// fixedCodes sets the codes of RFC 1951, 3.2.6.
func (z *Reader) fixedCodes() {
	if z.fixed {
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
	z.litCode.set(lengths[:288])
	z.distCode.set(lengths[288:])
	z.tables()
	z.least, z.fixed = z.litCode.min, true
}

func (z *Reader) tables() {
	fill(&z.litCode, z.lit[:], litBits, litEntry, litSub, 0)
	fill(&z.distCode, z.dist[:], distBits, distEntry, distSub, noDist)
	z.dist[distSize-1] = noDist
}

// dynamicCodes reads the codes of a block (RFC 1951, 3.2.7).
func (z *Reader) dynamicCodes() error {
	if err := z.need(14); err != nil {
		return err
	}
	lits, dists, n := z.take(5)+257, z.take(5)+1, z.take(4)+4
	if lits > maxLit || dists > maxDist {
		return errLengths
	}
	var lengths [19]uint8
	for i := range n {
		if err := z.need(3); err != nil {
			return err
		}
		// The order in which the lengths of the code length code come.
		const order = "\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"
		lengths[order[i]] = uint8(z.take(3))
	}
	z.fixed = false
	if !z.litCode.set(lengths[:]) {
		return errLengths
	}
	var all [maxLit + maxDist]uint8
	if err := z.codeLengths(all[:lits+dists]); err != nil {
		return err
	}
	if !z.litCode.set(all[:lits]) || !z.distCode.set(all[lits:lits+dists]) {
		return errLengths
	}
	z.tables()
	// Every block ends with the code of endOfBlock, so that many bits follow each symbol's first one.
	z.least = max(z.litCode.min, uint(all[endOfBlock]))
	return nil
}

// codeLengths reads the lengths of the codes of literals and distances, themselves coded with litCode.
func (z *Reader) codeLengths(all []uint8) error {
	var table [1 << 7]uint8 // symbol and length, which is 0 where there is no code
	fill7(&z.litCode, &table)
	for i := 0; i < len(all); {
		if z.n < 14 && z.end-z.pos >= 8 {
			z.bits |= binary.LittleEndian.Uint64(z.in[z.pos:]) << z.n
			z.pos += int((63 - z.n) >> 3)
			z.n |= 56
			z.bits &= 1<<z.n - 1
		}
		if err := z.need(z.litCode.min); err != nil {
			return err
		}
		e := table[z.bits&(1<<7-1)]
		for uint(e&7) > z.n {
			if err := z.need(z.n + 1); err != nil {
				return err
			}
			e = table[z.bits&(1<<7-1)]
		}
		if e&7 == 0 {
			return errCode
		}
		z.take(uint(e & 7))
		symbol := e >> 3
		if symbol < 16 {
			all[i] = symbol
			i++
			continue
		}
		again, extra, value := uint(3), uint(symbol-14), uint8(0)
		if symbol == 18 {
			again, extra = 11, 7
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
		again += z.take(extra)
		if i+int(again) > len(all) {
			return errLengths
		}
		for range again {
			all[i] = value
			i++
		}
	}
	return nil
}

func fill7(c *code, table *[1 << 7]uint8) {
	word, next := 0, 0
	for l := uint(1); l <= c.max; l++ {
		for range c.count[l] {
			for i := word; i < len(table); i += 1 << l {
				table[i] = uint8(c.symbols[next]<<3) | uint8(l)
			}
			next++
			word = following(word, l)
		}
	}
}
