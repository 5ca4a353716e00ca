package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// tocLine is one element of a table's "entries": a file-system entry, or a further chunk of the file before it. The two formats share
// their field names (stargz-snapshotter docs/estargz.md "TOCEntries"; containers/storage pkg/chunked "FileMetadata").
type tocLine struct {
	name, kind, link               string
	mode, uid, gid, size           int64
	digest, chunkDigest, chunkType string
	offset, end, inner             int64 // in the blob; inner is in what is inflated from offset on
	chunkAt, chunkSize             int64 // in the file
}

// readTOC shows each line of a table to add and returns the table's version. Other keys are passed over, but none may stand twice,
// nor differ from a key that is read in its case alone: readers differ in which of two they believe.
func readTOC(raw []byte, add func(*tocLine) error) (version int64, err error) {
	if !json.Valid(raw) {
		return 0, errors.New("it is not JSON")
	}
	w := &jsonWalk{b: raw}
	err = w.object(func(key string) error {
		switch key {
		case "version":
			return w.number(&version)
		case "entries":
			return w.list(func() error {
				var line tocLine
				if err := w.line(&line); err != nil {
					return err
				}
				return add(&line)
			})
		}
		return w.other(key, "version", "entries")
	})
	return version, err
}

func (w *jsonWalk) line(l *tocLine) error {
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
			return w.number(&l.end)
		case "innerOffset":
			return w.number(&l.inner)
		case "chunkOffset":
			return w.number(&l.chunkAt)
		case "chunkSize":
			return w.number(&l.chunkSize)
		case "chunkDigest":
			return w.text(&l.chunkDigest)
		case "chunkType":
			return w.text(&l.chunkType)
		}
		return w.other(key, "name", "type", "linkName", "mode", "uid", "gid", "size", "digest", "offset", "endOffset", "innerOffset",
			"chunkOffset", "chunkSize", "chunkDigest", "chunkType")
	})
}

// jsonWalk walks JSON that is known to be valid, without building values of what nobody asks for: a table may have tens of megabytes.
type jsonWalk struct {
	b    []byte
	i    int
	seen []map[string]bool // keys of the objects that are open, by depth
	open int
}

func (w *jsonWalk) next() byte {
	for w.i < len(w.b) {
		switch c := w.b[w.i]; c {
		case ' ', '\t', '\r', '\n':
			w.i++
		default:
			return c
		}
	}
	return 0
}

func (w *jsonWalk) enter() error {
	if w.open++; w.open > engine.MaxJSONDepth {
		return &engine.LimitError{What: "depth of JSON", Limit: engine.MaxJSONDepth}
	}
	return nil
}

// object calls each for every key; each reads the value.
func (w *jsonWalk) object(each func(key string) error) error {
	if w.next() != '{' {
		return w.not("an object")
	}
	if err := w.enter(); err != nil {
		return err
	}
	for len(w.seen) <= w.open {
		w.seen = append(w.seen, nil)
	}
	if old := w.seen[w.open]; old == nil || len(old) > 64 { // clearing a map costs what it once held
		w.seen[w.open] = map[string]bool{}
	} else {
		clear(old)
	}
	seen := w.seen[w.open]
	for w.i++; w.next() != '}'; {
		if w.next() == ',' {
			w.i++
			w.next()
		}
		key, err := w.word()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("the key %q stands twice in one object", key)
		}
		seen[key] = true
		w.next()
		w.i++ // the colon
		if err := each(key); err != nil {
			return err
		}
	}
	w.i++
	w.open--
	return nil
}

// list calls each for every element; each reads it. null is an empty list.
func (w *jsonWalk) list(each func() error) error {
	if w.next() == 'n' {
		return w.skip()
	}
	if w.next() != '[' {
		return w.not("a list")
	}
	if err := w.enter(); err != nil {
		return err
	}
	for w.i++; w.next() != ']'; {
		if w.next() == ',' {
			w.i++
		}
		if err := each(); err != nil {
			return err
		}
	}
	w.i++
	w.open--
	return nil
}

func (w *jsonWalk) not(what string) error {
	return fmt.Errorf("at byte %d of its JSON something else than %s", w.i, what)
}

// word reads a string.
func (w *jsonWalk) word() (string, error) {
	if w.next() != '"' {
		return "", w.not("a string")
	}
	from, plain := w.i, true
	for w.i++; w.b[w.i] != '"'; w.i++ {
		switch c := w.b[w.i]; {
		case c == '\\':
			w.i++
			plain = false
		case c >= 0x80:
			plain = false
		}
	}
	w.i++
	if plain {
		return string(w.b[from+1 : w.i-1]), nil
	}
	var s string
	err := json.Unmarshal(w.b[from:w.i], &s)
	return s, err
}

func (w *jsonWalk) text(into *string) (err error) {
	*into, err = w.word()
	return err
}

func (w *jsonWalk) number(into *int64) (err error) {
	w.next()
	from := w.i
	for w.i < len(w.b) && strings.IndexByte("+-.0123456789eE", w.b[w.i]) >= 0 {
		w.i++
	}
	if *into, err = strconv.ParseInt(string(w.b[from:w.i]), 10, 64); err != nil {
		return fmt.Errorf("at byte %d of its JSON something else than a whole number of 64 bits", from)
	}
	return nil
}

// other passes over the value of a key that is not known.
func (w *jsonWalk) other(key string, known ...string) error {
	for _, k := range known {
		if len(k) == len(key) && strings.EqualFold(k, key) {
			return fmt.Errorf("it has the key %q, which some readers take for %q", key, k)
		}
	}
	return w.skip()
}

func (w *jsonWalk) skip() error {
	switch w.next() {
	case '{':
		return w.object(func(string) error { return w.skip() })
	case '[':
		return w.list(w.skip)
	case '"':
		_, err := w.word()
		return err
	}
	for w.i < len(w.b) && strings.IndexByte(",]} \t\r\n", w.b[w.i]) < 0 {
		w.i++
	}
	return nil
}
