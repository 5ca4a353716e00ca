package vex

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// A statement has to name every installed package of the finding, and can name none that has no package URL. Packages of another version,
// type or release are not the finding's.
func TestFindingPackages(t *testing.T) {
	product := `{"@id":"pkg:deb/debian/openssl"},{"@id":"pkg:deb/debian/libssl3"}`
	other := func(f *engine.Facts) { f.Packages[0].PURL = "pkg:deb/debian/other@3.0.11-1~deb12u2" } // which no product names
	for name, c := range map[string]struct {
		change func(f *engine.Facts)
		want   engine.Maybe
	}{
		"all have one":                      {func(*engine.Facts) {}, "not_affected"},
		"the finding has none":              {func(f *engine.Facts) { f.Findings[1].Package.PURL = "" }, ""},
		"a package has none":                {func(f *engine.Facts) { f.Packages[0].PURL = "libssl3" }, ""},
		"a package that nothing is said of": {other, ""},
		"another version's": {func(f *engine.Facts) { other(f); f.Packages[0].Version, f.Packages[0].Source.Version = "4", "4" },
			"not_affected"},
		"of its source's version alone": {func(f *engine.Facts) { other(f); f.Packages[0].Version = "4" }, ""},
		"of its own version alone":      {func(f *engine.Facts) { other(f); f.Packages[0].Source.Version = "4" }, ""},
		"another type's":                {func(f *engine.Facts) { other(f); f.Packages[0].Type = "rpm" }, "not_affected"},
		"another release's":             {func(f *engine.Facts) { other(f); f.Packages[0].Ecosystem = "Debian:11" }, "not_affected"},
		"not the finding's":             {func(f *engine.Facts) { other(f); f.Packages[0].Name = "other" }, "not_affected"},
		"no package is known":           {func(f *engine.Facts) { f.Packages = nil }, ""},
	} {
		f := facts()
		c.change(f)
		d, err := Parse("a.json", []byte(openvex(strings.Replace(product, "debian/openssl", "debian/openssl?arch=amd64", 1),
			"CVE-2024-0727", "not_affected")))
		if err != nil {
			t.Fatal(err)
		}
		if err := Mark([]*Document{d}, f, clock()); err != nil {
			t.Fatal(err)
		}
		if f.Findings[1].VEXStatus != c.want {
			t.Errorf("%s: %q, want %q", name, f.Findings[1].VEXStatus, c.want)
		}
	}
}

// Of several CVEs each needs an answer, and the most severe one holds. The newest answer about a CVE counts, and of the same time the more
// severe: whatever the order of documents and statements.
func TestSeveralCVEs(t *testing.T) {
	said := []string{affected, underInvestigation, fixed, notAffected} // from the most severe
	cves := []string{"CVE-2024-0001", "CVE-2024-0002", "DSA-5678-1"}   // the last one is the finding itself
	r := rand.New(rand.NewPCG(5, 6))
	type statement struct {
		id, status string
		day        int
	}
	for range 300 {
		var all []statement
		for range r.IntN(6) {
			all = append(all, statement{cves[r.IntN(3)], said[r.IntN(4)], r.IntN(3)})
		}
		// The answer as the package comment has it, without the code under test.
		newest := func(cve string) string {
			best := statement{day: -1}
			for _, s := range all {
				if s.id != cve && s.id != cves[2] {
					continue
				}
				if s.day > best.day || s.day == best.day && slices.Index(said, s.status) < slices.Index(said, best.status) {
					best = s
				}
			}
			return best.status
		}
		first, second := newest(cves[0]), newest(cves[1])
		want := first
		if first == "" || second == "" {
			want = ""
		} else if slices.Index(said, second) < slices.Index(said, first) {
			want = second
		}
		for range 2 {
			var docs []*Document
			for i, s := range all {
				at := time.Date(2026, 1, 1+s.day, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
				text := openvex(`{"@id":"pkg:deb/debian/curl@7.88.1-10"}`, s.id, s.status)
				d, err := Parse(fmt.Sprint(i, ".json"), []byte(strings.Replace(text, "2026-01-02T03:04:05Z", at, 1)))
				if err != nil {
					t.Fatal(err)
				}
				docs = append(docs, d)
			}
			f := facts()
			if err := Mark(docs, f, clock()); err != nil {
				t.Fatal(err)
			}
			got := f.Findings[2]
			if string(got.VEXStatus) != want || len(got.VEX) != len(all) {
				t.Fatalf("%+v: %q of %d marks, want %q", all, got.VEXStatus, len(got.VEX), want)
			}
			if !slices.IsSortedFunc(got.VEX, func(a, b engine.VEX) int { return strings.Compare(string(a.At), string(b.At)) }) {
				t.Fatalf("the marks are not from the oldest to the newest: %+v", got.VEX)
			}
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
	}
}

// "There will be no fix" is kept of the statement that counts, and only where no fix is there.
func TestWontFix(t *testing.T) {
	text := strings.Replace(goodCSAF, `"known_not_affected"`, `"known_affected"`, 1)
	planned := strings.Replace(text, `"flags":`, `"remediations":[{"category":"vendor_fix","product_ids":["P"]},
		{"category":"no_fix_planned","details":"old","product_ids":["P"]},
		{"category":"no_fix_planned","details":"old","product_ids":["P"]}],"flags":`, 1)
	for name, c := range map[string]struct {
		text, fix, want, action string
	}{
		"none planned":          {planned, "none", "wont_fix", "vendor_fix; no_fix_planned: old"},
		"a fix is there":        {planned, "released", "released", "vendor_fix; no_fix_planned: old"},
		"nothing is said of it": {text, "none", "none", ""},
		"it is not affected":    {strings.Replace(planned, "known_affected", "known_not_affected", 1), "none", "none", ""},
		"of another product": {strings.ReplaceAll(planned, `"details":"old","product_ids":["P"]`, `"details":"old","product_ids":["Q"]`),
			"none", "none", "vendor_fix"},
		"will not, in CycloneDX": {strings.Replace(goodCycloneDX, `"state"`, `"response":["update","will_not_fix"],"state"`, 1), "none",
			"wont_fix", "update, will_not_fix"},
		"can not, in CycloneDX": {strings.Replace(goodCycloneDX, `"state"`, `"response":["can_not_fix"],"state"`, 1), "none",
			"wont_fix", "can_not_fix"},
		"update, in CycloneDX": {strings.Replace(goodCycloneDX, `"state"`, `"response":["update"],"state"`, 1), "none", "none", "update"},
	} {
		d, err := Parse("a.json", []byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := facts()
		f.Findings[0].Fix = c.fix
		if err := Mark([]*Document{d}, f, clock()); err != nil {
			t.Fatal(err)
		}
		if got := f.Findings[0]; got.Fix != c.want || len(got.VEX) != 1 || string(got.VEX[0].Action) != c.action {
			t.Errorf("%s: %s, %+v; want %s, %q", name, got.Fix, got.VEX, c.want, c.action)
		}
	}
}
