package advisory

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// failing is a store one of whose look-ups fails.
type failing struct {
	*memoryStore
	method string
	err    error
}

func (f failing) fail(method string) error {
	if f.method == method {
		return f.err
	}
	return nil
}

func (f failing) Shard(ctx context.Context, ecosystem string) (Shard, bool, error) {
	s, ok, err := f.memoryStore.Shard(ctx, ecosystem)
	return s, ok, errors.Join(err, f.fail("Shard "+ecosystem))
}

func (f failing) Affecting(ctx context.Context, ecosystem, name string) ([]Advisory, error) {
	found, err := f.memoryStore.Affecting(ctx, ecosystem, name)
	return found, errors.Join(err, f.fail("Affecting"))
}

func (f failing) ByID(ctx context.Context, ids []string) ([]Advisory, error) {
	found, err := f.memoryStore.ByID(ctx, ids)
	return found, errors.Join(err, f.fail("ByID"))
}

func (f failing) KEV(ctx context.Context, cves []string) ([]KEVEntry, Shard, bool, error) {
	found, s, ok, err := f.memoryStore.KEV(ctx, cves)
	return found, s, ok, errors.Join(err, f.fail("KEV"))
}

func (f failing) EPSS(ctx context.Context, cves []string) ([]EPSSScore, Shard, bool, error) {
	found, s, ok, err := f.memoryStore.EPSS(ctx, cves)
	return found, s, ok, errors.Join(err, f.fail("EPSS"))
}

func (f failing) CVERecords(ctx context.Context, cves []string) ([]CVERecord, Shard, bool, error) {
	found, s, ok, err := f.memoryStore.CVERecords(ctx, cves)
	return found, s, ok, errors.Join(err, f.fail("CVERecords"))
}

// fullStore has records of npm and Debian 12, and every catalogue.
func fullStore(asOf string) *memoryStore {
	m := newStore([]Advisory{
		{ID: "A", Aliases: []string{"CVE-2026-0001"}, Affected: []Affected{{Ecosystem: "npm", Name: "lodash", Versions: []string{"1.0.0"}}}},
		{ID: "B", Affected: []Affected{{Ecosystem: "Debian:12", Name: "nothing", Versions: []string{"1"}}}},
	}, asOf)
	m.kev = []KEVEntry{{"CVE-2026-0001", "2026-02-03"}}
	m.epss = []EPSSScore{{"CVE-2026-0001", 0.5, 0.9}}
	m.cveRecords = []CVERecord{{CVE: "CVE-2026-0001", Assessments: []Assessment{{By: "NVD", CWEs: []string{"CWE-79"}}}}}
	return m
}

// A store that cannot answer, whatever it was asked, is an error of the match and of the details, never an answer that lacks something.
func TestStoreThatFails(t *testing.T) {
	inv := &engine.Inventory{Packages: []engine.Package{
		{Name: "lodash", Version: "1.0.0", Type: "npm", Ecosystem: "npm", PURL: "pkg:npm/lodash@1.0.0"},
		{Name: "underscore", Version: "1.0.0", Type: "npm", Ecosystem: "npm", OwnedBy: "deb/node-underscore"},
		{Name: "node-underscore", Version: "1", Type: "deb", Ecosystem: "Debian:12"}}}
	good := fullStore("2026-11-20T00:00:00Z")
	if got, err := NewMatcher(good).Match(t.Context(), inv, clock()); err != nil || len(got.Findings) != 1 || got.Findings[0].EPSS == nil ||
		!got.Findings[0].KnownExploited || len(got.Findings[0].CWEs) != 1 || len(got.Gaps) != 0 {
		t.Fatalf("%+v, %v", got, err) // so that the errors below are of what fails there
	}
	broken := errors.New("out of order")
	for _, method := range []string{"Shard npm", "Shard Debian:12", "Affecting", "ByID", "KEV", "EPSS", "CVERecords"} {
		store := failing{good, method, broken}
		if got, err := NewMatcher(store).Match(t.Context(), inv, clock()); !errors.Is(err, broken) || got != nil {
			t.Errorf("%s: %+v, %v", method, got, err)
		}
		d, err := DetailsOf(t.Context(), store, &good.records[0])
		if asked := !strings.HasPrefix(method, "Shard") && method != "Affecting"; asked != errors.Is(err, broken) || asked != (d == nil) {
			t.Errorf("%s: details %+v, %v", method, d, err)
		}
	}
}

// A date that is none is an error: data of unknown age is not the same as data whose age was written wrongly.
func TestDatesThatAreNone(t *testing.T) {
	lodash := &engine.Inventory{Packages: []engine.Package{{Name: "lodash", Version: "1.0.0", Type: "npm", Ecosystem: "npm"}}}
	for what, clear := range map[string]func(*memoryStore){
		"a shard":       func(m *memoryStore) { m.kev, m.epss, m.cveRecords = nil, nil, nil },
		"the catalogue": func(m *memoryStore) { m.shards, m.epss, m.cveRecords = newStore(m.records, "").shards, nil, nil },
		"the scores":    func(m *memoryStore) { m.shards, m.kev, m.cveRecords = newStore(m.records, "").shards, nil, nil },
		"CVE records":   func(m *memoryStore) { m.shards, m.kev, m.epss = newStore(m.records, "").shards, nil, nil },
	} {
		m := fullStore("last week")
		clear(m)
		if got, err := NewMatcher(m).Match(t.Context(), lodash, clock()); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// Data is as old as its date says, in whole days. A date that lies in the future by more than clocks differ gives no age, and counts as
// stale.
func TestAges(t *testing.T) {
	for asOf, want := range map[string]int{"2026-11-23T12:00:00Z": 0, "2026-11-22T12:00:01Z": 0, "2026-11-22T12:00:00Z": 1,
		"2026-11-20T13:00:00+01:00": 3, "2026-11-24T11:59:59Z": 0, "2026-11-24T12:00:00Z": -1, "2027-01-01T00:00:00Z": -1, "": -1} {
		s := &matchState{now: clock()}
		got, err := s.shardWithAge(Shard{Ecosystem: "npm", AsOf: asOf})
		switch {
		case err != nil:
			t.Error(err)
		case want < 0 && got.AgeDays != nil, want >= 0 && (got.AgeDays == nil || *got.AgeDays != want):
			t.Errorf("as of %q: %+v, want %d days", asOf, got, want)
		}
	}
}

// One event that is no version makes its whole range unknown, also where other events are versions and where it would not be compared.
func TestEventWithoutAnOrderAmongOthers(t *testing.T) {
	v, err := version.Parse("npm", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{{Fixed: "0.5.0"}, {Fixed: "2.0.0"}, {Introduced: "5.0.0"}, {Limit: "3.0.0"}} {
		r := Range{Type: "SEMVER", Events: []Event{{Introduced: "0"}, {Limit: "latest"}, e, {Limit: "*"}}}
		a := Advisory{ID: "A", Affected: []Affected{{Ecosystem: "npm", Name: "x", Ranges: []Range{r}}}}
		if got, err := a.evaluate("npm", "x", v); err == nil {
			t.Errorf("%+v: %+v, want an error", r.Events, got)
		}
	}
}

// A cancelled match is an error.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	inv := &engine.Inventory{Packages: []engine.Package{{Name: "lodash", Version: "1.0.0", Type: "npm", Ecosystem: "npm"}}}
	if got, err := NewMatcher(fullStore("")).Match(ctx, inv, clock()); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := None().Match(ctx, inv, clock()); !errors.Is(err, context.Canceled) {
		t.Errorf("without a database: %+v, %v", got, err)
	}
}
