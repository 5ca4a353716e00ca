package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The SQLite file format (sqlite.org/fileformat2.html), as far as tables are read.
const (
	sqliteHeader   = 100 // bytes of the database header, with which the first page begins (section 1.3)
	sqliteInterior = 5   // types of table pages (section 1.6)
	sqliteLeaf     = 13
	sqliteMaxDepth = 30 // pages from the root to a leaf; of 2^31 pages a tree needs fewer
)

// sqliteDB is a reader of a database in SQLite's format.
type sqliteDB struct {
	*reader
	pageSize int64
	usable   int64 // bytes of a page that hold content
}

// sqlite reads a database in SQLite's format: the blobs of its table Packages.
func (r *reader) sqlite() error {
	head, err := r.bytes(0, sqliteHeader)
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
	if err := db.walkTable(1, 0, func(row []byte) error {
		columns, err := readColumns(row, 5) // type, name, tbl_name, rootpage, sql
		if err != nil {
			return err
		}
		if columns[0].text() == "table" && strings.EqualFold(columns[1].text(), "Packages") {
			root = columns[3].integer()
		}
		return nil
	}); err != nil {
		return fmt.Errorf("its schema: %w", err)
	}
	if root <= 1 {
		return errors.New("it has no table Packages")
	}
	return db.walkTable(root, 0, func(row []byte) error {
		columns, err := readColumns(row, 2) // hnum, blob
		if err != nil {
			return err
		}
		return db.emit(columns[1].body)
	})
}

// walkTable calls visit with the rows of the table b-tree whose root is the page of that number, in order (section 1.6).
func (db *sqliteDB) walkTable(number int64, depth int, visit func(row []byte) error) error {
	if depth > sqliteMaxDepth {
		return errors.New("its tree is too deep")
	}
	if number < 1 {
		return fmt.Errorf("it names the page %d", number)
	}
	page, err := db.bytes((number-1)*db.pageSize, db.pageSize)
	if err != nil {
		return err
	}
	head := page
	if number == 1 {
		head = page[sqliteHeader:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	first := 8
	pageType := head[0]
	if pageType == sqliteInterior {
		first = 12
	} else if pageType != sqliteLeaf {
		return fmt.Errorf("the page %d is of the kind %d, and no table's", number, pageType)
	}
	if first+2*cells > len(head) {
		return fmt.Errorf("the page %d has %d cells", number, cells)
	}
	for i := range cells {
		cell := int64(binary.BigEndian.Uint16(head[first+2*i:]))
		if cell < 8 || cell > db.usable-4 {
			return fmt.Errorf("the page %d has a cell at %d", number, cell)
		}
		if pageType == sqliteInterior {
			if err := db.walkTable(int64(binary.BigEndian.Uint32(page[cell:])), depth+1, visit); err != nil {
				return err
			}
			continue
		}
		row, err := db.readPayload(page[:db.usable], cell)
		if err == nil {
			err = visit(row)
		}
		if err != nil {
			return err
		}
	}
	if pageType == sqliteInterior {
		return db.walkTable(int64(binary.BigEndian.Uint32(head[8:])), depth+1, visit)
	}
	return nil
}

// readPayload reads the row of a leaf's cell: the size of the payload, the row id, the part of the payload in the page, and the chain of
// overflow pages with the rest (section 1.6).
func (db *sqliteDB) readPayload(page []byte, at int64) ([]byte, error) {
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
		more, err := db.bytes((next-1)*db.pageSize, db.pageSize)
		if err != nil {
			return nil, err
		}
		next = int64(binary.BigEndian.Uint32(more))
		row = append(row, more[4:min(db.usable, 4+size-int64(len(row)))]...)
	}
	return row, nil
}

// column is one value of a row (section 2.1, "Record Format").
type column struct {
	serialType int64
	body       []byte
}

func (c column) text() string {
	if c.serialType >= 13 && c.serialType%2 == 1 {
		return string(c.body)
	}
	return ""
}

func (c column) integer() int64 {
	switch {
	case c.serialType == 9:
		return 1
	case c.serialType < 1 || c.serialType > 6:
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

// readColumns reads the first n values of a row.
func readColumns(row []byte, n int) ([]column, error) {
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

// varint reads a variable-length integer (section 1.6) and its size n in bytes; n is 0 when it is cut off.
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
