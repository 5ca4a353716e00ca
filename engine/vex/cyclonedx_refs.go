package vex

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine/purl"
)

// cycloneDXRefs are what the refs of a document's affects[] may name.
type cycloneDXRefs struct {
	link   string             // what a BOM-Link to an element of this document begins with; "" when it cannot have one
	within []component        // the product whose parts are the components; none when the document names none
	byRef  map[string]product // by bom-ref
}

// refs lists the components by their refs.
func (doc *cycloneDX) refs() cycloneDXRefs {
	r := cycloneDXRefs{byRef: map[string]product{}}
	if serial, ok := strings.CutPrefix(strings.ToLower(doc.Serial), "urn:uuid:"); ok {
		r.link = "urn:cdx:" + serial + "/" + strconv.Itoa(max(doc.Version, 1)) + "#"
	}
	if c := doc.Metadata.Component; c != nil {
		whole := c.product()
		r.add(c.Ref, whole)
		r.within = append(whole.within, whole.component)
		r.index(c.Components, r.within)
	}
	r.index(doc.Components, r.within)
	if doc.Metadata.Component == nil {
		r.addDependents(doc)
	}
	return r
}

// addDependents puts what applications and images use inside of them: in a document that does not say what it is about, a library is a part
// of what depends on it.
func (r cycloneDXRefs) addDependents(doc *cycloneDX) {
	uses := map[string][]string{}
	for _, d := range doc.Dependencies {
		uses[d.Ref] = append(uses[d.Ref], d.Uses...)
	}
	seen := map[string]bool{}
	for _, c := range doc.Components {
		if len(uses[c.Ref]) == 0 || c.Type == "library" || c.Type == "framework" || c.Type == "file" {
			continue
		}
		whole, known := r.byRef[c.Ref]
		for todo := slices.Clone(uses[c.Ref]); known && len(todo) > 0; todo = todo[1:] {
			if p, ok := r.byRef[todo[0]]; ok && !seen[todo[0]] {
				seen[todo[0]] = true
				p.within = append(slices.Clip(p.within), whole.component)
				r.byRef[todo[0]] = p
				todo = append(todo, uses[todo[0]]...)
			}
		}
	}
}

// index adds components that are inside of others. A component's own components are parts of it, and so no packages of the image unless it
// is the image.
func (r cycloneDXRefs) index(list []cycloneDXComponent, within []component) {
	for _, c := range list {
		p := c.product()
		p.within = slices.Concat(p.within, within)
		r.add(c.Ref, p)
		if len(c.Components) > 0 {
			r.index(c.Components, append(slices.Clip(p.within), p.component))
		}
	}
}

// add adds a product by its ref. A ref that stands twice is ambiguous, and matches nothing.
func (r cycloneDXRefs) add(ref string, p product) {
	if ref == "" {
		return
	}
	if _, twice := r.byRef[ref]; twice {
		p = product{component: component{unmatchable: true}}
	}
	r.byRef[ref] = p
}

// resolve returns what a ref of affects[] names: a component of this document, or a package URL, as it is or as the fragment of a BOM-Link
// to this document (cyclonedx.org/capabilities/bomlink). What another document lists is nothing that can be compared.
func (r cycloneDXRefs) resolve(ref string) product {
	if own, ok := r.byRef[ref]; ok {
		return own
	}
	if len(ref) > len(r.link) && r.link != "" && strings.EqualFold(ref[:len(r.link)], r.link) {
		fragment, err := url.PathUnescape(ref[len(r.link):])
		if err != nil {
			return product{}
		}
		if own, ok := r.byRef[fragment]; ok {
			return own
		}
		ref = fragment
	}
	var c component
	if hasScheme(ref, "pkg") {
		c.addID(ref)
	}
	p := c.settle()
	p.within = slices.Concat(p.within, r.within)
	return p
}

// product returns the component as what a statement may be about. Its version is that of its package URL, and where it is an image, its
// hashes are the image's; those of a package are of an archive that is not in the image.
func (c cycloneDXComponent) product() product {
	var out component
	switch {
	case c.PURL != "":
		out.addPURL(c.PURL)
	case c.Type == "container" && c.Version != "" && !strings.HasPrefix(c.Version, "sha256:"):
		out.addID(c.Name + ":" + c.Version)
	case c.Type == "container" && c.Version == "":
		out.addID(c.Name)
	}
	if hasScheme(c.CPE, "cpe") {
		out.cpes = append(out.cpes, c.CPE)
	} else if c.CPE != "" {
		out.unmatchable = true
	}
	if c.Type == "container" {
		for _, h := range c.Hashes {
			out.addHash(h.Algorithm, h.Content)
		}
	}
	if c.isOther() {
		out.unmatchable = true
	}
	digest, isDigest := strings.CutPrefix(c.Version, "sha256:")
	switch {
	case len(out.purls) > 0 && c.Version != "":
		out.narrow(c.Version)
	case c.Type == "container" && isDigest:
		out.addHash("sha256", digest)
	}
	return out.settle()
}

// isOther says whether a component is, or may be, something else than its package URL names: a copy that somebody changed, content with an
// id of its own, some versions that a range names, or a package that is called otherwise.
func (c cycloneDXComponent) isOther() bool {
	if c.Modified || c.Pedigree != nil || c.Range != "" || c.SWID != nil || len(c.Omnibor)+len(c.SWHID) > 0 {
		return true
	}
	u, err := purl.Parse(c.PURL)
	if c.PURL == "" || err != nil {
		return false
	}
	whole := strings.Trim(u.Namespace+"/"+u.Name, "/")
	for _, sep := range []string{"/", ":", "."} { // groups are written in the ways of their ecosystems
		named := c.Name
		if c.Group != "" {
			named = c.Group + sep + c.Name
		}
		if strings.EqualFold(strings.ReplaceAll(named, ":", "/"), strings.ReplaceAll(whole, ":", "/")) {
			return false
		}
	}
	return c.Group != "" && !strings.EqualFold(c.Group, u.Namespace) || !strings.EqualFold(c.Name, u.Name)
}
