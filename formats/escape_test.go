package formats

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// What Escape leaves alone and what it makes visible. Without it a package's name moves the cursor, hides text or starts a command.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		"plain text":        "plain text",
		"tab\there":         `tab\there`,
		"a\r\nb":            `a\r\nb`,
		"\x00\x1f\x7f":      `\x00\x1f\x7f`,
		"\x1b[31m":          `\x1b[31m`,
		"a\u0085b":          `a\u0085b`,
		"no\u00a0break":     `no\u00a0break`,
		"wide\u3000space":   `wide\u3000space`,
		"zero\u200bwidth":   `zero\u200bwidth`,
		"\u202eevil":        `\u202eevil`,
		"line\u2028end":     `line\u2028end`,
		"private \ue000":    `private \ue000`,
		"tag \U000e0041":    `tag \U000e0041`,
		"\uffff \U0001ffff": `\uffff \U0001ffff`,
		"é ü 漢 😀":           "é ü 漢 😀",
		"\xff\xc3":          `\xff\xc3`,
		"really \ufffd":     "really \ufffd",
		"::error::x":        `\x3a:error::x`,
		"a ::error::x":      `a \x3a:error::x`,
		"a::b: c :d":        "a::b: c :d",
		"a:::":              "a:::",
		"# one":             "# one",
		"##[x] # ##":        `#\x23[x] # #\x23`,
		"###":               `#\x23\x23`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %s, want %s", in, got, want)
		}
	}
}

// seededTexts are texts of characters that matter to an escape or to a width, the same in every run.
func seededTexts(n int) []string {
	const characters = "ab9 :#\n\r\t\x00\x1b\x7f\u00a0\u2028\u202e\u200bé漢😀\U000e0041\ufffd"
	runes := []rune(characters)
	rnd := rand.New(rand.NewPCG(3, 4))
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range rnd.IntN(30) {
			if rnd.IntN(20) == 0 {
				b.WriteByte(byte(0x80 + rnd.IntN(0x80)))
				continue
			}
			b.WriteRune(runes[rnd.IntN(len(runes))])
		}
		texts[i] = b.String()
	}
	return texts
}

// Escaped text is one line, has no command in it, and stays as it is when it is escaped again, as happens on the way to Markdown.
func TestEscapeOfRandomText(t *testing.T) {
	for _, s := range seededTexts(2000) {
		e := Escape(s)
		if !utf8.ValidString(e) || strings.ContainsAny(e, "\n\r\t\x00\x1b\x7f\u00a0\u2028\u202e\u200b") || strings.Contains(e, "##") ||
			strings.HasPrefix(e, "::") || strings.Contains(e, " ::") {
			t.Errorf("Escape(%q) = %q", s, e)
		}
		if again := Escape(e); again != e {
			t.Errorf("Escape(%q) = %q, but that escaped is %q", s, e, again)
		}
	}
}

// A text that is cut keeps as much as there is room for, and says that it was cut. Text that fits is not touched.
func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		s              string
		n              int
		end, midst, by string
	}{
		{"", 0, "", "", "characters"},
		{"abc", 0, "", "", "none"},
		{"abc", 3, "abc", "abc", "characters"},
		{"abcd", 1, "…", "…", "characters"},
		{"abcd", 3, "ab…", "ab…", "characters"},
		{"0123456789", 4, "012…", "012…", "too short for both ends"},
		{"0123456789", 5, "0123…", "01…89", "characters"},
		{"0123456789", 6, "01234…", "01…789", "characters"},
		{"0123456789", 9, "01234567…", "0123…6789", "characters"},
		{"0123456789", 10, "0123456789", "0123456789", "characters"},
		{"ab   cdef", 6, "ab…", "ab…def", "spaces before the mark go"},
		{"漢字漢字漢字", 6, "漢字漢字漢字", "漢字漢字漢字", "characters, not bytes"},
		{"漢字漢字漢字", 5, "漢字漢字…", "漢字…漢字", "characters, not bytes"},
	} {
		if got := truncate(c.s, c.n); got != c.end {
			t.Errorf("truncate(%q, %d) = %q, want %q (%s)", c.s, c.n, got, c.end, c.by)
		}
		if got := truncateMiddle(c.s, c.n); got != c.midst {
			t.Errorf("truncateMiddle(%q, %d) = %q, want %q (%s)", c.s, c.n, got, c.midst, c.by)
		}
	}
}

// Limits in bytes never split a character: a consumer would refuse the whole file as no UTF-8.
func TestTruncateBytes(t *testing.T) {
	const mark = " … (cut)"
	for _, s := range []string{strings.Repeat("a", 40), strings.Repeat("é", 20), strings.Repeat("漢", 15), strings.Repeat("a😀", 10),
		strings.Repeat("\ufffd", 14)} {
		for n := len(mark); n <= len(s)+1; n++ {
			want := s
			if n < len(s) {
				end := n - len(mark)
				for end > 0 && !utf8.RuneStart(s[end]) {
					end--
				}
				want = s[:end] + mark
			}
			if got := truncateBytes(s, n); got != want || len(got) > n {
				t.Errorf("truncateBytes(%q, %d) = %q, want %q", s, n, got, want)
			}
		}
	}
}
