package advisory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// Matcher matches inventories against a Store. Safe for concurrent use.
type Matcher struct{ store Store }

var _ engine.Matcher = (*Matcher)(nil)

// NewMatcher makes a Matcher over s, which stays the caller's to close.
func NewMatcher(s Store) *Matcher { return &Matcher{s} }

// None returns the Matcher of a scan without a database. It finds nothing, and says so in the database's state.
func None() engine.Matcher { return noDatabase{} }

type noDatabase struct{}

func (noDatabase) Match(ctx context.Context, _ *engine.Inventory, _ time.Time) (*engine.Matches, error) {
	return &engine.Matches{Database: engine.Database{State: "none"}}, ctx.Err()
}

// sourcePackage is what is judged as one: a source package of one version in one ecosystem, with everything installed of it. Outside
// distributions each package is its own source.
type sourcePackage struct {
	ecosystem, name, version string
	packages                 []engine.Package
}

// match is a record that affects a source package.
type match struct {
	record *Advisory
	evaluation
	installed string   // the version that was evaluated
	binaries  []string // those that the record names, sorted; none: it names the source, so every binary is affected
}

// matchState is the state of one Match.
type matchState struct {
	store  Store
	now    time.Time
	shards map[string]*Shard // by ecosystem as asked for; nil when there is none
	gaps   []engine.Gap
	builds map[string]map[string]string // see moduleBuilds
	// supportEnded says that the distribution's regular support has ended: what is fixed since is for its subscribers.
	supportEnded bool
	ids          idIndex
	cveRecords   map[string]CVERecord // by CVE
}

// Match returns the findings, what could not be judged, and the state of the data as of now, all sorted. A fault of the store is an error,
// and more than engine.MaxFindings findings are an engine.LimitError.
func (m *Matcher) Match(ctx context.Context, inv *engine.Inventory, now time.Time) (*engine.Matches, error) {
	s := &matchState{store: m.store, now: now, shards: map[string]*Shard{}, builds: moduleBuilds(inv)}
	s.supportEnded = inv.OS != nil && inv.OS.SupportEnds != "" && string(inv.OS.SupportEnds) < now.UTC().Format(time.DateOnly)
	if err := s.addUnknownEcosystems(ctx); err != nil {
		return nil, err
	}
	if err := s.nameArchives(ctx, inv); err != nil {
		return nil, err
	}
	sources, err := s.sourcePackages(ctx, inv)
	if err != nil {
		return nil, err
	}
	var groups []aliasGroup
	for _, source := range sources {
		matches, err := s.matchesOf(ctx, source)
		if err != nil {
			return nil, err
		}
		if groups = append(groups, groupByAlias(source, matches)...); len(groups) > engine.MaxFindings {
			return nil, &engine.LimitError{What: "number of findings", Limit: engine.MaxFindings}
		}
	}
	if s.ids, err = newIDIndex(ctx, m.store, groups); err != nil {
		return nil, err
	}
	if err := s.loadCVERecords(ctx, groups); err != nil {
		return nil, err
	}
	findings, err := s.findings(groups)
	if err != nil {
		return nil, err
	}
	out := &engine.Matches{Findings: findings, Database: engine.Database{State: "ok"}}
	if out.Database.KEV, err = s.addKEV(ctx, findings); err != nil {
		return nil, err
	}
	if out.Database.EPSS, err = s.addEPSS(ctx, findings); err != nil {
		return nil, err
	}
	if out.Database.Shards, err = s.usedShards(); err != nil {
		return nil, err
	}
	out.Gaps = s.gaps
	slices.SortStableFunc(out.Gaps, func(a, b engine.Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Detail, b.Detail))
	})
	return out, nil
}

// shardOf returns the shard of an ecosystem with its release, nil when the database has none.
func (s *matchState) shardOf(ctx context.Context, ecosystem string) (*Shard, error) {
	if shard, asked := s.shards[ecosystem]; asked {
		return shard, nil
	}
	shard, ok, err := s.store.Shard(ctx, ecosystem)
	switch {
	case err != nil:
		return nil, fmt.Errorf("opening the advisories of %s: %w", ecosystem, err)
	case ok:
		s.shards[ecosystem] = &shard
	default:
		s.shards[ecosystem] = nil
	}
	return s.shards[ecosystem], nil
}

