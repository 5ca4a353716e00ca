package cache

import (
	"encoding/hex"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// coder goes through the fields of a value in one order for both directions: to a writer, or from a reader.
type coder struct {
	w *writer // nil when reading
	r *reader
}

func encode(lf *engine.LayerFacts) ([]byte, error) {
	if len(lf.Entries) > engine.MaxCacheEntries {
		return nil, &engine.LimitError{What: "entries of a cached layer", Limit: engine.MaxCacheEntries}
	}
	w := newWriter(len(lf.Entries) + len(lf.Entries)/4 + 64)
	for i := range lf.Entries { // side by side in the table they share most
		w.position(lf.Entries[i].Path)
	}
	(&coder{w: w}).facts(lf)
	return w.payload()
}

func decode(payload []byte) (*engine.LayerFacts, error) {
	lf := &engine.LayerFacts{}
	r := newReader(payload)
	(&coder{r: r}).facts(lf)
	if err := r.end(); err != nil {
		return nil, err
	}
	return lf, nil
}

func text[S ~string](c *coder, s *S) {
	if c.w != nil {
		c.w.text(string(*s))
		return
	}
	*s = S(c.r.text())
}

func number[N ~int | ~int64 | ~uint32 | ~uint8](c *coder, n *N) {
	if c.w != nil {
		c.w.number(uint64(int64(*n)))
		return
	}
	v := int64(c.r.number())
	if *n = N(v); int64(*n) != v {
		c.r.fail()
	}
}

func truth(c *coder, b *bool) {
	n := 0
	if *b {
		n = 1
	}
	if number(c, &n); n>>1 != 0 {
		c.r.fail()
	}
	*b = n == 1
}

// list codes the elements after their count, which is one more than it is: 0 is nil.
func list[T any](c *coder, l *[]T, one func(*coder, *T)) {
	if c.w != nil {
		if *l == nil {
			c.w.number(0)
			return
		}
		c.w.number(uint64(len(*l)) + 1)
		for i := range *l {
			one(c, &(*l)[i])
		}
		return
	}
	n := c.size()
	if n < 0 {
		return
	}
	const atOnce = 1 << 10 // elements: a count that lies must not allocate
	out := make([]T, 0, min(n, atOnce))
	for range n {
		var x T
		if one(c, &x); c.r.bad {
			return
		}
		out = append(out, x)
	}
	*l = out
}

// size reads the count of a list, -1 for nil.
func (c *coder) size() int {
	n := c.r.number()
	if n > uint64(len(c.r.buf)-c.r.at)+1 {
		c.r.fail()
		return -1
	}
	return int(n) - 1
}

func pointer[T any](c *coder, p **T, one func(*coder, *T)) {
	there := *p != nil
	if truth(c, &there); !there {
		return
	}
	if *p == nil {
		*p = new(T)
	}
	one(c, *p)
}

func (c *coder) facts(lf *engine.LayerFacts) {
	c.info(&lf.Info)
	if c.w != nil {
		c.w.entries(lf.Entries)
	} else {
		lf.Entries = c.entries()
	}
	list(c, &lf.Evidence, (*coder).evidence)
}

func (c *coder) info(i *engine.LayerInfo) {
	number(c, &i.Index)
	text(c, &i.Digest)
	text(c, &i.DiffID)
	text(c, &i.Verified)
	text(c, &i.CreatedBy)
	number(c, &i.Size)
	number(c, &i.Entries)
	number(c, &i.ContentBytes)
	number(c, &i.WastedBytes)
}

// What an entry has in common with the one before it is a bit; what it has not follows in this order.
const (
	entryMoved = 1 << iota // its path is not the next one of the table
	entryKind              // type and mode differ
	entryOwner             // user and group differ
	entrySized
	entryLinked
	entryBits = iota
)

func (w *writer) entries(es []engine.Entry) {
	if es == nil {
		w.number(0)
		return
	}
	w.number(uint64(len(es)) + 1)
	var before engine.Entry
	for i := range es {
		e := &es[i]
		step := w.step(entryPaths, e.Path)
		has := uint64(0)
		for bit, differs := range [entryBits]bool{step != 0, e.Type != before.Type || e.Mode != before.Mode, e.UID != before.UID || e.GID != before.GID, e.Size != 0, e.Link != ""} {
			if differs {
				has |= 1 << bit
			}
		}
		w.number(has)
		if has&entryMoved != 0 {
			w.number(step)
		}
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
		if has&entryLinked != 0 {
			w.text(e.Link)
		}
		before = *e
	}
}

func (c *coder) entries() []engine.Entry {
	n := c.size()
	if n < 0 {
		return nil
	}
	if n > engine.MaxCacheEntries {
		c.r.fail()
		return nil
	}
	r := c.r
	es := make([]engine.Entry, n)
	var before engine.Entry
	for i := range es {
		e := &es[i]
		has := r.number()
		step := uint64(0)
		if has&entryMoved != 0 {
			step = r.number()
		}
		e.Path = r.step(entryPaths, step)
		if e.Type, e.Mode = before.Type, before.Mode; has&entryKind != 0 {
			number(c, &e.Type)
			e.Mode = fs.FileMode(r.word())
		}
		if e.UID, e.GID = before.UID, before.GID; has&entryOwner != 0 {
			e.UID, e.GID = r.word(), r.word()
		}
		if has&entrySized != 0 {
			e.Size = int64(r.number())
		}
		if has&entryLinked != 0 {
			e.Link = r.text()
		}
		if has>>entryBits != 0 || r.bad {
			r.fail()
			return nil
		}
		before = *e
	}
	return es
}

// word reads a number of 32 bits.
func (r *reader) word() uint32 {
	n := r.number()
	if n>>32 != 0 {
		r.fail()
	}
	return uint32(n)
}

func (c *coder) evidence(ev *engine.Evidence) {
	text(c, &ev.Inspector)
	text(c, &ev.Path)
	number(c, &ev.Layer)
	text(c, &ev.Sums.MD5)
	text(c, &ev.Sums.SHA1)
	pointer(c, &ev.OS, (*coder).os)
	list(c, &ev.Packages, (*coder).pkg)
	list(c, &ev.Owned, (*coder).owned)
	list(c, &ev.Coverage, (*coder).coverage)
}

func (c *coder) os(o *engine.OS) {
	text(c, &o.ID)
	text(c, &o.Name)
	text(c, &o.VersionID)
	text(c, &o.Codename)
	text(c, &o.PrettyName)
	list(c, &o.IDLike, text)
	text(c, &o.Ecosystem)
	text(c, &o.SupportEnds)
	text(c, &o.FreeSupportEnds)
	text(c, &o.SupportSource)
	text(c, &o.Path)
	text(c, &o.Layer)
}

func (c *coder) pkg(p *engine.Package) {
	text(c, &p.Name)
	text(c, &p.Version)
	text(c, &p.Type)
	text(c, &p.PURL)
	text(c, &p.Ecosystem)
	text(c, &p.Arch)
	text(c, &p.Source.Name)
	text(c, &p.Source.Version)
	list(c, &p.Licenses, text)
	list(c, &p.Locations, (*coder).location)
	text(c, &p.Layer)
	text(c, &p.OwnedBy)
	truth(c, &p.Main)
}

func (c *coder) location(l *engine.Location) {
	text(c, &l.Path)
	text(c, &l.Layer)
}

func (c *coder) coverage(v *engine.Coverage) {
	text(c, &v.Kind)
	text(c, &v.Path)
	text(c, &v.Layer)
	text(c, &v.Subject)
	text(c, &v.Detail)
	number(c, &v.Count)
	text(c, &v.Ref)
	text(c, &v.Fingerprint)
	text(c, &v.WaivedBy)
}

func (c *coder) owned(o *engine.Owned) {
	text(c, &o.Type)
	text(c, &o.Package)
	text(c, &o.Arch)
	if c.w != nil {
		c.w.ownedFiles(o.Files)
	} else {
		o.Files = c.ownedFiles()
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
	if files == nil {
		w.number(0)
		return
	}
	w.number(uint64(len(files)) + 1)
	for i := range files {
		f := &files[i]
		form := formOf(f.Sum)
		w.number(w.step(ownedPaths, f.Path)<<2 | form)
		switch form {
		case sumMD5, sumSHA1:
			head, size := sumForm(form)
			for d := f.Sum[len(head):]; d != ""; d = d[2:] {
				w.body = append(w.body, byte(strings.IndexByte(lowerHex, d[0])<<4|strings.IndexByte(lowerHex, d[1])))
			}
			w.inline += len(head) + 2*size
		case sumOther:
			w.text(f.Sum)
		}
	}
}

func formOf(sum string) uint64 {
	if sum == "" {
		return sumNone
	}
	for _, form := range []uint64{sumMD5, sumSHA1} {
		head, size := sumForm(form)
		if digits, ok := strings.CutPrefix(sum, head); ok && len(digits) == 2*size && strings.Trim(digits, lowerHex) == "" {
			return form
		}
	}
	return sumOther
}

func (c *coder) ownedFiles() []engine.OwnedFile {
	n := c.size()
	if n < 0 {
		return nil
	}
	r := c.r
	var digits [40]byte
	files := make([]engine.OwnedFile, n)
	for i := range files {
		f := &files[i]
		v := r.number()
		f.Path = r.step(ownedPaths, v>>2)
		switch v & 3 {
		case sumMD5, sumSHA1:
			head, size := sumForm(v & 3)
			f.Sum = r.unfold(head, digits[:hex.Encode(digits[:], r.bytes(size))])
		case sumOther:
			f.Sum = r.text()
		}
		if r.bad {
			return nil
		}
	}
	return files
}
