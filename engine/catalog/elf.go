package catalog

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// elfProgram is what veto reads of a program's headers (ELF specification, "ELF Header", "Program Header", "Sections"). Loaders go by the
// segments alone. Sections may be missing or damaged, and then there are none here.
type elfProgram struct {
	at       io.ReaderAt
	size     int64
	order    binary.ByteOrder
	wide     bool // 64 bits
	segments []elfSegment
	sections []elfSection
	odd      bool // the sections are missing, damaged or not those of a compiler: they prove nothing
	extent   int64
}

type elfSegment struct {
	typ                             elf.ProgType
	flags                           elf.ProgFlag
	offset, address, filed, inTotal uint64
}

type elfSection struct {
	name                  string
	typ                   elf.SectionType
	address, offset, size uint64
	link                  uint32
}

// Bounds on tables of real programs, which have dozens of segments and sections; those with thousands are objects, one section a function.
const (
	maxSegments    = 1024
	maxSections    = 1 << 16
	maxSectionHeld = 4 << 20 // bytes of one
)

var errNoELF = errors.New("an executable that cannot be read: its header is damaged")

// endsReader reads the first and the last bytes of a file once: that is where the tables of a program are.
type endsReader struct {
	at         io.ReaderAt
	size       int64
	head, tail []byte
}

const endsHeld = 4 << 10 // bytes of each end

func (r *endsReader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	from := max(r.size-endsHeld, 0)
	if off >= from {
		if r.tail == nil {
			r.tail = make([]byte, r.size-from)
			if n, err := r.at.ReadAt(r.tail, from); n < len(r.tail) {
				r.tail = nil
				return 0, err
			}
		}
		if n := copy(b, r.tail[off-from:]); n < len(b) {
			return n, io.EOF
		}
		return len(b), nil
	}
	if off+int64(len(b)) <= endsHeld {
		if r.head == nil {
			r.head = make([]byte, endsHeld)
			if n, err := r.at.ReadAt(r.head, 0); n < len(r.head) {
				r.head = nil
				return 0, err
			}
		}
		return copy(b, r.head[off:]), nil
	}
	return r.at.ReadAt(b, off)
}

// errOtherFormat says that a file is of another format.
var errOtherFormat = errors.New("not an ELF file")

// readELF reads the headers of a program. An error says that no loader could start it, or errOtherFormat that it is none.
func readELF(from io.ReaderAt, size int64) (*elfProgram, error) {
	var head [64]byte
	at := &endsReader{at: from, size: size}
	n, err := at.ReadAt(head[:], 0)
	switch {
	case string(head[:4]) != elf.ELFMAG && (err == nil || errors.Is(err, io.EOF)):
		return nil, errOtherFormat
	case n < 52:
		return nil, fmt.Errorf("%w: %w", errNoELF, err)
	}
	e := &elfProgram{at: at, size: size, order: binary.LittleEndian, wide: elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS64}
	switch {
	case !e.wide && elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS32:
		return nil, errNoELF
	case elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB:
		e.order = binary.BigEndian
	case elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB:
		return nil, errNoELF
	}
	var programs, sections uint64
	var counts []byte
	if e.wide {
		programs, sections, counts = e.order.Uint64(head[32:]), e.order.Uint64(head[40:]), head[54:]
	} else {
		programs, sections, counts = uint64(e.order.Uint32(head[28:])), uint64(e.order.Uint32(head[32:])), head[42:]
	}
	number := func(i int) int { return int(e.order.Uint16(counts[2*i:])) }
	if err := e.readSegments(programs, number(0), number(1)); err != nil {
		return nil, err
	}
	e.readSections(sections, number(2), number(3), number(4))
	return e, nil
}

// table reads a table of headers, nil when it is not within the file.
func (e *elfProgram) table(offset uint64, each, least, count, most int) []byte {
	if count == 0 || count > most || each < least || each > 4096 || offset > math.MaxInt64 || int64(offset) >= e.size {
		return nil
	}
	b := make([]byte, each*count)
	if n, _ := e.at.ReadAt(b, int64(offset)); n < len(b) {
		return nil
	}
	e.extent = max(e.extent, int64(offset)+int64(len(b)))
	return b
}

func (e *elfProgram) readSegments(offset uint64, each, count int) error {
	least := 32
	if e.wide {
		least = 56
	}
	b := e.table(offset, each, least, count, maxSegments)
	if b == nil && count > 0 {
		return errNoELF
	}
	e.segments = make([]elfSegment, 0, count)
	for ; len(b) >= each && each > 0; b = b[each:] {
		s := elfSegment{typ: elf.ProgType(e.order.Uint32(b))}
		if e.wide {
			s.flags, s.offset, s.address = elf.ProgFlag(e.order.Uint32(b[4:])), e.order.Uint64(b[8:]), e.order.Uint64(b[16:])
			s.filed, s.inTotal = e.order.Uint64(b[32:]), e.order.Uint64(b[40:])
		} else {
			word := func(i int) uint64 { return uint64(e.order.Uint32(b[4*i:])) }
			s.offset, s.address, s.filed, s.inTotal, s.flags = word(1), word(2), word(4), word(5), elf.ProgFlag(e.order.Uint32(b[24:]))
		}
		e.segments = append(e.segments, s)
		e.grow(s.offset, s.filed)
	}
	return nil
}

