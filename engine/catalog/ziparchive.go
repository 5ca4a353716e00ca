package catalog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/vetoci/veto/engine"
)

// An archive of the format zip is read from its end (APPNOTE.TXT, 4.3.16), and loaders differ in which end they take: the last record that
// reaches to the end of the file, the last one with a list of files where it says, with or without bytes before and after the archive.
// Whatever one of them would find is read here: the union of all lists.

// Signatures of zip, and the sizes of what they begin.
const (
	zipFileSig    = "PK\x03\x04"
	zipListSig    = "PK\x01\x02"
	zipEndSig     = "PK\x05\x06"
	zipEnd64Sig   = "PK\x06\x06"
	zipLocatorSig = "PK\x06\x07"

	zipFileSize    = 30
	zipListSize    = 46
	zipEndSize     = 22
	zipEnd64Size   = 56
	zipLocatorSize = 20

	// zipTail is where an end record can begin, counted from the end of a file. Java reads blocks of 128 bytes, and finds one that begins a
	// little before (java.util.zip.ZipFile, findEND).
	zipTail        = zipEndSize + math.MaxUint16 + 128
	maxArchiveEnds = 64 // archives that one file is the end of, each with a list; real files have one
)

var errNoZipList = errors.New("it has no list of its files")

// zipEntry is a file of an archive, as the list has it.
type zipEntry struct {
	name           string
	method         uint16
	packed, opened int64  // bytes
	checksum       uint32 // CRC-32 of the content
	at             int64  // of its own header
}

// zipReader reads archives within limits.
type zipReader struct {
	at    io.ReaderAt
	size  int64
	read  func(n int64) error // asked before bytes of a list are read
	ended bool                // it has the end of an archive, whatever that leads to
}

// entries returns the files of all lists that the end of a file leads to, without doubles; errNoZipList when it leads to none.
func (z *zipReader) entries() (all []zipEntry, err error) {
	tail := make([]byte, min(z.size, zipTail))
	if n, err := z.at.ReadAt(tail, z.size-int64(len(tail))); n < len(tail) {
		return nil, err
	}
	start := z.size - int64(len(tail))
	lists, empty, nested := 0, false, []zipEntry(nil)
	for end := len(tail); ; {
		i := bytes.LastIndex(tail[:end], []byte(zipEndSig))
		if i < 0 {
			break
		}
		end = i + len(zipEndSig) - 1
		at := start + int64(i)
		if len(tail)-i < zipEndSize || z.within(nested, at) {
			continue
		}
		z.ended = true
		from, length, base := z.list(tail[i:i+zipEndSize], at)
		if length == 0 {
			empty = empty || at+zipEndSize+int64(binary.LittleEndian.Uint16(tail[i+20:])) == z.size
			continue
		}
		if !z.hasSig(from, zipListSig) {
			continue
		}
		if lists++; lists > maxArchiveEnds {
			return all, &engine.LimitError{What: "number of lists of the files of one archive", Limit: maxArchiveEnds}
		}
		more, listErr := z.readList(from, length, base)
		all, err = append(all, more...), errors.Join(err, listErr)
		nested = storedEntries(all)
		if limit := (*engine.LimitError)(nil); errors.As(listErr, &limit) {
			return all, limit
		}
	}
	if lists == 0 && (!empty || z.hasSig(0, zipFileSig)) {
		return nil, errNoZipList
	}
	if lists > 1 {
		seen := make(map[zipEntry]bool, len(all))
		all = slices.DeleteFunc(all, func(e zipEntry) bool {
			double := seen[e]
			seen[e] = true
			return double
		})
	}
	return all, err
}

// list says where the list of an end record is: it ends where the record begins. base is where the archive begins, whose offsets count from
// there. Numbers that do not fit the record are in another one before it (APPNOTE.TXT, 4.3.14).
func (z *zipReader) list(end []byte, at int64) (from, length, base int64) {
	length, offset := int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
	locator, record := make([]byte, zipLocatorSize), make([]byte, zipEnd64Size)
	if n, _ := z.at.ReadAt(locator, at-zipLocatorSize); at >= zipLocatorSize && n == len(locator) && string(locator[:4]) == zipLocatorSig {
		where := binary.LittleEndian.Uint64(locator[8:])
		for _, w := range []int64{int64(min(where, math.MaxInt64)), at - zipLocatorSize - zipEnd64Size} { // not larger
			if n, _ := z.at.ReadAt(record, w); w >= 0 && w < at && n == len(record) && string(record[:4]) == zipEnd64Sig {
				l, o := binary.LittleEndian.Uint64(record[40:]), binary.LittleEndian.Uint64(record[48:])
				if l <= math.MaxInt64 && o <= math.MaxInt64 {
					length, offset, at = int64(l), int64(o), w
				}
				break
			}
		}
	}
	from = at - length
	return from, length, from - offset
}

