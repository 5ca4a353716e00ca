package advisory

import (
	"context"
	"errors"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// failing is a store whose look-ups of packages fail.
type failing struct {
	Store
	err error
}

func (f failing) Affecting(context.Context, string, string) ([]Advisory, error) { return nil, f.err }

// A store that cannot answer is an error of the match, never a match without findings.
func TestStoreThatFails(t *testing.T) {
	inv := &engine.Inventory{Packages: []engine.Package{{Name: "lodash", Version: "1.0.0", Type: "npm", Ecosystem: "npm",
		PURL: "pkg:npm/lodash@1.0.0"}}}
	records := []Advisory{{ID: "A", Affected: []Affected{{Ecosystem: "npm", Name: "lodash", Versions: []string{"1.0.0"}}}}}
	good := newStore(records, "2026-11-20T00:00:00Z")
	if got, err := NewMatcher(good).Match(t.Context(), inv, clock()); err != nil || len(got.Findings) != 1 {
		t.Fatalf("%+v, %v", got, err) // so that the errors below are of what fails there
	}
	broken := errors.New("out of order")
	if got, err := NewMatcher(failing{good, broken}).Match(t.Context(), inv, clock()); !errors.Is(err, broken) || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := NewMatcher(newStore(records, "last week")).Match(t.Context(), inv, clock()); err == nil || got != nil {
		t.Errorf("a date that is none: %+v, %v", got, err)
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
