package advisory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// Matcher matches inventories against a Store. Safe for concurrent use.
type Matcher struct{ store Store }

var _ engine.Matcher = (*Matcher)(nil)

// NewMatcher makes a Matcher over s, which stays the caller's to close.
func NewMatcher(s Store) *Matcher { return &Matcher{s} }

// None is the Matcher of a scan without a database: it finds nothing and says so in the database's state.
func None() engine.Matcher { return none{} }

type none struct{}

func (none) Match(ctx context.Context, _ *engine.Inventory, _ time.Time) (*engine.Matches, error) {
	return &engine.Matches{Database: engine.Database{State: "none"}}, ctx.Err()
}

// unit is what is judged as one: a source package of one version in one ecosystem, with everything installed of it.
type unit struct {
	ecosystem, name, version string
	packages                 []engine.Package
}

// hit is a record that affects a unit.
type hit struct {
	record *Advisory
	verdict
	installed string   // the version that was judged
	binaries  []string // named by the record, sorted; none: it names the source, so every binary is affected
}

// group is hits that are the same vulnerability of the same unit.
type group struct {
	unit *unit
	hits []hit
}

// matching is the state of one Match.
type matching struct {
	store    Store
	at       time.Time
	shards   map[string]*Shard // by ecosystem as asked for; nil when there is none
	gaps     []engine.Gap
	joined   join
	assessed map[string]Assessed // by CVE
}

// Match returns the findings, what could not be judged, and the state of the data, all sorted. A fault of the store is an error.
func (m *Matcher) Match(ctx context.Context, inv *engine.Inventory, at time.Time) (*engine.Matches, error) {
	s := &matching{store: m.store, at: at, shards: map[string]*Shard{}}
	units, err := s.units(ctx, inv)
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, u := range units {
		hits, err := s.hits(ctx, u)
		if err != nil {
			return nil, err
		}
		if groups = append(groups, merge(u, hits)...); len(groups) > engine.MaxFindings {
			return nil, &engine.LimitError{What: "number of findings", Limit: engine.MaxFindings}
		}
	}
	if s.joined, err = joinIDs(ctx, m.store, groups); err != nil {
		return nil, err
	}
	if err := s.assess(ctx, groups); err != nil {
		return nil, err
	}
	findings, err := s.findings(groups)
	if err != nil {
		return nil, err
	}
	out := &engine.Matches{Findings: findings, Database: engine.Database{State: "ok"}}
	if out.Database.KEV, err = s.exploited(ctx, findings); err != nil {
		return nil, err
	}
	if out.Database.EPSS, err = s.scored(ctx, findings); err != nil {
		return nil, err
	}
	if out.Database.Shards, err = s.used(); err != nil {
		return nil, err
	}
	out.Gaps = s.gaps
	slices.SortStableFunc(out.Gaps, func(a, b engine.Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Detail, b.Detail))
	})
	return out, nil
}

func (s *matching) shard(ctx context.Context, ecosystem string) (*Shard, error) {
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

// units sorts out what is judged, and notes the packages that no data can judge.
func (s *matching) units(ctx context.Context, inv *engine.Inventory) ([]*unit, error) {
	byKey := map[string]*unit{}
	unknown, missing, foreign := map[string]int{}, map[string]int{}, map[string]int{}
	owners := owners(inv)
	for _, p := range inv.Packages {
		ecosystem := string(p.Ecosystem)
		if owner := owners[string(p.OwnedBy)]; p.OwnedBy != "" && owner != "" {
			shard, err := s.shard(ctx, owner)
			if err != nil {
				return nil, err
			}
			if shard != nil {
				continue // the owner is judged, by its distribution's advisories
			}
		}
		if ecosystem == "" {
			unknown[p.Type]++
			continue
		}
		shard, err := s.shard(ctx, ecosystem)
		if err != nil {
			return nil, err
		}
		if shard == nil {
			missing[ecosystem]++
			continue
		}
		if p.ThirdParty {
			foreign[ecosystem]++
		}
		u := &unit{ecosystem: ecosystem, name: p.Name, version: p.Version}
		if distributed(ecosystem) && p.Source.Name != "" {
			u.name, u.version = p.Source.Name, cmp.Or(p.Source.Version, p.Version)
		}
		key := u.ecosystem + "\x00" + u.name + "\x00" + u.version
		if byKey[key] == nil {
			byKey[key] = u
		}
		byKey[key].packages = append(byKey[key].packages, p)
	}
	s.noteUnmatched(unknown, missing, foreign)
	var units []*unit
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		u := byKey[key]
		slices.SortStableFunc(u.packages, func(a, b engine.Package) int { // the one that is called like its source speaks for all
			return cmp.Or(cmp.Compare(otherwise(a, u), otherwise(b, u)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.PURL, b.PURL),
				cmp.Compare(firstPath(a), firstPath(b)), cmp.Compare(a.Layer, b.Layer))
		})
		units = append(units, u)
	}
	return units, nil
}

