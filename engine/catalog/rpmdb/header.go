package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vetoci/veto/engine"
)

// Tag is the number of a value in a header (rpm, include/rpm/rpmtag.h).
type Tag uint32

// The tags that veto reads.
const (
	Name            Tag = 1000
	Version         Tag = 1001
	Release         Tag = 1002
	Epoch           Tag = 1003
	HeaderDSA       Tag = 267 // signatures: over the header alone, then those of older rpms over header and files
	HeaderRSA       Tag = 268
	SignatureGPG    Tag = 262
	SignaturePGP    Tag = 259
	Vendor          Tag = 1011
	License         Tag = 1014
	Arch            Tag = 1022
	FileDigests     Tag = 1035
	FileFlags       Tag = 1037
	SourceRPM       Tag = 1044
	ProvideName     Tag = 1047
	RequireName     Tag = 1049
	DirIndexes      Tag = 1116
	BaseNames       Tag = 1117
	DirNames        Tag = 1118
	OldFileNames    Tag = 1027
	FileDigestAlgo  Tag = 5011
	ModularityLabel Tag = 5096
)

// Types of values (rpm.org, "RPM V4 Package format", section "Header").
const (
	typeInt16   = 3
	typeInt32   = 4
	typeString  = 6
	typeBinary  = 7
	typeStrings = 8
	typeI18n    = 9
)

// Header is the metadata of one package: an index of tags, and the store with their values.
type Header struct {
	// Ambiguous says that a tag which names the package stands twice with different values, or is none: rpm takes whichever it finds first.
	Ambiguous bool
	index     map[Tag]indexEntry
	store     []byte
}

// indexEntry says where the values of one tag are.
type indexEntry struct {
	valueType uint32
	offset    uint32 // of the first value in the store
	count     uint32 // number of values
}

// Parse reads a header as the database holds it: the number of index entries, the size of the store, then both. It keeps b. The error says
// that the sizes do not fit b, that an entry points outside the store, or that there are more than engine.MaxRPMTags entries.
func Parse(b []byte) (*Header, error) {
	if len(b) < 8 {
		return nil, errors.New("a header of an rpm is cut off")
	}
	entries, store := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if entries > engine.MaxRPMTags || 8+16*entries+store != int64(len(b)) {
		return nil, fmt.Errorf("a header of %d bytes says that it has %d entries and %d bytes of values", len(b), entries, store)
	}
	h := &Header{index: make(map[Tag]indexEntry, entries), store: b[8+16*entries:]}
	for i := range entries {
		e := b[8+16*i:]
		tag := Tag(binary.BigEndian.Uint32(e))
		offset := binary.BigEndian.Uint32(e[8:])
		first, twice := h.index[tag]
		valueType := binary.BigEndian.Uint32(e[4:])
		if twice && h.differ(tag, first, indexEntry{valueType: valueType, offset: offset}) || tag == Epoch && valueType != typeInt32 {
			h.Ambiguous = true
		}
		if twice || int32(offset) < 0 && tag < 100 { // signed: the trailer of a region has a negative offset
			continue
		}
		if int64(offset) > store {
			return nil, fmt.Errorf("the tag %d of a header points outside it", tag)
		}
		h.index[tag] = indexEntry{valueType: valueType, offset: offset, count: binary.BigEndian.Uint32(e[12:])}
	}
	return h, nil
}

// differ says whether two values of a tag that names a package are different ones.
func (h *Header) differ(tag Tag, first, second indexEntry) bool {
	a, b := first.offset, second.offset
	switch tag {
	case Name, Version, Release, Epoch, Arch, Vendor, SourceRPM, ModularityLabel:
	default:
		return false
	}
	if first.valueType != second.valueType || int64(b) > int64(len(h.store)) {
		return true
	}
	x, _, _ := bytes.Cut(h.store[a:], []byte{0})
	y, _, _ := bytes.Cut(h.store[b:], []byte{0})
	if tag == Epoch { // a number of four bytes
		x, y = h.store[a:min(int64(a)+4, int64(len(h.store)))], h.store[b:min(int64(b)+4, int64(len(h.store)))]
	}
	return !bytes.Equal(x, y)
}

// Text returns the first string of a tag, "" when the header has none.
func (h *Header) Text(tag Tag) string {
	e, ok := h.index[tag]
	if !ok || e.valueType != typeString && e.valueType != typeI18n && e.valueType != typeStrings {
		return ""
	}
	s, _, _ := bytes.Cut(h.store[e.offset:], []byte{0})
	return string(s)
}

// Texts returns the strings of a tag, nil when the header does not have the tag. The error says that they are no strings, that they are cut
// off, or (*engine.LimitError) that there are more than engine.MaxOwnedFiles.
func (h *Header) Texts(tag Tag) ([]string, error) {
	e, ok := h.index[tag]
	if !ok {
		return nil, nil
	}
	if e.valueType != typeStrings && e.valueType != typeI18n && e.valueType != typeString || int64(e.count) > int64(len(h.store)) {
		return nil, fmt.Errorf("the tag %d is no list of strings", tag)
	}
	if e.count > engine.MaxOwnedFiles {
		return nil, &engine.LimitError{What: "number of files of one package", Limit: engine.MaxOwnedFiles}
	}
	out := make([]string, 0, e.count)
	for rest := h.store[e.offset:]; len(out) < int(e.count); {
		s, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, fmt.Errorf("the list of the tag %d is cut off", tag)
		}
		out, rest = append(out, string(s)), after
	}
	return out, nil
}

// Bytes returns the bytes of a tag, nil when the header does not have it as such.
func (h *Header) Bytes(tag Tag) []byte {
	e, ok := h.index[tag]
	if !ok || e.valueType != typeBinary || int64(e.offset)+int64(e.count) > int64(len(h.store)) {
		return nil
	}
	return h.store[e.offset : e.offset+e.count]
}

// Numbers returns the numbers of a tag, of 16 or 32 bits each, nil when the header does not have the tag. Its errors are those of Texts.
func (h *Header) Numbers(tag Tag) ([]uint32, error) {
	e, ok := h.index[tag]
	if !ok {
		return nil, nil
	}
	size := int64(4)
	if e.valueType == typeInt16 {
		size = 2
	} else if e.valueType != typeInt32 {
		return nil, fmt.Errorf("the tag %d is no list of numbers", tag)
	}
	b := h.store[e.offset:]
	if int64(e.count)*size > int64(len(b)) {
		return nil, fmt.Errorf("the list of the tag %d is cut off", tag)
	}
	if e.count > engine.MaxOwnedFiles {
		return nil, &engine.LimitError{What: "number of files of one package", Limit: engine.MaxOwnedFiles}
	}
	out := make([]uint32, e.count)
	for i := range out {
		if size == 2 {
			out[i] = uint32(binary.BigEndian.Uint16(b[2*i:]))
		} else {
			out[i] = binary.BigEndian.Uint32(b[4*i:])
		}
	}
	return out, nil
}
