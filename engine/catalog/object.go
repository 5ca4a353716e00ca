package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/vetoci/veto/engine"
)

// object is a JSON object as node, PHP and Python read it: keys that differ only in case are different ones, and of a key that stands twice
// the last one counts. Decoding into a struct would take "Version" for "version".
type object map[string]json.RawMessage

// readObject reads a JSON object, which may begin with a byte order mark.
func readObject(body []byte) (object, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if err := engine.CheckDepth(body); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, fmt.Errorf("null, and not an object")
	}
	return o, nil
}

// text returns the string of a key, "" where it is absent or null. Anything else is an error.
func (o object) text(key string) (s string, err error) {
	raw, ok := o[key]
	if !ok || string(raw) == "null" {
		return "", nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("%q is no text: %w", key, err)
	}
	return s, nil
}

// elements returns the values of a list, or of an object in the order of its text, as PHP goes through either.
func elements(raw json.RawMessage) (out []json.RawMessage, err error) {
	raw = bytes.TrimSpace(raw)
	if !bytes.HasPrefix(raw, []byte("{")) {
		return out, json.Unmarshal(raw, &out)
	}
	out = []json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}
