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

// maxText is how many bytes a name or comment may have, with the zero byte that ends it: as many as compress/gzip accepts.
const maxText = 512

// readMemberHeader reads a member's header (RFC 1952, 2.3). At the end of the input it returns io.EOF.
func (z *Reader) readMemberHeader() error {
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
		if err := z.readExtra(&sum); err != nil {
			return unexpectedEOF(err)
		}
	}
	for _, flag := range []byte{hasName, hasComment} {
		if flags&flag != 0 {
			if err := z.readText(&sum); err != nil {
				return unexpectedEOF(err)
			}
		}
	}
	if flags&hasHeaderSum != 0 {
		if err := z.readFull(b[:2]); err != nil {
			return unexpectedEOF(err)
		}
		if binary.LittleEndian.Uint16(b[:]) != uint16(sum) {
			return ErrHeader
		}
	}
	z.crc, z.size, z.windowStart, z.summed = 0, 0, z.outPos, z.outPos
	z.state = atBlock
	return nil
}

// readExtra skips the extra field, and adds it to the header's checksum.
func (z *Reader) readExtra(sum *uint32) error {
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

// readText skips a name or comment, and adds it to the header's checksum.
func (z *Reader) readText(sum *uint32) error {
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

// readFull fills b with bytes of the input, as io.ReadFull does. The bit buffer must be empty.
func (z *Reader) readFull(b []byte) error {
	z.noYield = true
	defer func() { z.noYield = false }()
	for n := 0; n < len(b); {
		if z.pos == z.end {
			err := z.readMore()
			if err != nil && n > 0 {
				return unexpectedEOF(err)
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

// unexpectedEOF turns io.EOF into io.ErrUnexpectedEOF, where the input must not end.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
