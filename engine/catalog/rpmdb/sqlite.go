package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The SQLite file format (sqlite.org/fileformat2.html), as far as a table of numbers and blobs needs it.
const (
	sqliteHead     = 100 // bytes of the file's head, which the first page begins with
	interiorTable  = 5   // kinds of pages, section 1.6
	leafTable      = 13
	sqliteMaxDepth = 30
)

type sqliteDB struct {
	*reader
	page   int64
	usable int64 // bytes of a page that hold content
}

func (r *reader) sqlite() error {
	head, err := r.bytes(0, sqliteHead)
	if err != nil {
		return err
	}
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 65536
	}
	usable := page - int64(head[20])
	if page < 512 || page&(page-1) != 0 || usable < 480 {
		return fmt.Errorf("its pages have %d bytes, of which %d hold content", page, usable)
	}
	db := &sqliteDB{r, page, usable}
	root := int64(0)
	if err := db.table(1, 0, func(row []byte) error {
		columns, err := columns(row, 5) // type, name, tbl_name, rootpage, sql
		if err != nil {
			return err
		}
		if columns[0].text() == "table" && strings.EqualFold(columns[1].text(), "Packages") {
			root = columns[3].number()
		}
		return nil
	}); err != nil {
		return fmt.Errorf("its schema: %w", err)
	}
	if root <= 1 {
		return errors.New("it has no table Packages")
	}
	return db.table(root, 0, func(row []byte) error {
		columns, err := columns(row, 2) // hnum, blob
		if err != nil {
			return err
		}
		return db.header(columns[1].body)
	})
}

// table calls each with the rows of the b-tree that has its root at a page, in order.
func (db *sqliteDB) table(number int64, depth int, each func(row []byte) error) error {
	if depth > sqliteMaxDepth {
		return errors.New("its tree is too deep")
	}
	if number < 1 {
		return fmt.Errorf("it names the page %d", number)
	}
	page, err := db.bytes((number-1)*db.page, db.page)
	if err != nil {
		return err
	}
	head := page
	if number == 1 {
		head = page[sqliteHead:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	first := 8
	kind := head[0]
	if kind == interiorTable {
		first = 12
	} else if kind != leafTable {
		return fmt.Errorf("the page %d is of the kind %d, and no table's", number, kind)
	}
	if first+2*cells > len(head) {
		return fmt.Errorf("the page %d has %d cells", number, cells)
	}
	for i := range cells {
		cell := int64(binary.BigEndian.Uint16(head[first+2*i:]))
		if cell < 8 || cell > db.usable-4 {
			return fmt.Errorf("the page %d has a cell at %d", number, cell)
		}
		if kind == interiorTable {
			if err := db.table(int64(binary.BigEndian.Uint32(page[cell:])), depth+1, each); err != nil {
				return err
			}
			continue
		}
		row, err := db.payload(page[:db.usable], cell)
		if err == nil {
			err = each(row)
		}
		if err != nil {
			return err
		}
	}
	if kind == interiorTable {
		return db.table(int64(binary.BigEndian.Uint32(head[8:])), depth+1, each)
	}
	return nil
}

// payload reads a leaf's cell: its size, its row's number, what stands in the page, and the pages that the rest overflows to (section 1.6).
func (db *sqliteDB) payload(page []byte, at int64) ([]byte, error) {
	size, n := varint(page[at:])
	at += n
	_, m := varint(page[at:])
	if at += m; n == 0 || m == 0 {
		return nil, errors.New("a row is cut off")
	}
	if size < 0 || size > engine.MaxRPMHeader {
		return nil, headerTooLarge()
	}
	local := size
	if most := db.usable - 35; size > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (size-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if at+local > int64(len(page)) || local < size && at+local+4 > int64(len(page)) {
		return nil, errors.New("a row goes beyond its page")
	}
	row := append(make([]byte, 0, size), page[at:at+local]...)
	if local == size {
		return row, nil
	}
	for next := int64(binary.BigEndian.Uint32(page[at+local:])); int64(len(row)) < size; {
		if next < 1 {
			return nil, errors.New("a row ends too early")
		}
		more, err := db.bytes((next-1)*db.page, db.page)
		if err != nil {
			return nil, err
		}
		next = int64(binary.BigEndian.Uint32(more))
		row = append(row, more[4:min(db.usable, 4+size-int64(len(row)))]...)
	}
	return row, nil
}

// column is one value of a row (section 2.1).
type column struct {
	kind int64
	body []byte
}

func (c column) text() string {
	if c.kind >= 13 && c.kind%2 == 1 {
		return string(c.body)
	}
	return ""
}

func (c column) number() int64 {
	switch {
	case c.kind == 9:
		return 1
	case c.kind < 1 || c.kind > 6:
		return 0
	}
	var n int64
	for i, b := range c.body {
		if i == 0 {
			n = int64(int8(b))
			continue
		}
		n = n<<8 | int64(b)
	}
	return n
}

// columns reads the first n values of a row.
func columns(row []byte, n int) ([]column, error) {
	size, at := varint(row)
	if at == 0 || size < at || size > int64(len(row)) {
		return nil, errors.New("a row has no header")
	}
	out := make([]column, 0, n)
	body := size
	for len(out) < n && at < size {
		kind, k := varint(row[at:size])
		if k == 0 {
			return nil, errors.New("a row's header is cut off")
		}
		at += k
		length := int64(0)
		switch {
		case kind < 0 || kind == 10 || kind == 11:
			return nil, fmt.Errorf("a row has a value of the kind %d", kind)
		case kind >= 12:
			length = (kind - 12) / 2
		case kind >= 1 && kind <= 4:
			length = kind
		case kind == 5:
			length = 6
		case kind == 6 || kind == 7:
			length = 8
		}
		if length > int64(len(row))-body {
			return nil, errors.New("a row ends within a value")
		}
		out = append(out, column{kind, row[body : body+length]})
		body += length
	}
	if len(out) < n {
		return nil, fmt.Errorf("a row has %d values, not %d", len(out), n)
	}
	return out, nil
}

// varint reads SQLite's integer of variable length; n is 0 when it is cut off.
func varint(b []byte) (v, n int64) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | int64(b[i]), 9
		}
		v = v<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, int64(i + 1)
		}
	}
	return 0, 0
}
