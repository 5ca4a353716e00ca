package inflate

import "math/bits"

// Sizes of the look-up tables, in entries. A table's first part is indexed by the next litBits (distBits) bits of input; longer codes go
// on in subtables behind it. A subtable of 2^s entries stands for a complete code of depth s, which has at least s+1 symbols. So n symbols
// make at most n/(s+1) subtables, and the largest table has subtables of depth 15-litBits: 288/5 of 16 entries, 32/8 of 128.
const (
	litBits  = 11
	litSize  = 4096 // at least 1<<11 + 57*16, a power of two
	distBits = 8
	distSize = 1024 // more than 1<<8 + 4*128, a power of two

	maxDistBits = 15 + 13 // of a distance: code and extra bits
	maxCodeBits = 15      // RFC 1951, 3.2.7
	maxLit      = 286     // symbols that may occur (RFC 1951, 3.2.5); 286 and 287 only take part in building the fixed code
	maxDist     = 30      // distance symbols that may occur; likewise 30 and 31
	endOfBlock  = 256
)

// Entries of the table of literals and lengths:
//
//	literal    flagLiteral; bits 8-15 the literal, 0-5 bits of the code
//	length     flagLength; bits 20-25 bits of the code, 11-19 base, 6-10 mask of the extra bits, 0-5 bits of code and extra bits
//	subtable   flagSub; bits 8-23 where it starts, 0-7 mask of its index
//	0          end of block, or no code at all: decodeSymbol tells which
const (
	flagLiteral = 1 << 31
	flagLength  = 1 << 29
	flagSub     = 1 << 28
)

// Entries of the table of distances: bits 32-47 mask of the extra bits, 16-31 base, 8-13 bits of the code, 0-5 bits of code and extra bits.
// With flagDistSub it is a subtable: bits 16-31 where it starts, 32-47 mask of its index. Where there is no code at all, the entry is
// invalidDist: a subtable that consists of the table's last entry, which is invalidDist again.
const (
	flagDistSub = 1 << 63
	invalidDist = flagDistSub | (distSize-1)<<16
)

// code is a canonical Huffman code (RFC 1951, 3.2.2).
type code struct {
	count   [maxCodeBits + 1]uint16 // how many symbols have a code of each length; count[0] is 0
	symbols [288]uint16             // in the order of their codes
	min     uint                    // length of the shortest code; 0 without any code
	max     uint                    // length of the longest
}

// build makes the code of symbols with these lengths; 0 means that the symbol does not occur. It reports whether the code may stand in a
// block: it is complete, or has a single symbol of length 1, or is empty. The latter two fail later, at input that does not match them.
func (c *code) build(lengths []uint8) bool {
	c.count = [maxCodeBits + 1]uint16{}
	for _, l := range lengths {
		c.count[l&15]++
	}
	c.count[0], c.min, c.max = 0, 0, 0
	var next [maxCodeBits + 1]uint16 // where the symbols of a length go
	var at uint16
	space := 0
	for l := 1; l <= maxCodeBits; l++ {
		next[l] = at
		at += c.count[l]
		space = space<<1 + int(c.count[l])
		if c.count[l] != 0 {
			if c.min == 0 {
				c.min = uint(l)
			}
			c.max = uint(l)
		}
	}
	for s, l := range lengths {
		if l != 0 {
			c.symbols[next[l&15]] = uint16(s)
			next[l&15]++
		}
	}
	return space == 1<<maxCodeBits || at == 0 || at == 1 && c.max == 1
}

// complete reports whether every sequence of bits starts with a code.
func (c *code) complete() bool { return c.max > 1 || c.count[1] == 2 }

// lengthOf returns what a symbol from 257 to 285 stands for: a base and the number of extra bits (RFC 1951, 3.2.5).
func lengthOf(symbol uint) (base, extra uint) {
	switch {
	case symbol < 265:
		return symbol - 254, 0
	case symbol < 285:
		extra = (symbol - 261) >> 2
		return (4+(symbol-265)&3)<<extra + 3, extra
	}
	return 258, 0
}

