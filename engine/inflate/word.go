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

func (b *outBuffer) set(at int, v byte) { b[at&(outSize-1)] = v }
