package waiver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// more is a further entry for a text that entry has made.
func more(keys string) string {
	return "  - {" + keys + ", reason: a, owner: b, expires: 2026-12-31}\n"
}

// outcome applies the waivers of a text to facts and to one rule "r". It returns the messages of the waived results and the state of the
// first waiver.
func outcome(t *testing.T, text string, f *engine.Facts, results ...engine.Result) (waived, state string) {
	t.Helper()
	rs := []engine.RuleResult{{ID: "r", Status: engine.StatusDeny, Waivable: true, Results: results}}
	m := parse(t, text).For(engine.Identity{}, noon)
	if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, res := range rs[0].Results {
		if res.WaivedBy != "" {
			out = append(out, res.Msg)
		}
	}
	if (len(out) == len(results)) != (rs[0].Status == engine.StatusWaived) {
		t.Errorf("%d of %d results are waived, and the status is %s", len(out), len(results), rs[0].Status)
	}
	return strings.Join(out, " "), f.Waivers[0].State
}

func TestSubtractResults(t *testing.T) {
	places := func(v engine.Finding, paths ...string) engine.Finding {
		v.Package.Locations = nil
		for _, p := range paths {
			v.Package.Locations = append(v.Package.Locations, engine.Location{Path: p})
		}
		return v
	}
	print1 := engine.Fingerprint("r1")
	one := engine.Result{Msg: "one", Findings: []string{"v1"}, Path: "usr/a", Fingerprint: print1}
	alone := engine.Result{Msg: "alone", Path: "usr/a", Fingerprint: print1}
	v1, v2 := places(vuln("v1", "CVE-1", "nginx", "CVE-1"), "usr/a", "opt/b"), vuln("v2", "DSA-1", "curl", "CVE-2", "CVE-3")
	both := engine.Result{Msg: "both", Findings: []string{"v1", "v2"}, Fingerprint: print1}
	for name, c := range map[string]struct {
		text   string
		result engine.Result
		want   string
		state  string
	}{
		"by its fingerprint until a fix, and it is there": {entry("rule: r, match: {fingerprint: " + print1 + "}, until: fix-available"), one, "",
			ended},
		"broadly until a fix, and it is there":      {entry("rule: r, broad: true, until: fix-available"), one, "", ended},
		"broadly until a fix of what has none":      {entry("rule: r, broad: true, until: fix-available"), alone, "alone", active},
		"by a vulnerability until a fix":            {entry("rule: r, match: {vuln: CVE-1}, until: fix-available"), one, "", ended},
		"a path of one of the package's two places": {entry("rule: r, match: {path: 'usr/a*'}"), one, "", active},
		"the same without a rule":                   {entry("match: {path: 'usr/a*'}"), one, "", active},
		"both places":                               {entry("rule: r, match: {path: '**'}, broad: true"), one, "one", active},
		"a path, no finding, the rule named":        {entry("rule: r, match: {path: 'usr/a*'}"), alone, "alone", active},
		"a path, no finding, no rule named":         {entry("match: {path: 'usr/a*'}"), alone, "", active},
		"a path of another rule":                    {entry("rule: x, match: {path: 'usr/a*'}"), alone, "", active},
		"a finding each": {entry("rule: r, match: {vuln: CVE-1}") + more("rule: r, match: {vuln: DSA-1}"),
			both, "both", active},
		"one marked, one by the rule": {entry("match: {vuln: CVE-1}") + more("rule: r, match: {vuln: DSA-1}"),
			both, "both", active},
		"one of two findings": {entry("rule: r, match: {vuln: CVE-1}"), both, "", active},
		"each CVE by the rule": {entry("rule: r, match: {vuln: CVE-2}") + more("rule: r, match: {vuln: CVE-3}") +
			more("match: {vuln: CVE-1}"), both, "both", active},
		"one CVE by the rule, one without": {entry("rule: r, match: {vuln: CVE-2}") + more("match: {vuln: CVE-3}") +
			more("match: {vuln: CVE-1}"), both, "both", active},
		"one CVE by another rule": {entry("rule: x, match: {vuln: CVE-2}") + more("match: {vuln: CVE-3}") +
			more("match: {vuln: CVE-1}"), both, "", active},
		"until a fix of one finding of two, and it is there": {entry("rule: r, match: {fingerprint: " + engine.Fingerprint("v1") +
			"}, until: fix-available"), both, "", ended},
		"until a fix of a finding that the facts lack": {entry("rule: r, match: {vuln: CVE-1}, until: fix-available"),
			engine.Result{Msg: "lost", Findings: []string{"v9", "v1"}}, "", ended},
		"a finding that the facts lack": {entry("rule: r, match: {vuln: CVE-1}"),
			engine.Result{Msg: "lost", Findings: []string{"v1", "v9"}}, "", active},
	} {
		t.Run(name, func(t *testing.T) {
			waived, state := outcome(t, c.text, facts(v1, v2), c.result)
			if waived != c.want || state != c.state {
				t.Errorf("waived %q, state %s; want %q, %s", waived, state, c.want, c.state)
			}
		})
	}
}

