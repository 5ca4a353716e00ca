package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vetoci/veto/engine"
)

// Berkeley DB's hash format (db-5.3, src/dbinc/db_page.h). A page has a header of 26 bytes and then items, keys and values in turn. A short
// value stands in the page itself, a longer one in a chain of overflow pages that its item points to.
const (
	bdbMagic      = 0x061561
	bdbPageHeader = 26 // bytes

	bdbUnsortedHash = 2 // types of pages
	bdbOverflow     = 7
	bdbHashMeta     = 8
	bdbHash         = 13

	bdbKeyData = 1 // types of items
	bdbOffPage = 3
)

// bdb reads a database in Berkeley DB's hash format, whose numbers have the given byte order.
func (r *reader) bdb(order binary.ByteOrder) error {
	meta, err := r.bytes(0, 512)
	if err != nil {
		return err
	}
	size, last := int64(order.Uint32(meta[20:])), int64(order.Uint32(meta[32:]))
	switch {
	case size < 512 || size > 65536 || size&(size-1) != 0:
		return fmt.Errorf("its pages have %d bytes", size)
	case meta[24] != 0:
		return errors.New("it is encrypted")
	case meta[25] != bdbHashMeta:
		return fmt.Errorf("it begins with a page of the type %d", meta[25])
	case last >= r.size/size+1 || (last+1)*size > r.size:
		return fmt.Errorf("it has %d pages of %d bytes, and the file %d bytes", last+1, size, r.size)
	}
	for n := int64(1); n <= last; n++ {
		page, err := r.bytes(n*size, size)
		if err != nil {
			return err
		}
		if page[25] != bdbHash && page[25] != bdbUnsortedHash {
			continue
		}
		if err := r.readHashPage(order, page); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	return nil
}

// readHashPage reads the values of one page of the hash.
func (r *reader) readHashPage(order binary.ByteOrder, page []byte) error {
	items := int(order.Uint16(page[20:]))
	if items%2 != 0 || bdbPageHeader+2*items > len(page) {
		return fmt.Errorf("it has %d items", items)
	}
	at := func(i int) int { return int(order.Uint16(page[bdbPageHeader+2*i:])) }
	for i := 1; i < items; i += 2 {
		from, to := at(i), at(i-1) // items are stored from the end of the page
		if from < bdbPageHeader || from >= to || to > len(page) {
			return errors.New("its items overlap")
		}
		item := page[from:to]
		switch {
		case item[0] == bdbKeyData && len(item) > 16: // a shorter one is no header: rpm keeps the number of the last package too
			if err := r.emit(append([]byte(nil), item[1:]...)); err != nil {
				return err
			}
		case item[0] == bdbOffPage && len(item) >= 12:
			value, err := r.readOverflow(order, int64(order.Uint32(item[4:])), int64(order.Uint32(item[8:])), int64(len(page)))
			if err == nil {
				err = r.emit(value)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// readOverflow reads a value of length bytes from the chain of overflow pages, each of size bytes, that begins at page number.
func (r *reader) readOverflow(order binary.ByteOrder, number, length, size int64) ([]byte, error) {
	if length > engine.MaxRPMHeader {
		return nil, headerTooLarge()
	}
	if length > r.size {
		return nil, errors.New("a value is longer than the file")
	}
	value := make([]byte, 0, length)
	for number != 0 && int64(len(value)) < length {
		page, err := r.bytes(number*size, size)
		if err != nil {
			return nil, err
		}
		if page[25] != bdbOverflow {
			return nil, fmt.Errorf("the page %d is none that a value goes on in", number)
		}
		used := int64(order.Uint16(page[22:])) // bytes of the value on this page
		if used > size-bdbPageHeader {
			return nil, fmt.Errorf("the page %d holds %d bytes", number, used)
		}
		value = append(value, page[bdbPageHeader:bdbPageHeader+used]...)
		number = int64(order.Uint32(page[16:]))
	}
	if int64(len(value)) != length {
		return nil, fmt.Errorf("a value of %d bytes has %d", length, len(value))
	}
	return value, nil
}
