package formats

import (
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// SafeJSON returns a writer that passes JSON on to w as other bytes of the same value: what shows nothing, reorders a line or moves a
// terminal's cursor (as Escape has it), and the second "#" of the commands of Azure Pipelines and GitHub ("##vso[", "##["), become \u
// escapes (RFC 8259, section 7). Such characters stand in strings only, so that no parser is needed. Text that ends within a character, in
// the last call of Write, is held back for ever.
func SafeJSON(w io.Writer) io.Writer { return &safeJSON{w: w} }

type safeJSON struct {
	w    io.Writer
	held []byte // the beginning of a character, whose end the next call brings
	hash bool   // the byte before was "#"
}

func (s *safeJSON) Write(p []byte) (int, error) {
	b := p
	if len(s.held) > 0 {
		b = append(s.held, p...)
		s.held = nil
	}
	done := 0 // bytes of b that are written
	flush := func(to int, escape string) error {
		if _, err := s.w.Write(b[done:to]); err != nil {
			return err
		}
		_, err := io.WriteString(s.w, escape)
		return err
	}
	for i := 0; i < len(b); {
		if c := b[i]; c < 0x7f && c != '#' {
			s.hash = false
			i++
			continue
		}
		r, size := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			if !utf8.FullRune(b[i:]) {
				s.held = append([]byte{}, b[i:]...)
				b = b[:i]
				break
			}
			r, size = utf8.DecodeRune(b[i:])
		}
		if escape := s.escape(r); escape != "" {
			if err := flush(i, escape); err != nil {
				return 0, err
			}
			done = i + size
		}
		s.hash = r == '#'
		i += size
	}
	if done < len(b) {
		if err := flush(len(b), ""); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// escape returns what to write in place of a character, "" for the character itself.
func (s *safeJSON) escape(r rune) string {
	switch {
	case r == '#' && s.hash, r == 0x7f:
		return fmt.Sprintf(`\u%04x`, r)
	case r < utf8.RuneSelf || !isInvisible(r):
		return ""
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
