package secret

// automaton finds many keywords in one pass over a text, in any case of their ASCII letters (Aho and Corasick, "Efficient string matching",
// 1975). All transitions are worked out beforehand, so that each byte of the text costs two look-ups.
type automaton struct {
	class  [256]uint8 // column of a byte in next and rows; 0 for bytes that are in no keyword
	width  int        // number of columns
	next   []uint16   // next state, by state and class
	output [][]uint16 // keywords that end in a state, by their numbers
	rows   []uint32   // next for each: the index at which the next state's row begins, with outputBit if a keyword ends there
}

// newAutomaton builds the automaton of keywords; each reports them by their index in the list.
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
				a.class[c] = uint8(a.width) // fewer than 256 bytes
				a.width++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[lower(byte(c))]
	}
	grow := func() uint16 {
		a.next = append(a.next, make([]uint16, a.width)...)
		a.output = append(a.output, nil)
		return uint16(len(a.output) - 1) // some thousand
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
		a.output[state] = append(a.output[state], uint16(n)) // some hundred
	}
	a.addFailureTransitions()
	a.rows = make([]uint32, len(a.next))
	for i, s := range a.next {
		a.rows[i] = uint32(s) * uint32(a.width) // some hundred thousand
		if len(a.output[s]) > 0 {
			a.rows[i] |= outputBit
		}
	}
	return a
}

const outputBit = 1 << 31

// addFailureTransitions fills in the transitions that no keyword has: they are those of the longest proper suffix of the state that some
// keyword begins with. The keywords that end there end in the state too.
func (a *automaton) addFailureTransitions() {
	fail := make([]uint16, len(a.output)) // the state of that suffix
	queue := make([]uint16, 0, len(a.output))
	for c := range a.width {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.output[s] = append(a.output[s], a.output[fail[s]]...)
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

// each calls yield with each keyword in b, by its number, and the offset behind its end, until yield returns false.
func (a *automaton) each(b []byte, yield func(keyword, end int) bool) {
	row := uint32(0)
	for i, c := range b {
		at := a.rows[row+uint32(a.class[c])]
		if row = at &^ outputBit; at < outputBit {
			continue
		}
		for _, k := range a.output[row/uint32(a.width)] { // fewer than 256
			if !yield(int(k), i+1) {
				return
			}
		}
	}
}