func (z *zipReader) hasSig(at int64, sig string) bool {
	b := make([]byte, len(sig))
	if at < 0 || at >= z.size {
		return false
	}
	n, _ := z.at.ReadAt(b, at)
	return string(b[:n]) == sig
}

// readList reads the list of an archive up to what is no entry.
func (z *zipReader) readList(from, length, base int64) (all []zipEntry, err error) {
	if length > engine.MaxArchiveList {
		return nil, &engine.LimitError{What: "bytes of the list of files of an archive", Limit: engine.MaxArchiveList}
	}
	if err := z.read(length); err != nil {
		return nil, err
	}
	b := make([]byte, length)
	if n, err := z.at.ReadAt(b, from); n < len(b) {
		return nil, err
	}
	le := binary.LittleEndian
	for len(b) > 0 {
		if len(b) < zipListSize || string(b[:4]) != zipListSig {
			return all, errors.New("its list of files is damaged")
		}
		name, extra, comment := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
		if len(b) < zipListSize+name+extra+comment {
			return all, errors.New("its list of files is cut off")
		}
		e := zipEntry{method: le.Uint16(b[10:]), checksum: le.Uint32(b[16:]), name: string(b[zipListSize : zipListSize+name])}
		offset := e.sizes(b, b[zipListSize+name:zipListSize+name+extra])
		if e.at = base + offset; offset < 0 || e.packed < 0 || e.opened < 0 || e.at < 0 {
			return all, errors.New("its list of files names a place that is not in it")
		}
		all = append(all, e)
		b = b[zipListSize+name+extra+comment:]
	}
	return all, nil
}

// sizes sets the sizes of an entry and returns where it begins; each may stand in the extra field 1 (APPNOTE.TXT, 4.5.3).
func (e *zipEntry) sizes(b, extra []byte) (offset int64) {
	le := binary.LittleEndian
	numbers := []uint32{le.Uint32(b[24:]), le.Uint32(b[20:]), le.Uint32(b[42:])}
	to := []*int64{&e.opened, &e.packed, &offset}
	for i, n := range numbers {
		*to[i] = int64(n)
	}
	for len(extra) >= 4 {
		id, size := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if extra = extra[4:]; size > len(extra) {
			break
		}
		field := extra[:size]
		extra = extra[size:]
		for i, n := range numbers {
			if id == 1 && n == math.MaxUint32 && len(field) >= 8 {
				*to[i] = int64(le.Uint64(field)) // a negative one is refused
				field = field[8:]
			}
		}
	}
	return offset
}

// data returns the stored bytes of an entry.
func (z *zipReader) data(e *zipEntry) (*io.SectionReader, error) {
	var head [zipFileSize]byte
	if n, err := z.at.ReadAt(head[:], e.at); n < len(head) {
		return nil, fmt.Errorf("it begins beyond the archive: %w", err)
	}
	if string(head[:4]) != zipFileSig {
		return nil, errors.New("it is not where the list of files says")
	}
	from := e.at + zipFileSize + int64(binary.LittleEndian.Uint16(head[26:])) + int64(binary.LittleEndian.Uint16(head[28:]))
	if e.packed > z.size-from {
		return nil, errors.New("it ends beyond the archive")
	}
	return io.NewSectionReader(z.at, from, e.packed), nil
}

// storedEntries returns the stored entries of a list, which may be archives with ends of their own, sorted by their place.
func storedEntries(all []zipEntry) (out []zipEntry) {
	for i := range all {
		if all[i].method == 0 && all[i].packed >= zipEndSize {
			out = append(out, all[i])
		}
	}
	slices.SortFunc(out, func(a, b zipEntry) int { return cmp.Compare(a.at, b.at) })
	return out
}

// within says whether a place is in the bytes of one of the entries, which are sorted by theirs.
func (z *zipReader) within(sorted []zipEntry, at int64) bool {
	i := sort.Search(len(sorted), func(i int) bool { return sorted[i].at > at }) - 1
	if i < 0 {
		return false
	}
	body, err := z.data(&sorted[i])
	if err != nil {
		return at < sorted[i].at+zipFileSize+int64(len(sorted[i].name))+sorted[i].packed
	}
	_, from, n := body.Outer()
	return at < from+n
}
