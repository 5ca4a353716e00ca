package advisory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// lookupName is a name and version by which advisories may know a source package, and the module that it is from.
type lookupName struct {
	name, version, module string
	untagged              bool // the version says only of which commit the main module of a Go program is
}

// lookupNames returns the name of the source package and, in a distribution, the other names of its binary packages. Most distributions
// name sources (ossf.github.io/osv-schema, "Defined Ecosystems"), but AlmaLinux, Red Hat and Wolfi name what is installed, and a record
// elsewhere that does so must not be missed: of Debian 12's 63,436 binaries, 14 have the name of a source that they are not built from.
func (p *sourcePackage) lookupNames() []lookupName {
	names := []lookupName{{p.name, p.version, string(p.packages[0].Module), p.untagged()}}
	if !isDistribution(p.ecosystem) {
		return names
	}
	binariesOnly := namesBinariesOnly(p.ecosystem)
	if binariesOnly {
		names = names[:0]
	}
	for _, b := range p.packages {
		n := lookupName{b.Name, b.Version, string(b.Module), false}
		if (binariesOnly || b.Name != p.name) && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	binaries := names
	if !binariesOnly {
		binaries = names[1:]
	}
	slices.SortFunc(binaries, func(a, b lookupName) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version))
	})
	return names
}

// untagged says whether the package is the main module of a Go program, and was built where none of its releases was known.
func (p *sourcePackage) untagged() bool {
	main := func(q engine.Package) bool { return q.Main }
	return p.ecosystem == "Go" && version.IsUntagged(p.version) && slices.ContainsFunc(p.packages, main)
}

// errUntagged says why such a version cannot be compared with releases.
var errUntagged = errors.New("it names a commit, and was built where no release of the module was known (a shallow clone has no tags)")

// matchesOf evaluates every record that names the source package or one of its binaries, each record once. What cannot be evaluated becomes
// a gap.
func (s *matchState) matchesOf(ctx context.Context, source *sourcePackage) ([]match, error) {
	var matches []match
	index := map[string]int{} // by the record's id
	for i, name := range source.lookupNames() {
		found, err := s.matchesWithPro(ctx, source.ecosystem, name)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if i > 0 || namesBinariesOnly(source.ecosystem) {
				m.binaries = []string{name.name}
			}
			k, known := index[m.record.ID]
			switch {
			case !known:
				index[m.record.ID] = len(matches)
				matches = append(matches, m)
			case len(matches[k].binaries) > 0:
				matches[k].binaries = append(matches[k].binaries, name.name)
				matches[k].fixed = append(matches[k].fixed, m.fixed...)
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(a.record.ID, b.record.ID) })
	return matches, ctx.Err()
}

// proEcosystem is the name under which Ubuntu publishes what its subscribers get for a release: "Ubuntu:Pro:22.04:LTS".
func proEcosystem(ecosystem string) string {
	base, release := engine.SplitEcosystem(ecosystem)
	if base != "Ubuntu" || release == "" || strings.HasPrefix(release, "Pro:") {
		return ""
	}
	return base + ":Pro:" + release
}

// isPro says whether a version is one that Ubuntu Pro publishes (ubuntu.com/security/esm).
func isPro(version string) bool {
	return strings.Contains(version, "~esm") || strings.Contains(version, "+esm")
}

// matchesWithPro is matchesByName, with what Ubuntu publishes for its subscribers: of a package of theirs, their records say what is fixed,
// and where none is about it, those of all. Once the regular support has ended, both say something of every package.
func (s *matchState) matchesWithPro(ctx context.Context, ecosystem string, name lookupName) ([]match, error) {
	found, err := s.matchesByName(ctx, ecosystem, name)
	pro := proEcosystem(ecosystem)
	if err != nil || pro == "" || !isPro(name.version) && !s.supportEnded {
		return found, err
	}
	records, err := s.store.Affecting(ctx, pro, name.name)
	if err != nil {
		return nil, fmt.Errorf("looking up %s in the advisories of %s: %w", name.name, pro, err)
	}
	of := map[string]bool{}
	for i := range records {
		of[records[i].ID] = true
	}
	more, err := s.matchesByName(ctx, pro, name)
	if err != nil {
		return nil, err
	}
	affected := map[string]bool{}
	for _, m := range more {
		affected[m.record.ID] = true
	}
	for _, m := range found {
		if isPro(name.version) && of[m.record.ID] || affected[m.record.ID] {
			continue
		}
		more = append(more, m)
	}
	slices.SortStableFunc(more, func(a, b match) int { return cmp.Compare(a.record.ID, b.record.ID) })
	return more, nil
}

