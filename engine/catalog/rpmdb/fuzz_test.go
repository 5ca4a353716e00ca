package rpmdb

import (
	"encoding/binary"
	"testing"
)

func FuzzRead(f *testing.F) {
	sqlite := alpha(f)
	header, err := headers(sqlite)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sqlite)
	f.Add(packNDB(header[0]))
	f.Add(packBDB(binary.LittleEndian, 4096, header[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := headers(b)
		if err == nil && len(found) > len(b) {
			t.Errorf("%d headers of %d bytes", len(found), len(b))
		}
	})
}

func FuzzParse(f *testing.F) {
	header, err := headers(alpha(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err != nil {
			return
		}
		for tag := range h.index {
			h.Text(tag)
			if list, err := h.Texts(tag); err == nil && len(list) > len(b) {
				t.Errorf("%d strings of %d bytes", len(list), len(b))
			}
			if list, err := h.Numbers(tag); err == nil && len(list) > len(b) {
				t.Errorf("%d numbers of %d bytes", len(list), len(b))
			}
		}
	})
}
