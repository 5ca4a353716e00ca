package waiver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func entry(keys string) string {
	return "version: 1\nwaivers:\n  - {" + keys + ", reason: a, owner: b, expires: 2026-12-31}\n"
}

func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("w.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return f
}

func vuln(ref, id, name string, cves ...string) engine.Finding {
	return engine.Finding{Ref: ref, ID: id, CVEs: cves, Fingerprint: engine.Fingerprint(ref), Package: engine.FoundPackage{Name: name,
		PURL: "pkg:deb/debian/" + name + "@1.0?distro=debian-12", Locations: []engine.Location{{Path: "var/lib/dpkg/status"}}}}
}

func facts(fs ...engine.Finding) *engine.Facts {
	f := &engine.Facts{Findings: fs, Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Path: "srv/app.jar", Ref: "c1",
		Fingerprint: engine.Fingerprint("c1")}}}
	for i := range f.Findings {
		f.Findings[i].FixedVersions = []string{"2.0"}
	}
	return f
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                           "empty",
		"version: 2\nwaivers: []\n":                  "version",
		"waivers: []\n":                              "version",
		"version: 1\n":                               "waivers",
		"version: 1\nwaivers: {}\n":                  "list",
		"version: 1\nwaivers: []\nx: 1\n":            "unknown key",
		entry("rule: user-root"):                     "w.yaml:3",
		entry("match: {}"):                           "w.yaml:3",
		entry("broad: true"):                         "matches nothing",
		entry("match: {vuln: X}, broad: true"):       "goes with a rule",
		entry("match: {vuln: ''}"):                   "text",
		entry("match: {purl: nginx}"):                "purl",
		entry("match: {path: '[a'}"):                 "pattern",
		entry("match: {fingerprint: 12ab}"):          "hex",
		entry("match: {vuln: X}, colour: red"):       "unknown key",
		"version: 1\nwaivers:\n  - x\n":              "a waiver",
		entry("match: {fingerprint: [12345678]}"):    "match.fingerprint",
		entry("match: {fingerprint: ABCDEF12}"):      "hex",
		entry("match: {path: ''}"):                   "match.path",
		entry("match: x"):                            "match",
		entry("match: {vuln: X}, images: x"):         "images",
		entry("match: {vuln: X}, images: [a, '']"):   "must be text",
		entry("match: {vuln: X}, images: ['[a', a]"): "no pattern",
		entry("match: {vuln: X}, origin: mine"):      "baseline",
		entry("rule: r, broad: maybe"):               "broad",
		entry("match: {cve: X}"):                     "unknown key",
		entry("match: {vuln: X}, images: []"):        "images",
		entry("match: {vuln: X}, until: forever"):    "fix-available",
		"version: 1\nwaivers:\n  - {match: {vuln: X}, owner: b, expires: 2026-12-31}\n":                       "reason",
		"version: 1\nwaivers:\n  - {match: {vuln: X}, reason: a, expires: 2026-12-31}\n":                      "owner",
		"version: 1\nwaivers:\n  - {match: {vuln: X}, reason: a, owner: b}\n":                                 "expires",
		"version: 1\nwaivers:\n  - {match: {vuln: X}, reason: a, owner: b, expires: tomorrow}\n":              "day",
		"version: 1\nwaivers:\n  - {match: {vuln: X}, reason: a, owner: b, expires: 2026-02-30}\n":            "day",
		"version: 1\nwaivers:\n  - &a {match: {vuln: X}, reason: a, owner: b, expires: 2026-12-31}\n  - *a\n": "alias",
	} {
		f, err := Parse("w.yaml", []byte(text))
		var said string
		if err != nil {
			said = err.Error()
			if h := (*engine.HintError)(nil); errors.As(err, &h) {
				said += h.Hint
			}
		}
		if err == nil || f != nil || !strings.Contains(said, want) || !errors.As(err, new(*engine.UsageError)) {
			t.Errorf("%q: %v, want a usage error about %q", text, err, want)
		}
	}
}

// otherDigit is a hex digit that is not d.
func otherDigit(d byte) string {
	if d == '0' {
		return "1"
	}
	return "0"
}

