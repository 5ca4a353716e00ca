package cache

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/vetoci/veto/engine"
)

// A payload consists of the length of all its text once decoded, the entries without their links, a table of all other strings, and then
// all other fields in the order of their Go types. Numbers are unsigned varints. The paths of entries and the strings of the table are
// front coded: the length of the prefix that a string shares with the one before it, and the rest. Everywhere else a string is written as
// its number: 0 is the empty string, then come the paths of the entries, then the table. The numbers of owned files' paths are written as
// differences to the last such number, because they nearly always follow each other.
//
// All decoded strings are parts of one large string, and no text is held twice: on a fresh heap, touching a page for the first time takes
// longer than all of the arithmetic.

var errPayload = errors.New("the entry ends too early, goes on too long or holds what no entry holds")

// maxExpansion is how many bytes of text a payload may have, for each of its bytes: front coding could make a few bytes stand for much
// text. The facts of a Debian layer have about 2.
const maxExpansion = 64

// payloadWriter builds a payload.
type payloadWriter struct {
	out         []byte // the fields so far
	entriesPart []byte // the entries
	entryCount  uint64
	table       []string
	index       map[string]uint64 // the numbers of strings
	previous    string            // what was front coded last
	lastFile    uint64            // number of the last owned file's path
	textSize    int               // bytes of all text once decoded
}

func newPayloadWriter() *payloadWriter { return &payloadWriter{index: map[string]uint64{}} }

func (w *payloadWriter) uvarint(n uint64) { w.out = binary.AppendUvarint(w.out, n) }

// frontCode writes a string as the length of what it shares with the one before it, and the rest.
func (w *payloadWriter) frontCode(s string) {
	n := commonPrefix(w.previous, s)
	w.uvarint(uint64(n))
	w.uvarint(uint64(len(s) - n))
	w.out = append(w.out, s[n:]...)
	if w.textSize += len(s); n == len(w.previous) {
		w.textSize -= n // the reader appends to the string before
	}
	w.previous = s
}

// commonPrefix is how many bytes two strings begin with in common.
func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// stringNumber returns the number of a string, and adds it to the table when it is new.
func (w *payloadWriter) stringNumber(s string) uint64 {
	if s == "" {
		return 0
	}
	at, ok := w.index[s]
	if !ok {
		w.table = append(w.table, s)
		at = w.entryCount + uint64(len(w.table))
		w.index[s] = at
	}
	return at
}

func (w *payloadWriter) string(s string) { w.uvarint(w.stringNumber(s)) }

// pathStep returns the difference between the number of s and the one after the last owned file's path, zigzag coded: 0 when s follows that
// path.
func (w *payloadWriter) pathStep(s string) uint64 {
	at := w.stringNumber(s)
	d := int64(at) - int64(w.lastFile+1)
	w.lastFile = at
	return uint64(d<<1) ^ uint64(d>>63)
}

