package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// HintError is an error that says what to do next; the hint is printed on a line of its own.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// Hint adds what to do next to an error.
func Hint(err error, format string, args ...any) error {
	return &HintError{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// UsageError is a mistake of the caller's that no scan can mend: exit 2, where another error of opening or reading is exit 3.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usage makes a UsageError.
func Usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// ProblemOf turns an error into the form that reports carry.
func ProblemOf(err error) Problem {
	p := Problem{What: MaskAddresses(err.Error())}
	if h := (*HintError)(nil); errors.As(err, &h) {
		p.Hint = Maybe(MaskAddresses(h.Hint))
	}
	return p
}

// userinfo is where an address holds user and password (RFC 3986, section 3.2.1).
var (
	userinfo  = regexp.MustCompile(`(://)[^/?\s"']*@`)
	anAddress = regexp.MustCompile(`[a-z0-9+.-]+://[^\s"']+`)
)

// MaskAddresses returns a text in which the addresses (scheme://…) show neither user and password nor the values of a query: tokens and
// signatures stand there. Everything that veto prints of an address, or records of it, goes through here.
func MaskAddresses(text string) string {
	return anAddress.ReplaceAllStringFunc(text, func(address string) string {
		address = userinfo.ReplaceAllString(address, "${1}***@")
		path, query, found := strings.Cut(address, "?")
		if !found {
			return address
		}
		parts := strings.Split(query, "&")
		for i, part := range parts {
			if name, _, valued := strings.Cut(part, "="); valued {
				parts[i] = name + "=***"
			} else {
				parts[i] = "***"
			}
		}
		return path + "?" + strings.Join(parts, "&")
	})
}

// UnknownWord is the error for a word that is not one of the known ones: it names the nearest, else all of them.
func UnknownWord(kind, word string, known []string) error {
	if near := Nearest(word, known); near != "" {
		return Hint(Usage("unknown %s %q", kind, word), "did you mean %q?", near)
	}
	return Hint(Usage("unknown %s %q", kind, word), "known: %s", list(known))
}

func list(words []string) string {
	const most = 40
	s := ""
	for i, w := range words {
		if i == most {
			return s + fmt.Sprintf(" and %d more", len(words)-most)
		}
		if i > 0 {
			s += ", "
		}
		s += w
	}
	return s
}

// Nearest returns the known word at the least edit distance, or "" when none is near enough to be meant.
func Nearest(word string, known []string) string {
	best, at := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
