package formats

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes untrusted text safe to print on one line of a terminal or a CI log. Control characters, line and paragraph
// separators, invisible and bidirectional format characters and invalid UTF-8 become visible escapes (\n, \x1b, \u202e). What a CI
// system would take for a command is broken up: "::" at the start of a word (GitHub) and "##" (GitHub, Azure Pipelines, TeamCity).
func Escape(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	before := ' '
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		next := byte(0)
		if i+size < len(s) {
			next = s[i+size]
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == ':' && next == ':' && unicode.IsSpace(before):
			b.WriteString(`\x3a`)
		case r == '#' && before == '#':
			b.WriteString(`\x23`)
		case hidden(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// plain says that Escape has nothing to do, which is nearly always so.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '#' || c == ':' {
			return false
		}
	}
	return true
}

// hidden is a character that shows nothing or changes the order of what is shown: Unicode's categories Cc, Cf, Zl, Zp, Co and
// unassigned ones, and the spaces that are not U+0020, which would be stripped or mistaken.
func hidden(r rune) bool {
	return r != ' ' && !unicode.IsGraphic(r) || r != ' ' && unicode.Is(unicode.Z, r)
}

// cut shortens s to at most n runes, of which the last is then an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return strings.TrimRight(string([]rune(s)[:n-1]), " ") + "…"
}

// cutMiddle shortens s to at most n runes and keeps both ends, which is what tells versions and paths apart.
func cutMiddle(s string, n int) string {
	if n < 5 || utf8.RuneCountInString(s) <= n {
		return cut(s, n)
	}
	r := []rune(s)
	head := (n - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// cutBytes shortens s to at most n bytes without splitting a character, and says so.
func cutBytes(s string, n int) string {
	const mark = " … (cut)"
	if len(s) <= n {
		return s
	}
	s = s[:n-len(mark)]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if r, size := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && size == 1 {
		s = s[:len(s)-1]
	}
	return s + mark
}

func width(s string) int { return utf8.RuneCountInString(s) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
