package cache

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The payload of an entry is a table of strings, each as what it shares with the one before it and the rest, and then the fields of the
// facts in the order of their Go types. Numbers are unsigned varints. A string is a position in the table, where 0 is the empty string; the
// paths of entries and of owned files are differences to the position after the last one, because they nearly always follow each other.
// What is decoded shares one large string, so that a layer of 30,000 entries costs a few allocations.

var errPayload = errors.New("the entry ends too early, goes on too long or holds what no entry holds")

// maxExpansion bounds how much text a payload may unfold to, for each of its bytes.
const maxExpansion = 64

// chain is a sequence of strings that are likely to follow each other in the table.
type chain uint8

const (
	entryPaths chain = iota
	ownedPaths
	chains
)

// writer builds a payload.
type writer struct {
	body   []byte
	table  []string
	index  map[string]uint64
	last   [chains]uint64
	inline int // bytes of text that are in the body
}

func newWriter(size int) *writer {
	return &writer{table: append(make([]string, 0, size+1), ""), index: make(map[string]uint64, size), body: make([]byte, 0, 16*size)}
}

func (w *writer) number(n uint64) { w.body = binary.AppendUvarint(w.body, n) }

func (w *writer) position(s string) uint64 {
	if s == "" {
		return 0
	}
	at, ok := w.index[s]
	if !ok {
		at = uint64(len(w.table))
		w.index[s] = at
		w.table = append(w.table, s)
	}
	return at
}

func (w *writer) text(s string) { w.number(w.position(s)) }

// step is the way from the last string of a chain to s: 0 for the one right after it.
func (w *writer) step(c chain, s string) uint64 {
	at := w.position(s)
	d := int64(at) - int64(w.last[c]+1)
	w.last[c] = at
	return uint64(d<<1) ^ uint64(d>>63)
}

// payload puts the table before the body.
func (w *writer) payload() ([]byte, error) {
	total := w.inline
	for _, s := range w.table {
		total += len(s)
	}
	out := make([]byte, 0, len(w.body)+total/2+4*len(w.table))
	out = binary.AppendUvarint(out, uint64(len(w.table)-1))
	out = binary.AppendUvarint(out, uint64(total))
	before := ""
	for _, s := range w.table[1:] {
		n := shared(before, s)
		out = binary.AppendUvarint(out, uint64(n))
		out = binary.AppendUvarint(out, uint64(len(s)-n))
		out = append(out, s[n:]...)
		before = s
	}
	out = append(out, w.body...)
	if total > engine.MaxCacheText || total > maxExpansion*len(out) {
		return nil, &engine.LimitError{What: "text of a cached layer", Limit: min(engine.MaxCacheText, maxExpansion*int64(len(out)))}
	}
	return out, nil
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

// reader reads a payload. The first thing that does not fit makes it bad, and everything after it empty.
type reader struct {
	buf   []byte
	at    int
	bad   bool
	table []string
	last  [chains]uint64
	all   strings.Builder
	room  int // bytes that all may still take
}

func newReader(payload []byte) *reader {
	r := &reader{buf: payload, table: []string{""}}
	count, room := r.count(), r.number()
	if room > engine.MaxCacheText || room > maxExpansion*uint64(len(payload)) {
		r.fail()
		return r
	}
	r.room = int(room)
	r.all.Grow(r.room)
	r.table = make([]string, 1, count+1)
	before := ""
	for range count {
		n, size := r.number(), r.number()
		if n > uint64(len(before)) || size > uint64(len(r.buf)-r.at) {
			r.fail()
			return r
		}
		before = r.unfold(before[:n], r.buf[r.at:r.at+int(size)])
		r.at += int(size)
		r.table = append(r.table, before)
	}
	return r
}

// unfold appends to the shared string and returns the part that is new.
func (r *reader) unfold(head string, tail []byte) string {
	if r.room -= len(head) + len(tail); r.room < 0 {
		r.fail()
		return ""
	}
	from := r.all.Len()
	r.all.WriteString(head)
	r.all.Write(tail)
	return r.all.String()[from:]
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

// count reads how many things follow, each of which takes a byte at least.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.buf)-r.at) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) text() string { return r.lookUp(r.number()) }

func (r *reader) lookUp(at uint64) string {
	if at >= uint64(len(r.table)) {
		r.fail()
		return ""
	}
	return r.table[at]
}

func (r *reader) step(c chain, n uint64) string {
	at := uint64(int64(r.last[c]+1) + (int64(n>>1) ^ -int64(n&1)))
	r.last[c] = at
	return r.lookUp(at)
}

// bytes returns the next n bytes, which are the reader's.
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