// otherwise ranks a package that is not called like the unit.
func otherwise(p engine.Package, u *unit) int {
	if p.Name == u.name {
		return 0
	}
	return 1
}

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

// owners maps "deb/python3-django" to the ecosystem whose advisories judge it. An owner that is not installed owns nothing.
func owners(inv *engine.Inventory) map[string]string {
	out := map[string]string{}
	for _, p := range inv.Packages {
		if p.Ecosystem != "" && distributed(string(p.Ecosystem)) {
			out[p.Type+"/"+p.Name] = string(p.Ecosystem)
		}
	}
	return out
}

// distributed says whether an ecosystem is a distribution, whose advisories speak of source packages.
func distributed(ecosystem string) bool {
	scheme, err := version.Scheme(ecosystem)
	return err == nil && (scheme == version.DPKG || scheme == version.APK || scheme == version.RPM)
}

func (s *matching) noteUnmatched(unknown, missing, foreign map[string]int) {
	for typ, n := range unknown {
		if detail := withoutFeed(typ); detail != "" {
			s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe("type " + typ), Count: n, Detail: detail})
			continue
		}
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe("type " + typ + ", unknown release"), Count: n,
			Detail: "the release that these packages are from is unknown, so no advisories can be chosen"})
	}
	for ecosystem, n := range foreign {
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapThirdParty, Subject: engine.Maybe(ecosystem), Count: n,
			Detail: "these packages are not from " + ecosystem + "'s own repositories: its advisories were asked, but may say nothing of them, or the wrong thing"})
	}
	for ecosystem, n := range missing {
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe(ecosystem), Count: n,
			Detail: "the database has no advisories for " + ecosystem})
	}
}

func (s *matching) malformed(subject string, n int, err error) {
	s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapMalformed, Subject: engine.Maybe(subject), Count: n,
		Detail: strings.ReplaceAll(err.Error(), "\n", "; ")})
}

// used describes the shards that the image needed.
func (s *matching) used() ([]engine.Shard, error) {
	byName := map[string]engine.Shard{}
	for _, shard := range s.shards {
		if shard == nil {
			continue
		}
		d, err := s.describe(*shard)
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

// describe tells a shard's age. A date in the future, by more than clocks differ, tells none: unknown counts as stale.
func (s *matching) describe(shard Shard) (engine.Shard, error) {
	out := engine.Shard{Ecosystem: shard.Ecosystem, Digest: engine.Digest(shard.Digest), Advisories: shard.Advisories, AsOf: engine.Maybe(shard.AsOf)}
	if shard.AsOf == "" {
		return out, nil
	}
	asOf, err := time.Parse(time.RFC3339, shard.AsOf)
	if err != nil {
		return out, fmt.Errorf("reading the date of the advisories of %s: %w", shard.Ecosystem, err)
	}
	const day = 24 * time.Hour
	if age := s.at.Sub(asOf); age > -day {
		days := max(0, int(age/day))
		out.AgeDays = &days
	}
	return out, nil
}

// withoutFeed says why packages of a type that is no distribution's have no ecosystem.
func withoutFeed(typ string) string {
	switch typ {
	case "generic":
		return "no feed has advisories for these programs by their own versions"
	case "conda":
		return "no feed has advisories for packages of conda"
	case "cargo":
		return "these crates are not from crates.io, whose advisories speak of no others"
	}
	return ""
}
