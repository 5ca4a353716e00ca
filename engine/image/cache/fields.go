package cache

import "github.com/vetoci/veto/engine"

// coder writes or reads the fields of a value: one function for each type names the fields in one order for both directions.
type coder struct {
	w *payloadWriter // nil when reading
	r *payloadReader // nil when writing
}

func encode(lf *engine.LayerFacts) ([][]byte, error) {
	if len(lf.Entries) > engine.MaxCacheEntries {
		return nil, &engine.LimitError{What: "entries of a cached layer", Limit: engine.MaxCacheEntries}
	}
	w := newPayloadWriter()
	w.writeEntries(lf.Entries)
	(&coder{w: w}).facts(lf)
	return w.payload()
}

func decode(payload []byte) (*engine.LayerFacts, error) {
	r := newPayloadReader(payload)
	lf := &engine.LayerFacts{Entries: r.entries}
	(&coder{r: r}).facts(lf)
	if err := r.finish(); err != nil {
		return nil, err
	}
	return lf, nil
}

func (c *coder) facts(lf *engine.LayerFacts) {
	c.info(&lf.Info)
	c.links(lf.Entries)
	list(c, &lf.Evidence, evidenceBytes, (*coder).evidence)
}

func text[S ~string](c *coder, s *S) {
	if c.w != nil {
		c.w.string(string(*s))
		return
	}
	*s = S(c.r.string())
}

func number[N ~int | ~int64 | ~uint32 | ~uint8](c *coder, n *N) {
	if c.w != nil {
		c.w.uvarint(uint64(int64(*n)))
		return
	}
	v := int64(c.r.uvarint())
	if *n = N(v); int64(*n) != v {
		c.r.fail()
	}
}

func boolean(c *coder, b *bool) {
	n := 0
	if *b {
		n = 1
	}
	if number(c, &n); n>>1 != 0 {
		c.r.fail()
	}
	*b = n == 1
}

// list codes the elements of a list after their count. minBytes is how many bytes an element takes at least.
func list[T any](c *coder, l *[]T, minBytes int, code func(*coder, *T)) {
	if c.w != nil {
		c.w.listLen(len(*l), *l == nil)
		for i := range *l {
			code(c, &(*l)[i])
		}
		return
	}
	n := c.r.listLen(minBytes)
	if n < 0 {
		return
	}
	*l = make([]T, n)
	for i := range *l {
		code(c, &(*l)[i])
	}
}

// listLen writes one more than the length of a list; 0 is written for nil, which none says.
func (w *payloadWriter) listLen(n int, none bool) {
	if none {
		w.uvarint(0)
		return
	}
	w.uvarint(uint64(n) + 1)
}

func pointer[T any](c *coder, p **T, code func(*coder, *T)) {
	present := *p != nil
	if boolean(c, &present); !present {
		return
	}
	if *p == nil {
		*p = new(T)
	}
	code(c, *p)
}

// How many bytes a value takes at least: one for each of its fields.
const (
	stringBytes   = 1
	locationBytes = 2
	ownedBytes    = 4
	evidenceBytes = 11
	gapBytes      = 9
	packageBytes  = 23
	secretBytes   = 13
	accountBytes  = 9
)

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

func (c *coder) evidence(ev *engine.Evidence) {
	text(c, &ev.Inspector)
	text(c, &ev.Path)
	number(c, &ev.Layer)
	text(c, &ev.Sums.MD5)
	text(c, &ev.Sums.SHA1)
	text(c, &ev.Sums.SHA256)
	pointer(c, &ev.OS, (*coder).os)
	list(c, &ev.Packages, packageBytes, (*coder).pkg)
	list(c, &ev.Owned, ownedBytes, (*coder).owned)
	pointer(c, &ev.Traits, (*coder).traits)
	list(c, &ev.Gaps, gapBytes, (*coder).gap)
}

func (c *coder) traits(t *engine.Traits) {
	list(c, &t.Secrets, secretBytes, (*coder).secret)
	list(c, &t.Accounts, accountBytes, (*coder).account)
	pointer(c, &t.Program, (*coder).program)
	list(c, &t.Licenses, stringBytes, text)
	list(c, &t.Capabilities, stringBytes, text)
}

func (c *coder) program(p *engine.Program) {
	list(c, &p.Needed, stringBytes, text)
	list(c, &p.RunPath, stringBytes, text)
	pointer(c, &p.Symbols, (*coder).symbols)
}

// symbols are sorted hashes: what is written is the difference of each to the one before it.
func (c *coder) symbols(s *engine.Symbols) {
	var before uint64
	list(c, &s.Hashes, 1, func(c *coder, h *uint64) {
		if c.w != nil {
			c.w.uvarint(*h - before)
		} else {
			*h = before + c.r.uvarint()
		}
		before = *h
	})
}

func (c *coder) secret(s *engine.Secret) {
	text(c, &s.Rule)
	text(c, &s.Title)
	text(c, &s.Severity)
	text(c, &s.Path)
	text(c, &s.Subject)
	text(c, &s.Layer)
	number(c, &s.Line)
	text(c, &s.Redacted)
	text(c, &s.Hash)
	boolean(c, &s.DeletedLater)
	text(c, &s.OwnedBy)
	text(c, &s.Ref)
	text(c, &s.Fingerprint)
	text(c, &s.WaivedBy)
}

func (c *coder) account(a *engine.Account) {
	text(c, &a.Name)
	number(c, &a.UID)
	number(c, &a.GID)
	text(c, &a.Home)
	text(c, &a.Shell)
	boolean(c, &a.Login)
	text(c, &a.Password)
	list(c, &a.Groups, stringBytes, text)
	text(c, &a.Path)
}

func (c *coder) os(o *engine.OS) {
	text(c, &o.ID)
	text(c, &o.Name)
	text(c, &o.VersionID)
	text(c, &o.Codename)
	text(c, &o.PrettyName)
	list(c, &o.IDLike, stringBytes, text)
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
	list(c, &p.Licenses, stringBytes, text)
	list(c, &p.Locations, locationBytes, (*coder).location)
	text(c, &p.Layer)
	text(c, &p.OwnedBy)
	boolean(c, &p.Main)
	text(c, &p.Module)
	text(c, &p.Vendor)
	boolean(c, &p.ThirdParty)
	text(c, &p.NoCode)
	boolean(c, &p.Kernel)
	text(c, &p.FoundBy)
	text(c, &p.Reached)
	text(c, &p.Depends)
	text(c, &p.Provides)
	boolean(c, &p.Unlisted)
	text(c, &p.Signer)
	boolean(c, &p.Origin.Own)
	boolean(c, &p.Origin.Plausible)
	boolean(c, &p.Origin.Unjudged)
	pointer(c, &p.Archive, (*coder).archive)
	list(c, &p.Files, stringBytes, text)
	list(c, &p.Symbols, 1, func(c *coder, s **engine.Symbols) { pointer(c, s, (*coder).symbols) })
}

func (c *coder) archive(a *engine.JavaArchive) {
	list(c, &a.Names, stringBytes, text)
	list(c, &a.Folders, stringBytes, text)
}

func (c *coder) location(l *engine.Location) {
	text(c, &l.Path)
	text(c, &l.Layer)
}

func (c *coder) gap(v *engine.Gap) {
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
		o.Files = c.r.ownedFiles()
	}
}
