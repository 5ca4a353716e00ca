package advisory

import (
	"testing"

	"github.com/vetoci/veto/engine"
)

// TestUnknownEcosystems makes a gap of advisories of an ecosystem that nobody knows, and none of one that OSV defines; and what will be
// withdrawn one day counts until then.
func TestUnknownEcosystems(t *testing.T) {
	of := func(ecosystem string) Advisory {
		a := about("1", "a:b")
		a.Affected[0].Ecosystem = ecosystem
		return a
	}
	for ecosystem, want := range map[string]int{"npmjs": 1, "Foo:1": 1, "Android": 0, "Debian:12": 0} {
		m, err := NewMatcher(newStore([]Advisory{of(ecosystem)}, "")).Match(t.Context(), &engine.Inventory{}, clock())
		if err != nil || len(m.Gaps) != want || want > 0 && (m.Gaps[0].Count != 1 || m.Gaps[0].Kind != engine.GapNoAdvisories) {
			t.Errorf("%s: %+v, %v", ecosystem, m, err)
		}
	}
	for withdrawn, want := range map[string]int{"": 1, "2026-11-01T00:00:00Z": 0, "2030-01-01T00:00:00Z": 1} {
		a := about("1", "a:b")
		a.Withdrawn = withdrawn
		inv := &engine.Inventory{Packages: []engine.Package{{Name: "a:b", Version: "1", Type: "maven", Ecosystem: "Maven"}}}
		m, err := NewMatcher(newStore([]Advisory{a}, "")).Match(t.Context(), inv, clock())
		if err != nil || len(m.Findings) != want {
			t.Errorf("withdrawn %q: %+v, %v", withdrawn, m, err)
		}
	}
}
