package formats

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// textLines is what text prints for one report.
func textLines(t *testing.T, o Options, rep engine.Report) []string {
	t.Helper()
	text := string(render(t, "text", o, runOf(reportVerdict(&rep), rep)))
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// hasLine fails unless a line with the prefix is there exactly as wanted; "" wants no such line.
func hasLine(t *testing.T, lines []string, prefix, want string) {
	t.Helper()
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
	switch {
	case i < 0 && want != "":
		t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
	case i >= 0 && lines[i] != want:
		t.Errorf("line %q, want %q", lines[i], want)
	}
}

// bareReport is a report of one rule that says what it is given.
func bareReport(status engine.Status, results ...engine.Result) engine.Report {
	rep := engine.Report{Facts: engine.Facts{SchemaVersion: engine.SchemaVersion, Now: "2026-11-23T11:00:00Z",
		Image: engine.Identity{Name: "app", Named: true, Source: "registry"}}}
	rep.Decision.Rules = []engine.RuleResult{{ID: "a-rule", Title: "A rule", Status: status, Action: "deny", Package: "own", Results: results}}
	rep.Decision.Verdict = engine.VerdictOf(rep.Decision.Rules)
	return rep
}

// withFindings is bareReport with a denying result for each finding.
func withFindings(findings ...engine.Finding) engine.Report {
	findings = engine.Identify(findings)
	var results []engine.Result
	for _, f := range findings {
		results = append(results, engine.Result{Msg: f.ID + " in " + f.Package.Name, Findings: []string{f.Ref}})
	}
	rep := bareReport(engine.StatusDeny, results...)
	rep.Findings = findings
	return rep
}

// debs are findings in as many packages.
func debs(n int) []engine.Finding {
	var out []engine.Finding
	for i := range n {
		out = append(out, vuln(fmt.Sprintf("CVE-2026-%d", 1000+i), "deb", "Debian:12", fmt.Sprintf("lib%c", 'a'+i), "1", "2", engine.High, 1,
			"p"))
	}
	return out
}

// A header that fits is one line; one that does not puts the image's name on the first.
func TestTextHeader(t *testing.T) {
	rep := bareReport(engine.StatusPass)
	rep.Image.Name = strings.Repeat("n", 40)
	rep.Image.Digest, rep.Platform = engine.Digest(diffID(1)), engine.Platform{OS: "linux", Architecture: "amd64"}
	one := "PASS   " + rep.Image.Name + "   linux/amd64   sha256:" + rep.Image.Digest.Short()
	if got := textLines(t, Options{Width: len(one)}, rep); got[0] != one {
		t.Errorf("%q, want %q", got[0], one)
	}
	got := textLines(t, Options{Width: len(one) - 1}, rep)
	if got[0] != "PASS   "+rep.Image.Name || got[1] != "       linux/amd64   sha256:"+rep.Image.Digest.Short() {
		t.Errorf("%q", got[:2])
	}
	for _, c := range []struct {
		id   engine.Identity
		want string
	}{
		{engine.Identity{}, "PASS   image without a name"},
		{engine.Identity{Name: "a", Named: true, Source: "registry"}, "PASS   a"},
		{engine.Identity{Name: "a", Named: true}, "PASS   a"},
		{engine.Identity{Name: "a", Named: true, Source: "docker"}, "PASS   a   from docker"},
		{engine.Identity{Name: "a.tar", Source: "docker-archive"}, "PASS   a.tar"},
		{engine.Identity{Name: "a.tar", ContainedNames: []string{"b:1", "c"}}, "PASS   a.tar   (calls itself b:1)"},
		{engine.Identity{Name: "a", Named: true, ContainedNames: []string{"b:1"}, Source: "docker-archive"}, "PASS   a   from docker-archive"},
	} {
		rep := bareReport(engine.StatusPass)
		rep.Image = c.id
		if got := textLines(t, Options{}, rep); got[0] != c.want {
			t.Errorf("%+v: %q, want %q", c.id, got[0], c.want)
		}
	}
	rep = bareReport(engine.StatusPass)
	rep.Platform.Architecture = "arm64"
	if got := textLines(t, Options{}, rep); got[0] != "PASS   app   /arm64" {
		t.Errorf("a platform of which only the architecture is known: %q", got[0])
	}
}

// The last line counts what the verdict rests on, in the singular where it is one.
func TestTextLastLine(t *testing.T) {
	rules := func(statuses ...engine.Status) engine.Report {
		rep := bareReport(engine.StatusPass)
		for i, s := range statuses {
			rep.Decision.Rules = append(rep.Decision.Rules, engine.RuleResult{ID: fmt.Sprint("r", i), Status: s})
		}
		rep.Decision.Verdict = engine.VerdictOf(rep.Decision.Rules)
		return rep
	}
	observed := rules(engine.StatusDeny)
	observed.Policy.Mode = "observe"
	observedPass := rules(engine.StatusWarn)
	observedPass.Policy.Mode = "observe"
	planned := rules(engine.StatusDeny)
	planned.Decision.Plan = engine.Plan{Changes: []engine.Change{{Command: "x"}}, Passes: true}
	unplanned := rules(engine.StatusDeny)
	unplanned.Decision.Plan = engine.Plan{Changes: []engine.Change{{Command: "x"}}}
	failed := rules()
	failed.Errors = []engine.Problem{{What: "a"}, {What: "b"}}
	for _, c := range []struct {
		rep  engine.Report
		want string
	}{
		{rules(), "PASS       no rule denies; exit 0"},
		{rules(engine.StatusWarn), "PASS       no rule denies; 1 warns; exit 0"},
		{rules(engine.StatusWarn, engine.StatusWarn), "PASS       no rule denies; 2 warn; exit 0"},
		{rules(engine.StatusDeny), "DENIED     1 rule denies; exit 1"},
		{rules(engine.StatusDeny, engine.StatusWarn, engine.StatusDeny), "DENIED     2 rules deny; exit 1"},
		{rules(engine.StatusError), "UNDECIDED  1 rule could not be evaluated; exit 3"},
		{rules(engine.StatusError, engine.StatusNoData), "UNDECIDED  2 rules could not be evaluated; exit 3"},
		{rules(engine.StatusDeny, engine.StatusNoData), "DENIED     1 rule denies; 1 rule could not be evaluated; exit 1"},
		{failed, "UNDECIDED  2 errors; exit 3"},
		{planned, "DENIED     1 rule denies; 1 change would pass; exit 1"},
		{unplanned, "DENIED     1 rule denies; exit 1"},
		{observed, "WOULD BE DENIED 1 rule denies; exit 0, as the mode is observe"},
		{observedPass, "PASS       no rule denies; 1 warns; exit 0"},
	} {
		if lines := textLines(t, Options{}, c.rep); lines[len(lines)-1] != c.want {
			t.Errorf("%q, want %q", lines[len(lines)-1], c.want)
		}
	}
}

// The summary of several images says what each command's exit code means: one image whose policies are enforced fails the command.
func TestTextSummary(t *testing.T) {
	denied, observed, pass := bareReport(engine.StatusDeny), bareReport(engine.StatusDeny), bareReport(engine.StatusPass)
	observed.Policy.Mode = "observe"
	for _, c := range []struct {
		reports []engine.Report
		want    string
	}{
		{[]engine.Report{pass, pass}, "PASS       app\nPASS       app\nPASS       2 images; exit 0"},
		{[]engine.Report{observed, pass}, "WOULD BE DENIED app\nPASS       app\nDENIED     2 images; exit 1"},
		{[]engine.Report{observed, observed}, "WOULD BE DENIED app\nWOULD BE DENIED app\n" +
			"WOULD BE DENIED 2 images; exit 0, as the mode is observe"},
		{[]engine.Report{observed, denied}, "WOULD BE DENIED app\nDENIED     app\nDENIED     2 images; exit 1"},
		{nil, "UNDECIDED  0 images; exit 3"},
	} {
		var verdicts []engine.Verdict
		for i := range c.reports {
			verdicts = append(verdicts, reportVerdict(&c.reports[i]))
		}
		text := string(render(t, "text", Options{}, runOf(engine.Worst(verdicts...), c.reports...)))
		if !strings.HasSuffix(text, "\n"+c.want+"\n") && text != c.want+"\n" {
			t.Errorf("the summary of %v is not\n%s\nbut\n%s", verdicts, c.want, text)
		}
	}
}

// Colours change no text, and mark the verdict wherever it stands.
func TestTextColor(t *testing.T) {
	sequence := regexp.MustCompile(`\x1b\[(0|[0-9]+(;[0-9]+)?)m`)
	for name, r := range samples() {
		for _, detail := range []string{"short", "full"} {
			plain := string(render(t, "text", Options{Detail: detail}, r))
			colored := string(render(t, "text", Options{Detail: detail, Color: true}, r))
			if got := sequence.ReplaceAllString(colored, ""); got != plain {
				t.Errorf("%s in colour has another text:\n%s", name, got)
			}
			for word, color := range map[string]string{"PASS": "1;32", "DENIED": "1;31", "UNDECIDED": "1;33"} {
				for _, l := range strings.Split(colored, "\n") {
					if strings.Contains(l, word) && !strings.Contains(l, "\x1b["+color+"m"+word+"\x1b[0m") {
						t.Errorf("%s: %s has no colour in %q", name, word, l)
					}
				}
			}
		}
	}
	var findings []engine.Finding
	for i, level := range []engine.Level{engine.Critical, engine.High, engine.Medium, engine.Low} {
		f := debs(4)[i]
		f.Severity.Level = level
		findings = append(findings, f)
	}
	text := string(render(t, "text", Options{Color: true}, runOf(engine.Denied, withFindings(findings...))))
	for level, color := range map[string]string{"critical": "1;31", "high": "31", "medium": "33", "low": "0"} {
		if !strings.Contains(text, "\x1b["+color+"m  "+level+"  \x1b[0m") {
			t.Errorf("%s is not of the colour %s in %q", level, color, text)
		}
	}
	for _, c := range []struct {
		status engine.Status
		want   string
	}{
		{engine.StatusDeny, "\x1b[1;31mdeny\x1b[0m"}, {engine.StatusWarn, "\x1b[33mwarn\x1b[0m"},
		{engine.StatusNoData, "\x1b[1;33mno data\x1b[0m"},
		{engine.StatusError, "\x1b[1;33merror\x1b[0m"}, {"novel", "\x1b[1;33merror\x1b[0m"}, {engine.StatusPass, "\x1b[32mpass\x1b[0m"},
		{engine.StatusNotApplicable, "\x1b[2mn/a\x1b[0m"}, {engine.StatusInfo, "\x1b[2minfo\x1b[0m"},
		{engine.StatusWaived, "\x1b[2mwaived\x1b[0m"},
	} {
		rep := bareReport(c.status)
		if text := string(render(t, "text", Options{Color: true, Detail: "full"}, runOf(rep.Decision.Verdict, rep))); !strings.Contains(text,
			c.want) {
			t.Errorf("%s is not %q in %q", c.status, c.want, text)
		}
	}
}

// Long lists are folded only where that saves a line, and never in full detail.
func TestTextFolds(t *testing.T) {
	count := func(lines []string, s string) (n int) {
		for _, l := range lines {
			if strings.Contains(l, s) {
				n++
			}
		}
		return n
	}
	for n, want := range map[int]struct {
		rows int
		fold string
	}{1: {1, ""}, 3: {3, ""}, 4: {4, ""}, 5: {3, "2 more Debian packages, 2 CVEs"}, 9: {3, "6 more Debian packages, 6 CVEs"}} {
		lines := textLines(t, Options{}, withFindings(debs(n)...))
		if got := count(lines, "  1 → 2  "); got != want.rows || (want.fold != "") != (count(lines, "more Debian") > 0) ||
			count(lines, want.fold) == 0 {
			t.Errorf("%d packages: %d rows, want %d and %q\n%s", n, got, want.rows, want.fold, strings.Join(lines, "\n"))
		}
		if got := count(textLines(t, Options{Detail: "full"}, withFindings(debs(n)...)), "  1 → 2  "); got != n {
			t.Errorf("%d packages in full: %d rows", n, got)
		}
	}
	same := debs(5)
	for i := range same {
		same[i].ID = "CVE-2026-1"
	}
	hasLine(t, textLines(t, Options{}, withFindings(same...)), "    2 more",
		"    2 more Debian packages, 1 CVE  (all: --detail full)")
	for i := range same {
		same[i].ID = "DSA-1"
	}
	hasLine(t, textLines(t, Options{}, withFindings(same...)), "    2 more",
		"    2 more Debian packages, 1 advisory  (all: --detail full)")
	for n, want := range map[int]struct {
		shown int
		more  string
	}{2: {2, ""}, 5: {5, ""}, 6: {6, ""}, 7: {5, "2 more"}, 20: {5, "15 more"}} {
		var results []engine.Result
		for i := range n {
			results = append(results, engine.Result{Msg: fmt.Sprintf("message %d", i)})
		}
		lines := textLines(t, Options{}, bareReport(engine.StatusDeny, results...))
		if got := count(lines, "message "); got != want.shown || (want.more != "") != (count(lines, " more") > 0) ||
			count(lines, want.more) == 0 {
			t.Errorf("%d messages: %d lines, want %d and %q\n%s", n, got, want.shown, want.more, strings.Join(lines, "\n"))
		}
		if got := count(textLines(t, Options{Detail: "full"}, bareReport(engine.StatusDeny, results...)), "message "); got != n {
			t.Errorf("%d messages in full: %d lines", n, got)
		}
		rep := bareReport(engine.StatusDeny, engine.Result{Msg: "x"})
		for i := range n {
			rep.Waivers = append(rep.Waivers, engine.Waiver{Where: fmt.Sprintf("w.yaml:%d", i), State: "expired", Expires: "2026-01-01"})
		}
		if got := count(textLines(t, Options{}, rep), "expired 2026-01-01"); got != want.shown {
			t.Errorf("%d waivers: %d lines, want %d", n, got, want.shown)
		}
		if got := count(textLines(t, Options{Detail: "full"}, rep), "expired 2026-01-01"); got != n {
			t.Errorf("%d waivers in full: %d lines", n, got)
		}
	}
	for n, want := range map[int]int{1: 1, 10: 10, 11: 11, 12: 10} {
		rep := bareReport(engine.StatusPass)
		for i := range n {
			rep.Decision.Weakened = append(rep.Decision.Weakened, engine.Relaxation{What: fmt.Sprint("rules.r", i), Where: "flag"})
		}
		lines := textLines(t, Options{}, rep)
		if got := count(lines, "(flag)"); got != want || (n > want) != (count(lines, "  Weakened 2 more  (all: --detail full)") == 1) {
			t.Errorf("%d relaxations: %d lines, want %d", n, got, want)
		}
		if got := count(textLines(t, Options{Detail: "full"}, rep), "(flag)"); got != n {
			t.Errorf("%d relaxations in full: %d lines", n, got)
		}
	}
}

// The proposed command names what can be waived by it, and nothing that an image could use to run another command.
func TestTextWaiveCommand(t *testing.T) {
	for name, want := range map[string]bool{
		"libz": true, "AZaz09": true, "a._+@/-b": true, "@scope/pkg": true, strings.Repeat("a", 60): true,
		"": false, "-rf": false, "a b": false, "a;b": false, "$(x)": false, "a`b": false, "a'b": false, "a\"b": false, "a|b": false, "a&b": false,
		"a>b": false, "a[b": false, "a{b": false, "a:b": false, "é": false, "a\nb": false, "a*": false, "~a": false,
		strings.Repeat("a", 61): false,
	} {
		if got := isShellWord(name); got != want {
			t.Errorf("isShellWord(%q) = %v", name, got)
		}
		findings := debs(2)
		for i := range findings {
			findings[i].Package.Name = name
		}
		rep := withFindings(findings...)
		rep.Decision.Rules[0].Waivable = true
		line := ""
		if want {
			line = "    or accept for a while:  veto waive --package " + name + "  --owner @team --expires 30d --reason \"...\""
		}
		hasLine(t, textLines(t, Options{Width: 200}, rep), "    or accept", line)
	}
	rep := withFindings(debs(1)...)
	hasLine(t, textLines(t, Options{}, rep), "    or accept", "") // the rule is not waivable
	rep.Decision.Rules[0].Waivable = true
	command := "    or accept for a while:  veto waive " + rep.Findings[0].Fingerprint[:8]
	const rest = "--owner @team --expires 30d --reason \"...\""
	hasLine(t, textLines(t, Options{Width: len(command + "  " + rest)}, rep), "    or accept", command+"  "+rest)
	lines := textLines(t, Options{Width: len(command+"  "+rest) - 1}, rep)
	hasLine(t, lines, "    or accept", command)
	hasLine(t, lines, "                            --owner", "                            "+rest)
	rep.Decision.Rules[0].Status = engine.StatusWarn
	rep.Decision.Verdict = engine.Denied
	hasLine(t, textLines(t, Options{}, rep), "    or accept", "") // what warns needs no waiver
}

// The plan says how many of the denied findings each change clears, and which rules it leaves.
func TestTextPlan(t *testing.T) {
	rep := withFindings(debs(12)...)
	rep.Layers = []engine.LayerInfo{{Index: 1, DiffID: engine.Digest(diffID(1))}}
	for i := range 11 {
		rep.Decision.Plan.Changes = append(rep.Decision.Plan.Changes, engine.Change{Kind: "npm", Command: fmt.Sprintf("do %d", i)})
	}
	var refs []string
	for _, f := range rep.Findings[:10] {
		refs = append(refs, f.Ref)
	}
	rep.Decision.Plan.Changes[0] = engine.Change{Kind: "apk", Command: "apk upgrade", Findings: refs, Layer: engine.Maybe(diffID(1))}
	lines := textLines(t, Options{}, rep)
	hasLine(t, lines, "    10 of 12", "    10 of 12   layer 1   apk upgrade   (rebuild without cache)")
	hasLine(t, lines, "     0 of 12", "     0 of 12   do 1")
	hasLine(t, lines, "    a-rule:", "") // the changes clear it
	rep.Decision.Plan.Left = []string{"a-rule"}
	hasLine(t, textLines(t, Options{}, rep), "    a-rule:", "    a-rule:  still denies after that. no change is known that clears it")
	rep.Decision.Rules[0].Remediation = "Remove it."
	hasLine(t, textLines(t, Options{}, rep), "    a-rule:", "    a-rule:  still denies after that. Remove it.")
	rep.Decision.Plan = engine.Plan{}
	hasLine(t, textLines(t, Options{}, rep), "    a-rule:", "    a-rule:  Remove it.")
	rep.Decision.Verdict = engine.Undecided
	hasLine(t, textLines(t, Options{}, rep), "  To pass", "") // nobody knows what would be enough
	rep.Decision.Rules[0].Results[0].WaivedBy = "w"
	if got := len(indexReport(&rep).deniedRefs()); got != 11 {
		t.Errorf("%d denied refs, want 11: a waived result is not denied", got)
	}
}

// Waivers that ended are named with a failure, because what they accepted fails now; a pass needs no such list.
func TestTextWaivers(t *testing.T) {
	rep := bareReport(engine.StatusDeny, engine.Result{Msg: "x"})
	rep.Waivers = []engine.Waiver{
		{Where: "w.yaml:1", State: "expired", Expires: "2026-01-01", Owner: "@a", Reason: "r", Rule: "a-rule"},
		{Where: "w.yaml:2", State: "ended", Owner: "@b", Reason: "s", Match: engine.WaiverMatch{Vuln: "CVE-1", Path: "opt/**"}},
		{Where: "w.yaml:3", State: "active", Used: 2, Expires: "2027-01-01", Owner: "@c", Reason: "t",
			Match: engine.WaiverMatch{PURL: "pkg:deb/*", Fingerprint: "0123456789abcdef"}},
		{Where: "w.yaml:4", State: "active", Expires: "2027-01-01"},
		{Where: "w.yaml:5", State: "other-image", Used: 1, Expires: "2027-01-01"},
	}
	lines := textLines(t, Options{}, rep)
	hasLine(t, lines, "  waiver  w.yaml:1", "  waiver  w.yaml:1: expired 2026-01-01 (rule a-rule), owner @a: r")
	hasLine(t, lines, "  waiver  w.yaml:2", "  waiver  w.yaml:2: ended, a fix is out (vuln CVE-1, path opt/**), owner @b: s")
	hasLine(t, lines, "  waiver  w.yaml:3",
		"  waiver  w.yaml:3: accepts 2 until 2027-01-01 (purl pkg:deb/*, fingerprint 01234567), owner @c: t")
	hasLine(t, lines, "  waiver  w.yaml:4", "") // it accepted nothing
	hasLine(t, lines, "  waiver  w.yaml:5", "")
	rep.Decision.Rules[0].Status, rep.Decision.Verdict = engine.StatusPass, engine.Pass
	hasLine(t, textLines(t, Options{}, rep), "  waiver", "")
	if lines := textLines(t, Options{Detail: "full"}, rep); !strings.Contains(strings.Join(lines, "\n"), "w.yaml:1: expired") {
		t.Error("full detail leaves out waivers")
	}
	rep.Decision.Verdict, rep.Waivers = engine.Denied, []engine.Waiver{{Where: "w.yaml:6", State: "expired"}}
	hasLine(t, textLines(t, Options{}, rep), "  waiver", "  waiver  w.yaml:6: expired  (everything), owner :")
}

// A row that does not fit gives up its path first, then its own line for the columns on the right. Nothing of it is cut while there is
// another way.
func TestTextRowLayout(t *testing.T) {
	texts := &rowTexts{name: strings.Repeat("n", 20), change: strings.Repeat("c", 20), path: "/" + strings.Repeat("p", 29),
		ids: "CVE-2026-1234", level: "critical", layer: "layer 1", fingerprint: "01234567"}
	right := fmt.Sprintf("%s  %s  %s  %s", texts.ids, texts.level, texts.layer, texts.fingerprint)
	withoutPath, full := 4+20+2+20, 4+20+2+20+3+30
	for _, c := range []struct {
		width int
		want  []string
	}{
		{full + 2 + len(right), []string{"name change path right"}},
		{full + 1 + len(right), []string{"name change right", "path"}},
		{withoutPath + 2 + len(right), []string{"name change right", "path"}},
		{withoutPath + 1 + len(right), []string{"name change path", "right"}},
		{full, []string{"name change path", "right"}},
		{full - 1, []string{"name", "change path", "right"}},
		{8 + 20 + 2 + 30, []string{"name", "change path", "right"}},
		{8 + 20 + 2 + 29, []string{"name", "change", "path", "right"}},
	} {
		p := &page{width: c.width}
		row := *texts
		p.addRow(&row, p.measureColumns([]*rowTexts{&row}))
		var got []string
		for _, l := range strings.Split(strings.TrimSuffix(p.b.String(), "\n"), "\n") {
			if width(l) > c.width || strings.Contains(l, "…") {
				t.Errorf("at %d columns: %q", c.width, l)
			}
			l = strings.NewReplacer(right, "right", texts.name, "name", texts.change, "change", texts.path, "path").Replace(l)
			got = append(got, strings.Join(strings.Fields(l), " "))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("at %d columns: %q, want %q", c.width, got, c.want)
		}
	}
}