// YAML reads a fingerprint of eight digits without a letter as a number, and one fingerprint in forty begins so.
func TestFingerprintOfDigits(t *testing.T) {
	if w := parse(t, entry("match: {fingerprint: 12345678}")).Waivers()[0]; w.Match.Fingerprint != "12345678" {
		t.Errorf("%+v", w.Match)
	}
	f := facts()
	f.Gaps[0].Fingerprint = "12345678"
	if err := parse(t, entry("match: {fingerprint: 12345678}")).For(engine.Identity{}, noon).Mark(f); err != nil || f.Gaps[0].WaivedBy == "" {
		t.Errorf("%v: a fingerprint that is no longer than the shortest is not accepted", err)
	}
}

func TestMark(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // refs that are waived
	}{
		"by id":               {entry("match: {vuln: CVE-1}"), "v1"},
		"by id and package":   {entry(`match: {vuln: CVE-1, purl: "pkg:deb/debian/nginx"}`), "v1"},
		"another package":     {entry(`match: {vuln: CVE-1, purl: "pkg:deb/debian/curl"}`), ""},
		"by package":          {entry(`match: {purl: "pkg:deb/debian/nginx@1.0"}`), "v1 v2"},
		"by another version":  {entry(`match: {purl: "pkg:deb/debian/nginx@1.1"}`), ""},
		"by fingerprint":      {entry("match: {fingerprint: " + engine.Fingerprint("v1") + "}"), "v1"},
		"by its first digits": {entry("match: {fingerprint: '" + engine.Fingerprint("v1")[:8] + "'}"), "v1"},
		"by digits that go on otherwise": {entry("match: {fingerprint: '" + engine.Fingerprint("v1")[:8] +
			otherDigit(engine.Fingerprint("v1")[8]) + "'}"), ""},
		"a gap":                    {entry("match: {path: 'srv/*.jar'}"), "c1"},
		"one star stays in a part": {entry("match: {path: '*.jar'}"), ""},
		"two stars do not":         {entry("match: {path: '**/*.jar'}"), "c1"},
		"one CVE of two":           {entry("match: {vuln: CVE-2}"), ""},
		"one CVE that an advisory of two is called by": {entry("match: {vuln: CVE-4}"), ""},
		"the advisory itself":                          {entry("match: {vuln: DSA-1}"), "v2"},
		"both CVEs":                                    {entry("match: {vuln: CVE-2}") + more("match: {vuln: CVE-3}"), "v2"},
		"until a fix, and it is":                       {entry("match: {vuln: CVE-1}, until: fix-available"), ""},
		"the last day":                                 {strings.Replace(entry("match: {vuln: CVE-1}"), "2026-12-31", "2026-11-23", 1), "v1"},
		"the day after":                                {strings.Replace(entry("match: {vuln: CVE-1}"), "2026-12-31", "2026-11-22", 1), ""},
		"for this image":                               {entry("match: {vuln: CVE-1}, images: ['ghcr.io/shop/*']"), "v1"},
		"for another image":                            {entry("match: {vuln: CVE-1}, images: ['ghcr.io/other/*']"), ""},
		"a rule's waiver marks none":                   {entry("rule: vuln-fixable, match: {vuln: CVE-1}"), ""},
		"a secret":                                     {entry("match: {path: 'etc/key'}"), "s1"},
		"a secret by its digits":                       {entry("match: {fingerprint: " + engine.Fingerprint("s1") + "}"), "s1"},
		"another's digits":                             {entry("match: {fingerprint: " + engine.Fingerprint("x") + "}"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"), vuln("v2", "DSA-1", "nginx", "CVE-2", "CVE-3"),
				vuln("v3", "CVE-4", "vim", "CVE-4", "CVE-5"))
			f.Secrets = []engine.Secret{{Path: "etc/key", Ref: "s1", Fingerprint: engine.Fingerprint("s1")}}
			const stale = "stale mark of a recording"
			f.Findings[0].WaivedBy, f.Secrets[0].WaivedBy, f.Gaps[0].WaivedBy = stale, stale, stale
			m := parse(t, c.text).For(engine.Identity{Name: "ghcr.io/shop/web", Named: true}, noon)
			if err := m.Mark(f); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range f.Findings {
				if v.WaivedBy != "" {
					got = append(got, v.Ref)
				}
			}
			if f.Gaps[0].WaivedBy != "" {
				got = append(got, "c1")
			}
			if f.Secrets[0].WaivedBy != "" {
				got = append(got, "s1")
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("waived: %q, want %q (states %+v)", s, c.want, f.Waivers)
			}
		})
	}
}