// matchesByName evaluates every record about one name.
func (s *matchState) matchesByName(ctx context.Context, ecosystem string, name lookupName) ([]match, error) {
	records, err := s.store.Affecting(ctx, ecosystem, name.name)
	if err != nil {
		return nil, fmt.Errorf("looking up %s in the advisories of %s: %w", name.name, ecosystem, err)
	}
	now := s.now.UTC().Format(time.RFC3339)
	records = slices.DeleteFunc(slices.Clone(records), func(a Advisory) bool {
		return a.Withdrawn != "" && a.Withdrawn <= now || a.isNoVulnerability() || !a.matchesStream(ecosystem, name)
	})
	if build := s.builds[buildOf(name.version)]; name.module == "" && build != nil { // nobody labelled it
		records = slices.DeleteFunc(records, func(a Advisory) bool { return a.isOfOtherStream(build) })
	}
	slices.SortStableFunc(records, func(a, b Advisory) int { return cmp.Compare(a.ID, b.ID) })
	v, invalid := version.Parse(ecosystem, name.version)
	var matches []match
	untagged := 0
	unknown := 0 // records that only a valid version could be compared with
	for i := range records {
		a := &records[i]
		if invalid == nil && name.untagged && a.namesReleases(ecosystem, name.name) {
			untagged++
			continue
		}
		if invalid != nil {
			if a.listsVersionText(ecosystem, name) {
				matches = append(matches, match{record: a, evaluation: evaluation{affected: true, reason: listedReason}, installed: name.version})
			} else {
				unknown++
			}
			continue
		}
		got, err := a.evaluate(ecosystem, name.name, v)
		switch {
		case err != nil:
			s.addMalformedGap(a.ID+"/"+name.name, 1, err)
		case got.affected:
			matches = append(matches, match{record: a, evaluation: got, installed: name.version})
		}
	}
	if unknown > 0 {
		s.addMalformedGap(ecosystem+"/"+name.name, unknown,
			fmt.Errorf("%d advisories could not be compared with the installed version: %w", unknown, invalid))
	}
	if untagged > 0 {
		s.addMalformedGap(ecosystem+"/"+name.name, untagged,
			fmt.Errorf("%d advisories could not be compared with the installed version %s: %w", untagged, name.version, errUntagged))
	}
	return matches, ctx.Err()
}

// namesReleases says whether what the record says of a Go module is about releases, and not about commits alone.
func (a *Advisory) namesReleases(ecosystem, name string) bool {
	release := func(v string) bool { return v != "" && v != "0" && !version.IsUntagged("v"+strings.TrimPrefix(v, "v")) }
	return slices.ContainsFunc(a.Affected, func(f Affected) bool {
		return f.isAbout(ecosystem, name) && slices.ContainsFunc(f.Ranges, func(r Range) bool {
			return slices.ContainsFunc(r.Events, func(e Event) bool {
				return release(e.Introduced) || release(e.Fixed) || release(e.LastAffected) || release(e.Limit)
			})
		})
	})
}

// listsVersionText says whether the record lists a version that does not parse, letter by letter.
func (a *Advisory) listsVersionText(ecosystem string, name lookupName) bool {
	return slices.ContainsFunc(a.Affected, func(f Affected) bool {
		return f.isAbout(ecosystem, name.name) && slices.Contains(f.Versions, name.version)
	})
}
