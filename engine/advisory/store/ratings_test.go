package store

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/advisory"
)

// The copies that a record has in several shards are one record to a look-up by id, whatever their order: with the ids of all, the ratings
// of each package once, and what the newest copy says.
func TestRatingsOfSeveralShards(t *testing.T) {
	rated := func(modified, level, vector string, names ...string) advisory.Advisory {
		a := advisory.Advisory{ID: "A", Modified: modified, Level: level, Summary: "left out", Published: "left out"}
		for _, name := range names {
			a.Affected = append(a.Affected, advisory.Affected{Ecosystem: "npm", Name: name, Versions: []string{"left out"},
				Severity: []advisory.Rating{{Type: "CVSS_V3", Score: vector}}, Urgency: "low"})
		}
		return a
	}
	older, newer := rated("2026-01-01T00:00:00Z", "low", "old", "a", "b"), rated("2026-02-01T00:00:00Z", "high", "new", "b", "c")
	older.Aliases, newer.Aliases = []string{"X", "Y"}, []string{"Y", "Z"}
	older.Upstream, newer.Upstream = []string{"U"}, nil
	newer.Withdrawn = "2026-03-01T00:00:00Z"
	affected := func(name, vector string) advisory.Affected {
		return advisory.Affected{Ecosystem: "npm", Name: name, Severity: []advisory.Rating{{Type: "CVSS_V3", Score: vector}}, Urgency: "low"}
	}
	want := advisory.Advisory{ID: "A", Modified: "2026-02-01T00:00:00Z", Withdrawn: "2026-03-01T00:00:00Z", Level: "high",
		Aliases: []string{"X", "Y", "Z"}, Upstream: []string{"U"},
		Affected: []advisory.Affected{affected("a", "old"), affected("b", "new"), affected("c", "new")}}
	for _, copies := range [][]advisory.Advisory{{older, newer}, {newer, older}, {older, newer, older}} {
		r := newRatingsTable()
		for _, a := range copies {
			r.add(a)
		}
		if diff := cmp.Diff(want, r.records["A"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// A record is kept for a look-up by id as soon as it has one thing to join by, and left out without any: a database of malicious packages
// would else be twice as large.
func TestRatingsKeepWhatJoins(t *testing.T) {
	for name, a := range map[string]advisory.Advisory{
		"alias":            {Aliases: []string{"X"}},
		"upstream":         {Upstream: []string{"X"}},
		"rating":           {Severity: []advisory.Rating{{Type: "CVSS_V3", Score: "9.8"}}},
		"weakness":         {CWEs: []string{"CWE-79"}},
		"level":            {Level: "high"},
		"package's rating": {Affected: []advisory.Affected{{Severity: []advisory.Rating{{Type: "CVSS_V3", Score: "9.8"}}}}},
		"urgency":          {Affected: []advisory.Affected{{Urgency: "low"}}},
		"nothing": {Summary: "malware", Withdrawn: "2026-01-01T00:00:00Z", Related: []string{"X"},
			Affected: []advisory.Affected{{Name: "a"}}},
	} {
		r := newRatingsTable()
		a.ID = "A"
		r.add(a)
		if _, kept := r.records["A"]; kept != (name != "nothing") {
			t.Errorf("%s: kept %v", name, kept)
		}
	}
}

// A release's shard has what is said of every release, and the entries of a record that speaks of both.
func TestReleasesHaveWhatIsSaidOfAll(t *testing.T) {
	entry := func(ecosystem, name string) advisory.Affected {
		return advisory.Affected{Ecosystem: ecosystem, Name: name}
	}
	g := newShardRecords()
	for _, a := range []advisory.Advisory{
		{ID: "both", Affected: []advisory.Affected{entry("Debian:12", "a"), entry("Debian", "b"), entry("Debian:12", "c"), entry("npm", "d")}},
		{ID: "all", Affected: []advisory.Affected{entry("Debian", "e")}},
		{ID: "one", Affected: []advisory.Affected{entry("Debian:11", "f"), {Name: "of no ecosystem"}}},
	} {
		if err := g.add(&a, "Debian"); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.add(&advisory.Advisory{ID: "one", Affected: []advisory.Affected{entry("Debian:11", "g")}}, "Debian"); err == nil {
		t.Error("a record that is there twice is no error")
	}
	g.copyToReleases()
	got := map[string]map[string][]string{}
	for ecosystem, records := range g.byShard {
		got[ecosystem] = map[string][]string{}
		for id, a := range records {
			for _, f := range a.Affected {
				got[ecosystem][id] = append(got[ecosystem][id], f.Name)
			}
		}
	}
	want := map[string]map[string][]string{
		"Debian":    {"both": {"b"}, "all": {"e"}},
		"Debian:11": {"both": {"b"}, "all": {"e"}, "one": {"f"}},
		"Debian:12": {"both": {"a", "c", "b"}, "all": {"e"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A look-up by id finds what has the id and what names it, each once, and nothing in a database without records.
func TestByID(t *testing.T) {
	d := mustOpen(t, buildSmall(t))
	for _, c := range []struct {
		ids  []string
		want string
	}{
		{[]string{"GHSA-1", "CVE-2026-1001"}, "GHSA-1"}, {[]string{"CVE-2021-23337", "GHSA-2", "GHSA-2"}, "GHSA-2"},
		{[]string{"DSA-1"}, ""}, {nil, ""},
	} {
		records, err := d.ByID(t.Context(), c.ids)
		if got := ids(t, records, err); got != c.want {
			t.Errorf("%q: %q, want %q", c.ids, got, c.want)
		}
	}
	empty := &DB{manifest: &manifest{}}
	if records, err := empty.ByID(context.Background(), []string{"GHSA-1"}); err != nil || records != nil {
		t.Errorf("%v, %v", records, err)
	}
}
