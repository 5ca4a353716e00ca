package inflate

// decodeSymbols decodes symbols of a block until its end or until out is full. It returns errYield when it needs more input and there is
// output to be given first.
func (z *Reader) decodeSymbols() error {
	for z.outPos <= outLimit {
		if z.end-z.pos >= inSlack {
			z.decodeFast()
			if z.outPos > outLimit {
				return nil
			}
		}
		if err := z.decodeSymbol(); err != nil || z.state != inSymbols {
			return err
		}
	}
	return nil
}

// decodeSymbol decodes one symbol bit by bit. It reads no byte of input that it does not need, and consumes a symbol only when it is whole:
// after errYield it can begin again.
func (z *Reader) decodeSymbol() error {
	if err := z.need(z.minBits); err != nil {
		return err
	}
	symbol, used, err := z.decodeCode(&z.litCode, 0)
	if err != nil {
		return err
	}
	switch {
	case symbol < endOfBlock:
		z.out.store16(z.outPos, uint16(symbol))
		z.outPos += 1 << z.shift
		z.takeBits(used)
		return nil
	case symbol == endOfBlock:
		z.takeBits(used)
		z.endBlock()
		return nil
	case symbol >= maxLit:
		return errCode
	}
	length, extra := lengthOf(symbol)
	if err := z.need(used + extra); err != nil {
		return err
	}
	length += uint(z.bits >> used & (1<<extra - 1))
	symbol, used, err = z.decodeCode(&z.distCode, used+extra)
	if err != nil {
		return err
	}
	if symbol >= maxDist {
		return errCode
	}
	distance, extra := distOf(symbol)
	if err := z.need(used + extra); err != nil {
		return err
	}
	distance += uint(z.bits >> used & (1<<extra - 1))
	back := int(distance) << z.shift
	if back > z.outPos-z.windowStart {
		return errDistance
	}
	z.takeBits(used + extra)
	for range length << z.shift {
		z.out[z.outPos] = z.out[z.outPos-back]
		z.outPos++
	}
	return nil
}

// decodeCode returns the symbol whose code follows the first used bits of the bit buffer, and used with the bits of that code.
func (z *Reader) decodeCode(c *code, used uint) (symbol, after uint, err error) {
	codeword := 0 // the bits so far, the first of them highest
	first := 0    // the first code of this length
	at := 0       // the place of its symbol in c.symbols
	for l := uint(1); l <= c.max; l++ {
		if err := z.need(used + l); err != nil {
			return 0, 0, err
		}
		codeword = codeword<<1 | int(z.bits>>(used+l-1)&1)
		if n := int(c.count[l]); codeword-first < n {
			return uint(c.symbols[at+codeword-first]), used + l, nil
		} else {
			at, first = at+n, (first+n)<<1
		}
	}
	return 0, 0, errCode
}
