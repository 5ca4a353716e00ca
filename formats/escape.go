package formats

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes untrusted text safe to print on one line of a terminal or a CI log. Control characters, line and paragraph separators,
// invisible and bidirectional format characters and invalid UTF-8 become visible escapes (\n, \x1b, \u202e). It also breaks up what a CI
// system would take for a command: "::" at the start of a word (GitHub) and "##" (GitHub, Azure Pipelines, TeamCity). Escaping twice is
// the same as escaping once.
func Escape(s string) string {
	if needsNoEscape(s) {
		return s
	}
	var b strings.Builder
	previous := ' '
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
		case r == ':' && next == ':' && unicode.IsSpace(previous):
			b.WriteString(`\x3a`)
		case r == '#' && previous == '#':
			b.WriteString(`\x23`)
		case isInvisible(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case isInvisible(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		previous = r
	}
	return b.String()
}

// needsNoEscape says that Escape would change nothing. It may miss some text of which that is true.
func needsNoEscape(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '#' || c == ':' {
			return false
		}
	}
	return true
}

// isInvisible says whether a character shows nothing or changes the order of others: Unicode's categories Cc, Cf, Cn, Co, Cs, Zl and Zp,
// and every space but U+0020.
func isInvisible(r rune) bool {
	return r != ' ' && !unicode.IsGraphic(r) || r != ' ' && unicode.Is(unicode.Z, r)
}

// truncate shortens s to at most n characters. The last one is an ellipsis where something was cut.
func truncate(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return strings.TrimRight(string([]rune(s)[:n-1]), " ") + "…"
}

// truncateMiddle shortens s to at most n characters in the middle, because versions and paths differ at their ends.
func truncateMiddle(s string, n int) string {
	if n < 5 || utf8.RuneCountInString(s) <= n {
		return truncate(s, n)
	}
	r := []rune(s)
	head := (n - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// truncateBytes shortens s to at most n bytes, not within a character, and marks the cut. n is at least that mark's length.
func truncateBytes(s string, n int) string {
	const mark = " … (cut)"
	if len(s) <= n {
		return s
	}
	end := n - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// width is how many columns s takes. It counts characters; wide ones take two, so a line of them is longer.
func width(s string) int { return utf8.RuneCountInString(s) }

// plural is "1 file" or "2 files".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