// payload returns the parts of the payload in the order in which they are read.
func (w *payloadWriter) payload() ([][]byte, error) {
	fields := w.out
	w.out, w.previous = make([]byte, 0, 8*len(w.table)+binary.MaxVarintLen64), ""
	if w.entriesPart == nil {
		w.uvarint(0) // no entries
	}
	w.uvarint(uint64(len(w.table)))
	for _, s := range w.table {
		w.frontCode(s)
	}
	parts := [][]byte{binary.AppendUvarint(nil, uint64(w.textSize)), w.entriesPart, w.out, fields}
	if limit := maxExpansion * int64(sizeOf(parts)); w.textSize > engine.MaxCacheText || int64(w.textSize) > limit {
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

// payloadReader reads a payload. After the first mistake in it bad is set, and everything that is read is empty.
type payloadReader struct {
	buf           []byte
	pos           int
	bad           bool
	entries       []engine.Entry
	table         []string
	previous      string
	previousStart int // where in text previous starts
	lastFile      uint64
	text          strings.Builder
	textLeft      int                // how many bytes may still be added to text
	files         []engine.OwnedFile // see cutFiles
	hex           [256]uint16        // the two digits of each byte; filled when first needed
}

func newPayloadReader(payload []byte) *payloadReader {
	r := &payloadReader{buf: payload}
	room := r.uvarint()
	if room > engine.MaxCacheText || room > maxExpansion*uint64(len(payload)) {
		r.fail()
		return r
	}
	r.textLeft = int(room)
	r.text.Grow(r.textLeft)
	r.entries = r.readEntries()
	r.previous, r.previousStart = "", r.text.Len()
	r.table = make([]string, r.count(2))
	for i := range r.table {
		r.table[i] = r.frontDecode()
	}
	return r
}

// frontDecode reads what frontCode wrote.
func (r *payloadReader) frontDecode() string {
	n, size := r.uvarint(), r.uvarint()
	if n > uint64(len(r.previous)) || size > uint64(len(r.buf)-r.pos) {
		r.fail()
		return ""
	}
	head := ""
	if int(n) < len(r.previous) {
		head, r.previousStart = r.previous[:n], r.text.Len()
	}
	r.addText(head, r.bytes(int(size)))
	r.previous = r.text.String()[r.previousStart:]
	return r.previous
}

// addText appends to text, which has had room for all of it from the start: so strings that were cut from it stay valid.
func (r *payloadReader) addText(head string, tail []byte) {
	if r.textLeft -= len(head) + len(tail); r.textLeft < 0 {
		r.fail()
		return
	}
	r.text.WriteString(head)
	r.text.Write(tail)
}

func (r *payloadReader) fail() { r.bad, r.pos = true, len(r.buf) }

func (r *payloadReader) uvarint() uint64 {
	if r.pos < len(r.buf) && r.buf[r.pos] < 0x80 {
		r.pos++
		return uint64(r.buf[r.pos-1])
	}
	return r.longUvarint()
}

func (r *payloadReader) longUvarint() uint64 {
	n, size := binary.Uvarint(r.buf[r.pos:])
	if size <= 0 {
		r.fail()
		return 0
	}
	r.pos += size
	return n
}

// uvarint32 reads a number of 32 bits.
func (r *payloadReader) uvarint32() uint32 {
	n := r.uvarint()
	if n>>32 != 0 {
		r.fail()
	}
	return uint32(n)
}

// count reads how many elements follow, of at least minBytes bytes each. A count for which there are too few bytes is a mistake, so that a
// false one allocates no memory.
func (r *payloadReader) count(minBytes int) int {
	n := r.uvarint()
	if n > uint64((len(r.buf)-r.pos)/minBytes) {
		r.fail()
		return 0
	}
	return int(n)
}

// listLen reads the length of a list, as count does; -1 for nil.
func (r *payloadReader) listLen(minBytes int) int {
	n := r.uvarint()
	if n == 0 {
		return -1
	}
	if n-1 > uint64((len(r.buf)-r.pos)/minBytes) {
		r.fail()
		return -1
	}
	return int(n - 1)
}

func (r *payloadReader) string() string { return r.stringAt(r.uvarint()) }

// stringAt returns the string of a number.
func (r *payloadReader) stringAt(n uint64) string {
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

// pathStep returns the path that the writer's pathStep gave n for.
func (r *payloadReader) pathStep(n uint64) string {
	r.lastFile = uint64(int64(r.lastFile+1) + (int64(n>>1) ^ -int64(n&1)))
	return r.stringAt(r.lastFile)
}

// bytes returns the next n bytes.
func (r *payloadReader) bytes(n int) []byte {
	if n > len(r.buf)-r.pos {
		r.fail()
		return nil
	}
	r.pos += n
	return r.buf[r.pos-n : r.pos]
}

// finish returns an error when the payload had a mistake, or more bytes or less text than it should.
func (r *payloadReader) finish() error {
	if r.bad || r.pos != len(r.buf) || r.textLeft != 0 {
		return errPayload
	}
	return nil
}
