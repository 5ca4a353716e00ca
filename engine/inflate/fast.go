package inflate

// The fast loop needs this much input and room for each round. A round reads two words of 8 bytes, the second at most 7 bytes behind the
// first. It writes at most one literal and one match, or two literals, of two bytes each in a speculator, and copying a match writes up to
// 15 bytes too many.
const (
	inSlack    = 16
	outSlack   = 2*(1+258) + 16
	outLimit   = outSize - outSlack // up to here there is room
	windowSize = 32 << 10           // how far back a match may reach (RFC 1951, 3.2.5)
)

// decodeFast decodes symbols while there is enough input and room. It stops in front of what is rare, which decodeSymbol then handles: the
// end of the block, a code that does not exist, a distance that is too far.
//
// The bit buffer is b, with n bits that count; above them it holds correct bits of the word at pos. Only the low six bits of n are its
// value, so that a table entry can be subtracted as it is. The next entry is looked up before the buffer is refilled, because the look-up
// is what the loop waits for.
func (z *Reader) decodeFast() {
	in, out, lit, dist := z.in, z.out, &z.lit, &z.dist
	o, start, shift, step := z.outPos, z.windowStart, z.shift&1, 1<<(z.shift&1)
	inLimit := z.end - inSlack
	b, n, pos := refill(in, z.bits, z.nbits, z.pos)
	e, unused := lit[b&(1<<litBits-1)], uint32(0)
	for pos <= inLimit && o <= outLimit {
		b, n, pos = refill(in, b, n, pos)
		if e&flagLiteral != 0 {
			out.store16(o, uint16(e>>8&0xff))
			b, n, o = b>>(e&63), n-uint(e), o+step
			e = lit[b&(1<<litBits-1)]
			if e&flagLiteral != 0 {
				out.store16(o, uint16(e>>8&0xff))
				b, n, o = b>>(e&63), n-uint(e), o+step
				e = lit[b&(1<<litBits-1)]
				continue
			}
		}
		if e&flagLength == 0 {
			if e&flagSub == 0 {
				break
			}
			e = lit[(e>>8+uint32(b>>litBits)&e&0xff)&(litSize-1)]
			if e&flagLiteral != 0 {
				out.store16(o, uint16(e>>8&0xff))
				b, n, o = b>>(e&63), n-uint(e), o+step
				e = lit[b&(1<<litBits-1)]
				continue
			}
			if e&flagLength == 0 {
				break
			}
		}
		end := o + (int(e>>11&511)+int(b>>(e>>20&63))&int(e>>6&31))<<shift
		b, n = b>>(e&63), n-uint(e)
		d := dist[b&(1<<distBits-1)]
		if n&63 < maxDistBits {
			b, n, pos = refill(in, b, n, pos)
		}
		if d&flagDistSub != 0 {
			d = dist[(d>>16&0xffff+b>>distBits&(d>>32)&0xffff)&(distSize-1)]
		}
		from := o - (int(d>>16&0xffff)+int(b>>(d>>8&63)&(d>>32)))<<shift
		if from < start || d&flagDistSub != 0 {
			unused = e & 63
			break
		}
		b, n = b>>(d&63), n-uint(d)
		e = lit[b&(1<<litBits-1)]
		if o-from < 8 {
			out.copyNear(o, from, end)
		} else {
			out.copyFar(o, from, end)
		}
		o = end
	}
	z.outPos = o
	z.seekInput(8*pos - int(n&63) - int(unused))
}

// refill fills the bit buffer b, which has n bits, from pos on, to at least 56 bits. It returns the new buffer, count and position.
func refill(in *inBuffer, b uint64, n uint, pos int) (uint64, uint, int) {
	return b | in.load64(pos)<<(n&63), n | 56, pos + int(^n>>3&7)
}

// seekInput makes the reader go on at a bit of in, counted from its start.
func (z *Reader) seekInput(bit int) {
	z.pos, z.bits, z.nbits = bit>>3, 0, 0
	if k := uint(bit & 7); k != 0 {
		z.bits, z.nbits = uint64(z.in[z.pos])>>k, 8-k
		z.pos++
	}
}