// sourcePackages returns what is judged, sorted, and adds gaps for the packages that no data can judge.
func (s *matchState) sourcePackages(ctx context.Context, inv *engine.Inventory) ([]*sourcePackage, error) {
	byKey := map[string]*sourcePackage{}
	unknownRelease, noShard, thirdParty := map[string]int{}, map[string]int{}, map[string]int{} // how many packages, by type or ecosystem
	owners := owningPackages(inv)
	for _, p := range inv.Packages {
		ecosystem := string(p.Ecosystem)
		if owner := owners[string(p.OwnedBy)]; p.OwnedBy != "" && owner != nil {
			shard, err := s.shardOf(ctx, string(owner.Ecosystem))
			if err != nil {
				return nil, err
			}
			judged, err := s.judgesOwner(ctx, shard, owner)
			if err != nil {
				return nil, err
			}
			if judged {
				continue // by its distribution's advisories
			}
		}
		if ecosystem == "" {
			unknownRelease[p.Type]++
			continue
		}
		shard, err := s.shardOf(ctx, ecosystem)
		if err != nil {
			return nil, err
		}
		if shard == nil {
			noShard[ecosystem]++
			continue
		}
		if p.Archive != nil {
			continue // no advisory is about it
		}
		if p.ThirdParty && p.Origin.Unjudged {
			thirdParty[ecosystem]++
		}
		source := &sourcePackage{ecosystem: ecosystem, name: p.Name, version: p.Version}
		if isDistribution(ecosystem) && p.Source.Name != "" {
			source.name, source.version = p.Source.Name, cmp.Or(p.Source.Version, p.Version)
		}
		key := source.ecosystem + "\x00" + source.name + "\x00" + source.version
		if byKey[key] == nil {
			byKey[key] = source
		}
		byKey[key].packages = append(byKey[key].packages, p)
	}
	s.addUnmatchedGaps(unknownRelease, noShard, thirdParty)
	var sources []*sourcePackage
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		source := byKey[key]
		slices.SortStableFunc(source.packages, source.comparePackages)
		sources = append(sources, source)
	}
	return sources, nil
}

// comparePackages orders the packages of a source: first the one with the source's own name, whose package URL and layer a finding shows.
func (p *sourcePackage) comparePackages(a, b engine.Package) int {
	if own := a.Name == p.name; own != (b.Name == p.name) {
		if own {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.PURL, b.PURL), cmp.Compare(firstPath(a), firstPath(b)),
		cmp.Compare(a.Layer, b.Layer))
}

// firstPath returns the first of a package's paths in their order, "" without any.
func firstPath(p engine.Package) string {
	paths := make([]string, 0, len(p.Locations))
	for _, l := range p.Locations {
		paths = append(paths, l.Path)
	}
	if len(paths) == 0 {
		return ""
	}
	return slices.Min(paths)
}

// owningPackages maps packages of a distribution by how OwnedBy names them ("deb/python3-django"). An owner that is not installed is not
// among them; of several the one that is the least surely the distribution's own counts.
func owningPackages(inv *engine.Inventory) map[string]*engine.Package {
	out := map[string]*engine.Package{}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if p.Ecosystem == "" || !isDistribution(string(p.Ecosystem)) {
			continue
		}
		id := p.Type + "/" + p.Name
		if known := out[id]; known == nil || known.Origin.Own && !p.Origin.Own {
			out[id] = p
		}
	}
	return out
}

// judgesOwner says whether a distribution's advisories, in its shard, judge a package that owns others: it is the distribution's own beyond
// doubt, or the advisories speak of its source.
func (s *matchState) judgesOwner(ctx context.Context, shard *Shard, owner *engine.Package) (bool, error) {
	if shard == nil || owner.Origin.Own {
		return shard != nil, nil
	}
	name := cmp.Or(owner.Source.Name, owner.Name)
	records, err := s.store.Affecting(ctx, string(owner.Ecosystem), name)
	if err != nil {
		return false, fmt.Errorf("looking up %s in the advisories of %s: %w", name, owner.Ecosystem, err)
	}
	return len(records) > 0, nil
}

// isDistribution says whether an ecosystem is a distribution, which builds packages from source packages.
func isDistribution(ecosystem string) bool {
	scheme, err := version.Scheme(ecosystem)
	return err == nil && (scheme == version.DPKG || scheme == version.APK || scheme == version.RPM)
}

// usedShards describes the shards that the image needed, sorted by ecosystem.
func (s *matchState) usedShards() ([]engine.Shard, error) {
	byName := map[string]engine.Shard{}
	for _, shard := range s.shards {
		if shard == nil {
			continue
		}
		d, err := s.shardWithAge(*shard)
		if err != nil {
			return nil, err
		}
		byName[shard.Ecosystem] = d
	}
	out := []engine.Shard{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out, nil
}

// shardWithAge adds a shard's age in days. A date more than a day in the future, which is more than clocks differ, gives none: an unknown
// age counts as stale.
func (s *matchState) shardWithAge(shard Shard) (engine.Shard, error) {
	out := engine.Shard{Ecosystem: shard.Ecosystem, Digest: engine.Digest(shard.Digest), Advisories: shard.Advisories,
		AsOf: engine.Maybe(shard.AsOf)}
	if shard.AsOf == "" {
		return out, nil
	}
	asOf, err := time.Parse(time.RFC3339, shard.AsOf)
	if err != nil {
		return out, fmt.Errorf("reading the date of the advisories of %s: %w", shard.Ecosystem, err)
	}
	const day = 24 * time.Hour
	if age := s.now.Sub(asOf); age > -day {
		days := max(0, int(age/day))
		out.AgeDays = &days
	}
	return out, nil
}
