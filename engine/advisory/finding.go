package advisory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// ids are the ids that a group's records have for the vulnerability itself, sorted.
func (g group) ids() []string {
	var ids []string
	for _, h := range g.hits {
		ids = append(append(ids, h.record.ID), h.record.Aliases...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (g group) upstream() []string {
	var ids []string
	for _, h := range g.hits {
		ids = append(ids, h.record.Upstream...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// canonical names a finding: by the one CVE that its ids and aliases reach; without any, by the one CVE that upstream reaches
// (DEBIAN-CVE-2023-1 and a DSA about CVE-2023-1 alone are both that CVE); else by its records' own first id. An advisory of several CVEs,
// as most DSAs and DLAs are, keeps its own id: it is none of them.
func (s *matching) canonical(g group) string {
	ids := g.ids()
	direct := cvesOf(s.joined.reach(ids, false))
	if len(direct) == 1 {
		return direct[0]
	}
	if len(direct) == 0 {
		if all := cvesOf(s.joined.reach(append(ids, g.upstream()...), true)); len(all) == 1 {
			return all[0]
		}
	}
	own := g.hits[0].record.ID
	for _, h := range g.hits {
		own = min(own, h.record.ID)
	}
	return own
}

// findings folds groups of one unit that come to the same canonical id, because a finding is unique by it, and keeps all their ids.
func (s *matching) findings(groups []group) ([]engine.Finding, error) {
	type key struct {
		unit *unit
		id   string
	}
	at := map[key]int{}
	var folded []group
	var ids []string
	for _, g := range groups {
		k := key{g.unit, s.canonical(g)}
		i, ok := at[k]
		if !ok {
			i = len(folded)
			at[k] = i
			folded, ids = append(folded, group{unit: g.unit}), append(ids, k.id)
		}
		folded[i].hits = append(folded[i].hits, g.hits...)
	}
	findings := make([]engine.Finding, 0, len(folded))
	for i, g := range folded {
		slices.SortStableFunc(g.hits, func(a, b hit) int { return cmp.Compare(a.record.ID, b.record.ID) })
		f, err := s.finding(ids[i], g)
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	return engine.Identify(findings), nil
}

func (s *matching) finding(id string, g group) (engine.Finding, error) {
	u := g.unit
	scheme, err := version.Scheme(u.ecosystem)
	if err != nil {
		return engine.Finding{}, err
	}
	ids := g.ids()
	same := s.joined.reach(ids, false)
	packages := g.packages()
	f := engine.Finding{Kind: "vulnerability", ID: id, Package: u.found(packages), Aliases: []string{}, Layer: packages[0].Layer,
		CVEs: cvesOf(s.joined.reach(append(slices.Clone(ids), g.upstream()...), true))}
	for _, other := range ids {
		same[other] = true
	}
	for other := range same {
		if other != id {
			f.Aliases = append(f.Aliases, other)
		}
		f.Malicious = f.Malicious || strings.HasPrefix(other, "MAL-")
	}
	slices.Sort(f.Aliases)
	var fixed []string
	for _, h := range g.hits {
		a := h.record
		f.Summary = cmp.Or(f.Summary, engine.Maybe(a.Summary))
		if p := engine.Maybe(a.Published); p != "" && (f.Published == "" || p < f.Published) {
			f.Published = p
		}
		f.Modified = max(f.Modified, engine.Maybe(a.Modified))
		fixed = append(fixed, h.fixed...)
		f.CWEs = append(f.CWEs, a.CWEs...)
		f.Evidence.Records = append(f.Evidence.Records, a.ID)
	}
	if f.FixedVersions, err = inOrder(u.ecosystem, fixed); err != nil {
		return f, fmt.Errorf("ordering the fixes of %s in %s: %w", id, u.name, err)
	}
	for other := range same {
		if a := s.joined.byID[other]; a != nil {
			f.CWEs = append(f.CWEs, a.CWEs...)
		}
	}
	for _, cve := range f.CVEs {
		for _, by := range s.assessed[cve].By {
			f.CWEs = append(f.CWEs, by.CWEs...)
		}
	}
	slices.Sort(f.CWEs)
	f.CWEs = slices.Compact(f.CWEs)
	f.Fix, f.FixSince = g.fix(len(f.FixedVersions) > 0)
	f.Reachable = g.reachable()
	first := g.hits[0]
	f.Evidence.Advisory, f.Evidence.Range = first.record.ID, first.reason
	f.Evidence.Ecosystem, f.Evidence.Comparator, f.Evidence.Installed = u.ecosystem, scheme, first.installed
	f.Severity, f.Severities = s.severity(g, same)
	return f, nil
}

// packages are those that the records speak of: all of the unit's, unless every record names binaries.
func (g group) packages() []engine.Package {
	var named []string
	for _, h := range g.hits {
		if len(h.binaries) == 0 {
			return g.unit.packages
		}
		named = append(named, h.binaries...)
	}
	var out []engine.Package
	for _, p := range g.unit.packages {
		if slices.Contains(named, p.Name) {
			out = append(out, p)
		}
	}
	return out
}

// found describes the unit with the packages that are affected. Only a distribution has binary packages.
func (u *unit) found(packages []engine.Package) engine.FoundPackage {
	p := packages[0]
	out := engine.FoundPackage{Name: u.name, Version: u.version, Type: p.Type, PURL: p.PURL, Ecosystem: engine.Maybe(u.ecosystem),
		Source: engine.Source{Name: u.name, Version: u.version}, Binaries: []string{}, NoCode: true, Kernel: true}
	for _, p := range packages {
		out.NoCode, out.Kernel, out.ThirdParty = out.NoCode && p.NoCode != "", out.Kernel && p.Kernel, out.ThirdParty || p.ThirdParty
		if distributed(u.ecosystem) {
			out.Binaries = append(out.Binaries, p.Name)
		}
		out.Locations = append(out.Locations, p.Locations...)
	}
	slices.Sort(out.Binaries)
	out.Binaries = slices.Compact(out.Binaries)
	slices.SortFunc(out.Locations, func(a, b engine.Location) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
	})
	out.Locations = slices.Compact(out.Locations)
	return out
}

// inOrder sorts versions in their ecosystem's order, without repetitions. Of a SEMVER range, a fix may be no version of the ecosystem;
// it stays, after those that are.
func inOrder(ecosystem string, texts []string) ([]string, error) {
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

// severity resolves in steps: the records themselves, the distribution's urgency, aliases, what upstream reaches (design, "Advisories"),
// and last what the CVE List and the NVD say of the CVEs.
func (s *matching) severity(g group, same map[string]bool) (engine.Severity, []engine.Severity) {
	var own, urgency, alias, upstream [][]engine.Severity
	done := map[string]bool{}
	for _, h := range g.hits {
		done[h.record.ID] = true
		own = append(own, severitiesOf(h.record, h.ratings, h.record.ID))
		for _, word := range h.urgency {
			urgency = append(urgency, []engine.Severity{{Level: levelNamed(word), Source: engine.Maybe("urgency of " + h.record.ID + ": " + word)}})
		}
	}
	add := func(to *[][]engine.Severity, ids map[string]bool, how string) {
		var records []string
		for id := range ids {
			if s.joined.byID[id] != nil && !done[id] {
				records = append(records, id)
			}
		}
		slices.Sort(records)
		for _, id := range records {
			done[id] = true
			a := s.joined.byID[id]
			var ratings []Rating
			for _, f := range a.Affected {
				ratings = append(ratings, f.Severity...)
			}
			*to = append(*to, severitiesOf(a, ratings, id+" ("+how+")"))
		}
	}
	add(&alias, same, "alias")
	all := s.joined.reach(append(g.ids(), g.upstream()...), true)
	add(&upstream, all, "upstream")
	best, listed := resolve([][][]engine.Severity{own, urgency, alias, upstream, s.assessments(cvesOf(all))})
	if listed == nil {
		listed = []engine.Severity{}
	}
	return best, listed
}
