package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// tocLine is one element of a table's "entries": an entry of the file system, or a further chunk of the file before it. eStargz and
// zstd:chunked have the same field names (stargz-snapshotter docs/estargz.md, "TOCEntries"; containers/storage pkg/chunked, FileMetadata).
type tocLine struct {
	name, kind, link               string
	mode, uid, gid, size           int64
	digest, chunkDigest, chunkType string
	offset, endOffset              int64 // in the blob
	innerOffset                    int64 // in what the blob inflates to from offset on
	chunkOffset, chunkSize         int64 // in the file
}

// readTOC shows each line of a table to add, and returns the table's version. It skips keys that it does not know, but refuses keys that
// stand twice in an object, and keys that differ from a known one in their case alone, because tools differ in which of two they read.
func readTOC(raw []byte, add func(*tocLine) error) (version int64, err error) {
	if !json.Valid(raw) {
		return 0, errors.New("it is not JSON")
	}
	w := &jsonReader{data: raw}
	err = w.object(func(key string) error {
		switch key {
		case "version":
			return w.number(&version)
		case "entries":
			return w.list(func() error {
				var line tocLine
				if err := w.tocLine(&line); err != nil {
					return err
				}
				return add(&line)
			})
		}
		return w.skipUnknown(key, "version", "entries")
	})
	return version, err
}

// tocLine reads one element of "entries".
func (w *jsonReader) tocLine(l *tocLine) error {
	return w.object(func(key string) error {
		switch key {
		case "name":
			return w.text(&l.name)
		case "type":
			return w.text(&l.kind)
		case "linkName":
			return w.text(&l.link)
		case "mode":
			return w.number(&l.mode)
		case "uid":
			return w.number(&l.uid)
		case "gid":
			return w.number(&l.gid)
		case "size":
			return w.number(&l.size)
		case "digest":
			return w.text(&l.digest)
		case "offset":
			return w.number(&l.offset)
		case "endOffset":
			return w.number(&l.endOffset)
		case "innerOffset":
			return w.number(&l.innerOffset)
		case "chunkOffset":
			return w.number(&l.chunkOffset)
		case "chunkSize":
			return w.number(&l.chunkSize)
		case "chunkDigest":
			return w.text(&l.chunkDigest)
		case "chunkType":
			return w.text(&l.chunkType)
		}
		return w.skipUnknown(key, "name", "type", "linkName", "mode", "uid", "gid", "size", "digest", "offset", "endOffset", "innerOffset",
			"chunkOffset", "chunkSize", "chunkDigest", "chunkType")
	})
}

// jsonReader reads JSON that is known to be valid, without building values that nobody asks for: a table may have tens of megabytes.
type jsonReader struct {
	data  []byte
	pos   int
	seen  []map[string]bool // the keys of the open objects, by depth
	depth int
}

// peek skips white space and returns the next byte, without reading it; 0 at the end.
func (w *jsonReader) peek() byte {
	for w.pos < len(w.data) {
		switch c := w.data[w.pos]; c {
		case ' ', '\t', '\r', '\n':
			w.pos++
		default:
			return c
		}
	}
	return 0
}

// enter begins an object or a list.
func (w *jsonReader) enter() error {
	if w.depth++; w.depth > engine.MaxJSONDepth {
		return &engine.LimitError{What: "depth of JSON", Limit: engine.MaxJSONDepth}
	}
	return nil
}

// object calls each for every key; each reads the value.
func (w *jsonReader) object(each func(key string) error) error {
	if w.peek() != '{' {
		return w.errNot("an object")
	}
	if err := w.enter(); err != nil {
		return err
	}
	for len(w.seen) <= w.depth {
		w.seen = append(w.seen, nil)
	}
	if old := w.seen[w.depth]; old == nil || len(old) > 64 { // clearing a map takes as long as it was ever large
		w.seen[w.depth] = map[string]bool{}
	} else {
		clear(old)
	}
	seen := w.seen[w.depth]
	for w.pos++; w.peek() != '}'; {
		if w.peek() == ',' {
			w.pos++
			w.peek()
		}
		key, err := w.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("the key %q stands twice in one object", key)
		}
		seen[key] = true
		w.peek()
		w.pos++ // the colon
		if err := each(key); err != nil {
			return err
		}
	}
	w.pos++
	w.depth--
	return nil
}

// list calls each for every element; each reads it. null is an empty list.
func (w *jsonReader) list(each func() error) error {
	if w.peek() == 'n' {
		return w.skip()
	}
	if w.peek() != '[' {
		return w.errNot("a list")
	}
	if err := w.enter(); err != nil {
		return err
	}
	for w.pos++; w.peek() != ']'; {
		if w.peek() == ',' {
			w.pos++
		}
		if err := each(); err != nil {
			return err
		}
	}
	w.pos++
	w.depth--
	return nil
}

// errNot is the error that what stands here is not what the format wants.
func (w *jsonReader) errNot(what string) error {
	return fmt.Errorf("at byte %d of its JSON something else than %s", w.pos, what)
}

// str reads a string.
func (w *jsonReader) str() (string, error) {
	if w.peek() != '"' {
		return "", w.errNot("a string")
	}
	from, plain := w.pos, true
	for w.pos++; w.data[w.pos] != '"'; w.pos++ {
		switch c := w.data[w.pos]; {
		case c == '\\':
			w.pos++
			plain = false
		case c >= 0x80:
			plain = false
		}
	}
	w.pos++
	if plain {
		return string(w.data[from+1 : w.pos-1]), nil
	}
	var s string
	err := json.Unmarshal(w.data[from:w.pos], &s)
	return s, err
}

// text reads a string into a field.
func (w *jsonReader) text(into *string) (err error) {
	*into, err = w.str()
	return err
}

// number reads a whole number into a field.
func (w *jsonReader) number(into *int64) (err error) {
	w.peek()
	from := w.pos
	for w.pos < len(w.data) && strings.IndexByte("+-.0123456789eE", w.data[w.pos]) >= 0 {
		w.pos++
	}
	if *into, err = strconv.ParseInt(string(w.data[from:w.pos]), 10, 64); err != nil {
		return fmt.Errorf("at byte %d of its JSON something else than a whole number of 64 bits", from)
	}
	return nil
}

// skipUnknown skips the value of a key that is none of the known ones, which are those of the same object.
func (w *jsonReader) skipUnknown(key string, known ...string) error {
	for _, k := range known {
		if len(k) == len(key) && strings.EqualFold(k, key) {
			return fmt.Errorf("it has the key %q, which some readers take for %q", key, k)
		}
	}
	return w.skip()
}

// skip skips a value of any type.
func (w *jsonReader) skip() error {
	switch w.peek() {
	case '{':
		return w.object(func(string) error { return w.skip() })
	case '[':
		return w.list(w.skip)
	case '"':
		_, err := w.str()
		return err
	}
	for w.pos < len(w.data) && strings.IndexByte(",]} \t\r\n", w.data[w.pos]) < 0 {
		w.pos++
	}
	return nil
}
