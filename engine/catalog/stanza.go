package catalog

import (
	"bytes"
	"iter"
	"strings"

	"github.com/vetoci/veto/engine"
)

// stanzas gives the parts of a package database that empty lines end, one at a time: a database of many megabytes is in memory once.
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

// cutOff is what is said of a text whose last line does not end: whoever writes such files ends each line.
const cutOff = "it ends in the middle of a line: the rest is missing"

// whole returns a body up to the end of its last whole line. What follows is a gap, because a name or a version may be cut off in it, and packages
// after it.
func whole(body []byte, ev *engine.Evidence) ([]byte, error) {
	end := bytes.LastIndexByte(body, '\n') + 1
	if end == len(body) {
		return body, nil
	}
	return body[:end], malformed(ev, cutOff)
}

// unfinished says whether a text ends in the middle of a line that begins with one of the keys: of other lines, what is cut off does not matter.
func unfinished(body []byte, keys ...string) bool {
	line := strings.ToLower(string(body[bytes.LastIndexByte(body, '\n')+1:]))
	for _, k := range keys {
		if strings.HasPrefix(line, k) {
			return true
		}
	}
	return false
}

// add takes a package of a database, up to the limit.
func add(ev *engine.Evidence, p *engine.Package) error {
	if len(ev.Packages) >= engine.MaxPackages {
		return &engine.LimitError{What: "number of packages of one database", Limit: engine.MaxPackages}
	}
	ev.Packages = append(ev.Packages, *p)
	return nil
}

// malformed notes a stanza that cannot be read, up to the limit: beyond it the file is no database at all.
func malformed(ev *engine.Evidence, detail string) error {
	if len(ev.Gaps) >= engine.MaxGaps {
		return &engine.LimitError{What: "number of faults of one database", Limit: engine.MaxGaps}
	}
	ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapMalformed, Detail: detail})
	return nil
}
