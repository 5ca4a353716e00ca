package vex

import (
	"errors"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// checkCSAFStatus refuses a draft: it is no final word (CSAF 2.0, 3.2.1.12.8), and a version before 1, or a pre-release, is one (3.1.11.2).
func checkCSAFStatus(status, version string) error {
	if known := []string{"draft", "final", "interim"}; status != "" && !slices.Contains(known, status) {
		return engine.UnknownWord("document.tracking.status", status, known)
	}
	core, _, _ := strings.Cut(version, "+")
	if status == "draft" || core == "0" || strings.HasPrefix(core, "0.") || strings.Contains(core, "-") {
		return engine.Hint(errors.New("document.tracking: it is a draft, whose statements are not its author's word yet"),
			"a document counts when its status is final or interim, and its version at least 1")
	}
	return nil
}

// product returns what a product of the tree is, with all that the branches above it say (3.1.2).
func (p csafProduct) product(path []csafBranch) product {
	var c component
	if p.Helper.PURL != "" {
		c.addPURL(p.Helper.PURL)
	}
	if cpe := p.Helper.CPE; hasScheme(cpe, "cpe") {
		c.cpes = append(c.cpes, cpe)
	} else if cpe != "" {
		c.unmatchable = true
	}
	for _, h := range p.Helper.Hashes {
		for _, f := range h.Files {
			c.addHash(f.Algorithm, f.Value)
		}
	}
	if len(p.Helper.Models)+len(p.Helper.Serials)+len(p.Helper.SKUs) > 0 {
		c.unmatchable = true // one piece of hardware, or one that was bought
	}
	for _, u := range p.Helper.URIs {
		if hasScheme(u.URI, "pkg") || hasScheme(u.URI, "cpe") {
			c.addID(u.URI)
		} else if hasScheme(u.URI, "urn") {
			c.unmatchable = true // an element of another document, such as a BOM-Link
		}
	}
	for _, b := range path {
		c.limit(b)
	}
	return c.settle()
}

// limit narrows a component to what one branch above it says. Groups and names limit nothing; what is about some of its versions or
// installations, and cannot be compared, leaves a doubt.
func (c *component) limit(b csafBranch) {
	switch b.Category {
	case "vendor", "product_family", "product_name":
	case "architecture":
		c.limitTo(b.Name)
	case "product_version":
		c.limitToVersion(b.Name)
	default: // product_version_range, patch_level, service_pack, language, host_name, legacy, specification
		c.doubtful = !c.isPinned() || c.doubtful
	}
}

// limitToVersion takes the name of a branch product_version. Vendors write a version there, or the whole name of a package, with its
// version or without: "0.6.0", "libcurl-0:7.76.1-14.el9.x86_64", "libcurl", "nodejs:18/nodejs".
func (c *component) limitToVersion(text string) {
	if c.isPinned() || len(c.purls) == 0 {
		return // a digest is one version; a name or CPE alone is compared as such
	}
	for _, u := range c.purls {
		rest := text
		if _, last, ok := cutLast(text, "/"); ok && strings.HasPrefix(last, u.Name) {
			rest = last
		}
		if rest == u.Name {
			continue // every version
		}
		if after, ok := strings.CutPrefix(rest, u.Name); ok && strings.ContainsAny(after[:1], "-@:= ") {
			rest = after[1:]
		}
		if u.Type == "rpm" && u.Version != "" {
			rest = withoutArch(u, rest)
		}
		c.narrow(strings.TrimSpace(rest))
	}
}

// withoutArch cuts what follows the version in the file name of an rpm: ".x86_64", ".i686.rpm-ruby:2.5".
func withoutArch(u purl.URL, text string) string {
	if arch := u.Qualifiers["arch"]; arch != "" {
		if before, _, ok := cutLast(text, "."+arch); ok {
			return before
		}
	}
	return text
}

// csafCategories are the profiles of CSAF 2.0 whose product statuses are their author's word (section 4). One that was withdrawn or
// superseded (CSAF 2.1) says nothing any more.
func csafCategories() []string {
	return []string{"csaf_vex", "csaf_security_advisory", "csaf_base", "csaf_informational_advisory", "csaf_security_incident_response"}
}
