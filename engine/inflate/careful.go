package inflate

// codes decodes symbols of a block until its end, or until there is no room, or no input but output that nobody has seen.
func (z *Reader) codes() error {
	for z.o <= outLimit {
		if z.end-z.pos >= inSlack {
			z.fast()
			if z.o > outLimit {
				return nil
			}
		}
		if err := z.symbol(); err != nil || z.state != inCodes {
			return err
		}
	}
	return nil
}

// symbol decodes one symbol bit by bit, reading no byte of input that it does not need, and consumes it when it is whole.
func (z *Reader) symbol() error {
	if err := z.need(z.least); err != nil {
		return err
	}
	symbol, used, err := z.decode(&z.litCode, 0)
	if err != nil {
		return err
	}
	switch {
	case symbol < endOfBlock:
		z.out.set(z.o, uint16(symbol))
		z.o += 1 << z.wide
		z.take(used)
		return nil
	case symbol == endOfBlock:
		z.take(used)
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
	symbol, used, err = z.decode(&z.distCode, used+extra)
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
	back := int(distance) << z.wide
	if back > z.o-z.start {
		return errDistance
	}
	z.take(used + extra)
	for range length << z.wide {
		z.out[z.o] = z.out[z.o-back]
		z.o++
	}
	return nil
}

// decode returns the symbol behind the first used bits of the buffer, and used with the bits of its code.
func (z *Reader) decode(c *code, used uint) (symbol, after uint, err error) {
	word, first, at := 0, 0, 0 // the code so far, its first bit highest; the first code of this length, and its place in c.symbols
	for l := uint(1); l <= c.max; l++ {
		if err := z.need(used + l); err != nil {
			return 0, 0, err
		}
		word = word<<1 | int(z.bits>>(used+l-1)&1)
		if n := int(c.count[l]); word-first < n {
			return uint(c.symbols[at+word-first]), used + l, nil
		} else {
			at, first = at+n, (first+n)<<1
		}
	}
	return 0, 0, errCode
}
