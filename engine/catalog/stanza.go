package catalog

import (
	"bytes"
	"iter"
	"strings"

	"github.com/vetoci/veto/engine"
)

// stanzas yields the parts of a package database between empty lines. It copies one at a time, so that a large database is in memory once.
func stanzas(body []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		crlf := bytes.Contains(body, []byte("\r\n\r\n"))
		for part := range bytes.SplitSeq(body, []byte("\n\n")) {
			if !crlf {
				if !yield(strings.ReplaceAll(string(part), "\r\n", "\n")) {
					return
				}
				continue
			}
			for text := range strings.SplitSeq(strings.ReplaceAll(string(part), "\r\n", "\n"), "\n\n") {
				if !yield(text) {
					return
				}
			}
		}
	}
}

// cutOff is the detail of a gap for a text without a line feed at its end. Whatever writes such files ends each line with one.
const cutOff = "it ends in the middle of a line: the rest is missing"

// wholeLines returns a body up to the end of its last complete line. A gap stands for the rest, which may be half a name or version, and
// for the packages that may have followed.
func wholeLines(body []byte, ev *engine.Evidence) ([]byte, error) {
	end := bytes.LastIndexByte(body, '\n') + 1
	if end == len(body) {
		return body, nil
	}
	return body[:end], addMalformed(ev, cutOff)
}

// endsWithin says whether a text ends in the middle of a line that begins with one of the keys, given in lower case. Lines with other keys
// may be cut off.
func endsWithin(body []byte, keys ...string) bool {
	line := strings.ToLower(string(body[bytes.LastIndexByte(body, '\n')+1:]))
	for _, k := range keys {
		if strings.HasPrefix(line, k) {
			return true
		}
	}
	return false
}
