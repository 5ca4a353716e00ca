package rpmdb

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/adler32"
	"io"
	"os"
	"slices"
	"testing"
)

// alpha is a database of one package that rpmbuild and rpm 4.18 made.
func alpha(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/alpha.sqlite.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packNDB writes a database in rpm's own format. Before each package but the first it leaves a free slot, as a removed package does.
func packNDB(headers ...[]byte) []byte {
	const page = 4096
	le := binary.LittleEndian
	pages := (32+16*2*len(headers))/page + 1
	out := make([]byte, pages*page)
	copy(out, "RpmP")
	le.PutUint32(out[12:], uint32(pages))
	for at := 32; at < len(out); at += 16 {
		copy(out[at:], "Slot")
	}
	for i, h := range headers {
		blob := append([]byte("BlbS"), make([]byte, 12)...)
		le.PutUint32(blob[4:], uint32(i+1))
		le.PutUint32(blob[12:], uint32(len(h)))
		blob = append(blob, h...)
		for len(blob)%16 != 4 {
			blob = append(blob, 0)
		}
		blob = le.AppendUint32(blob, adler32.Checksum(blob))
		blob = le.AppendUint32(blob, uint32(len(h)))
		blob = append(blob, "BlbE"...)
		slot := out[32+16*2*i:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(out)/16))
		le.PutUint32(slot[12:], uint32(len(blob)/16))
		out = append(out, blob...)
	}
	return out
}

// packBDB writes a database in Berkeley DB's hash format: one page of items for every two packages, a short header in the page itself, a
// longer one in overflow pages behind it. Pages of other types stand between them, and the number of the last package, which is no header.
func packBDB(order binary.ByteOrder, size int, headers ...[]byte) []byte {
	meta := make([]byte, size)
	order.PutUint32(meta[12:], bdbMagic)
	order.PutUint32(meta[20:], uint32(size))
	meta[25] = bdbHashMeta
	pages := [][]byte{meta}
	for part := range slices.Chunk(headers, 2) {
		page := make([]byte, size)
		pages = append(pages, page, make([]byte, size)) // the second one is free: type 0
		page[25] = []byte{bdbHash, bdbUnsortedHash}[len(pages)%2]
		end, items := size, 0
		add := func(item []byte) {
			end -= len(item)
			copy(page[end:], item)
			order.PutUint16(page[bdbPageHeader+2*items:], uint16(end))
			items++
		}
		number := make([]byte, 5) // key and number of the last package
		number[0] = bdbKeyData
		add(number)
		add(number)
		for _, h := range part {
			add(number)
			if len(h) <= size/4 {
				add(append([]byte{bdbKeyData}, h...))
				continue
			}
			item := make([]byte, 12)
			item[0] = bdbOffPage
			order.PutUint32(item[4:], uint32(len(pages)))
			order.PutUint32(item[8:], uint32(len(h)))
			add(item)
			for chunk := range slices.Chunk(h, size-bdbPageHeader) {
				next := make([]byte, size)
				next[25] = bdbOverflow
				order.PutUint16(next[22:], uint16(copy(next[bdbPageHeader:], chunk)))
				order.PutUint32(next[16:], uint32(len(pages)+1))
				pages = append(pages, next)
			}
			order.PutUint32(pages[len(pages)-1][16:], 0)
		}
		order.PutUint16(page[20:], uint16(items))
	}
	order.PutUint32(meta[32:], uint32(len(pages)-1))
	return bytes.Join(pages, nil)
}

// sqlitePages makes a database in SQLite's format, page by page.
type sqlitePages struct {
	size, reserved int
	pages          [][]byte
}