// grow notes how far the program reaches into its file.
func (e *elfProgram) grow(offset, size uint64) {
	if end := offset + size; end >= offset && end <= math.MaxInt64 {
		e.extent = max(e.extent, int64(end))
	}
}

func (e *elfProgram) readSections(offset uint64, each, count, names int) {
	e.odd = true
	least := 40
	if e.wide {
		least = 64
	}
	b := e.table(offset, each, least, count, maxSections)
	if b == nil || names >= count {
		return
	}
	starts := make([]uint32, 0, count)
	e.sections = make([]elfSection, 0, count)
	for ; len(b) >= each; b = b[each:] {
		s := elfSection{typ: elf.SectionType(e.order.Uint32(b[4:]))}
		starts = append(starts, e.order.Uint32(b))
		if e.wide {
			s.address, s.offset, s.size, s.link = e.order.Uint64(b[16:]), e.order.Uint64(b[24:]), e.order.Uint64(b[32:]), e.order.Uint32(b[40:])
		} else {
			word := func(i int) uint64 { return uint64(e.order.Uint32(b[4*i:])) }
			s.address, s.offset, s.size, s.link = word(3), word(4), word(5), uint32(word(6)) // 32 bits
		}
		if s.typ != elf.SHT_NOBITS {
			e.grow(s.offset, s.size)
		}
		e.sections = append(e.sections, s)
	}
	text := string(e.data(&e.sections[names]))
	for i := range e.sections {
		if start := starts[i]; uint64(start) < uint64(len(text)) {
			e.sections[i].name, _, _ = strings.Cut(text[start:], "\x00")
		}
	}
	e.odd = e.section(".text") == nil
}

// section returns the first section of that name, nil when there is none.
func (e *elfProgram) section(name string) *elfSection {
	for i := range e.sections {
		if e.sections[i].name == name {
			return &e.sections[i]
		}
	}
	return nil
}

// data reads a section of at most maxSectionHeld bytes; nil of a larger one, and of one that is not in the file.
func (e *elfProgram) data(s *elfSection) []byte {
	if s == nil || s.typ == elf.SHT_NOBITS || s.size > maxSectionHeld || s.offset > math.MaxInt64 || int64(s.offset) > e.size {
		return nil
	}
	if uint64(e.size)-s.offset < s.size { // a size
		return nil
	}
	b := make([]byte, s.size)
	if n, _ := e.at.ReadAt(b, int64(s.offset)); n < len(b) {
		return nil
	}
	return b
}

// offsetOf returns where in the file an address of memory is from, and how many bytes of its segment follow.
func (e *elfProgram) offsetOf(address uint64) (offset, left uint64, ok bool) {
	for _, s := range e.segments {
		if s.typ == elf.PT_LOAD && address >= s.address && address-s.address < s.filed {
			return s.offset + (address - s.address), s.filed - (address - s.address), true
		}
	}
	return 0, 0, false
}

// cutOff is an error when a segment that is loaded ends beyond the file.
func (e *elfProgram) cutOff() error {
	for _, s := range e.segments {
		if end := s.offset + s.filed; s.typ == elf.PT_LOAD && (end < s.offset || end > uint64(e.size)) { // a size
			return fmt.Errorf("an executable that is cut off: a segment ends at byte %d of %d", end, e.size)
		}
	}
	return nil
}

// onlyDebug says whether a file has but the symbols of a program, whose code is elsewhere (objcopy --only-keep-debug).
func (e *elfProgram) onlyDebug() bool {
	text := e.section(".text")
	return text != nil && text.typ == elf.SHT_NOBITS
}

// symbol returns the address of a symbol that the program defines, from the table of which strings are the names.
func (e *elfProgram) symbol(table *elfSection, names []byte, name string) (address uint64, ok bool) {
	i := indexMark(names, "\x00"+name+"\x00")
	if i < 0 {
		return 0, false
	}
	each, value, index := 16, 4, 14
	if e.wide {
		each, value, index = 24, 8, 6
	}
	for b := e.data(table); len(b) >= each; b = b[each:] {
		if e.order.Uint32(b) != uint32(i)+1 || e.order.Uint16(b[index:]) == 0 { // below maxSectionHeld; 0 is SHN_UNDEF
			continue
		}
		if e.wide {
			return e.order.Uint64(b[value:]), true
		}
		return uint64(e.order.Uint32(b[value:])), true
	}
	return 0, false
}
