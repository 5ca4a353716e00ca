package rpmdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

func headers(b []byte) (out [][]byte, err error) {
	err = Read(context.Background(), bytes.NewReader(b), int64(len(b)), func(h []byte) error {
		out = append(out, h)
		return nil
	})
	return out, err
}

func TestFormats(t *testing.T) {
	sqlite := alpha(t)
	got, err := headers(sqlite)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d headers, %v", len(got), err)
	}
	h, err := Parse(got[0])
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := h.Numbers(Epoch)
	if err != nil || !slices.Equal(epoch, []uint32{2}) {
		t.Errorf("epoch %v, %v", epoch, err)
	}
	for tag, want := range map[Tag]string{Name: "alpha", Release: "1.el9", License: "MIT and GPLv2+"} {
		if got := h.Text(tag); got != want {
			t.Errorf("tag %d: %q, want %q", tag, got, want)
		}
	}
	digests, err := h.Texts(FileDigests)
	want := []string{
		"8d0d4c8a1e6ab75ae2f81abf1e1e66ce1ab7be53c7b8f245a41907fc45b3a801",
		"98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4",
	}
	if err != nil || !slices.Equal(digests, want) {
		t.Errorf("digests %q, %v", digests, err)
	}
	// A database that is cut, or has a damaged byte, is an error or has less in it; Read never panics or goes on for ever.
	for name, db := range map[string][]byte{
		"sqlite": sqlite, "ndb": packNDB(got[0]), "bdb": packBDB(binary.LittleEndian, 4096, got[0]),
	} {
		for n := 0; n < len(db); n += 509 {
			if found, err := headers(db[:n]); err == nil && len(found) != 0 && !bytes.Equal(found[0], got[0]) {
				t.Errorf("%s cut at %d: another header", name, n)
			}
			turned := slices.Clone(db)
			turned[n] ^= 0xff
			_, _ = headers(turned)
		}
		if _, err := headers(db[:len(db)/2]); err == nil {
			t.Errorf("half of %s is no error", name)
		}
	}
}

// packers are the formats with pages of several sizes.
func packers() map[string]func(...[]byte) []byte {
	out := map[string]func(...[]byte) []byte{"ndb": packNDB}
	for _, size := range []int{512, 4096, 16384, 65536} {
		for _, reserved := range []int{0, 32} {
			out[fmt.Sprintf("sqlite, %d bytes, %d reserved", size, reserved)] = func(h ...[]byte) []byte { return packSQLite(size, reserved, h...) }
		}
		if size < 65536 { // offsets in a page have 16 bits
			out[fmt.Sprintf("bdb, %d bytes", size)] = func(h ...[]byte) []byte { return packBDB(binary.LittleEndian, size, h...) }
			out[fmt.Sprintf("bdb, %d bytes, big-endian", size)] = func(h ...[]byte) []byte { return packBDB(binary.BigEndian, size, h...) }
		}
	}
	return out
}

// Every format gives back every header, whole and in order, whatever the sizes of headers and pages. A package less would be judged by
// nobody.
func TestFormatsGiveEveryHeader(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	// Around what fits into a page of SQLite's and its overflow pages, with and without reserved bytes.
	var edges [][]byte
	for n := 380; n < 560; n++ {
		edges = append(edges, bytes.Repeat([]byte{byte(n)}, n))
	}
	for n := 955; n < 1020; n++ {
		edges = append(edges, bytes.Repeat([]byte{byte(n)}, n))
	}
	for name, pack := range packers() {
		for round := range rounds {
			want := edges
			if round > 0 {
				want = nil
				for range r.IntN(40) {
					h := make([]byte, 16+r.IntN(1<<(4+r.IntN(13))))
					for i := range h {
						h[i] = byte(r.Uint32())
					}
					want = append(want, h)
				}
			}
			got, err := headers(pack(want...))
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Fatalf("%s, round %d: %d headers, want %d, or others", name, round, len(got), len(want))
			}
		}
	}
}