// packSQLite writes a database with a table Packages of rows (number, header), and another table and an index before it. Interior pages
// have three children, so that few rows make a deep tree.
func packSQLite(size, reserved int, headers ...[]byte) []byte {
	p := &sqlitePages{size: size, reserved: reserved}
	p.page() // the schema, filled in last
	var level []int
	var cells [][]byte
	used := 0
	for i, h := range headers {
		c := p.cell(i, record(i, h))
		if len(cells) == 3 || 8+used+len(c)+2*(len(cells)+1) > size-reserved {
			level = append(level, p.leaf(0, cells))
			cells, used = nil, 0
		}
		cells, used = append(cells, c), used+len(c)
	}
	level = append(level, p.leaf(0, cells))
	for len(level) > 1 {
		var above []int
		for part := range slices.Chunk(level, 3) {
			above = append(above, p.interior(part))
		}
		level = above
	}
	empty := p.leaf(0, nil)
	schema := [][]byte{
		p.cell(1, record("table", "Requires", "Requires", empty, "CREATE")),
		p.cell(2, record("index", "packages", "Packages", empty, "CREATE")),
		p.cell(3, record("table", "Packages", "Packages", level[0], "CREATE TABLE")),
	}
	p.fill(1, sqliteHeader, schema)
	first := p.pages[0]
	copy(first, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(first[16:], uint16(size%65536+size/65536))
	first[20] = byte(reserved)
	return bytes.Join(p.pages, nil)
}

// page adds an empty page and returns its number.
func (p *sqlitePages) page() int {
	p.pages = append(p.pages, make([]byte, p.size))
	return len(p.pages)
}

func (p *sqlitePages) leaf(offset int, cells [][]byte) int {
	n := p.page()
	p.fill(n, offset, cells)
	return n
}

// fill writes the cells of a leaf, whose header begins at an offset of the page.
func (p *sqlitePages) fill(number, offset int, cells [][]byte) {
	page, end := p.pages[number-1], p.size-p.reserved
	page[offset] = sqliteLeaf
	binary.BigEndian.PutUint16(page[offset+3:], uint16(len(cells)))
	for i, c := range cells {
		end -= len(c)
		copy(page[end:], c)
		binary.BigEndian.PutUint16(page[offset+8+2*i:], uint16(end))
	}
}

func (p *sqlitePages) interior(children []int) int {
	n := p.page()
	page, end := p.pages[n-1], p.size-p.reserved
	page[0] = sqliteInterior
	last := len(children) - 1
	binary.BigEndian.PutUint16(page[3:], uint16(last))
	binary.BigEndian.PutUint32(page[8:], uint32(children[last]))
	for i, child := range children[:last] {
		end -= 5
		binary.BigEndian.PutUint32(page[end:], uint32(child))
		page[end+4] = byte(i)
		binary.BigEndian.PutUint16(page[12+2*i:], uint16(end))
	}
	return n
}

// cell is a row in a leaf; what does not fit goes to overflow pages (fileformat2, section 1.6).
func (p *sqlitePages) cell(row int, payload []byte) []byte {
	usable := p.size - p.reserved
	local := len(payload)
	if local > usable-35 {
		least := (usable-12)*32/255 - 23
		if local = least + (len(payload)-least)%(usable-4); local > usable-35 {
			local = least
		}
	}
	out := append(putVarint(int64(len(payload))), putVarint(int64(row))...)
	out = append(out, payload[:local]...)
	if local == len(payload) {
		return out
	}
	out = binary.BigEndian.AppendUint32(out, uint32(len(p.pages)+1))
	for chunk := range slices.Chunk(payload[local:], usable-4) {
		n := p.page()
		copy(p.pages[n-1][4:], chunk)
		binary.BigEndian.PutUint32(p.pages[n-1], uint32(n+1))
	}
	binary.BigEndian.PutUint32(p.pages[len(p.pages)-1], 0)
	return out
}

// record is a row of numbers, texts and blobs (fileformat2, section 2.1).
func record(values ...any) []byte {
	var types, body []byte
	for _, v := range values {
		switch v := v.(type) {
		case int:
			types, body = append(types, 2), binary.BigEndian.AppendUint16(body, uint16(v))
		case string:
			types, body = append(types, putVarint(int64(13+2*len(v)))...), append(body, v...)
		case []byte:
			types, body = append(types, putVarint(int64(12+2*len(v)))...), append(body, v...)
		}
	}
	return slices.Concat(putVarint(int64(len(types)+1)), types, body)
}

func putVarint(v int64) []byte {
	out := []byte{byte(v & 0x7f)}
	for v >>= 7; v > 0; v >>= 7 {
		out = append([]byte{byte(v&0x7f) | 0x80}, out...)
	}
	return out
}
