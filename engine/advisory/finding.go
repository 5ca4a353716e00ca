package advisory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// findingID returns the id of a group's finding: the one CVE among its ids and aliases; without any, the one CVE that upstream leads to
// (DEBIAN-CVE-2023-1, and a DSA about CVE-2023-1 alone, both have the id of that CVE); else the first id of its own records. An advisory of
// several CVEs, as most DSAs and DLAs are, keeps its own id: it is none of them.
func (s *matchState) findingID(g aliasGroup) string {
	direct := cvesOf(s.ids.withAliases(g.ids()))
	if len(direct) == 1 {
		return direct[0]
	}
	if len(direct) == 0 {
		if all := cvesOf(s.ids.withUpstreams(g.allIDs())); len(all) == 1 {
			return all[0]
		}
	}
	own := g.matches[0].record.ID
	for _, m := range g.matches {
		own = min(own, m.record.ID)
	}
	return own
}

// findings makes one finding of all groups of a source package that have the same id, because no two findings share package and id.
func (s *matchState) findings(groups []aliasGroup) ([]engine.Finding, error) {
	type key struct {
		source *sourcePackage
		id     string
	}
	index := map[key]int{}
	var merged []aliasGroup
	var ids []string
	for _, g := range groups {
		k := key{g.source, s.findingID(g)}
		i, ok := index[k]
		if !ok {
			i = len(merged)
			index[k] = i
			merged, ids = append(merged, aliasGroup{source: g.source}), append(ids, k.id)
		}
		merged[i].matches = append(merged[i].matches, g.matches...)
	}
	findings := make([]engine.Finding, 0, len(merged))
	for i, g := range merged {
		slices.SortStableFunc(g.matches, func(a, b match) int { return cmp.Compare(a.record.ID, b.record.ID) })
		f, err := s.finding(ids[i], g)
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	return engine.Identify(findings), nil
}

// finding makes the finding of a group, whose matches are sorted by id. KEV and EPSS are added later.
func (s *matchState) finding(id string, g aliasGroup) (engine.Finding, error) {
	source := g.source
	scheme, err := version.Scheme(source.ecosystem)
	if err != nil {
		return engine.Finding{}, err
	}
	aliases := s.ids.withAliases(g.ids())
	packages := g.packages()
	f := engine.Finding{Kind: "vulnerability", ID: id, Package: source.foundPackage(packages), Aliases: []string{}, Layer: packages[0].Layer,
		CVEs: cvesOf(s.ids.withUpstreams(g.allIDs()))}
	for other := range aliases {
		if other != id {
			f.Aliases = append(f.Aliases, other)
		}
		f.Malicious = f.Malicious || strings.HasPrefix(other, "MAL-")
	}
	slices.Sort(f.Aliases)
	f.Speaks = s.speaks(&f, g)
	var fixed []string
	for _, m := range g.matches {
		a := m.record
		f.Summary = cmp.Or(f.Summary, engine.Maybe(a.Summary))
		if p := engine.Maybe(a.Published); p != "" && (f.Published == "" || p < f.Published) {
			f.Published = p
		}
		f.Modified = max(f.Modified, engine.Maybe(a.Modified))
		fixed = append(fixed, m.fixed...)
		f.CWEs = append(f.CWEs, a.CWEs...)
		f.Evidence.Records = append(f.Evidence.Records, a.ID)
	}
	if f.FixedVersions, err = sortVersions(source.ecosystem, fixed); err != nil {
		return f, fmt.Errorf("ordering the fixes of %s in %s: %w", id, source.name, err)
	}
	for other := range aliases {
		if a := s.ids.byID[other]; a != nil {
			f.CWEs = append(f.CWEs, a.CWEs...)
		}
	}
	for _, cve := range f.CVEs {
		for _, a := range s.cveRecords[cve].Assessments {
			f.CWEs = append(f.CWEs, a.CWEs...)
		}
	}
	slices.Sort(f.CWEs)
	f.CWEs = slices.Compact(f.CWEs)
	f.Fix, f.FixSince = g.fix(len(f.FixedVersions) > 0)
	f.Reachable = g.reachable()
	first := g.matches[0]
	f.Evidence.Advisory, f.Evidence.Range = first.record.ID, first.reason
	f.Evidence.Ecosystem, f.Evidence.Comparator, f.Evidence.Installed = source.ecosystem, scheme, first.installed
	f.Severity, f.Severities = s.severity(g)
	return f, nil
}

// packages returns the installed packages that the records are about: all of the source's, unless every record names binaries.
func (g aliasGroup) packages() []engine.Package {
	var named []string
	for _, m := range g.matches {
		if len(m.binaries) == 0 {
			return g.source.packages
		}
		named = append(named, m.binaries...)
	}
	var out []engine.Package
	for _, p := range g.source.packages {
		if slices.Contains(named, p.Name) {
			out = append(out, p)
		}
	}
	return out
}

// foundPackage describes the source package and those of its packages that are affected. Only a distribution has binary packages.
func (p *sourcePackage) foundPackage(affected []engine.Package) engine.FoundPackage {
	first := affected[0]
	out := engine.FoundPackage{Name: p.name, Version: p.version, Type: first.Type, PURL: first.PURL, Ecosystem: engine.Maybe(p.ecosystem),
		Source: engine.Source{Name: p.name, Version: p.version}, Binaries: []string{}, NoCode: true, Kernel: true}
	for _, b := range affected {
		out.NoCode, out.Kernel, out.ThirdParty = out.NoCode && b.NoCode != "", out.Kernel && b.Kernel, out.ThirdParty || b.ThirdParty
		if isDistribution(p.ecosystem) {
			out.Binaries = append(out.Binaries, b.Name)
		}
		out.Locations = append(out.Locations, b.Locations...)
	}
	slices.Sort(out.Binaries)
	out.Binaries = slices.Compact(out.Binaries)
	slices.SortFunc(out.Locations, func(a, b engine.Location) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
	})
	out.Locations = slices.Compact(out.Locations)
	return out
}

// sortVersions sorts versions in their ecosystem's order, without repetitions. A fix from a SEMVER range may be no version of the
// ecosystem; it stays, after those that are.
func sortVersions(ecosystem string, texts []string) ([]string, error) {
	slices.Sort(texts)
	var versions []version.Version
	var others []string
	for _, text := range slices.Compact(texts) {
		if v, err := version.Parse(ecosystem, text); err == nil {
			versions = append(versions, v)
		} else {
			others = append(others, text)
		}
	}
	var failed error
	compare := func(a, b version.Version) int {
		c, err := a.Compare(b)
		failed = cmp.Or(failed, err)
		return c
	}
	slices.SortStableFunc(versions, compare)
	versions = slices.CompactFunc(versions, func(a, b version.Version) bool { return compare(a, b) == 0 })
	out := make([]string, 0, len(versions)+len(others))
	for _, v := range versions {
		out = append(out, v.String())
	}
	return append(out, others...), failed
}