// What visit keeps is its own: no header changes while others are read.
func TestHeadersAreKept(t *testing.T) {
	var want [][]byte
	for i, size := range []int{100, 100, 5000, 100} {
		want = append(want, bytes.Repeat([]byte{byte('a' + i)}, size))
	}
	for name, pack := range packers() {
		var got [][]byte
		db := pack(want...)
		err := Read(t.Context(), bytes.NewReader(db), int64(len(db)), func(h []byte) error {
			got = append(got, h)
			return nil
		})
		for i := range db {
			db[i] = 0xff
		}
		if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%s: %v, or headers that have changed", name, err)
		}
	}
}

// failing is a source whose reads fail from an offset on.
type failing struct {
	*bytes.Reader
	from int64
}

var errFailing = errors.New("the disk is broken")

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.from {
		return 0, errFailing
	}
	return f.Reader.ReadAt(b, off)
}

// A source that cannot be read fails with its own error, wherever it breaks off; one that ends too early with io.ErrUnexpectedEOF.
func TestReadFails(t *testing.T) {
	for name, pack := range packers() {
		db := pack(bytes.Repeat([]byte("a"), 100), bytes.Repeat([]byte("b"), 9000))
		none := func([]byte) error { return nil }
		for _, from := range []int64{0, 20, 600} {
			if err := Read(t.Context(), failing{bytes.NewReader(db), from}, int64(len(db)), none); !errors.Is(err, errFailing) {
				t.Errorf("%s broken at %d: %v", name, from, err)
			}
			if err := Read(t.Context(), bytes.NewReader(db[:from]), int64(len(db)), none); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s without what follows %d: %v", name, from, err)
			}
		}
	}
}

