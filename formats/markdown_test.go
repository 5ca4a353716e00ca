package formats

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// markdownLines are the lines of one report in Markdown.
func markdownLines(t *testing.T, rep engine.Report) []string {
	t.Helper()
	return strings.Split(string(render(t, "markdown", Options{}, runOf(reportVerdict(&rep), rep))), "\n")
}

// Every character that means something in Markdown or HTML is text, also where GitHub looks for mentions and links after rendering.
func TestEscapeMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"plain":           "plain",
		"<b>&\"'":         "&lt;b&gt;&amp;&quot;&#39;",
		"|`*_[]#~\\!$":    "&#124;&#96;&#42;&#95;&#91;&#93;&#35;&#126;&#92;&#33;&#36;",
		"@team":           "&#64;<!-- -->team",
		"http://x.test":   "http&#58;<!-- -->//x.test",
		"www.x.test":      "www<!-- -->.x.test",
		"a\nb":            "a&#92;nb",
		"&amp;":           "&amp;amp;",
		"# ##":            "&#35; &#35;&#92;x23",
		"\u202e":          "&#92;u202e",
		"a - b. c) 1+2=3": "a - b. c) 1+2=3",
	} {
		if got := escapeMarkdown(in); got != want {
			t.Errorf("escapeMarkdown(%q) = %s, want %s", in, got, want)
		}
	}
	if got := escapeMarkdown(strings.Repeat("x", 2001)); len(got) != 2000 {
		t.Errorf("a text of 2001 bytes takes %d", len(got))
	}
}

// The report names image, platform and digest, its errors, and each rule that a reader has to look at.
func TestMarkdownReport(t *testing.T) {
	rep := bareReport(engine.StatusDeny, engine.Result{Msg: "only message"})
	rep.Image.Digest, rep.Platform = "sha256:00", engine.Platform{OS: "linux", Architecture: "amd64"}
	rep.Decision.Rules[0].Note, rep.Decision.Rules[0].Remediation = "a note", "mend it"
	rep.Decision.Rules = append(rep.Decision.Rules, engine.RuleResult{ID: "b-rule", Status: engine.StatusError, Note: "broken"},
		engine.RuleResult{ID: "c-rule", Status: engine.StatusPass}, engine.RuleResult{ID: "d-rule", Status: engine.StatusInfo})
	rep.Errors = []engine.Problem{{What: "an error", Hint: "a hint"}, {What: "another"}}
	rep.Decision.Weakened = []engine.Relaxation{{What: "--db none", Where: "flag"}}
	want := []string{
		"## ⛔ DENIED app linux/amd64", "",
		"Image digest: sha256:00", "",
		"- **error** an error — a hint", "- **error** another", "",
		"4 rules: 1 deny, 1 error, 1 info, 1 pass. no packages; 0 files unread; 0 waived.", "",
		"| | Rule | Count | What | Fix |", "|---|---|---:|---|---|",
		"| deny | a-rule | 1 | only message: a note | mend it |", "| error | b-rule | 0 | b-rule: broken |  |", "",
		"**Weakened**", "", "- --db none (flag)", "",
		"<sub>Data: none was needed; KEV not loaded. Policy: ; 4 rules: 1 deny, 1 error, 1 info, 1 pass.</sub>", "", "",
	}
	if diff := cmp.Diff(want, markdownLines(t, rep)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rep = bareReport(engine.StatusPass)
	rep.Decision = engine.Decision{Verdict: engine.Pass}
	if diff := cmp.Diff([]string{"## ✅ PASS app", "", ""}, markdownLines(t, rep)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A rule with more than one message, or with a package, has a block of its own.
func TestMarkdownDetails(t *testing.T) {
	rep := withFindings(debs(1)...)
	rep.Findings[0].Layer = engine.Maybe(diffID(1))
	rep.Layers = []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1))}}
	block := func(rep engine.Report) []string {
		lines := markdownLines(t, rep)
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "<details>") })
		if i < 0 {
			return nil
		}
		return lines[i : slices.Index(lines, "</details>")+1]
	}
	rule := &rep.Decision.Rules[0]
	rule.Results = append(rule.Results, engine.Result{Msg: "a message", Layer: engine.Maybe(diffID(1))})
	want := []string{"<details><summary>a-rule: 2 results</summary>", "",
		"| Package | Installed | Fixed | Vulnerabilities | Severity | Layer |", "|---|---|---|---|---|---:|",
		"| liba | 1 | 2 | CVE-2026-1000 | high | 1 |", "",
		"- a message, layer 1", "", "</details>"}
	if diff := cmp.Diff(want, block(rep)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rule.Results = rule.Results[1:]
	if got := block(rep); got != nil {
		t.Errorf("the message in the table of rules is repeated: %q", got)
	}
	rule.Results = append(rule.Results, engine.Result{Msg: "b message"})
	want = []string{"<details><summary>a-rule: 2 results</summary>", "", "- a message, layer 1", "- b message", "", "</details>"}
	if diff := cmp.Diff(want, block(rep)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rule.Results = nil
	if got := block(rep); got != nil {
		t.Errorf("a rule without results has a block: %q", got)
	}
	for n, want := range map[int]string{1: "CVE-2026-1000", 10: "CVE-2026-1009", 11: "CVE-2026-1009 and 1 more",
		14: "CVE-2026-1009 and 4 more"} {
		findings := debs(n)
		for i := range findings {
			findings[i].Package.Name, findings[i].Package.Type, findings[i].FixedVersions = "p", "npm", nil
			findings[i].Package.Locations = []engine.Location{{Path: "app/package.json"}}
		}
		row := block(withFindings(findings...))[4]
		if !strings.HasPrefix(row, "| p (/app/package.json) | 1 | no fix yet | CVE-2026-1000") || !strings.Contains(row, want+" | high |  |") {
			t.Errorf("%d ids: %s, want %s", n, row, want)
		}
	}
}

// Waivers are shown when they have ended and in the two weeks before, so that nobody is surprised by a denial.
func TestMarkdownWaivers(t *testing.T) {
	shown := func(w engine.Waiver, now string) string {
		rep := bareReport(engine.StatusPass)
		rep.Now, rep.Waivers = now, []engine.Waiver{w}
		lines := markdownLines(t, rep)
		i := slices.Index(lines, "**Waivers to look at**")
		if i < 0 {
			return ""
		}
		return lines[i+2]
	}
	const now = "2026-11-23T11:00:00Z"
	waiver := func(state, expires string) engine.Waiver {
		return engine.Waiver{State: state, Expires: expires, Owner: "@a", Reason: "r", Rule: "a-rule"}
	}
	const rest = ": rule a-rule, owner &#64;<!-- -->a: r"
	for _, c := range []struct {
		w         engine.Waiver
		now, want string
	}{
		{waiver("active", "2026-11-24"), now, "- expires 2026-11-24" + rest},
		{waiver("active", "2026-12-07"), now, "- expires 2026-12-07" + rest},
		{waiver("active", "2026-12-08"), now, ""},
		{waiver("active", "2026-11-24"), "some day", ""},
		{waiver("expired", "2026-11-01"), now, "- expired 2026-11-01" + rest},
		{waiver("ended", "2027-11-01"), "some day", "- ended 2027-11-01" + rest},
		{waiver("other-image", "2026-11-24"), now, ""},
	} {
		if got := shown(c.w, c.now); got != c.want {
			t.Errorf("%+v at %s: %q, want %q", c.w, c.now, got, c.want)
		}
	}
}

// The plan is there when it leads somewhere: the image is denied, and there is something to change.
func TestMarkdownPlan(t *testing.T) {
	rep := withFindings(debs(2)...)
	rep.Layers = []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1))}}
	rep.Decision.Plan = engine.Plan{Left: []string{"b-rule"}, Changes: []engine.Change{
		{Command: "apt <x>", Layer: engine.Maybe(diffID(1)), Findings: []string{rep.Findings[0].Ref}}, {Command: "npm"}}}
	lines := markdownLines(t, rep)
	i := slices.Index(lines, "**To pass**")
	want := []string{"- 1 of 2, layer 1: <code>apt &lt;x&gt;</code>", "- 0 of 2: <code>npm</code>", "- b-rule still denies after that"}
	if i < 0 || !slices.Equal(lines[i+2:i+5], want) {
		t.Errorf("%q", lines)
	}
	rep.Decision.Verdict = engine.Undecided
	if slices.Contains(markdownLines(t, rep), "**To pass**") {
		t.Error("a plan for an image that is not denied")
	}
	rep.Decision.Verdict, rep.Decision.Plan.Changes = engine.Denied, nil
	if slices.Contains(markdownLines(t, rep), "**To pass**") {
		t.Error("a plan without changes")
	}
}

