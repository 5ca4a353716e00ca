package inflate

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// contents are what streams hold: different in length, in repetition and in the distribution of bytes.
func contents() map[string][]byte {
	rnd := generator()
	random := make([]byte, 150_000)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	var text bytes.Buffer
	words := strings.Fields("the gate denies an image that has a package with a known hole and a fix that someone released long ago")
	for text.Len() < 400_000 {
		fmt.Fprintf(&text, "%s %d ", words[rnd.IntN(len(words))], rnd.IntN(50))
		if rnd.IntN(20) == 0 {
			text.Write(random[:rnd.IntN(200)])
		}
	}
	// Byte k occurs twice as often as byte k+1: the longest codes there are.
	var skewed bytes.Buffer
	for range 200_000 {
		skewed.WriteByte(byte(bits.TrailingZeros32(rnd.Uint32()) * 7))
	}
	far := append(append(bytes.Clone(random[:100]), random[200:200+32768-100]...), random[:100]...)
	period := map[string][]byte{}
	for _, n := range []int{1, 2, 3, 5, 7, 8, 9, 15, 16, 17} {
		period[fmt.Sprintf("period %d", n)] = bytes.Repeat(random[:n], 70_000/n)
	}
	period["nothing"] = nil
	period["one byte"] = []byte("x")
	period["short"] = []byte("hello hello hello, hello")
	period["sentences"] = text.Bytes()[:1200]
	period["text"] = text.Bytes()
	period["random"] = random
	period["skewed"] = skewed.Bytes()
	period["far"] = far
	return period
}

type flusher interface {
	io.WriteCloser
	Flush() error
}

func pack(t testing.TB, w flusher, err error, content []byte, part int) {
	t.Helper()
	for len(content) > 0 && err == nil {
		n := min(part, len(content))
		_, err = w.Write(content[:n])
		content = content[n:]
		if err == nil && len(content) > 0 {
			err = w.Flush()
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

var madeStreams, madeLong onceMade

// onceMade makes streams once for all tests, which must not write to them.
type onceMade struct {
	once sync.Once
	m    map[string][]byte
}

func (o *onceMade) get(t testing.TB, makeThem func(testing.TB) map[string][]byte) map[string][]byte {
	t.Helper()
	o.once.Do(func() { o.m = makeThem(t) })
	if o.m == nil {
		t.Fatal("the streams could not be made")
	}
	return o.m
}

// streams are valid gzip streams of several encoders, by name.
func streams(t testing.TB) map[string][]byte { return madeStreams.get(t, makeStreams) }

func makeStreams(t testing.TB) map[string][]byte {
	m := map[string][]byte{}
	for name, content := range contents() {
		for level := flate.HuffmanOnly; level <= 9; level++ {
			if level == flate.DefaultCompression {
				continue
			}
			var b bytes.Buffer
			w, err := stdgzip.NewWriterLevel(&b, level)
			pack(t, w, err, content, len(content))
			m[fmt.Sprintf("%s at %d", name, level)] = b.Bytes()
		}
		for _, level := range []int{gzip.StatelessCompression, 1, 5, 9} {
			var b bytes.Buffer
			w, err := gzip.NewWriterLevel(&b, level)
			pack(t, w, err, content, len(content))
			m[fmt.Sprintf("%s at klauspost's %d", name, level)] = b.Bytes()
		}
		var b bytes.Buffer
		pack(t, stdgzip.NewWriter(&b), nil, content, 997)
		m[name+" flushed"] = b.Bytes()
	}
	m["several members"] = bytes.Join([][]byte{m["short at 6"], m["nothing at 6"], m["text at 6"], m["one byte at 0"], m["far at 9"]}, nil)
	var b bytes.Buffer
	w := stdgzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra = "Ö name", "a comment", bytes.Repeat([]byte("extra"), 100)
	pack(t, w, nil, []byte("content"), 3)
	m["every header field"] = b.Bytes()
	m["a header checksum"] = headerSum(m["every header field"], 0)
	m["fixed codes"] = member(fixedBlock())
	return m
}

// headerSum adds a header checksum to a stream of one member with all other fields; off is what the checksum is wrong by.
func headerSum(stream []byte, off uint16) []byte {
	head := bytes.Clone(stream[:10])
	head[3] |= hasHeaderSum
	rest := stream[10:]
	n := 2 + int(binary.LittleEndian.Uint16(rest))
	for range 2 {
		n += bytes.IndexByte(rest[n:], 0) + 1
	}
	head = append(head, rest[:n]...)
	head = binary.LittleEndian.AppendUint16(head, uint16(crc32.ChecksumIEEE(head))+off)
	return append(head, rest[n:]...)
}

// member wraps DEFLATE data, valid or not, with a header and, as far as the data is valid, the right trailer.
func member(data []byte) []byte {
	content, _ := io.ReadAll(flate.NewReader(bytes.NewReader(data)))
	b := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), data...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(content))
	return binary.LittleEndian.AppendUint32(b, uint32(len(content)))
}

// bitWriter writes the elements of DEFLATE data.
type bitWriter struct {
	b []byte
	n uint // bits in the last byte
}

// number writes k bits of v, the lowest first.
func (w *bitWriter) number(v, k uint) {
	for i := range k {
		if w.n == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << w.n
		w.n = (w.n + 1) % 8
	}
}

// codeword writes a Huffman code of k bits, the highest first.
func (w *bitWriter) codeword(v, k uint) { w.number(uint(bits.Reverse64(uint64(v))>>(64-k)), k) }

func (w *bitWriter) fixedLit(s uint) {
	switch {
	case s < 144:
		w.codeword(0x30+s, 8)
	case s < 256:
		w.codeword(0x190+s-144, 9)
	case s < 280:
		w.codeword(s-256, 7)
	default:
		w.codeword(0xc0+s-280, 8)
	}
}

// fixedBlock has every literal, every length symbol, and every distance symbol, with the least and most of extra bits.
func fixedBlock() []byte {
	w := &bitWriter{}
	w.number(1, 1)
	w.number(1, 2)
	for range 160 { // more than the farthest distance
		for s := range uint(256) {
			w.fixedLit(s)
		}
	}
	for _, ones := range []uint{0, 1<<13 - 1} {
		for s := uint(257); s <= 285; s++ {
			for d := range uint(30) {
				_, extra := lengthOf(s)
				w.fixedLit(s)
				w.number(ones&(1<<extra-1), extra)
				_, extra = distOf(d)
				w.codeword(d, 5)
				w.number(ones&(1<<extra-1), extra)
			}
		}
	}
	w.fixedLit(endOfBlock)
	return w.b
}
