package inflate

import (
	"encoding/binary"
	"hash/crc32"
)

// adopt is called at the start of a block. If the scout has been here, its output becomes the reader's, which goes on where the scout ended;
// errYield then says that there is output.
func (z *Reader) adopt() error {
	s := z.scout
	r, bit := s.cur, z.bit()
	if r == nil || bit < 8*int64(r.split) {
		return nil
	}
	r.mu.Lock()
	start, done, quit := r.start, r.done, r.quit
	met := bit == start && z.o-z.start >= history && !quit
	if met && z.o > z.given {
		r.mu.Unlock()
		return errYield
	}
	if start >= 0 && bit >= start {
		r.quit = true // from here on the scout writes to nothing that it has published
	}
	r.mu.Unlock()
	switch {
	case met && done:
		s.shift(-later / 2)
	case met, start >= 0 && bit > start && !quit:
		s.shift(later)
	}
	if !met {
		return nil
	}
	z.fillIn(r)
	z.place(r.last)
	return errYield
}

// later is by how much the reader's share grows when the scout was late, in thousandths.
const later = 20

// fillIn makes the scout's output of a region the reader's.
func (z *Reader) fillIn(r *region) {
	byteOf := &z.scout.byteOf
	copy(byteOf[256:], z.out[z.o-history:z.o])
	// A symbol of two bytes becomes one of one byte, in the second half of where they are: writing it destroys none that lies before it.
	n := r.wide / 2
	for i := n - 1; i >= 0; i-- {
		r.out[n+i] = byteOf[binary.LittleEndian.Uint16(r.out[2*i:])]
	}
	z.adopted = r.out[n : r.wide+r.clean]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, z.adopted)
	z.size += uint32(len(z.adopted))
	z.helped += int64(len(z.adopted))
	if k := len(z.adopted); k < history {
		copy(z.out[:], z.out[z.o-history+k:z.o])
		copy(z.out[history-k:], z.adopted)
	} else {
		copy(z.out[:history], z.adopted[k-history:])
	}
	z.start, z.o, z.given, z.summed = 0, history, history, history
}
