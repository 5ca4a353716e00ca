package inflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Flags of a member's header (RFC 1952, 2.3.1).
const (
	hasHeaderSum = 1 << 1
	hasExtra     = 1 << 2
	hasName      = 1 << 3
	hasComment   = 1 << 4
)

// maxText is how long a name or comment may be, with the zero byte behind it: as much as compress/gzip takes.
const maxText = 512

// memberHeader reads a member's header. At the end of input it returns io.EOF.
func (z *Reader) memberHeader() error {
	var b [10]byte
	if err := z.readFull(b[:]); err != nil {
		return err
	}
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return ErrHeader
	}
	sum := crc32.ChecksumIEEE(b[:])
	flags := b[3]
	if flags&hasExtra != 0 {
		if err := z.extra(&sum); err != nil {
			return unexpected(err)
		}
	}
	for _, flag := range []byte{hasName, hasComment} {
		if flags&flag != 0 {
			if err := z.text(&sum); err != nil {
				return unexpected(err)
			}
		}
	}
	if flags&hasHeaderSum != 0 {
		if err := z.readFull(b[:2]); err != nil {
			return unexpected(err)
		}
		if binary.LittleEndian.Uint16(b[:]) != uint16(sum) {
			return ErrHeader
		}
	}
	z.crc, z.size, z.start, z.summed = 0, 0, z.o, z.o
	z.state = atBlock
	return nil
}

func (z *Reader) extra(sum *uint32) error {
	var b [256]byte
	if err := z.readFull(b[:2]); err != nil {
		return err
	}
	*sum = crc32.Update(*sum, crc32.IEEETable, b[:2])
	for left := int(binary.LittleEndian.Uint16(b[:])); left > 0; {
		part := b[:min(left, len(b))]
		if err := z.readFull(part); err != nil {
			return err
		}
		*sum = crc32.Update(*sum, crc32.IEEETable, part)
		left -= len(part)
	}
	return nil
}

func (z *Reader) text(sum *uint32) error {
	var b [maxText]byte
	for i := range b {
		if err := z.readFull(b[i : i+1]); err != nil {
			return err
		}
		if b[i] == 0 {
			*sum = crc32.Update(*sum, crc32.IEEETable, b[:i+1])
			return nil
		}
	}
	return ErrHeader
}

// readFull reads whole bytes behind an aligned bit buffer, as io.ReadFull does.
func (z *Reader) readFull(b []byte) error {
	z.eager = true
	defer func() { z.eager = false }()
	for n := 0; n < len(b); {
		if z.pos == z.end {
			err := z.more()
			if err != nil && n > 0 {
				return unexpected(err)
			}
			if err != nil {
				return err
			}
		}
		k := copy(b[n:], z.in[z.pos:z.end])
		n, z.pos = n+k, z.pos+k
	}
	return nil
}

// unexpected is for where input must not end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