// Only a rule that fired becomes waived: one that could not be evaluated, or is off, is not accepted by any waiver.
func TestSubtractStatus(t *testing.T) {
	for status, want := range map[engine.Status]engine.Status{engine.StatusDeny: engine.StatusWaived, engine.StatusWarn: engine.StatusWaived,
		engine.StatusInfo: engine.StatusWaived, engine.StatusError: engine.StatusError, engine.StatusPass: engine.StatusPass} {
		f := facts()
		rs := []engine.RuleResult{{ID: "r", Status: status, Waivable: true, Results: []engine.Result{{Msg: "a"}}},
			{ID: "r", Status: status, Waivable: true}}
		m := parse(t, entry("rule: r, broad: true")).For(engine.Identity{}, noon)
		if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
			t.Fatal(err)
		}
		if rs[0].Status != want {
			t.Errorf("a rule that is %s becomes %s, want %s", status, rs[0].Status, want)
		}
		if rs[1].Status != status {
			t.Errorf("a rule that is %s and says nothing becomes %s", status, rs[1].Status)
		}
	}
}

// A waiver's count is of the findings, secrets, gaps and results that it accepted, each once; a waiver with a count of 0 is reported as
// unused.
func TestUsed(t *testing.T) {
	one, two := vuln("v1", "CVE-1", "nginx", "CVE-1"), vuln("v2", "DSA-1", "curl", "CVE-2", "CVE-3")
	three := vuln("v3", "DSA-2", "curl", "CVE-2", "CVE-4")
	all := engine.Result{Msg: "all", Findings: []string{"v1", "v2", "v3"}}
	for name, c := range map[string]struct {
		text    string
		results []engine.Result
		want    []int
	}{
		"a finding and a result":        {entry("match: {vuln: CVE-1}"), []engine.Result{{Msg: "a", Findings: []string{"v1"}}}, []int{1}},
		"only its findings":             {entry(`match: {purl: "pkg:deb/debian/*"}, broad: true`), []engine.Result{all}, []int{3}},
		"two results":                   {entry("rule: r, broad: true"), []engine.Result{{Msg: "a"}, {Msg: "b"}}, []int{2}},
		"nothing":                       {entry("match: {vuln: CVE-9}"), []engine.Result{all}, []int{0}},
		"a result that is not accepted": {entry("rule: r, match: {vuln: CVE-1}"), []engine.Result{all}, []int{0}},
		"each of several, once": {entry("rule: r, match: {vuln: CVE-1}") + more("rule: r, match: {vuln: CVE-2}") +
			more("rule: r, match: {vuln: CVE-3}") + more("rule: r, match: {vuln: CVE-4}"), []engine.Result{all}, []int{1, 1, 1, 1}},
	} {
		f := facts(one, two, three)
		rs := []engine.RuleResult{{ID: "r", Status: engine.StatusDeny, Waivable: true, Results: c.results}}
		m := parse(t, c.text).For(engine.Identity{}, noon)
		if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, w := range f.Waivers {
			got = append(got, w.Used)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A shortened fingerprint that fits two results accepts neither of them, and the same goes for a result and a finding.
func TestSubtractAmbiguous(t *testing.T) {
	prefix := "0123abcd"
	a, b := prefix+strings.Repeat("0", 56), prefix+strings.Repeat("1", 56)
	text := entry("rule: r, match: {fingerprint: '" + prefix + "'}")
	if waived, _ := outcome(t, text, facts(), engine.Result{Msg: "a", Fingerprint: a},
		engine.Result{Msg: "a again", Fingerprint: a}); waived != "a a again" {
		t.Errorf("the same fingerprint twice: waived %q", waived)
	}
	if waived, _ := outcome(t, text, facts(), engine.Result{Msg: "a", Fingerprint: a}, engine.Result{Msg: "b", Fingerprint: b}); waived != "" {
		t.Errorf("two fingerprints: waived %q", waived)
	}
	v := vuln("v1", "CVE-1", "nginx", "CVE-1")
	v.Fingerprint = b
	if waived, _ := outcome(t, text, facts(v), engine.Result{Msg: "a", Fingerprint: a}); waived != "" {
		t.Errorf("a result and a finding: waived %q", waived)
	}
}

// A mark that the result of an unwaivable rule has from a recording, or a forger, is removed: only veto's own marks count.
func TestSubtractUnwaivable(t *testing.T) {
	f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"))
	rs := []engine.RuleResult{{ID: "r", Status: engine.StatusDeny,
		Results: []engine.Result{{Msg: "a", Findings: []string{"v1"}, WaivedBy: "forged"}}}}
	m := parse(t, entry("match: {vuln: CVE-1}")).For(engine.Identity{}, noon)
	if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
		t.Fatal(err)
	}
	if rs[0].Status != engine.StatusDeny || rs[0].Results[0].WaivedBy != "" {
		t.Errorf("%+v", rs[0])
	}
}

// Neither the order of waivers, findings, rules nor results changes what is waived and what ends.
func TestSubtractOrderIndependence(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var entries []string
		for i := range 1 + r.IntN(6) {
			keys := []string{"match: {vuln: CVE-%d}", "rule: r0, match: {vuln: CVE-%d}", "rule: r1, match: {vuln: CVE-%d}",
				"rule: r1, match: {purl: 'pkg:deb/debian/p%d'}", "rule: r%d, broad: true"}[r.IntN(5)]
			until := []string{"", ", until: fix-available"}[r.IntN(2)]
			entries = append(entries, more(fmt.Sprintf(keys, r.IntN(4))+until+fmt.Sprintf(", ticket: T-%d", i)))
		}
		var found []engine.Finding
		for i := range 6 {
			v := vuln(fmt.Sprint("v", i), fmt.Sprint("DSA-", i), fmt.Sprint("p", i%3), fmt.Sprint("CVE-", i%4),
				fmt.Sprint("CVE-", (i+1+r.IntN(2))%4))
			slices.Sort(v.CVEs)
			found = append(found, v)
		}
		fixed := r.IntN(64)
		var rs []engine.RuleResult
		for i := range 3 {
			rule := engine.RuleResult{ID: fmt.Sprint("r", i), Status: engine.StatusDeny, Waivable: true}
			for j := range 3 {
				res := engine.Result{Msg: fmt.Sprint(j), Fingerprint: engine.Fingerprint(fmt.Sprint(i, j))}
				for range r.IntN(3) {
					res.Findings = append(res.Findings, fmt.Sprint("v", r.IntN(6)))
				}
				rule.Results = append(rule.Results, res)
			}
			rs = append(rs, rule)
		}
		run := func() []string { return orderRun(t, entries, found, fixed, rs) }
		want := run()
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		r.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		r.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
		for _, rule := range rs {
			r.Shuffle(len(rule.Results), func(i, j int) { rule.Results[i], rule.Results[j] = rule.Results[j], rule.Results[i] })
		}
		if got := run(); !slices.Equal(got, want) {
			t.Fatalf("%v\nbefore the shuffle %q\nafter             %q", entries, want, got)
		}
	}
}

// orderRun returns, sorted, what is waived and each waiver's state.
func orderRun(t *testing.T, entries []string, found []engine.Finding, fixed int, rs []engine.RuleResult) []string {
	t.Helper()
	f := facts(slices.Clone(found)...)
	for i := range f.Findings {
		var n int
		fmt.Sscanf(f.Findings[i].Ref, "v%d", &n)
		if fixed>>n&1 == 0 {
			f.Findings[i].FixedVersions = nil
		}
	}
	var rules []engine.RuleResult
	for _, rule := range rs {
		rule.Results = slices.Clone(rule.Results)
		rules = append(rules, rule)
	}
	m := parse(t, "version: 1\nwaivers:\n"+strings.Join(entries, "")).For(engine.Identity{}, noon)
	if err := errors.Join(m.Mark(f), m.Subtract(f, rules)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rule := range rules {
		for _, res := range rule.Results {
			out = append(out, fmt.Sprint(rule.ID, rule.Status, res.Msg, res.WaivedBy != ""))
		}
	}
	for _, w := range f.Waivers {
		out = append(out, string(w.Ticket)+w.State)
	}
	slices.Sort(out)
	return out
}

// A baseline of many findings must not make a scan slow.
func BenchmarkMarkAndSubtract(b *testing.B) {
	const n = 5000
	f := facts()
	var text strings.Builder
	text.WriteString("version: 1\nwaivers:\n")
	rule := engine.RuleResult{ID: "r", Status: engine.StatusDeny, Waivable: true}
	for i := range n {
		v := vuln(fmt.Sprint("v", i), fmt.Sprint("CVE-", i), "p", fmt.Sprint("CVE-", i))
		f.Findings = append(f.Findings, v)
		text.WriteString(more("match: {fingerprint: '" + v.Fingerprint + "'}"))
		rule.Results = append(rule.Results, engine.Result{Findings: []string{v.Ref}, Fingerprint: engine.Fingerprint("r", v.Ref)})
	}
	file, err := Parse("w.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m := file.For(engine.Identity{}, noon)
		rule.Status = engine.StatusDeny
		if err := errors.Join(m.Mark(f), m.Subtract(f, []engine.RuleResult{rule})); err != nil {
			b.Fatal(err)
		}
	}
}
