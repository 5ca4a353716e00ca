package cache

import (
	"encoding/binary"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The two long lists have forms of their own: entries, and the files that package databases list.

// What an entry has in common with the one before it is a bit that is not set; what it has not follows in this order, after its path.
const (
	entryKind  = 1 << iota // type and mode differ
	entryOwner             // user and group differ
	entrySized
	entryBits = iota
)

// writeEntries makes the head of a payload.
func (w *writer) writeEntries(es []engine.Entry) {
	w.index = make(map[string]uint64, len(es)+len(es)/4)
	w.size(len(es), es == nil)
	var before engine.Entry
	for i := range es {
		e := &es[i]
		if _, ok := w.index[e.Path]; !ok && e.Path != "" {
			w.index[e.Path] = uint64(i) + 1
		}
		has := byte(0)
		for bit, differs := range [entryBits]bool{e.Type != before.Type || e.Mode != before.Mode, e.UID != before.UID || e.GID != before.GID, e.Size != 0} {
			if differs {
				has |= 1 << bit
			}
		}
		w.out = append(w.out, has)
		w.fold(e.Path)
		if has&entryKind != 0 {
			w.number(uint64(e.Type))
			w.number(uint64(e.Mode))
		}
		if has&entryOwner != 0 {
			w.number(uint64(e.UID))
			w.number(uint64(e.GID))
		}
		if has&entrySized != 0 {
			w.number(uint64(e.Size))
		}
		before = *e
	}
	w.head, w.out, w.entries = w.out, make([]byte, 0, len(w.out)), uint64(len(es))
}

// readEntries reads all of the entries but their links, which may be paths of later ones.
func (r *reader) readEntries() []engine.Entry {
	const least = 3 // bytes
	n := r.size(least)
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
		has := r.number()
		e.Path = r.unfold()
		if has&entryKind != 0 {
			kind := r.word()
			before.Type, before.Mode = engine.EntryType(kind), fs.FileMode(r.word())
			if uint32(before.Type) != kind {
				r.fail()
			}
		}
		if has&entryOwner != 0 {
			before.UID, before.GID = r.word(), r.word()
		}
		e.Type, e.Mode, e.UID, e.GID = before.Type, before.Mode, before.UID, before.GID
		if has&entrySized != 0 {
			e.Size = int64(r.number())
		}
		if has>>entryBits != 0 || r.bad {
			r.fail()
			return nil
		}
	}
	return es
}

// links codes where the entries that are links lead: their count, then for each the way from the last one and the target.
func (c *coder) links(es []engine.Entry) {
	if c.w == nil {
		at := -1
		for range c.r.count(2) {
			at += int(c.r.word()) + 1
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
	c.w.number(uint64(n))
	at := -1
	for i := range es {
		if es[i].Link != "" {
			c.w.number(uint64(i - at - 1))
			c.w.string(es[i].Link)
			at = i
		}
	}
}

// How the checksum of an owned file is written: in the two low bits of the number that leads to its path.
const (
	sumNone  = iota
	sumMD5   // "md5:" and 32 digits, as 16 bytes
	sumSHA1  // "sha1:" and 40 digits, as 20 bytes
	sumOther // a string
)

func sumForm(form uint64) (head string, size int) {
	if form == sumMD5 {
		return "md5:", 16
	}
	return "sha1:", 20
}

const lowerHex = "0123456789abcdef"

func (w *writer) ownedFiles(files []engine.OwnedFile) {
	w.size(len(files), files == nil)
	for i := range files {
		f := &files[i]
		form := formOf(f.Sum)
		w.number(w.step(f.Path)<<2 | form)
		switch form {
		case sumMD5, sumSHA1:
			head, size := sumForm(form)
			for d := f.Sum[len(head):]; d != ""; d = d[2:] {
				w.out = append(w.out, byte(strings.IndexByte(lowerHex, d[0])<<4|strings.IndexByte(lowerHex, d[1])))
			}
			w.text += len(head) + 2*size
		case sumOther:
			w.string(f.Sum)
		}
	}
}

func formOf(sum string) uint64 {
	if sum == "" {
		return sumNone
	}
	for form := uint64(sumMD5); form <= sumSHA1; form++ {
		head, size := sumForm(form)
		if digits, ok := strings.CutPrefix(sum, head); ok && len(digits) == 2*size && isLowerHex(digits) {
			return form
		}
	}
	return sumOther
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (r *reader) ownedFiles() []engine.OwnedFile {
	n := r.size(1)
	if n < 0 {
		return nil
	}
	files := r.list(n)
	for i := range files {
		f := &files[i]
		v := r.number()
		f.Path = r.step(v >> 2)
		switch form := v & 3; form {
		case sumMD5, sumSHA1:
			head, size := sumForm(form)
			f.Sum = r.digits(head, r.bytes(size))
		case sumOther:
			f.Sum = r.string()
		}
		if r.bad {
			return nil
		}
	}
	return files
}

// list cuts a list of n owned files from a larger one; it is never nil.
func (r *reader) list(n int) []engine.OwnedFile {
	const atOnce = 4096
	if n > len(r.files) || r.files == nil {
		r.files = make([]engine.OwnedFile, max(n, min(atOnce, len(r.buf)-r.at)))
	}
	files := r.files[:n:n]
	r.files = r.files[n:]
	return files
}

// digits appends a checksum to the text.
func (r *reader) digits(head string, raw []byte) string {
	if r.hex[0] == 0 {
		for i := range r.hex {
			r.hex[i] = uint16(lowerHex[i>>4]) | uint16(lowerHex[i&15])<<8
		}
	}
	var hex [40]byte
	for i, b := range raw {
		binary.LittleEndian.PutUint16(hex[2*i:], r.hex[b])
	}
	from := r.text.Len()
	r.add(head, hex[:2*len(raw)])
	return r.text.String()[from:]
}
