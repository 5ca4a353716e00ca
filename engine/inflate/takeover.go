package inflate

import (
	"encoding/binary"
	"hash/crc32"
)

// takeOver is called at the start of a block. If the speculator began to decode at this very bit, the reader takes over its output and goes
// on where the speculator ended; errYield then says that there is output.
func (z *Reader) takeOver() error {
	spec := z.speculator
	r, bit := spec.current, z.regionBit()
	if r == nil || bit < 8*int64(r.split) {
		return nil
	}
	r.mu.Lock()
	start, done, quit := r.startBit, r.done, r.noLongerNeeded
	met := bit == start && z.outPos-z.windowStart >= windowSize && !quit
	if met && z.outPos > z.delivered {
		r.mu.Unlock()
		return errYield
	}
	if start >= 0 && bit >= start {
		r.noLongerNeeded = true // from here on the speculator writes to nothing that it has published
	}
	r.mu.Unlock()
	switch {
	case met && done:
		spec.adjustShare(-shareStep / 2)
	case met, start >= 0 && bit > start && !quit:
		spec.adjustShare(shareStep)
	}
	if !met {
		return nil
	}
	z.resolveMarkers(r)
	z.seekRegion(r.endBit)
	return errYield
}

// shareStep is by how much the reader's share grows when the speculator was late, in thousandths.
const shareStep = 20

// resolveMarkers replaces the markers in a region's output by the bytes that they stand for, and makes it the reader's output.
func (z *Reader) resolveMarkers(r *region) {
	byteOf := &z.speculator.byteOf
	copy(byteOf[256:], z.out[z.outPos-windowSize:z.outPos])
	// The single bytes go to the second half of the place of the two-byte symbols, from the last one on: no write destroys a symbol that is
	// still to be read.
	n := r.symbolBytes / 2
	for i := n - 1; i >= 0; i-- {
		r.out[n+i] = byteOf[binary.LittleEndian.Uint16(r.out[2*i:])]
	}
	z.taken = r.out[n : r.symbolBytes+r.plainBytes]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, z.taken)
	z.size += uint32(len(z.taken))
	z.takenBytes += int64(len(z.taken))
	if k := len(z.taken); k < windowSize {
		copy(z.out[:], z.out[z.outPos-windowSize+k:z.outPos])
		copy(z.out[windowSize-k:], z.taken)
	} else {
		copy(z.out[:windowSize], z.taken[k-windowSize:])
	}
	z.windowStart, z.outPos, z.delivered, z.summed = 0, windowSize, windowSize, windowSize
}
