package formats

import (
	"testing"

	"github.com/vetoci/veto/engine"
)

// What a verdict rests on: a reader who sees "no packages" or "KEV not loaded" does not trust a pass.
func TestInventoryText(t *testing.T) {
	packages := func(types ...string) (out []engine.Package) {
		for _, typ := range types {
			out = append(out, engine.Package{Type: typ})
		}
		return out
	}
	for _, c := range []struct {
		facts engine.Facts
		rules []engine.RuleResult
		want  string
	}{
		{engine.Facts{}, nil, "no packages; 0 files unread; 0 waived"},
		{engine.Facts{Packages: packages("npm", "deb", "golang", "deb", "apk")}, nil,
			"2 deb, 1 apk, 1 Go modules, 1 npm; 0 files unread; 0 waived"},
		{engine.Facts{Gaps: []engine.Gap{{Kind: engine.GapUnreadable}, {Kind: engine.GapMalformed}, {Kind: engine.GapLimit, Count: 3},
			{Kind: engine.GapUnsupported, Count: 1}, {Kind: engine.GapNoAdvisories, Count: 7}}}, nil, "no packages; 6 files unread; 0 waived"},
		{engine.Facts{Gaps: []engine.Gap{{Kind: engine.GapLimit}}}, nil, "no packages; 1 file unread; 0 waived"},
		{engine.Facts{Findings: []engine.Finding{{VEXStatus: "not_affected"}, {VEXStatus: "fixed"}, {VEXStatus: "affected"},
			{VEXStatus: "under_investigation"}, {}}}, nil, "no packages; 0 files unread; 0 waived; 2 set aside by VEX"},
		{engine.Facts{Findings: []engine.Finding{{WaivedBy: "w"}, {}}}, []engine.RuleResult{{Results: []engine.Result{
			{WaivedBy: "w"}, {}, {WaivedBy: "w", Findings: []string{"v1"}}}}}, "no packages; 0 files unread; 2 waived"},
	} {
		rep := &engine.Report{Facts: c.facts, Decision: engine.Decision{Rules: c.rules}}
		if got := indexReport(rep).inventoryText(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestDatabaseText(t *testing.T) {
	shard := func(name string, asOf engine.Maybe) engine.Shard { return engine.Shard{Ecosystem: name, AsOf: asOf} }
	kev := shard("KEV", "2026-11-22")
	for _, c := range []struct {
		db   engine.Database
		want string
	}{
		{engine.Database{State: "none", Shards: []engine.Shard{shard("npm", "2026-11-20")}}, "no vulnerability database was used"},
		{engine.Database{State: "ok"}, "none was needed; KEV not loaded"},
		{engine.Database{State: "ok", Shards: []engine.Shard{shard("npm", "")}}, "npm of unknown date; KEV not loaded"},
		{engine.Database{State: "ok", Shards: []engine.Shard{shard("npm", "2026")}, KEV: &kev}, "npm 2026; KEV 2026-11-22"},
		{engine.Database{State: "ok", Shards: []engine.Shard{shard("Go", "2026-11-20T01:02:03Z"), shard("npm", "2026-11-20T01:02:03Z")},
			KEV: &kev, EPSS: &kev}, "Go, npm 2026-11-20; KEV 2026-11-22; EPSS 2026-11-22"},
		{engine.Database{State: "ok", Shards: []engine.Shard{shard("Go", "2026-11-21"), shard("PyPI", "2026-11-23"), shard("npm", "2026-11-20")}},
			"oldest npm 2026-11-20, newest PyPI 2026-11-23; KEV not loaded"},
		{engine.Database{State: "ok", Shards: []engine.Shard{shard("Go", "2026-11-21"), shard("npm", "")}},
			"oldest npm of unknown date, newest Go 2026-11-21; KEV not loaded"},
	} {
		if got := indexReport(&engine.Report{Facts: engine.Facts{Database: c.db}}).databaseText(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestBaseText(t *testing.T) {
	findings := []engine.Finding{{Origin: engine.OriginBase}, {Origin: engine.OriginOwn}, {Origin: engine.OriginOwn},
		{Origin: engine.OriginUnknown}}
	digest := engine.Digest(diffID(7))
	for _, c := range []struct {
		base     *engine.Base
		findings []engine.Finding
		want     string
	}{
		{nil, findings, ""},
		{&engine.Base{Name: "debian:12", State: "verified", Layers: 1}, findings,
			"debian:12, verified: 1 of 3 layers; 1 finding is the base's, 2 your own"},
		{&engine.Base{Name: "debian:12", State: "verified", Layers: 1}, findings[1:],
			"debian:12, verified: 1 of 3 layers; 0 findings are the base's, 2 your own"},
		{&engine.Base{Digest: digest, State: "claimed", From: "labels", Layers: 2}, findings,
			digest.Short() + ", claimed by its labels: 2 of 3 layers, which proves nothing of the findings"},
		{&engine.Base{State: "claimed", From: "history"}, findings, "the base, claimed by its history: where it ends is not known"},
		{&engine.Base{State: "claimed", From: "flag"}, findings,
			"the base, claimed by layers that were not hashed: where it ends is not known"},
		{&engine.Base{Name: "debian:12", State: "mismatch", Layers: 1}, findings,
			"debian:12, mismatch: its layers are not the oldest ones of this image"},
	} {
		rep := &engine.Report{Facts: engine.Facts{Base: c.base, Findings: c.findings, Layers: make([]engine.LayerInfo, 3)}}
		if got := indexReport(rep).baseText(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Each line of the footer is there when there is something to say, and the space of layers in full detail only.
func TestTextFooter(t *testing.T) {
	rep := bareReport(engine.StatusPass)
	rep.Space = engine.Space{ContentBytes: 2_500_000, WastedBytes: 1500, Efficiency: 0.998}
	rep.Layers = make([]engine.LayerInfo, 1)
	rep.Base = &engine.Base{Name: "b", State: "mismatch"}
	rep.Policy.Sources = []engine.PolicySource{{Name: "default", Digest: engine.Digest(diffID(1))}, {Name: "mine"}}
	rep.Decision.Weakened = []engine.Relaxation{{What: "--db none", Where: "flag"}, {What: "rules.a", From: "deny", Where: "veto.yaml:1"},
		{What: "rules.b", To: "off", Where: "veto.yaml:2"}}
	lines := textLines(t, Options{Detail: "full"}, rep)
	hasLine(t, lines, "  Space", "  Space    3 MB in 1 layer, 2 kB of them replaced or removed by later ones; efficiency 1.00")
	hasLine(t, lines, "  Base", "  Base     b, mismatch: its layers are not the oldest ones of this image")
	hasLine(t, lines, "  Policy", "  Policy   default sha256:000000000000, mine; 1 rule: 1 pass")
	hasLine(t, lines, "  Weakened --db", "  Weakened --db none (flag)")
	hasLine(t, lines, "  Weakened rules.a", "  Weakened rules.a: deny → unset (veto.yaml:1)")
	hasLine(t, lines, "  Weakened rules.b", "  Weakened rules.b: unset → off (veto.yaml:2)")
	hasLine(t, textLines(t, Options{}, rep), "  Space", "")
	rep.Space.ContentBytes, rep.Base = 0, nil
	lines = textLines(t, Options{Detail: "full"}, rep)
	hasLine(t, lines, "  Space", "")
	hasLine(t, lines, "  Base", "")
	hasLine(t, lines, "  Seen", "  Seen     no packages; 0 files unread; 0 waived")
	rep.Decision.Rules, rep.Decision.Verdict = nil, engine.Undecided
	lines = textLines(t, Options{}, rep)
	hasLine(t, lines, "  Seen", "")
	hasLine(t, lines, "  Policy", "")
	hasLine(t, lines, "  error", "  error  no rule was evaluated")
	rep.Packages = []engine.Package{{Type: "deb"}}
	hasLine(t, textLines(t, Options{}, rep), "  Seen", "  Seen     1 deb; 0 files unread; 0 waived")
}

func TestMegabytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 kB", 1: "1 kB", 1000: "1 kB", 1001: "2 kB", 999_999: "1000 kB", 1_000_000: "1 MB",
		1_499_999: "1 MB", 1_500_000: "2 MB", 1_116_000_000: "1116 MB"} {
		if got := megabytes(n); got != want {
			t.Errorf("megabytes(%d) = %s, want %s", n, got, want)
		}
	}
}
