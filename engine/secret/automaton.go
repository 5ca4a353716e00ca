package secret

// automaton finds any of many keywords in one pass, whatever their case (Aho and Corasick, 1975): for each state and class of bytes it holds the
// next state, so that a byte costs two look-ups.
type automaton struct {
	class [256]uint8 // of a byte: which column of next it is; 0 for what is in no keyword
	width int
	next  []uint16   // by state and class
	found [][]uint16 // by state: the keywords that end there
	step  []uint32   // next for the search: where the row of the next state begins, and in the highest bit whether a keyword ends there
}

func newAutomaton(keywords []string) *automaton {
	a := &automaton{width: 1}
	lower := func(c byte) byte {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	for _, k := range keywords {
		for i := range len(k) {
			if c := lower(k[i]); a.class[c] == 0 {
				a.class[c] = uint8(a.width) //nolint:gosec // fewer than 256 bytes
				a.width++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[lower(byte(c))]
	}
	grow := func() uint16 {
		a.next = append(a.next, make([]uint16, a.width)...)
		a.found = append(a.found, nil)
		return uint16(len(a.found) - 1) //nolint:gosec // some thousand
	}
	grow()
	for n, k := range keywords {
		state := uint16(0)
		for i := range len(k) {
			at := int(state)*a.width + int(a.class[k[i]])
			if a.next[at] == 0 {
				made := grow()
				a.next[at] = made
			}
			state = a.next[at]
		}
		a.found[state] = append(a.found[state], uint16(n)) //nolint:gosec // some hundred
	}
	a.link()
	a.step = make([]uint32, len(a.next))
	for i, s := range a.next {
		a.step[i] = uint32(s) * uint32(a.width) //nolint:gosec // some hundred thousand
		if len(a.found[s]) > 0 {
			a.step[i] |= ends
		}
	}
	return a
}

const ends = 1 << 31

// link completes the states by what the longest end of each, that is itself the beginning of a keyword, leads to.
func (a *automaton) link() {
	fail := make([]uint16, len(a.found))
	queue := make([]uint16, 0, len(a.found))
	for c := range a.width {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.found[s] = append(a.found[s], a.found[fail[s]]...)
		for c := range a.width {
			at, back := int(s)*a.width+c, a.next[int(fail[s])*a.width+c]
			if t := a.next[at]; t != 0 {
				fail[t] = back
				queue = append(queue, t)
			} else {
				a.next[at] = back
			}
		}
	}
}

// each calls hit with each keyword's number and where it ends, until hit says no.
func (a *automaton) each(b []byte, hit func(keyword int, end int) bool) {
	row := uint32(0)
	for i, c := range b {
		at := a.step[row+uint32(a.class[c])]
		if row = at &^ ends; at < ends {
			continue
		}
		for _, k := range a.found[row/uint32(a.width)] { //nolint:gosec // fewer than 256
			if !hit(int(k), i+1) {
				return
			}
		}
	}
}
