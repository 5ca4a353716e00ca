package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"

	"github.com/vetoci/veto/engine"
)

// ndb reads a database in rpm's own format (rpm, lib/backend/ndb/rpmpkg.c): a header of 32 bytes, pages of slots of 16 bytes, and the blobs
// that the slots point to, whose offsets and sizes are counted in blocks of 16 bytes.
func (r *reader) ndb() error {
	const slot, page, head = 16, 4096, 32 // bytes
	b, err := r.bytes(0, head)
	if err != nil {
		return err
	}
	order := binary.LittleEndian
	if v := order.Uint32(b[4:]); v != 0 {
		return fmt.Errorf("its version is %d", v)
	}
	pages := int64(order.Uint32(b[12:]))
	if pages < 1 || pages > r.size/page+1 {
		return fmt.Errorf("it has %d pages of slots", pages)
	}
	slots, err := r.bytes(head, pages*page-head)
	if err != nil {
		return err
	}
	for ; len(slots) >= slot; slots = slots[slot:] {
		if string(slots[:4]) != "Slot" {
			return errors.New("a slot has no mark")
		}
		number, at, blocks := order.Uint32(slots[4:]), int64(order.Uint32(slots[8:]))*slot, int64(order.Uint32(slots[12:]))*slot
		if number == 0 {
			continue
		}
		if blocks > engine.MaxRPMHeader {
			return headerTooLarge()
		}
		blob, err := r.bytes(at, blocks)
		if err != nil {
			return err
		}
		if len(blob) < 28 || string(blob[:4]) != "BlbS" || order.Uint32(blob[4:]) != number {
			return fmt.Errorf("the package %d does not stand where its slot says", number)
		}
		size := int64(order.Uint32(blob[12:]))
		if size > blocks-28 {
			return fmt.Errorf("the package %d ends too early", number)
		}
		if tail := blob[len(blob)-12:]; string(tail[8:]) != "BlbE" || order.Uint32(tail) != adler32.Checksum(blob[:len(blob)-12]) {
			return fmt.Errorf("the package %d has been damaged: its checksum is another", number)
		}
		if err := r.emit(blob[16 : 16+size]); err != nil {
			return err
		}
	}
	return nil
}
