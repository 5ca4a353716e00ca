package cache

import (
	"io/fs"

	"github.com/vetoci/veto/engine"
)

// Entries, the longest list, have a form of their own: a byte with one of these bits for each field that differs from the entry before, the
// front-coded path, and then the fields that differ, in this order.
const (
	entryKind  = 1 << iota // type and mode differ
	entryOwner             // user and group differ
	entrySized
	entryBits = iota
)

// writeEntries makes the payload's entriesPart. It must be the first that is written.
func (w *payloadWriter) writeEntries(es []engine.Entry) {
	w.index = make(map[string]uint64, len(es)+len(es)/4)
	w.listLen(len(es), es == nil)
	var before engine.Entry
	for i := range es {
		e := &es[i]
		if _, ok := w.index[e.Path]; !ok && e.Path != "" {
			w.index[e.Path] = uint64(i) + 1
		}
		has := byte(0)
		differing := [entryBits]bool{e.Type != before.Type || e.Mode != before.Mode, e.UID != before.UID || e.GID != before.GID, e.Size != 0}
		for bit, differs := range differing {
			if differs {
				has |= 1 << bit
			}
		}
		w.out = append(w.out, has)
		w.frontCode(e.Path)
		if has&entryKind != 0 {
			w.uvarint(uint64(e.Type))
			w.uvarint(uint64(e.Mode))
		}
		if has&entryOwner != 0 {
			w.uvarint(uint64(e.UID))
			w.uvarint(uint64(e.GID))
		}
		if has&entrySized != 0 {
			w.uvarint(uint64(e.Size))
		}
		before = *e
	}
	w.entriesPart, w.out, w.entryCount = w.out, make([]byte, 0, len(w.out)), uint64(len(es))
}

// readEntries reads the entries without their links, which may be paths of later entries.
func (r *payloadReader) readEntries() []engine.Entry {
	const least = 3 // bytes
	n := r.listLen(least)
	if n < 0 {
		return nil
	}
	if n > engine.MaxCacheEntries {
		r.fail()
		return nil
	}
	es := make([]engine.Entry, n)
	var before engine.Entry
	for i := range es {
		e := &es[i]
		has := r.uvarint()
		e.Path = r.frontDecode()
		if has&entryKind != 0 {
			kind := r.uvarint32()
			before.Type, before.Mode = engine.EntryType(kind), fs.FileMode(r.uvarint32())
			if uint32(before.Type) != kind {
				r.fail()
			}
		}
		if has&entryOwner != 0 {
			before.UID, before.GID = r.uvarint32(), r.uvarint32()
		}
		e.Type, e.Mode, e.UID, e.GID = before.Type, before.Mode, before.UID, before.GID
		if has&entrySized != 0 {
			e.Size = int64(r.uvarint())
		}
		if has>>entryBits != 0 || r.bad {
			r.fail()
			return nil
		}
	}
	return es
}

// links codes the targets of entries that are links: their count, then for each the number of entries since the last one, and the target.
func (c *coder) links(es []engine.Entry) {
	if c.w == nil {
		at := -1
		for range c.r.count(2) {
			at += int(c.r.uvarint32()) + 1
			if at >= len(es) || at < 0 {
				c.r.fail()
				return
			}
			es[at].Link = c.r.string()
		}
		return
	}
	n := 0
	for i := range es {
		if es[i].Link != "" {
			n++
		}
	}
	c.w.uvarint(uint64(n))
	at := -1
	for i := range es {
		if es[i].Link != "" {
			c.w.uvarint(uint64(i - at - 1))
			c.w.string(es[i].Link)
			at = i
		}
	}
}