// A waiver until there is a fix accepts what has none, and ends with the first fix of the last thing that it matches.
func TestUntilThereIsAFix(t *testing.T) {
	for _, c := range []struct {
		first, second bool // fixed
		want, state   string
	}{{false, false, "v1 v2", active}, {true, false, "v2", active}, {false, true, "v1", active}, {true, true, "", ended}} {
		f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"), vuln("v2", "CVE-1", "curl", "CVE-1"))
		f.Findings[0].FixedVersions, f.Findings[1].FixedVersions = nil, nil
		if c.first {
			f.Findings[0].FixedVersions = []string{"2"}
		}
		if c.second {
			f.Findings[1].FixedVersions = []string{"2"}
		}
		m := parse(t, entry("match: {vuln: CVE-1}, until: fix-available")).For(engine.Identity{}, noon)
		if err := m.Mark(f); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range f.Findings {
			if v.WaivedBy != "" {
				got = append(got, v.Ref)
			}
		}
		if strings.Join(got, " ") != c.want || f.Waivers[0].State != c.state {
			t.Errorf("%+v: waived %q, %s", c, got, f.Waivers[0].State)
		}
	}
	f := facts(vuln("v1", "CVE-2", "nginx", "CVE-2"))
	if err := parse(t, entry("match: {vuln: CVE-1}, until: fix-available")).For(engine.Identity{}, noon).Mark(f); err != nil ||
		f.Waivers[0].State != active {
		t.Errorf("one that matches nothing is %s, %v", f.Waivers[0].State, err)
	}
}

// A name found inside an archive never selects a waiver.
func TestImagesNeedATrustedName(t *testing.T) {
	f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"))
	m := parse(t, entry("match: {vuln: CVE-1}, images: ['**']")).For(engine.Identity{Name: "ghcr.io/shop/web"}, noon)
	if err := m.Mark(f); err != nil || f.Findings[0].WaivedBy != "" || f.Waivers[0].State != otherImage {
		t.Errorf("%v: waived by %q, state %s", err, f.Findings[0].WaivedBy, f.Waivers[0].State)
	}
}

// A waiver for a rule that is not there would silently do nothing, so that a typo is a mistake with its line.
func TestCheckRules(t *testing.T) {
	f := parse(t, entry("match: {vuln: CVE-1}")+more("rule: user-root, broad: true"))
	if err := f.CheckRules([]string{"user-root", "vuln-fixable"}); err != nil {
		t.Errorf("a rule that is there: %v", err)
	}
	err := f.CheckRules([]string{"vuln-fixable"})
	if !errors.As(err, new(*engine.UsageError)) || !strings.Contains(err.Error(), "w.yaml:4") ||
		!strings.Contains(err.Error(), `"user-root"`) {
		t.Errorf("a rule that is not there: %v", err)
	}
	if err := f.CheckRules(nil); err == nil {
		t.Error("without any rule: no error")
	}
}

// A list that is too long is a mistake, not a list of its first waivers.
func TestTooManyWaivers(t *testing.T) {
	if testing.Short() {
		t.Skip("parsing 100,001 waivers takes seconds")
	}
	text := "version: 1\nwaivers:\n" + strings.Repeat("  - {}\n", maxWaivers+1)
	if _, err := Parse("w.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("%v", err)
	}
}

// A waiver's id is what reports and waived_by name it by: it stays when the waiver moves in its file, and changes with what the waiver
// says.
func TestID(t *testing.T) {
	first := parse(t, entry("match: {vuln: CVE-1}")).Waivers()[0].ID
	if moved := parse(t, entry("match: {vuln: CVE-2}")+more("match: {vuln: CVE-1}")).Waivers()[1].ID; moved != first {
		t.Errorf("moved, %s is %s", first, moved)
	}
	seen := map[string]string{first: "match"}
	for _, keys := range []string{"match: {vuln: CVE-2}", "match: {purl: 'pkg:npm/a'}", "match: {path: a}", "match: {fingerprint: '12345678'}",
		"rule: r, broad: true", "match: {vuln: CVE-1}, images: [a]", "match: {vuln: CVE-1}, until: fix-available",
		"match: {vuln: CVE-1}, ticket: T", "match: {vuln: CVE-1}, origin: baseline"} {
		id := parse(t, entry(keys)).Waivers()[0].ID
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s are both %s", other, keys, id)
		}
		seen[id] = keys
	}
}

