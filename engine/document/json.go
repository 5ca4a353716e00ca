package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vetoci/veto/engine"
)

// CheckJSON holds one JSON value to engine.MaxJSONDepth levels and refuses keys that stand twice in one object: tools differ in which of
// the two they believe.
func CheckJSON(raw []byte) error {
	return checkJSON(raw, func(key string) string { return key })
}

// CheckWords is CheckJSON for a document whose keys are words of its format and never data. Two that differ in case only stand twice,
// too: encoding/json reads either into the same field, and the last one wins.
func CheckWords(raw []byte) error {
	return checkJSON(raw, func(key string) string { return strings.ToLower(strings.ToUpper(key)) })
}

func checkJSON(raw []byte, same func(key string) string) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	type level struct {
		keys map[string]bool // nil in an array
		key  bool            // a key comes next
	}
	var open []level
	for tokens := 0; ; tokens++ {
		t, err := d.Token()
		switch ended := errors.Is(err, io.EOF); {
		case ended && len(open) == 0 && tokens > 0:
			return nil
		case err != nil:
			return fmt.Errorf("not JSON: %w", orCut(err))
		case len(open) == 0 && tokens > 0:
			return errors.New("not JSON: a second value comes after the first")
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(open) > 0 {
				open[len(open)-1].key = true
			}
			if len(open) >= engine.MaxJSONDepth {
				return &engine.LimitError{What: "depth of JSON", Limit: engine.MaxJSONDepth}
			}
			next := level{}
			if t == json.Delim('{') {
				next = level{keys: map[string]bool{}, key: true}
			}
			open = append(open, next)
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			continue
		}
		if len(open) == 0 {
			continue
		}
		top := &open[len(open)-1]
		if top.keys == nil || !top.key {
			top.key = true
			continue
		}
		written, _ := t.(string)
		k := same(written)
		if top.keys[k] {
			return fmt.Errorf("the key %q stands twice in one object", written)
		}
		top.keys[k], top.key = true, false
	}
}

// orCut is io.ErrUnexpectedEOF for an end that comes too early.
func orCut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
