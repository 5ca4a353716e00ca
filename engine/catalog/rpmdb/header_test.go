package rpmdb

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// value is an entry of a header's index: type, offset and count are as written.
type value struct {
	tag                 Tag
	typ, offset, number uint32
}

func packHeader(store string, values ...value) []byte {
	be := binary.BigEndian
	out := be.AppendUint32(be.AppendUint32(nil, uint32(len(values))), uint32(len(store)))
	for _, v := range values {
		for _, n := range []uint32{uint32(v.tag), v.typ, v.offset, v.number} {
			out = be.AppendUint32(out, n)
		}
	}
	return append(out, store...)
}

// Each kind of value is read as what it is and as nothing else. A name read from a number, or a list without its end, would make a package
// that is not there.
func TestHeaderValues(t *testing.T) {
	store := "one\x00two\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08"
	h, err := Parse(packHeader(store, value{Name, typeString, 0, 1}, value{License, typeI18n, 4, 1}, value{BaseNames, typeStrings, 0, 3},
		value{DirIndexes, typeInt32, 9, 2}, value{FileFlags, typeInt16, 9, 4}, value{Vendor, typeStrings, 0, 4}, value{Epoch, typeInt32, 13, 2},
		value{Arch, typeInt16, 9, 1}, value{Release, 7, 0, 3}, value{Version, typeString, uint32(len(store)), 0}, value{Name, typeString, 4, 1}))
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[Tag]string{
		Name: "one", License: "two", BaseNames: "one", // the first of two entries, and of a list
		DirIndexes: "", FileFlags: "", Release: "", Version: "", SourceRPM: "", // numbers, bytes, nothing, absent
	} {
		if got := h.Text(tag); got != want {
			t.Errorf("text of %d: %q, want %q", tag, got, want)
		}
	}
	for _, c := range []struct {
		tag     Tag
		texts   []string
		failure string
	}{
		{BaseNames, []string{"one", "two", ""}, ""}, {Name, []string{"one"}, ""}, {License, []string{"two"}, ""}, {SourceRPM, nil, ""},
		{Vendor, nil, "cut off"}, {FileFlags, nil, "no list of strings"}, {Release, nil, "no list of strings"}, {Version, []string{}, ""},
	} {
		got, err := h.Texts(c.tag)
		if !slices.Equal(got, c.texts) || (err != nil) != (c.failure != "") || err != nil && !strings.Contains(err.Error(), c.failure) {
			t.Errorf("texts of %d: %q, %v; want %q, %q", c.tag, got, err, c.texts, c.failure)
		}
	}
	for _, c := range []struct {
		tag     Tag
		numbers []uint32
		failure string
	}{
		{DirIndexes, []uint32{0x01020304, 0x05060708}, ""},
		{FileFlags, []uint32{0x0102, 0x0304, 0x0506, 0x0708}, ""}, {Arch, []uint32{0x0102}, ""},
		{SourceRPM, nil, ""}, {Epoch, nil, "cut off"}, {Name, nil, "no list of numbers"}, {Release, nil, "no list of numbers"},
	} {
		got, err := h.Numbers(c.tag)
		if !slices.Equal(got, c.numbers) || (err != nil) != (c.failure != "") || err != nil && !strings.Contains(err.Error(), c.failure) {
			t.Errorf("numbers of %d: %v, %v; want %v, %q", c.tag, got, err, c.numbers, c.failure)
		}
	}
}

// A header whose parts do not fit together is refused, and so is one that points outside itself.
func TestHeaderRefuses(t *testing.T) {
	good := packHeader("x\x00", value{Name, typeString, 0, 1})
	more := slices.Clone(good)
	more[3] = 2
	negative := int32(-16)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"whole":                               {good, ""},
		"empty":                               {nil, "cut off"},
		"seven bytes":                         {good[:7], "cut off"},
		"without values":                      {packHeader(""), ""},
		"a byte less":                         {good[:len(good)-1], "1 entries and 2 bytes"},
		"a byte more":                         {append(slices.Clone(good), 0), "1 entries and 2 bytes"},
		"an entry more":                       {more, "2 entries"},
		"outside":                             {packHeader("x\x00", value{Name, typeString, 3, 1}), "points outside"},
		"at the end":                          {packHeader("x\x00", value{Name, typeString, 2, 1}), ""},
		"the trailer of a region":             {packHeader("x\x00", value{63, 7, uint32(negative), 16}), ""},
		"a negative offset of something else": {packHeader("x\x00", value{100, 7, uint32(negative), 16}), "points outside"},
		"as many entries as rpm has":          {packHeader("", make([]value, engine.MaxRPMTags)...), ""},
		"more entries than rpm has":           {packHeader("", make([]value, engine.MaxRPMTags+1)...), "entries"},
	} {
		_, err := Parse(c.b)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A package that lists more files than are read is a limit, and no package with fewer.
func TestHeaderLimits(t *testing.T) {
	const n = engine.MaxOwnedFiles
	h, err := Parse(packHeader(strings.Repeat("\x00", 4*(n+1)), value{BaseNames, typeStrings, 0, n}, value{DirNames, typeStrings, 0, n + 1},
		value{FileFlags, typeInt32, 0, n}, value{DirIndexes, typeInt32, 0, n + 1}))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := h.Texts(BaseNames)
	if err != nil || len(texts) != n {
		t.Errorf("%d texts, %v", len(texts), err)
	}
	numbers, err := h.Numbers(FileFlags)
	if err != nil || len(numbers) != n {
		t.Errorf("%d numbers, %v", len(numbers), err)
	}
	_, textErr := h.Texts(DirNames)
	_, numberErr := h.Numbers(DirIndexes)
	for _, err := range []error{textErr, numberErr} {
		if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) {
			t.Errorf("%v, want a limit", err)
		}
	}
}

// A tag that names the package and stands twice with different values has no meaning: rpm takes whichever it finds first.
func TestAmbiguousHeader(t *testing.T) {
	pack := func(second string, tag Tag) *Header {
		store := append([]byte("bash\x00"), append([]byte(second), 0)...)
		b := binary.BigEndian.AppendUint32(nil, 2)
		b = binary.BigEndian.AppendUint32(b, uint32(len(store))) // small
		for _, e := range [][4]uint32{{uint32(tag), 6, 0, 1}, {uint32(tag), 6, 5, 1}} {
			for _, v := range e {
				b = binary.BigEndian.AppendUint32(b, v)
			}
		}
		h, err := Parse(append(b, store...))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if !pack("openssl", Name).Ambiguous || pack("bash", Name).Ambiguous || pack("openssl", License).Ambiguous {
		t.Error("two names are ambiguous; the same twice, and licences, are not")
	}
}