func rules(waivable bool) []engine.RuleResult {
	return []engine.RuleResult{
		{ID: "vuln-fixable", Status: engine.StatusDeny, Waivable: waivable, Results: []engine.Result{
			{Msg: "1", Findings: []string{"v1"}, Fingerprint: engine.Fingerprint("r1")},
			{Msg: "2", Findings: []string{"v1", "v2"}, Fingerprint: engine.Fingerprint("r2")}}},
		{ID: "user-root", Status: engine.StatusWarn, Waivable: waivable,
			Results: []engine.Result{{Msg: "root", Subject: "root", Fingerprint: engine.Fingerprint("r3")}}},
	}
}

func TestSubtract(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		fixed      bool
	}{
		"one finding":            {entry("match: {vuln: CVE-1}"), "deny:1 warn:", false},
		"both findings":          {entry(`match: {purl: "pkg:deb/debian/*"}, broad: true`), "waived:1,2 warn:", false},
		"a rule, narrowly":       {entry("rule: vuln-fixable, match: {vuln: CVE-1}"), "deny:1 warn:", false},
		"another rule, narrowly": {entry("rule: user-root, match: {vuln: CVE-1}"), "deny: warn:", false},
		"a rule, broadly":        {entry("rule: vuln-fixable, broad: true"), "waived:1,2 warn:", false},
		"a result without a finding": {entry("rule: user-root, match: {fingerprint: " + engine.Fingerprint("r3") + "}"),
			"deny: waived:root", false},
		"a result by its fingerprint": {entry("match: {fingerprint: " + engine.Fingerprint("r2") + "}"), "deny:2 warn:", false},
		"expired": {strings.Replace(entry("rule: vuln-fixable, broad: true"), "2026-12-31", "2020-01-01", 1),
			"deny: warn:", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"), vuln("v2", "CVE-2", "curl", "CVE-2"))
			for _, waivable := range []bool{true, false} {
				m := parse(t, c.text).For(engine.Identity{}, noon)
				rs := rules(waivable)
				if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, r := range rs {
					var waived []string
					for _, res := range r.Results {
						if res.WaivedBy != "" {
							waived = append(waived, res.Msg)
						}
					}
					got = append(got, string(r.Status)+":"+strings.Join(waived, ","))
				}
				want := c.want
				if !waivable {
					want = "deny: warn:"
				}
				if s := strings.Join(got, " "); s != want {
					t.Errorf("waivable %v: %s, want %s", waivable, s, want)
				}
			}
		})
	}
}

// The order of entries and findings changes nothing but which of two equal waivers is named.
func TestOrderIndependence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var entries []string
		for range 1 + r.IntN(6) {
			entries = append(entries, fmt.Sprintf("  - {match: {vuln: CVE-%d}, reason: r%d, owner: b, expires: 2026-12-%02d}\n", r.IntN(5),
				r.IntN(2), 1+r.IntN(28)))
		}
		waived := func() (refs string) {
			f := facts()
			for i := range 8 {
				f.Findings = append(f.Findings, vuln(fmt.Sprint("v", i), fmt.Sprint("DSA-", i), "x", fmt.Sprint("CVE-", i%5),
					fmt.Sprint("CVE-", (i*3)%5)))
			}
			if err := parse(t, "version: 1\nwaivers:\n"+strings.Join(entries, "")).For(engine.Identity{}, noon).Mark(f); err != nil {
				t.Fatal(err)
			}
			for _, v := range f.Findings {
				if v.WaivedBy != "" {
					refs += v.Ref + " "
				}
			}
			return refs
		}
		want := waived()
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		if got := waived(); got != want {
			t.Fatalf("%v: %q, before the shuffle %q", entries, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(entry("rule: user-root, broad: true")))
	f.Add([]byte(entry(`match: {vuln: X, purl: "pkg:deb/debian/nginx", path: "a/**", fingerprint: "12345678"}, images: [x], ` +
		`until: fix-available`)))
	f.Add([]byte("version: 1\nwaivers: []\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("w.yaml", data)
		if (err == nil) == (file == nil) {
			t.Fatal("an error and a file, or neither")
		}
		if err != nil {
			return
		}
		for _, w := range file.Waivers() {
			if w.Reason == "" || w.Owner == "" || w.Expires == "" || !w.Broad && w.Match == (engine.WaiverMatch{}) {
				t.Errorf("accepted: %+v", w)
			}
		}
	})
}
