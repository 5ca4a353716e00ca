package inflate

import "encoding/binary"

// The buffers' sizes are powers of two, and the functions below cut an index down to them: with that the compiler needs no check of
// bounds, which makes the fast loop a fifth faster. It changes no index: the loop's limits keep them below (see fast). Each buffer has room for
// one word behind.
type (
	inBuffer  [inSize + 8]byte
	outBuffer [outSize + 8]byte
)

const (
	inSize  = 64 << 10
	outSize = 256 << 10
)

func (b *inBuffer) word(at int) uint64 {
	at &= inSize - 1
	return binary.LittleEndian.Uint64(b[at : at+8])
}

func (b *outBuffer) word(at int) uint64 {
	at &= outSize - 1
	return binary.LittleEndian.Uint64(b[at : at+8])
}

func (b *outBuffer) setWord(at int, v uint64) {
	at &= outSize - 1
	binary.LittleEndian.PutUint64(b[at:at+8], v)
}

// set writes a symbol of two bytes, of which a narrow buffer uses the first: the next symbol overwrites the other.
func (b *outBuffer) set(at int, v uint16) {
	at &= outSize - 1
	binary.LittleEndian.PutUint16(b[at:at+2], v)
}

// far writes out[at:end], each byte equal to the one at-from before it (at least 8), and up to 15 bytes more.
func (b *outBuffer) far(at, from, end int) {
	for ; at < end; at, from = at+16, from+16 {
		b.setWord(at, b.word(from))
		b.setWord(at+8, b.word(from+8))
	}
}

// near is far for less than 8: each word makes at-from more bytes right, and the next one is read behind them.
func (b *outBuffer) near(at, from, end int) {
	for by := at - from; at < end; at, from = at+by, from+by {
		b.setWord(at, b.word(from))
	}
}
