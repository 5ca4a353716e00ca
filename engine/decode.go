package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Decode reads the wire form of a value into v, a pointer. It is stricter than encoding/json, which takes the last of two equal keys,
// takes a key in any case for a field's, and takes null for an empty list: who edits a recorded file could so hide what it says.
// Keys that stand twice, that v's type does not have, and null where the type knows no unknown are errors that name the place.
func Decode(data []byte, v any) error {
	if err := CheckDepth(data); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkShape(d, reflect.TypeOf(v).Elem()); errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return checkEnums(reflect.ValueOf(v).Elem())
}

// checkEnums returns an error for a word that is none of those which its field can have: rules compare with these, and another one would
// fire none. What facts of an earlier version lack is empty and no error, but for the kind of a gap.
func checkEnums(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return checkEnums(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkEnums(v.Index(i)); err != nil {
				return below(fmt.Sprintf("[%d]", i), err)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" {
				continue
			}
			step := "." + name
			if name == "" {
				step = ""
			}
			if words := f.Tag.Get("enum"); words != "" && f.Type.Kind() == reflect.String {
				word, known := v.Field(i).String(), strings.Split(words, ",")
				if (word != "" || f.Type == reflect.TypeFor[GapKind]()) && !slices.Contains(known, word) {
					return &shapeError{at: step, what: UnknownWord(strings.ReplaceAll(name, "_", " "), word, known)}
				}
			}
			if err := checkEnums(v.Field(i)); err != nil {
				return below(step, err)
			}
		}
	}
	return nil
}

// shapeError is what does not fit, and where: a path such as ".findings[3].locations".
type shapeError struct {
	at   string
	what error
}

func (e *shapeError) Error() string {
	at := strings.TrimPrefix(e.at, ".")
	if at == "" {
		at = "the top level"
	}
	return fmt.Sprintf("%s: %v", at, e.what)
}

func (e *shapeError) Unwrap() error { return e.what }

// below puts the step that leads to a value before the place that an error names.
func below(step string, err error) error {
	if shape := (*shapeError)(nil); errors.As(err, &shape) {
		shape.at = step + shape.at
	}
	return err
}

// checkShape reads one value and compares it with a type; nil is any.
func checkShape(d *json.Decoder, t reflect.Type) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return checkObject(d, t)
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := checkShape(d, elementOf(t)); err != nil {
				return below(fmt.Sprintf("[%d]", i), err)
			}
		}
		_, err := d.Token()
		return err
	case nil:
		if !nullable(t) {
			return &shapeError{what: errors.New("null; an empty list is []")}
		}
	}
	return nil
}

func nullable(t reflect.Type) bool {
	return t == nil || t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface ||
		reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// elementOf is the type of what a list or a map holds.
func elementOf(t reflect.Type) reflect.Type {
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
		return t.Elem()
	}
	return nil
}

func checkObject(d *json.Decoder, t reflect.Type) error {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var fields map[string]reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		fields = map[string]reflect.Type{}
		wireFields(t, fields)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if seen[key] {
			return &shapeError{what: fmt.Errorf("the key %.60q stands twice", key)}
		}
		seen[key] = true
		of := elementOf(t)
		if fields != nil {
			known := false
			if of, known = fields[key]; !known {
				return &shapeError{what: unknownKey(key, fields)}
			}
		}
		if err := checkShape(d, of); err != nil {
			return below("."+key, err)
		}
	}
	_, err := d.Token()
	return err
}

func unknownKey(key string, fields map[string]reflect.Type) error {
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	slices.Sort(known)
	return UnknownWord("key", key, known)
}

// wireFields lists the fields of a wire type by their keys, those of embedded types included.
func wireFields(t reflect.Type, fields map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			wireFields(f.Type, fields)
		case f.IsExported() && name != "" && name != "-":
			fields[name] = f.Type
		}
	}
}
