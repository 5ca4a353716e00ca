package vex

import (
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// subject is what a finding is about, as package URLs.
type subject struct {
	source   purl.URL   // the source package; in an ecosystem without source packages, the package itself
	packages []purl.URL // every package installed of it; none when they are not all known, and then no statement applies to them
	distro   bool       // the package is a distribution's, and so has a source package
}

// subject returns what a finding is about. It has no packages when a package URL does not parse.
func (m *marker) subject(f *engine.Finding) *subject {
	s := &subject{distro: len(f.Package.Binaries) > 0}
	own, err := purl.Parse(f.Package.PURL)
	if err != nil {
		return s
	}
	s.source = own
	if !s.distro {
		s.packages = []purl.URL{own}
		return s
	}
	s.source.Name, s.source.Version = f.Package.Source.Name, f.Package.Source.Version
	if epoch, rest, ok := strings.Cut(s.source.Version, ":"); ok && s.source.Type == "rpm" { // purl-spec, "rpm": a qualifier
		s.source.Version, s.source.Qualifiers = rest, maps.Clone(s.source.Qualifiers)
		s.source.Qualifiers["epoch"] = epoch
	}
	for i := range m.facts.Packages {
		p := &m.facts.Packages[i]
		if p.Type != f.Package.Type || p.Ecosystem != f.Package.Ecosystem || !slices.Contains(f.Package.Binaries, p.Name) ||
			p.Source.Version != f.Package.Source.Version && p.Version != f.Package.Version {
			continue
		}
		u, err := purl.Parse(p.PURL)
		if err != nil {
			return &subject{} // something installed that no statement can be compared with
		}
		s.packages = append(s.packages, u)
	}
	return s
}

// appliesTo says whether a statement is for certain about a finding's package in this image: about the image, the source package, or each
// binary package that is installed of it. A statement that says "fixed" also has to name the version.
func (s *statement) appliesTo(i image, subject *subject) bool {
	named := make([]bool, len(subject.packages))
	for _, p := range s.products {
		if !p.inImage(i) || s.isDoubtful(p) || !i.runs(p.component) {
			continue
		}
		if ok, pinned := i.matches(p.component); ok {
			if pinned || s.status != fixed {
				return true
			}
			continue
		}
		if p.component.unmatchable || len(p.component.purls) == 0 || len(p.component.digests) > 0 {
			continue
		}
		if s.status == fixed && !slices.ContainsFunc(p.component.purls, func(u purl.URL) bool { return u.Version != "" }) {
			continue
		}
		if subject.isSourcePackage(p.component) {
			return true
		}
		for k, installed := range subject.packages {
			named[k] = named[k] || p.component.isPackage(installed, subject.source.Name)
		}
	}
	return len(named) > 0 && !slices.Contains(named, false)
}

// isDoubtful says whether nobody can say if a statement is about a product as it is here. Doubt clears nothing, and it excuses nothing:
// what may be affected counts as affected.
func (s *statement) isDoubtful(p product) bool {
	return (s.status == notAffected || s.status == fixed) &&
		(p.component.doubtful || slices.ContainsFunc(p.within, func(c component) bool { return c.doubtful }))
}

// inImage says whether all that a product is inside of is this image or its platform.
func (p product) inImage(i image) bool {
	for _, c := range p.within {
		if ok, _ := i.matches(c); !i.runs(c) || !ok && !i.isBuiltOn(c) {
			return false
		}
	}
	return true
}

// isSourcePackage says whether a component names the source package: its name and version, and no architecture but "source" or "src".
func (s *subject) isSourcePackage(c component) bool {
	if !s.distro {
		return false
	}
	for _, u := range c.purls {
		switch u.Qualifiers["arch"] {
		case "", "source", "src":
		default:
			return false
		}
		if !purlMatches(u, s.source, "", "arch") {
			return false
		}
	}
	return true
}

// isPackage says whether a component names an installed package, whose source package is called source.
func (c component) isPackage(installed purl.URL, source string) bool {
	for _, u := range c.purls {
		if !purlMatches(u, installed, source) {
			return false
		}
	}
	return true
}

// purlMatches says whether the package URL want names the package got. What want leaves out (version, qualifiers) may be anything, and the
// qualifiers in ignored count for nothing. The qualifier "upstream" is what scanners call the source package.
func purlMatches(want, got purl.URL, source string, ignored ...string) bool {
	if want.Type != got.Type || want.Namespace != got.Namespace || want.Name != got.Name || want.Subpath != got.Subpath ||
		want.Version != "" && want.Version != got.Version {
		return false
	}
	for k, v := range want.Qualifiers {
		switch {
		case slices.Contains(ignored, k), got.Qualifiers[k] == v:
		case k == "upstream" && source != "" && (v == source || strings.HasPrefix(v, source+"@")):
		default:
			return false
		}
	}
	return true
}
