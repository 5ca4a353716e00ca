package inflate

// What the fast loop leaves free: a round reads at most two words of input and writes at most two literals and one
// match, whose copying goes up to 31 bytes too far.
const (
	inSlack  = 16
	outSlack = 258 + 64
	outLimit = outSize - outSlack // up to here there is room
	history  = 32 << 10           // how far back a match may reach (RFC 1951, 3.2.5)
)

// fast decodes symbols while there is enough input and room. It stops in front of what is rare (the end of the block, a code that does not
// exist, a distance that is too far), which the careful path then meets.
func (z *Reader) fast() {
	in, out, lit, dist := z.in, z.out, &z.lit, &z.dist
	pos, o, start := z.pos, z.o, z.start
	b, n := z.bits, z.n
	inLimit := z.end - inSlack
	back := uint(0)
	b |= in.word(pos) << (n & 63)
	pos += int(^n >> 3 & 7)
	n |= 56
	e := lit[b&(1<<litBits-1)]
	for pos <= inLimit && o <= outLimit {
		b |= in.word(pos) << (n & 63)
		pos += int(^n >> 3 & 7)
		n |= 56
		if int32(e) < 0 {
			out.set(o, byte(e>>8))
			o++
			b >>= e & 63
			n -= uint(e)
			e = lit[b&(1<<litBits-1)]
			if int32(e) < 0 {
				out.set(o, byte(e>>8))
				o++
				b >>= e & 63
				n -= uint(e)
				e = lit[b&(1<<litBits-1)]
				continue
			}
		}
		if e&flagLength == 0 {
			if e&flagSub == 0 {
				break
			}
			e = lit[(e>>8+uint32(b>>litBits)&e&0xff)&(litSize-1)]
			if int32(e) < 0 {
				out.set(o, byte(e>>8))
				o++
				b >>= e & 63
				n -= uint(e)
				e = lit[b&(1<<litBits-1)]
				continue
			}
			if e&flagLength == 0 {
				break
			}
		}
		length := int(e>>11&511) + int(b>>(e>>20&63))&int(e>>6&31)
		b >>= e & 63
		n -= uint(e)
		d := dist[b&(1<<distBits-1)]
		if n&63 < 28 {
			b |= in.word(pos) << (n & 63)
			pos += int(^n >> 3 & 7)
			n |= 56
		}
		if int64(d) < 0 {
			d = dist[(d>>16&0xffff+b>>distBits&(d>>32)&0xffff)&(distSize-1)]
			if int64(d) < 0 {
				back = uint(e & 63)
				break
			}
		}
		s := o - (int(d>>16&0xffff) + int(b>>(d>>8&63)&(d>>32)))
		if s < start {
			back = uint(e & 63)
			break
		}
		b >>= d & 63
		n -= uint(d)
		e = lit[b&(1<<litBits-1)]
		w, end := o, o+length
		if o-s >= 8 {
			for w < end {
				out.setWord(w, out.word(s))
				out.setWord(w+8, out.word(s+8))
				s += 16
				w += 16
			}
		} else {
			for by := w - s; w < end; w, s = w+by, s+by {
				out.setWord(w, out.word(s))
			}
		}
		o = end
	}
	z.o = o
	z.seek(pos*8 - int(n&63) - int(back))
}

// seek goes to a place in the input, in bits from the start of in.
func (z *Reader) seek(bit int) {
	z.pos, z.bits, z.n = bit>>3, 0, 0
	if k := uint(bit & 7); k != 0 {
		z.bits, z.n = uint64(z.in[z.pos])>>k, 8-k
		z.pos++
	}
}