// distOf returns what a distance symbol from 0 to 29 stands for, as lengthOf does.
func distOf(symbol uint) (base, extra uint) {
	if symbol < 4 {
		return symbol + 1, 0
	}
	extra = (symbol - 2) >> 1
	return (2+symbol&1)<<extra + 1, extra
}

// litEntry makes the table entry of a literal or length symbol whose code has length bits.
func litEntry(symbol, length uint) uint32 {
	switch {
	case symbol < endOfBlock:
		return uint32(flagLiteral | symbol<<8 | length)
	case symbol == endOfBlock || symbol >= maxLit:
		return 0
	}
	base, extra := lengthOf(symbol)
	return uint32(flagLength | length<<20 | base<<11 | (1<<extra-1)<<6 | (length + extra))
}

// distEntry makes the table entry of a distance symbol whose code has length bits.
func distEntry(symbol, length uint) uint64 {
	if symbol >= maxDist {
		return invalidDist
	}
	base, extra := distOf(symbol)
	return uint64(1<<extra-1)<<32 | uint64(base<<16|length<<8|(length+extra))
}

func litSub(at, mask int) uint32  { return uint32(flagSub | at<<8 | mask) }
func distSub(at, mask int) uint64 { return flagDistSub | uint64(mask)<<32 | uint64(at)<<16 }

// fillTable writes the look-up table of a code: root is the number of bits that index its first part, none the entry of bits that are no
// code.
func fillTable[E uint32 | uint64](
	c *code, table []E, root uint, entry func(symbol, length uint) E, sub func(at, mask int) E, none E,
) {
	if !c.complete() {
		for i := range table[:1<<root] {
			table[i] = none
			if c.max == 1 && i&1 == 0 {
				table[i] = entry(uint(c.symbols[0]), 1)
			}
		}
		return
	}
	codeword := 0 // its first bit lowest
	next := 0     // the place of its symbol in c.symbols
	size := 1     // how much of the table is filled
	for l := uint(1); l <= min(root, c.max); l++ {
		copy(table[size:2*size], table[:size])
		size *= 2
		for range c.count[l] {
			table[codeword] = entry(uint(c.symbols[next]), l)
			next++
			codeword = nextCodeword(codeword, l)
		}
	}
	for ; size < 1<<root; size *= 2 {
		copy(table[size:2*size], table[:size])
	}
	if c.max > root {
		fillSubtables(c, table, root, entry, sub, codeword, next)
	}
}

// nextCodeword returns the code of l bits that comes after codeword, both with their first bit lowest; 0 after the last.
func nextCodeword(codeword int, l uint) int {
	left := codeword ^ (1<<l - 1)
	if left == 0 {
		return 0
	}
	bit := 1 << (bits.Len(uint(left)) - 1)
	return codeword&(bit-1) | bit
}

// fillSubtables goes on where fillTable ends: with the codes of more than root bits, of which codeword is the first and c.symbols[next] its
// symbol.
func fillSubtables[E uint32 | uint64](
	c *code, table []E, root uint, entry func(symbol, length uint) E, sub func(at, mask int) E, codeword, next int,
) {
	at, size, prefix := 1<<root, 0, -1
	for l := root + 1; l <= c.max; l++ {
		for left := int(c.count[l]); left > 0; left-- {
			if p := codeword & (1<<root - 1); p != prefix {
				// The subtable is as deep as the codes with this prefix: the codes that follow, until they fill it.
				at += size
				depth, used := l-root, left
				for used < 1<<depth {
					depth++
					used = used<<1 + int(c.count[root+depth])
				}
				prefix, size = p, 1<<depth
				table[p] = sub(at, size-1)
			}
			for i := codeword >> root; i < size; i += 1 << (l - root) {
				table[at+i] = entry(uint(c.symbols[next]), l)
			}
			next++
			codeword = nextCodeword(codeword, l)
		}
	}
}
