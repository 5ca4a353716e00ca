package cache

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/vetoci/veto/engine"
)

// A payload is how much text it unfolds to, the entries without their links, a table of the other strings, and then all other fields in the
// order of their Go types. The paths of entries and the strings of the table are written as what they share with the one before and the
// rest. Numbers are unsigned varints. Everywhere else a string is a number: 0 is the empty one, then come the paths of the entries, then the
// table; those of owned files are differences to the last such number, because they nearly always follow each other.
//
// What is decoded shares one large string, and nothing is held twice: on a fresh heap the pages that are touched first cost more than
// all of the arithmetic.

var errPayload = errors.New("the entry ends too early, goes on too long or holds what no entry holds")

// maxExpansion bounds how much text a payload may unfold to, for each of its bytes.
const maxExpansion = 64

// writer builds a payload.
type writer struct {
	out      []byte // the fields so far
	head     []byte // the entries
	entries  uint64
	table    []string
	index    map[string]uint64
	before   string // what was folded last
	lastFile uint64 // number of the last owned file's path
	text     int    // bytes that the payload unfolds to
}

func newWriter() *writer { return &writer{index: map[string]uint64{}} }

func (w *writer) number(n uint64) { w.out = binary.AppendUvarint(w.out, n) }

// fold writes a string as what it shares with the last one, and the rest.
func (w *writer) fold(s string) {
	n := shared(w.before, s)
	w.number(uint64(n))
	w.number(uint64(len(s) - n))
	w.out = append(w.out, s[n:]...)
	if w.text += len(s); n == len(w.before) {
		w.text -= n // the reader prolongs what it has
	}
	w.before = s
}

func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// numberOf gives a string its number.
func (w *writer) numberOf(s string) uint64 {
	if s == "" {
		return 0
	}
	at, ok := w.index[s]
	if !ok {
		w.table = append(w.table, s)
		at = w.entries + uint64(len(w.table))
		w.index[s] = at
	}
	return at
}

func (w *writer) string(s string) { w.number(w.numberOf(s)) }

// step is the way from the path of the last owned file to s: 0 for the string right after it.
func (w *writer) step(s string) uint64 {
	at := w.numberOf(s)
	d := int64(at) - int64(w.lastFile+1)
	w.lastFile = at
	return uint64(d<<1) ^ uint64(d>>63)
}

// payload returns the parts of the payload in the order in which they are read.
func (w *writer) payload() ([][]byte, error) {
	fields := w.out
	w.out, w.before = make([]byte, 0, 8*len(w.table)+binary.MaxVarintLen64), ""
	if w.head == nil {
		w.number(0) // no entries
	}
	w.number(uint64(len(w.table)))
	for _, s := range w.table {
		w.fold(s)
	}
	parts := [][]byte{binary.AppendUvarint(nil, uint64(w.text)), w.head, w.out, fields}
	if limit := maxExpansion * int64(sizeOf(parts)); w.text > engine.MaxCacheText || int64(w.text) > limit {
		return nil, &engine.LimitError{What: "text of a cached layer", Limit: min(engine.MaxCacheText, limit)}
	}
	return parts, nil
}

func sizeOf(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// reader reads a payload. The first thing that does not fit makes it bad, and everything after it empty.
type reader struct {
	buf      []byte
	at       int
	bad      bool
	entries  []engine.Entry
	table    []string
	before   string
	from     int // where in text before starts
	lastFile uint64
	text     strings.Builder
	room     int                // bytes that text may still take
	files    []engine.OwnedFile // to cut lists from
	hex      [256]uint16        // the two digits of each byte; filled when first needed
}

func newReader(payload []byte) *reader {
	r := &reader{buf: payload}
	room := r.number()
	if room > engine.MaxCacheText || room > maxExpansion*uint64(len(payload)) {
		r.fail()
		return r
	}
	r.room = int(room)
	r.text.Grow(r.room)
	r.entries = r.readEntries()
	r.before, r.from = "", r.text.Len()
	r.table = make([]string, r.count(2))
	for i := range r.table {
		r.table[i] = r.unfold()
	}
	return r
}

// unfold reads what fold wrote.
func (r *reader) unfold() string {
	n, size := r.number(), r.number()
	if n > uint64(len(r.before)) || size > uint64(len(r.buf)-r.at) {
		r.fail()
		return ""
	}
	head := ""
	if int(n) < len(r.before) {
		head, r.from = r.before[:n], r.text.Len()
	}
	r.add(head, r.bytes(int(size)))
	r.before = r.text.String()[r.from:]
	return r.before
}

// add appends to the text, which has had room for all of it from the start.
func (r *reader) add(head string, tail []byte) {
	if r.room -= len(head) + len(tail); r.room < 0 {
		r.fail()
		return
	}
	r.text.WriteString(head)
	r.text.Write(tail)
}

func (r *reader) fail() { r.bad, r.at = true, len(r.buf) }

func (r *reader) number() uint64 {
	if r.at < len(r.buf) && r.buf[r.at] < 0x80 {
		r.at++
		return uint64(r.buf[r.at-1])
	}
	return r.long()
}

func (r *reader) long() uint64 {
	n, size := binary.Uvarint(r.buf[r.at:])
	if size <= 0 {
		r.fail()
		return 0
	}
	r.at += size
	return n
}

// word reads a number of 32 bits.
func (r *reader) word() uint32 {
	n := r.number()
	if n>>32 != 0 {
		r.fail()
	}
	return uint32(n)
}

// count reads how many things follow, each of which takes so many bytes at least: a count that lies allocates no more than what is there.
func (r *reader) count(least int) int {
	n := r.number()
	if n > uint64((len(r.buf)-r.at)/least) {
		r.fail()
		return 0
	}
	return int(n)
}

// size reads the count of a list that may be nil: -1 then, which is written as 0.
func (r *reader) size(least int) int {
	n := r.number()
	if n == 0 {
		return -1
	}
	if n-1 > uint64((len(r.buf)-r.at)/least) {
		r.fail()
		return -1
	}
	return int(n - 1)
}

func (r *reader) string() string { return r.lookUp(r.number()) }

func (r *reader) lookUp(n uint64) string {
	if n == 0 {
		return ""
	}
	if n--; n < uint64(len(r.entries)) {
		return r.entries[n].Path
	}
	if n -= uint64(len(r.entries)); n < uint64(len(r.table)) {
		return r.table[n]
	}
	r.fail()
	return ""
}

func (r *reader) step(n uint64) string {
	r.lastFile = uint64(int64(r.lastFile+1) + (int64(n>>1) ^ -int64(n&1)))
	return r.lookUp(r.lastFile)
}

// bytes returns the next n bytes.
func (r *reader) bytes(n int) []byte {
	if n > len(r.buf)-r.at {
		r.fail()
		return nil
	}
	r.at += n
	return r.buf[r.at-n : r.at]
}

func (r *reader) end() error {
	if r.bad || r.at != len(r.buf) || r.room != 0 {
		return errPayload
	}
	return nil
}
