package catalog

import "bytes"

// What tells certain programs where no table of theirs can be read.
const (
	crateSection    = "\x00.dep-v0\x00"              // in the table of section names
	goTableMark     = "\xff\xff\xff\x00\x00"         // a table of functions, from its second byte on
	goTableMarkBig  = "\xff\xff\xff"                 // likewise, before its last byte
	nativeImageMark = "\x00graal_create_isolate\x00" // in a table of symbols' names
	nativeImageSBOM = "\x00sbom_length\x00"          // likewise
	// bundleSignature is the end of the SHA-256 of ".net core bundle", which stands behind the offset of a bundle's header.
	bundleSignature = "\x72\x7b\x93\x02\x14\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae"
)

// indexMark is bytes.Index, five times as fast for a text that begins with zeros or ones, of which programs are full.
func indexMark(b []byte, mark string) int {
	skipped := 0
	for skipped < len(mark) && (mark[skipped] == 0 || mark[skipped] == 0xff) {
		skipped++
	}
	rare := []byte(mark[skipped:])
	if len(rare) == 0 {
		return bytes.Index(b, []byte(mark))
	}
	for from := skipped; from <= len(b); {
		i := bytes.Index(b[from:], rare)
		if i < 0 {
			break
		}
		if at := from + i - skipped; string(b[at:at+skipped]) == mark[:skipped] {
			return at
		}
		from += i + 1
	}
	return -1
}

// markSearch looks for texts in what is written to it in blocks. It never fails.
type markSearch struct {
	marks   []string
	seen    []bool
	goTable bool // one of the marks is that of Go's table, and what stands around it fits
	tail    []byte
	longest int
}

func newMarkSearch(marks ...string) *markSearch {
	s := &markSearch{marks: marks, seen: make([]bool, len(marks)), longest: 8}
	for _, m := range marks {
		s.longest = max(s.longest, len(m))
	}
	return s
}

func (s *markSearch) Write(b []byte) (int, error) {
	border := append(s.tail, b[:min(len(b), s.longest)]...)
	s.scan(border)
	s.scan(b)
	if len(b) < s.longest {
		s.tail = append([]byte(nil), border[max(0, len(border)-s.longest):]...)
	} else {
		s.tail = append(s.tail[:0], b[len(b)-s.longest:]...)
	}
	return len(b), nil
}

func (s *markSearch) scan(b []byte) {
	for i, m := range s.marks {
		if m == goTableMark || m == goTableMarkBig {
			s.goTable = s.goTable || hasGoTable(b, m)
		} else if !s.seen[i] {
			s.seen[i] = indexMark(b, m) >= 0
		}
	}
}

func (s *markSearch) has(mark string) bool {
	for i, m := range s.marks {
		if m == mark && s.seen[i] {
			return true
		}
	}
	return false
}

func (s *markSearch) hasGoTable() bool { return s.goTable }

// hasGoTable looks for the head of a table of functions: a magic number, two zeros, the size of an instruction (1, 2, 4), that of a
// pointer.
func hasGoTable(b []byte, mark string) bool {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(mark))
		if i < 0 {
			return false
		}
		i += from
		from = i + 1
		first, rest := byte(0), b[i+len(mark):]
		if mark == goTableMark && i > 0 {
			first = b[i-1]
		} else if mark == goTableMarkBig && len(rest) > 3 && rest[1] == 0 && rest[2] == 0 {
			first, rest = rest[0], rest[3:]
		}
		if len(rest) < 2 || rest[0] != 1 && rest[0] != 2 && rest[0] != 4 || rest[1] != 4 && rest[1] != 8 {
			continue
		}
		if first == goTable116&0xff || first == goTable118&0xff || first == goTable120&0xff || first == goTable12&0xff {
			return true
		}
	}
}