// GitHub drops a summary that is too long without a word; one that was shortened says so.
func TestMarkdownLeavesOut(t *testing.T) {
	for n, want := range map[int]string{200: "", 201: "_1 row was left out here", 205: "_5 rows were left out here"} {
		var reports []engine.Report
		for range n {
			reports = append(reports, bareReport(engine.StatusPass))
		}
		out := string(render(t, "markdown", Options{}, runOf(engine.Pass, reports...)))
		if got := strings.Count(out, "## ✅ PASS app"); got != 200 || strings.Contains(out, "left out here") != (want != "") ||
			!strings.Contains(out, want) {
			t.Errorf("%d reports: %d shown, want 200 and %q", n, got, want)
		}
	}
	doc := &markdownDocument{limit: 10}
	for _, l := range []string{"1234", "5678", "x", ""} {
		doc.addOptional(l)
	}
	doc.addLine("always")
	if got := doc.b.String(); got != "1234\n5678\nalways\n" || doc.omitted != 2 { // exactly full, and nothing shorter slips in after that
		t.Errorf("%q, %d omitted", got, doc.omitted)
	}
	// A block whose rows have no room is left out with its frame; all of its rows are counted.
	rep := bareReport(engine.StatusDeny, engine.Result{Msg: "a"}, engine.Result{Msg: "b"}, engine.Result{Msg: "c"})
	doc = &markdownDocument{limit: 0, omitted: 1}
	indexReport(&rep).writeMarkdownDetails(doc)
	if doc.b.Len() > 0 || doc.omitted != 4 {
		t.Errorf("%q, %d omitted", doc.b.String(), doc.omitted)
	}
}

func TestMarkdownOfSeveralImages(t *testing.T) {
	for _, c := range []struct {
		r    *engine.Run
		want string
	}{
		{runOf(engine.Pass, bareReport(engine.StatusPass)), "## ✅ PASS app"},
		{runOf(engine.Pass, bareReport(engine.StatusPass), bareReport(engine.StatusPass)), "## ✅ veto: PASS, 2 images"},
		{runOf(engine.Denied, bareReport(engine.StatusPass)), "## ⛔ veto: DENIED, 1 image"},
		{runOf(engine.Pass), "## ⚠️ veto: UNDECIDED, 0 images"},
	} {
		if got, _, _ := strings.Cut(string(render(t, "markdown", Options{}, c.r)), "\n"); got != c.want {
			t.Errorf("%s, want %s", fmt.Sprint(got), c.want)
		}
	}
}
