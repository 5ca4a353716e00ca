package catalog

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// section is one section of an ELF file; link is the index of another, from 1.
type section struct {
	name string
	typ  elf.SectionType
	link uint32
	data []byte
}

// elfFile makes an ELF file of these sections, without segments.
func elfFile(class elf.Class, order binary.ByteOrder, sections ...section) []byte {
	wide := class == elf.ELFCLASS64
	names := "\x00"
	for _, s := range sections {
		names += s.name + "\x00"
	}
	sections = append(append([]section{{}}, sections...), section{name: "", typ: elf.SHT_STRTAB, data: []byte(names)})
	headerSize, entrySize := 52, 40
	if wide {
		headerSize, entrySize = 64, 64
	}
	var body []byte
	offsets := make([]int, len(sections))
	for i, s := range sections {
		offsets[i] = headerSize + len(body)
		body = append(body, s.data...)
	}
	encoding := elf.ELFDATA2LSB
	if order == binary.BigEndian {
		encoding = elf.ELFDATA2MSB
	}
	out := new(bytes.Buffer)
	out.Write([]byte{0x7f, 'E', 'L', 'F', byte(class), byte(encoding), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put := func(values ...any) {
		for _, v := range values {
			if n, ok := v.(int); ok { // a word: an address, an offset or a size
				if v = uint32(n); wide {
					v = uint64(n)
				}
			}
			if err := binary.Write(out, order, v); err != nil {
				panic(err)
			}
		}
	}
	put(uint16(elf.ET_DYN), uint16(elf.EM_X86_64), uint32(1), 0, 0, headerSize+len(body), uint32(0), uint16(headerSize), uint16(0), uint16(0),
		uint16(entrySize), uint16(len(sections)), uint16(len(sections)-1))
	out.Write(body)
	for i, s := range sections {
		name := max(0, strings.Index(names, "\x00"+s.name+"\x00")+1)
		put(uint32(name), uint32(s.typ), 0, 0, offsets[i], len(s.data), s.link, uint32(0), 1, 0)
	}
	return out.Bytes()
}

// functionTable makes a table of functions with these names, as a linker of Go writes it: fields is how many numbers come before the offset
// of the names, which is 2 until Go 1.16 and 3 since 1.18.
func functionTable(magic uint32, order byteOrder, size, fields int, names string) []byte {
	out := order.AppendUint32(nil, magic)
	out = append(out, 0, 0, 1, byte(size))
	word := func(n int) {
		if size == 4 {
			out = order.AppendUint32(out, uint32(n))
		} else {
			out = order.AppendUint64(out, uint64(n))
		}
	}
	const at = 80
	for i := range fields {
		word(1000 + i)
	}
	word(at)
	word(at + len(names))
	for len(out) < at {
		out = append(out, 0xee)
	}
	return append(out, names...)
}

// The functions of a Go program are known whatever wrote it: Go 1.16 to 1.20 and later, for 32 and 64 bits, for both byte orders, and as a
// position-independent executable. Without them every vulnerability of a module counts, also in functions that the program does not have.
func TestGoSymbolsOfAllTables(t *testing.T) {
	const names = "net/url.Parse\x00main.main\x00go:buildid\x00"
	for _, magic := range []uint32{goTable116, goTable118, goTable120} {
		for _, order := range []byteOrder{binary.LittleEndian, binary.BigEndian} {
			for class, size := range map[elf.Class]int{elf.ELFCLASS32: 4, elf.ELFCLASS64: 8} {
				for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
					fields := 3
					if magic == goTable116 {
						fields = 2
					}
					table := functionTable(magic, order, size, fields, names)
					file := elfFile(class, order, section{name: ".text", typ: elf.SHT_PROGBITS, data: make([]byte, 10)},
						section{name: name, typ: elf.SHT_PROGBITS, data: table})
					s, _ := goSymbols(bytes.NewReader(file))
					if s == nil || !s.Has("net/url.Parse") || !s.Has("main.main") || !s.Has("net/url") || s.Has("net/url.Values") {
						t.Errorf("%x, %v, %d bytes, %s: %v", magic, order, size, name, s)
					}
				}
			}
		}
	}
	le := binary.LittleEndian
	good := functionTable(goTable120, le, 8, 3, names)
	for name, table := range map[string][]byte{
		"of another magic number":   append(le.AppendUint32(nil, goTable120+1), good[4:]...),
		"of pointers of two bytes":  append(append(slices.Clone(good[:7]), 2), good[8:]...),
		"whose names end before":    func() []byte { b := slices.Clone(good); le.PutUint64(b[8+4*8:], 79); return b }(),
		"whose names end behind it": func() []byte { b := slices.Clone(good); le.PutUint64(b[8+4*8:], uint64(len(good)+1)); return b }(),
		"that is cut off":           good[:40],
	} {
		if s, _ := goSymbols(bytes.NewReader(elfFile(elf.ELFCLASS64, le, section{name: goTable, typ: elf.SHT_PROGBITS, data: table}))); s != nil {
			t.Errorf("a table %s has symbols", name)
		}
	}
	if s, _ := goSymbols(bytes.NewReader(elfFile(elf.ELFCLASS64, le))); s != nil {
		t.Error("a program without a table has symbols")
	}
}

// dynamic makes the two sections that say what a program is linked with.
func dynamic(class elf.Class, order byteOrder, names string, entries ...[2]uint64) []section {
	var table []byte
	for _, e := range append(entries, [2]uint64{}) {
		for _, v := range e {
			if class == elf.ELFCLASS32 {
				table = order.AppendUint32(table, uint32(v))
			} else {
				table = order.AppendUint64(table, v)
			}
		}
	}
	return []section{{name: ".dynstr", typ: elf.SHT_STRTAB, data: []byte(names)},
		{name: ".dynamic", typ: elf.SHT_DYNAMIC, link: 1, data: table}}
}

// The libraries of a program in no package are known for 32 and 64 bits and both byte orders; a damaged table has none. Without them
// nothing says that such a program reaches the packages of its libraries.
func TestLinkedLibraries(t *testing.T) {
	const names = "\x00libc.so.6\x00libssl.so.3\x00$ORIGIN/../lib\x00/opt\x00"
	needed, runPath, rPath := uint64(elf.DT_NEEDED), uint64(elf.DT_RUNPATH), uint64(elf.DT_RPATH)
	for _, order := range []byteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
			entries := [][2]uint64{{needed, 1}, {uint64(elf.DT_SONAME), 1}, {needed, 11}, {runPath, 23}, {rPath, 38}, {needed, 100}}
			file := elfFile(class, order, dynamic(class, order, names, entries...)...)
			libraries, folders := linkedLibraries(bytes.NewReader(file))
			if !slices.Equal(libraries, []string{"libc.so.6", "libssl.so.3"}) || !slices.Equal(folders, []string{"$ORIGIN/../lib", "/opt"}) {
				t.Errorf("%v, %v: %q, %q", class, order, libraries, folders)
			}
		}
	}
	le, class := binary.LittleEndian, elf.ELFCLASS64
	good := dynamic(class, le, names, [2]uint64{needed, 1})
	long := strings.Repeat("x", engine.MaxRelations-16)
	for name, c := range map[string]struct {
		sections []section
		want     int
	}{
		"whole":                      {good, 1},
		"without names":              {[]section{good[0], {name: ".dynamic", typ: elf.SHT_DYNAMIC, link: 9, data: good[1].data}}, 0},
		"without a table":            {good[:1], 0},
		"a name that does not end":   {dynamic(class, le, "\x00libc", [2]uint64{needed, 1}), 0},
		"half an entry":              {[]section{good[0], {name: ".dynamic", typ: elf.SHT_DYNAMIC, link: 1, data: good[1].data[:15]}}, 0},
		"one entry and half another": {[]section{good[0], {name: ".dynamic", typ: elf.SHT_DYNAMIC, link: 1, data: good[1].data[:31]}}, 1},
		"as long as names may be":    {dynamic(class, le, long+"\x00", [2]uint64{needed, 0}), 1},
		"longer than names may be":   {dynamic(class, le, "x"+long+"\x00", [2]uint64{needed, 0}), 0},
		"more names than there may be": {dynamic(class, le, "x\x00", slices.Repeat([][2]uint64{{needed, 0}}, engine.MaxRelations/17+1)...),
			0},
		"a table that no real program has": {[]section{good[0],
			{name: ".dynamic", typ: elf.SHT_DYNAMIC, link: 1, data: append(good[1].data[:16:16], make([]byte, engine.MaxLinked)...)}}, 0},
	} {
		if libraries, _ := linkedLibraries(bytes.NewReader(elfFile(class, le, c.sections...))); len(libraries) != c.want {
			t.Errorf("%s: %d libraries, want %d", name, len(libraries), c.want)
		}
	}
	if libraries, _ := linkedLibraries(strings.NewReader("no ELF file")); libraries != nil {
		t.Errorf("%q", libraries)
	}
}

