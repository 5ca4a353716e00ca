package inflate

// What the fast loop leaves free: a round reads two words of input, the second at most 7 bytes behind the first, and writes at
// most one literal and one match, or two literals, of two bytes each when out is wide; a match's copying goes up to 15 bytes too far.
const (
	inSlack  = 16
	outSlack = 2*(1+258) + 16
	outLimit = outSize - outSlack // up to here there is room
	history  = 32 << 10           // how far back a match may reach (RFC 1951, 3.2.5)
)

// fast decodes symbols while there is enough input and room. It stops in front of what is rare (the end of the block, a code that does not
// exist, a distance that is too far), which the careful path then meets.
//
// The bit buffer is b, with n bits that count; above them it has bits of the word at pos, which are right. Only the low six bits of n
// are its value: so an entry is subtracted as it is. The next entry is looked up before the buffer is filled up, for
// the look-up is what the loop waits for.
func (z *Reader) fast() {
	in, out, lit, dist := z.in, z.out, &z.lit, &z.dist
	o, start, wide, step := z.o, z.start, z.wide&1, 1<<(z.wide&1)
	inLimit := z.end - inSlack
	b, n, pos := refill(in, z.bits, z.n, z.pos)
	e, unused := lit[b&(1<<litBits-1)], uint32(0)
	for pos <= inLimit && o <= outLimit {
		b, n, pos = refill(in, b, n, pos)
		if e&flagLiteral != 0 {
			out.set(o, uint16(e>>8&0xff))
			b, n, o = b>>(e&63), n-uint(e), o+step
			e = lit[b&(1<<litBits-1)]
			if e&flagLiteral != 0 {
				out.set(o, uint16(e>>8&0xff))
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
				out.set(o, uint16(e>>8&0xff))
				b, n, o = b>>(e&63), n-uint(e), o+step
				e = lit[b&(1<<litBits-1)]
				continue
			}
			if e&flagLength == 0 {
				break
			}
		}
		end := o + (int(e>>11&511)+int(b>>(e>>20&63))&int(e>>6&31))<<wide
		b, n = b>>(e&63), n-uint(e)
		d := dist[b&(1<<distBits-1)]
		if n&63 < maxDistBits {
			b, n, pos = refill(in, b, n, pos)
		}
		if d&flagOdd != 0 {
			d = dist[(d>>16&0xffff+b>>distBits&(d>>32)&0xffff)&(distSize-1)]
		}
		from := o - (int(d>>16&0xffff)+int(b>>(d>>8&63)&(d>>32)))<<wide
		if from < start || d&flagOdd != 0 {
			unused = e & 63
			break
		}
		b, n = b>>(d&63), n-uint(d)
		e = lit[b&(1<<litBits-1)]
		if o-from < 8 {
			out.near(o, from, end)
		} else {
			out.far(o, from, end)
		}
		o = end
	}
	z.o = o
	z.seek(8*pos - int(n&63) - int(unused))
}

func refill(in *inBuffer, b uint64, n uint, pos int) (uint64, uint, int) {
	return b | in.word(pos)<<(n&63), n | 56, pos + int(^n>>3&7)
}

// seek goes to a place in the input, in bits from the start of in.
func (z *Reader) seek(bit int) {
	z.pos, z.bits, z.n = bit>>3, 0, 0
	if k := uint(bit & 7); k != 0 {
		z.bits, z.n = uint64(z.in[z.pos])>>k, 8-k
		z.pos++
	}
}
