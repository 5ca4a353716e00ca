package advisory

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine"
)

var update = flag.Bool("update", false, "write the expected findings")

func clock() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

type story struct {
	archive  *txtar.Archive
	records  []Advisory
	kev      []KEVEntry
	packages []engine.Package
}

func readStory(t *testing.T, path string) story {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := story{archive: a}
	for _, f := range a.Files {
		var err error
		switch f.Name {
		case "packages":
			err = json.Unmarshal(f.Data, &s.packages)
			for i := range s.packages { // what no recorded package says
				s.packages[i].Origin = engine.PackageOrigin{Own: !s.packages[i].ThirdParty, Unjudged: true}
			}
		case "kev":
			err = json.Unmarshal(f.Data, &s.kev)
		case "want":
		default:
			var r *Advisory
			if r, err = ParseOSV(f.Data); err == nil {
				s.records = append(s.records, *r)
			}
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", path, f.Name, err)
		}
	}
	return s
}

func (s story) match(t *testing.T) *engine.Matches {
	t.Helper()
	m := newStore(s.records, "2026-11-20T00:00:00Z")
	m.kev = s.kev
	got, err := NewMatcher(m).Match(t.Context(), &engine.Inventory{Packages: s.packages}, clock())
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Findings {
		got.Findings[i].Ref, got.Findings[i].Fingerprint = "", "" // engine's own tests hold them
	}
	for i := range got.Database.Shards {
		got.Database.Shards[i].Digest = ""
	}
	if got.Database.KEV != nil {
		got.Database.KEV.Digest = ""
	}
	engine.Fill(got)
	return got
}

// Each story has a few records and packages, and the matches that are expected of them.
func TestMatch(t *testing.T) {
	paths, err := filepath.Glob("testdata/match/*.txtar")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d stories, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			s := readStory(t, path)
			text, err := json.MarshalIndent(s.match(t), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got := string(text) + "\n"
			for i, f := range s.archive.Files {
				if f.Name != "want" {
					continue
				}
				if *update {
					s.archive.Files[i].Data = []byte(got)
					if err := os.WriteFile(path, txtar.Format(s.archive), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			t.Error("the story has no file want")
		})
	}
}

// The order in which records and packages arrive changes nothing.
func TestMatchOrder(t *testing.T) {
	paths, err := filepath.Glob("testdata/match/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, path := range paths {
		s := readStory(t, path)
		want := s.match(t)
		for range 20 {
			r.Shuffle(len(s.records), func(i, j int) { s.records[i], s.records[j] = s.records[j], s.records[i] })
			r.Shuffle(len(s.packages), func(i, j int) { s.packages[i], s.packages[j] = s.packages[j], s.packages[i] })
			if diff := cmp.Diff(want, s.match(t)); diff != "" {
				t.Fatalf("%s in another order (-want +got):\n%s", path, diff)
			}
		}
	}
}

func TestNone(t *testing.T) {
	got, err := None().Match(t.Context(), &engine.Inventory{Packages: []engine.Package{{Name: "a"}}}, clock())
	if err != nil || got.Database.State != "none" || len(got.Findings) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func BenchmarkMatch(b *testing.B) {
	var records []Advisory
	var packages []engine.Package
	for i := range 300 {
		name := fmt.Sprintf("p%d", i)
		packages = append(packages, engine.Package{Name: name, Version: "1.2.3-4+deb12u5", Type: "deb", Ecosystem: "Debian:12"})
		for n := range 5 {
			id := fmt.Sprintf("CVE-2026-%d", i*10+n)
			records = append(records, Advisory{ID: "DEBIAN-" + id, Upstream: []string{id}, Affected: []Affected{{Ecosystem: "Debian:12", Name: name,
				Ranges: []Range{{"ECOSYSTEM", []Event{{Introduced: "0"}, {Fixed: fmt.Sprintf("1.2.3-%d", n*2)}}}}}}})
		}
	}
	v := &engine.Inventory{Packages: packages}
	m := newStore(records, "")
	for b.Loop() {
		if _, err := NewMatcher(m).Match(b.Context(), v, clock()); err != nil {
			b.Fatal(err)
		}
	}
}

// More findings than a report can hold are an error, not a report that lacks some.
func TestTooManyFindings(t *testing.T) {
	affected := []Affected{{Ecosystem: "npm", Name: "p", Ranges: []Range{{"SEMVER", []Event{{Introduced: "0"}}}}}}
	m := newStore([]Advisory{{ID: "GHSA-1", Affected: affected}}, "")
	v := &engine.Inventory{}
	for i := range engine.MaxFindings + 1 {
		v.Packages = append(v.Packages, engine.Package{Name: "p", Version: fmt.Sprintf("1.0.%d", i), Type: "npm", Ecosystem: "npm"})
	}
	limit := (*engine.LimitError)(nil)
	if _, err := NewMatcher(m).Match(t.Context(), v, clock()); !errors.As(err, &limit) {
		t.Errorf("%v", err)
	}
	if testing.Short() {
		return
	}
	v.Packages = v.Packages[:engine.MaxFindings]
	if got, err := NewMatcher(m).Match(t.Context(), v, clock()); err != nil || len(got.Findings) != engine.MaxFindings {
		t.Errorf("as many as there may be: %v", err)
	}
	v.Packages = v.Packages[:100]
	if got, err := NewMatcher(m).Match(t.Context(), v, clock()); err != nil || len(got.Findings) != 100 {
		t.Errorf("%v, %v", got, err)
	}
}