// What a program in a folder of the distribution needs is said by its package; of every other program the libraries are evidence.
func TestLinkedLibrariesOfFolders(t *testing.T) {
	const names = "\x00libc.so.6\x00"
	le := binary.LittleEndian
	body := elfFile(elf.ELFCLASS64, le, dynamic(elf.ELFCLASS64, le, names, [2]uint64{uint64(elf.DT_NEEDED), 1})...)
	for p, want := range map[string]bool{
		"usr/bin/x": false, "bin/x": false, "usr/lib/x/y": false, "lib64/x": false, "usr/games/x": false, "usr/libexec/x": false, "sbin/x": false,
		"usr/local/bin/x": true, "opt/bin/x": true, "srv/x": true, "x": true, "usr/x": true, "binary/x": true,
	} {
		e := engine.Entry{Path: p, Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
		ev, err := programs{}.Inspect(t.Context(), engine.NewFileAt(e, bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		if got := ev.Traits != nil && slices.Equal(ev.Traits.Program.Needed, []string{"libc.so.6"}); got != want {
			t.Errorf("%s: %+v", p, ev)
		}
	}
}

// auditable makes a program that cargo auditable has built.
func auditable(t *testing.T, document string) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write([]byte(document)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return elfFile(elf.ELFCLASS64, binary.LittleEndian, section{name: ".dep-v0", typ: elf.SHT_PROGBITS, data: packed.Bytes()})
}

// The crates of a Rust program are those that are part of it; one without a name is a gap, and a list that cannot be read an error. A crate
// from elsewhere than crates.io has no advisories there.
func TestCrates(t *testing.T) {
	for name, c := range map[string]struct{ document, want string }{
		"crates": {`{"packages": [{"name": "shop", "version": "0.1.0", "source": "local", "root": true},` +
			` {"name": "time", "version": "0.1.44", "source": "crates.io"}, {"name": "fork", "version": "1.0.0", "source": "git"},` +
			` {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"}]}`,
			"crates.io shop 0.1.0 main, crates.io time 0.1.44,  fork 1.0.0"},
		"one without a version": {`{"packages": [{"name": "a", "version": ""}, {"name": "", "version": "1"},` +
			` {"name": "b", "version": "1", "source": "crates.io"}]}`, "crates.io b 1, gap malformed, gap malformed"},
		"no list":     {`{}`, ""},
		"no document": {`{`, "error"},
		"too deep":    {`{"packages": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "limit"},
		"too many faults": {`{"packages": [` + strings.Repeat(`{},`, engine.MaxGaps) + `{}]}`,
			strings.TrimSuffix(strings.Repeat("gap malformed, ", engine.MaxGaps), ", ") + ", limit"},
		"too large": {`{"packages": [` + strings.Repeat(" ", engine.MaxMetadata) + `]}`, "limit"},
	} {
		body := auditable(t, c.document)
		e := engine.Entry{Path: "srv/x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
		ev, err := programs{}.Inspect(t.Context(), engine.NewFileAt(e, bytes.NewReader(body)))
		if got := evidenceLine(ev, err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	broken := elfFile(elf.ELFCLASS64, binary.LittleEndian, section{name: ".dep-v0", typ: elf.SHT_PROGBITS, data: []byte("not packed")})
	empty := elfFile(elf.ELFCLASS64, binary.LittleEndian,
		section{name: ".dep-v0", typ: elf.SHT_NOBITS, data: make([]byte, engine.MaxMetadata+1)})
	half := auditable(t, `{"packages": []}`)
	for i := range half {
		if bytes.HasPrefix(half[i:], []byte{0x78, 0x9c}) { // where the packed text begins
			copy(half[i+2:], "\xff\xff\xff")
		}
	}
	for name, c := range map[string]struct {
		body []byte
		want string
	}{"not packed": {broken, "error"}, "a section over the limit": {empty, "limit"}, "packed wrongly": {half, "error"}} {
		e := engine.Entry{Path: "srv/x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(c.body))}
		ev, err := programs{}.Inspect(t.Context(), engine.NewFileAt(e, bytes.NewReader(c.body)))
		if got := evidenceLine(ev, err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// evidenceLine returns "ecosystem name version [main]" of each package, "gap kind" of each gap, and "limit" or "error".
func evidenceLine(ev engine.Evidence, err error) string {
	var out []string
	for _, p := range ev.Packages {
		line := fmt.Sprintf("%s %s %s", p.Ecosystem, p.Name, p.Version)
		if p.Main {
			line += " main"
		}
		out = append(out, line)
	}
	for _, g := range ev.Gaps {
		out = append(out, "gap "+string(g.Kind))
	}
	limit := (*engine.LimitError)(nil)
	switch {
	case errors.As(err, &limit):
		out = append(out, "limit")
	case err != nil:
		out = append(out, "error")
	}
	return strings.Join(out, ", ")
}

// segments makes the header of an ELF file with one loadable segment.
func segments(class elf.Class, order byteOrder, offset, size uint64) []byte {
	encoding := elf.ELFDATA2LSB
	if order == binary.BigEndian {
		encoding = elf.ELFDATA2MSB
	}
	b := append([]byte{0x7f, 'E', 'L', 'F', byte(class), byte(encoding), 1}, make([]byte, 121)...)
	if class == elf.ELFCLASS64 {
		order.PutUint64(b[32:], 64)
		order.PutUint16(b[54:], 56)
		order.PutUint16(b[56:], 1)
		order.PutUint32(b[64:], uint32(elf.PT_LOAD))
		order.PutUint64(b[64+8:], offset)
		order.PutUint64(b[64+32:], size)
		return b
	}
	order.PutUint32(b[28:], 52)
	order.PutUint16(b[42:], 32)
	order.PutUint16(b[44:], 1)
	order.PutUint32(b[52:], uint32(elf.PT_LOAD))
	order.PutUint32(b[52+4:], uint32(offset))
	order.PutUint32(b[52+16:], uint32(size))
	return b
}

// A program whose segments go beyond the file is cut off, and one whose headers cannot be read is no program that can be judged: both are
// errors and no programs without modules.
func TestCheckSegments(t *testing.T) {
	for _, order := range []byteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
			for _, c := range []struct {
				offset, size uint64
				want         string
			}{{0, 1000, ""}, {1, 999, ""}, {1, 1000, "ends at byte 1001 of 1000"}, {1000, 0, ""}, {1001, 0, "cut off"}, {0, 1001, "cut off"}} {
				err := checkSegments(segments(class, order, c.offset, c.size), 1000)
				if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, %v, %d bytes at %d: %v, want %q", class, order, c.size, c.offset, err, c.want)
				}
			}
			b := segments(class, order, 0, 1001)
			table, entry, count := 32, 54, 56
			if class == elf.ELFCLASS32 {
				table, entry, count = 28, 42, 44
			}
			note := slices.Clone(b)
			order.PutUint32(note[max(52, table*2):], uint32(elf.PT_NOTE))
			if class == elf.ELFCLASS32 {
				note = slices.Clone(b)
				order.PutUint32(note[52:], uint32(elf.PT_NOTE))
			}
			if err := checkSegments(note, 1000); err != nil {
				t.Errorf("%v: a segment that is not loaded: %v", class, err)
			}
			far, many, small, none := slices.Clone(b), slices.Clone(b), slices.Clone(b), slices.Clone(b)
			order.PutUint32(far[table:], uint32(len(b)+1))
			if class == elf.ELFCLASS64 {
				order.PutUint64(far[table:], uint64(len(b)+1))
			}
			order.PutUint16(many[count:], 100)
			order.PutUint16(small[entry:], 31)
			order.PutUint16(none[count:], 0)
			for name, b := range map[string][]byte{"far away": far, "more than the header holds": many, "too small": small, "half": b[:60]} {
				if err := checkSegments(b, 1000); err == nil || !strings.Contains(err.Error(), "cannot be read") {
					t.Errorf("%v: program headers %s: %v", class, name, err)
				}
			}
			if err := checkSegments(none, 1000); err != nil {
				t.Errorf("%v: no program headers: %v", class, err)
			}
		}
	}
	wrap := segments(elf.ELFCLASS64, binary.LittleEndian, 1<<63, 1<<63)
	if err := checkSegments(wrap, 1000); err == nil {
		t.Error("a segment whose end is beyond 64 bits is no error")
	}
}