// An error of visit, and the end of the context, end the reading.
func TestReadEndsEarly(t *testing.T) {
	many := slices.Repeat([][]byte{bytes.Repeat([]byte("a"), 3000)}, 10)
	for name, pack := range packers() {
		db := pack(many...)
		stop, visited := errors.New("stop"), 0
		err := Read(t.Context(), bytes.NewReader(db), int64(len(db)), func([]byte) error {
			if visited++; visited == 3 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || visited != 3 {
			t.Errorf("%s: %v after %d headers", name, err, visited)
		}
		ctx, cancel := context.WithCancel(t.Context())
		visited = 0
		err = Read(ctx, bytes.NewReader(db), int64(len(db)), func([]byte) error {
			visited++
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || visited == len(many) {
			t.Errorf("%s: %v after %d headers", name, err, visited)
		}
	}
}

// A database with more packages, or a larger package, than is read says so by an error of its kind: without it the rest would be judged by
// nobody.
func TestReadLimits(t *testing.T) {
	small := slices.Repeat([][]byte{make([]byte, 8)}, engine.MaxPackages+1)
	if got, err := headers(packNDB(small[:engine.MaxPackages]...)); err != nil || len(got) != engine.MaxPackages {
		t.Errorf("as many packages as are read: %d, %v", len(got), err)
	}
	large := make([]byte, engine.MaxRPMHeader)
	for name, db := range map[string][]byte{
		"packages": packNDB(small...),
		"ndb":      packNDB(large),
		"sqlite":   packSQLite(65536, 0, large),
		"bdb":      packBDB(binary.LittleEndian, 32768, append(large, 0)),
	} {
		_, err := headers(db)
		if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) {
			t.Errorf("%s: %v, want a limit", name, err)
		}
	}
	if got, err := headers(packBDB(binary.LittleEndian, 32768, large)); err != nil || len(got) != 1 {
		t.Errorf("as large a header as is read: %d, %v", len(got), err)
	}
}

// Whatever does not fit the format is an error, and no database with fewer packages.
func TestDamagedDatabases(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	long, short := bytes.Repeat([]byte("h"), 3000), bytes.Repeat([]byte("s"), 60)
	ndb := func(change func(b []byte)) []byte {
		b := packNDB(short, long)
		change(b)
		return b
	}
	bdb := func(change func(b []byte)) []byte {
		b := packBDB(le, 512, short, long)
		change(b)
		return b
	}
	sqlite := func(change func(b []byte)) []byte { // pages: schema, five of overflow, two leaves, their parent, an empty one
		b := packSQLite(512, 0, short, long)
		change(b)
		return b
	}
	const leaf = 512 * 6 // offset of the leaf with the short row
	row := func(b []byte, n int) []byte { return b[leaf+int(be.Uint16(b[leaf+8+2*n:])):] }
	for _, c := range []struct {
		name, want string
		db         []byte
	}{
		{"nothing", "no head", nil},
		{"a short file", "no head", []byte("SQLite format 3")},
		{"zeros", "no database of rpm", make([]byte, 4096)},

		{"ndb of another version", "version is 1", ndb(func(b []byte) { b[4] = 1 })},
		{"ndb without pages", "0 pages", ndb(func(b []byte) { b[12] = 0 })},
		{"ndb of more pages than bytes", "pages of slots", ndb(func(b []byte) { b[13] = 1 })},
		{"ndb with a slot that is none", "no mark", ndb(func(b []byte) { b[32+16*5] = 'X' })},
		{"ndb with a slot for another package", "does not stand where", ndb(func(b []byte) { b[32+4] = 9 })},
		{"ndb with a slot that points elsewhere", "does not stand where", ndb(func(b []byte) { b[32+8]++ })},
		{"ndb with a slot that points outside", "unexpected EOF", ndb(func(b []byte) { b[32+11] = 1 })},
		{"ndb with a blob without its mark", "does not stand where", ndb(func(b []byte) { b[4096] = 'X' })},
		{"ndb with a slot for too few blocks", "does not stand where", ndb(func(b []byte) { b[32+12] = 1 })},
		{"ndb with a longer header than its blob", "ends too early", ndb(func(b []byte) { b[4096+13] = 1 })},
		{"ndb with another header", "damaged", ndb(func(b []byte) { b[4096+16] ^= 1 })},
		{"ndb with another checksum", "damaged", ndb(func(b []byte) { b[32+12]--; b[4096+12] = 8 })},

		{"bdb with tiny pages", "pages have 256", bdb(func(b []byte) { le.PutUint32(b[20:], 256) })},
		{"bdb with huge pages", "pages have 131072", bdb(func(b []byte) { le.PutUint32(b[20:], 131072) })},
		{"bdb with odd pages", "pages have 513", bdb(func(b []byte) { le.PutUint32(b[20:], 513) })},
		{"bdb that is encrypted", "encrypted", bdb(func(b []byte) { b[24] = 1 })},
		{"bdb of another kind", "type 9", bdb(func(b []byte) { b[25] = 9 })},
		{"bdb of more pages than bytes", "pages of 512 bytes", bdb(func(b []byte) { b[32]++ })},
		{"bdb of 2^32 pages", "pages of 512 bytes", bdb(func(b []byte) { le.PutUint32(b[32:], 1<<32-1) })},
		{"bdb with a key without a value", "5 items", bdb(func(b []byte) { b[512+20] = 5 })},
		{"bdb with more items than the page holds", "items", bdb(func(b []byte) { le.PutUint16(b[512+20:], 400) })},
		{"bdb with items that overlap", "overlap", bdb(func(b []byte) { copy(b[512+26+2:], b[512+26:512+28]) })},
		{"bdb with an item in the page's header", "overlap", bdb(func(b []byte) { le.PutUint16(b[512+26+2:], 25) })},
		{"bdb with an item outside the page", "overlap", bdb(func(b []byte) { le.PutUint16(b[512+26:], 513) })},
		{"bdb with a chain of other pages", "none that a value goes on in", bdb(func(b []byte) { b[512*3+25] = bdbHash })},
		{"bdb with a chain of fuller pages", "holds 487 bytes", bdb(func(b []byte) { le.PutUint16(b[512*3+22:], 487) })},
		{"bdb with a chain that ends", "has 486", bdb(func(b []byte) { b[512*3+16] = 0 })},
		{"bdb with a chain that is too long", "has 3010", bdb(func(b []byte) { le.PutUint16(b[512*9+22:], 94) })},
		{"bdb with a chain in circles", "circles", bdb(func(b []byte) { b[512*3+16] = 3; le.PutUint16(b[512*3+22:], 0) })},
		{"bdb with a value longer than the file", "longer than the file", bdb(func(b []byte) {
			at := 512 + int(le.Uint16(b[512+26+2*5:])) // the last item of the page points to the chain
			le.PutUint32(b[at+8:], 1<<20)
		})},
		{"bdb with a chain outside", "unexpected EOF", bdb(func(b []byte) { b[512*3+17] = 1 })},

		{"sqlite with tiny pages", "pages have 256", sqlite(func(b []byte) { be.PutUint16(b[16:], 256) })},
		{"sqlite with odd pages", "pages have 513", sqlite(func(b []byte) { be.PutUint16(b[16:], 513) })},
		{"sqlite with little in its pages", "479 hold content", sqlite(func(b []byte) { b[20] = 33 })},
		{"sqlite without the table", "no table Packages", sqlite(func(b []byte) { copy(b[bytes.Index(b, []byte("Packages")):], "Sackages") })},
		{"sqlite with the table in the schema", "no table Packages", sqlite(func(b []byte) {
			at := bytes.Index(b, []byte("PackagesPackages")) // then its page, a number of two bytes
			be.PutUint16(b[at+16:], 1)
		})},
		{"sqlite with the table on page 0", "no table Packages", sqlite(func(b []byte) {
			be.PutUint16(b[bytes.Index(b, []byte("PackagesPackages"))+16:], 0)
		})},
		{"sqlite with the table outside", "unexpected EOF", sqlite(func(b []byte) {
			be.PutUint16(b[bytes.Index(b, []byte("PackagesPackages"))+16:], 99)
		})},
		{"sqlite with the table on an index's page", "no table's", sqlite(func(b []byte) { b[leaf] = 10 })},
		{"sqlite with more cells than the page holds", "cells", sqlite(func(b []byte) { be.PutUint16(b[leaf+3:], 300) })},
		{"sqlite with a cell in the page's header", "a cell at 7", sqlite(func(b []byte) { be.PutUint16(b[leaf+8:], 7) })},
		{"sqlite with a cell at the page's end", "a cell at 509", sqlite(func(b []byte) { be.PutUint16(b[leaf+8:], 509) })},
		{"sqlite with a row without an end", "cut off", sqlite(func(b []byte) {
			be.PutUint16(b[leaf+8:], 508)
			copy(b[leaf+508:], "\xff\xff\xff\xff")
		})},
		{"sqlite with a row beyond its page", "beyond its page", sqlite(func(b []byte) { row(b, 0)[0]++ })},
		{"sqlite with a row that ends too early", "ends too early", sqlite(func(b []byte) { be.PutUint32(b[512:], 0) })},
		{"sqlite with a row that goes on outside", "unexpected EOF", sqlite(func(b []byte) { be.PutUint32(b[512:], 99) })},
		{"sqlite with a row of a negative size", "rpm header", sqlite(func(b []byte) { copy(row(b, 0), bytes.Repeat([]byte{0xff}, 9)) })},
		{"sqlite with a row without a header", "no header", sqlite(func(b []byte) { row(b, 0)[2] = 0 })},
		{"sqlite with a row whose header is longer", "no header", sqlite(func(b []byte) { row(b, 0)[2] = 100 })},
		{"sqlite with a value of no kind", "of the kind 10", sqlite(func(b []byte) { row(b, 0)[3] = 10 })},
		{"sqlite with another value of no kind", "of the kind 11", sqlite(func(b []byte) { row(b, 0)[3] = 11 })},
		{"sqlite with a value longer than its row", "ends within a value", sqlite(func(b []byte) { row(b, 0)[5] += 2 })},
		{"sqlite with a row of one value", "1 values, not 2", sqlite(func(b []byte) { row(b, 0)[2] = 2 })},
		{"sqlite with a kind that does not end", "header is cut off", sqlite(func(b []byte) { row(b, 0)[3] = 0x80; row(b, 0)[2] = 2 })},
	} {
		found, err := headers(c.db)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d headers and the error %v, want %q", c.name, len(found), err, c.want)
		}
	}
}

// A tree whose pages lead back to each other ends, and so does one that is deeper than any real one.
func TestTreesInCircles(t *testing.T) {
	circle := packSQLite(512, 0, slices.Repeat([][]byte{make([]byte, 100)}, 12)...)
	for n := 1; n < len(circle)/512; n++ {
		page := circle[512*n:]
		if page[0] != sqliteInterior {
			continue
		}
		self := slices.Clone(circle)
		binary.BigEndian.PutUint32(self[512*n+8:], uint32(n+1))
		if _, err := headers(self); err == nil {
			t.Error("a page that is its own child is no error")
		}
	}
	p := &sqlitePages{size: 512}
	p.page()
	root := p.leaf(0, nil)
	for range sqliteMaxDepth + 1 {
		root = p.interior([]int{root})
	}
	p.fill(1, sqliteHeader, [][]byte{p.cell(1, record("table", "Packages", "Packages", root, ""))})
	copy(p.pages[0], "SQLite format 3\x00\x02\x00")
	if _, err := headers(bytes.Join(p.pages, nil)); err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Errorf("%v, want an error of depth", err)
	}
}

// Numbers and texts of SQLite's have forms of several sizes; the schema's page number may be in any of them.
func TestSQLiteValues(t *testing.T) {
	for _, c := range []struct {
		kind int64
		body []byte
		want int64
		text string
	}{
		{kind: 0}, {kind: 8}, {kind: 9, want: 1},
		{kind: 1, body: []byte{0x7f}, want: 127}, {kind: 1, body: []byte{0xff}, want: -1},
		{kind: 2, body: []byte{1, 2}, want: 258},
		{kind: 3, body: []byte{1, 0, 0}, want: 1 << 16}, {kind: 4, body: []byte{1, 0, 0, 1}, want: 1<<24 + 1},
		{kind: 5, body: []byte{0, 0, 1, 0, 0, 0}, want: 1 << 24}, {kind: 6, body: []byte{0, 0, 0, 0, 0, 1, 0, 0}, want: 1 << 16},
		{kind: 7, body: make([]byte, 8)},
		{kind: 12}, {kind: 13}, {kind: 14, body: []byte("a")}, {kind: 15, body: []byte("a"), text: "a"}, {kind: 16, body: []byte("ab")},
	} {
		row := slices.Concat([]byte{3, byte(c.kind), 15}, c.body, []byte("z"))
		got, err := readColumns(row, 2)
		if err != nil {
			t.Errorf("kind %d: %v", c.kind, err)
			continue
		}
		if got[0].integer() != c.want || got[0].text() != c.text || got[1].text() != "z" {
			t.Errorf("kind %d: %d, %q and %q, want %d, %q", c.kind, got[0].integer(), got[0].text(), got[1].text(), c.want, c.text)
		}
		if _, err := readColumns(row[:len(row)-1], 2); err == nil {
			t.Errorf("kind %d: a row that ends within its last value is no error", c.kind)
		}
	}
	if got, err := readColumns([]byte{3, 0, 12}, 2); err != nil || got[1].text() != "" { // no value of this row takes a byte
		t.Errorf("a row that is its header: %v", err)
	}
	for _, v := range []int64{0, 1, 127, 128, 16383, 16384, 1 << 40, 1<<56 - 1} {
		b := putVarint(v)
		if got, n := varint(append(b, 0xff)); got != v || n != int64(len(b)) {
			t.Errorf("%d: %d in %d bytes", v, got, n)
		}
		if _, n := varint(b[:len(b)-1]); n != 0 {
			t.Errorf("%d cut off has %d bytes", v, n)
		}
	}
	if got, n := varint(bytes.Repeat([]byte{0xff}, 10)); got != -1 || n != 9 {
		t.Errorf("the ninth byte counts whole: %d in %d bytes", got, n)
	}
}
