package waiver

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

func TestAppend(t *testing.T) {
	old := "# ours\nversion: 1\nwaivers:\n  # why\n  - match: {vuln: CVE-1}\n    reason: a\n    owner: b\n    expires: 2026-12-31\n"
	e := Draft{Match: engine.WaiverMatch{Fingerprint: "12345678"}, Reason: "yes: no", Owner: "@shop", Expires: "2026-12-31",
		Images: []string{"a/*"}, Origin: "baseline", Comment: "CVE-2 in nginx"}
	for _, before := range []string{"", old, "version: 1\nwaivers: []\n"} {
		text, err := Append([]byte(before), []Draft{e, {Rule: "user-root", Broad: true, Reason: "r", Owner: "o", Expires: "2027-01-01"}})
		if err != nil {
			t.Fatal(err)
		}
		f := parse(t, string(text))
		ws := f.Waivers()
		got := ws[len(ws)-2]
		if got.Match.Fingerprint != "12345678" || got.Reason != "yes: no" || got.Origin != "baseline" || !ws[len(ws)-1].Broad {
			t.Errorf("%+v\n%s", got, text)
		}
		if before == old && (!strings.Contains(string(text), "# ours") || !strings.Contains(string(text), "# why")) {
			t.Errorf("comments are gone:\n%s", text)
		}
	}
}

func TestBaseline(t *testing.T) {
	f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"), vuln("v2", "CVE-2", "curl", "CVE-2"))
	rs := rules(true)
	rs[1].Status = engine.StatusDeny
	run := &engine.Run{Reports: []engine.Report{{Facts: *f, Decision: engine.Decision{Rules: rs}}}}
	entries := Baseline(run, Draft{Reason: "r", Owner: "o", Expires: "2026-12-31"})
	if len(entries) != 3 {
		t.Fatalf("%d entries, want two findings and one result: %+v", len(entries), entries)
	}
	text, err := Append(nil, entries)
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, string(text)).For(engine.Identity{}, noon)
	if err := errors.Join(m.Mark(f), m.Subtract(f, rs)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]engine.Status{engine.StatusWaived, engine.StatusWaived}, []engine.Status{rs[0].Status, rs[1].Status}); diff != "" {
		t.Errorf("a baseline does not waive what it was made of:\n%s", diff)
	}
}

// A baseline accepts all that is denied: findings, secrets and gaps by their fingerprints, other results by rule and fingerprint. It leaves
// out what is waived already, what is not denied and what no waiver may accept.
func TestBaselineOfEveryKind(t *testing.T) {
	f := facts(vuln("v1", "CVE-1", "nginx", "CVE-1"))
	f.Secrets = []engine.Secret{{Title: "AWS key", Path: "root/.aws", Ref: "s1", Fingerprint: engine.Fingerprint("s1")},
		{Title: "token", Subject: "env TOKEN", Ref: "s2", Fingerprint: engine.Fingerprint("s2")}}
	result := func(msg string, refs ...string) []engine.Result {
		return []engine.Result{{Msg: msg, Findings: refs, Fingerprint: engine.Fingerprint(msg)}}
	}
	waived := result("waived")
	waived[0].WaivedBy = "w1"
	run := &engine.Run{Reports: []engine.Report{{Facts: *f, Decision: engine.Decision{Rules: []engine.RuleResult{
		{ID: "all", Title: "All", Status: engine.StatusDeny, Waivable: true, Results: result("all", "v1", "s1", "s2", "c1")},
		{ID: "again", Title: "Again", Status: engine.StatusDeny, Waivable: true, Results: result("again", "s1")},
		{ID: "root", Title: "Root", Status: engine.StatusDeny, Waivable: true, Results: result("root")},
		{ID: "waived", Title: "Waived", Status: engine.StatusDeny, Waivable: true, Results: waived},
		{ID: "warned", Title: "Warned", Status: engine.StatusWarn, Waivable: true, Results: result("warned")},
		{ID: "never", Title: "Never", Status: engine.StatusDeny, Results: result("never")},
	}}}}}
	drafts := Baseline(run, Draft{Reason: "r", Owner: "o", Expires: "2026-12-31"})
	got := map[string]string{}
	for _, d := range drafts {
		got[d.Comment] = string(d.Rule + d.Match.Fingerprint)
	}
	want := map[string]string{"CVE-1 in nginx": engine.Fingerprint("v1"), "AWS key in root/.aws": engine.Fingerprint("s1"),
		"token in env TOKEN": engine.Fingerprint("s2"), "unsupported srv/app.jar": engine.Fingerprint("c1"),
		"Root": "root" + engine.Fingerprint("root")}
	if diff := cmp.Diff(want, got); diff != "" || len(drafts) != len(want) {
		t.Errorf("%d drafts (-want +got):\n%s", len(drafts), diff)
	}
	if _, err := Append(nil, drafts); err != nil {
		t.Error(err)
	}
}

// What Append writes is text that people read and change: two spaces, one key a line, the match on one.
func TestAppendText(t *testing.T) {
	d := Draft{Rule: "r", Match: engine.WaiverMatch{Vuln: "CVE-1", PURL: "pkg:npm/a", Path: "a/*", Fingerprint: "12345678"}, Broad: true,
		Images: []string{"a/*",
			"1"}, Reason: "because", Owner: "@shop", Expires: "2026-12-31", Until: "fix-available", Ticket: "12", Comment: "why"}
	const want = `version: 1
waivers:
  # why
  - rule: r
    match: {vuln: CVE-1, purl: 'pkg:npm/a', path: a/*, fingerprint: "12345678"}
    broad: true
    images: [a/*, "1"]
    reason: because
    owner: '@shop'
    expires: "2026-12-31"
    until: fix-available
    ticket: "12"
`
	text, err := Append(nil, []Draft{d})
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	more := `
  - match: {vuln: CVE-2}
    reason: r
    owner: o
    expires: "2026-12-31"
`
	text, err = Append(text, []Draft{{Match: engine.WaiverMatch{Vuln: "CVE-2"}, Reason: "r", Owner: "o", Expires: "2026-12-31"}})
	if diff := cmp.Diff(want+more[1:], string(text)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What people wrote stays as they wrote it.
func TestAppendKeepsTheText(t *testing.T) {
	e := Draft{Match: engine.WaiverMatch{Vuln: "CVE-9"}, Reason: "two\n\n lines: x", Owner: "o", Expires: "2026-12-31"}
	item := "match: {vuln: 'CVE-1'}   # trailing\n"
	for name, old := range map[string]string{
		"indented": "# ours\n\nversion: 1\n\nwaivers:\n    # why\n    - " + item +
			"      reason: >\n        folded\n        text\n      owner: b\n" +
			"      expires: 2026-12-31\n\n    - {match: {vuln: X}, reason: a, owner: b, expires: 2026-12-31}\n# end\n",
		"not indented, no last newline": "version: 1\nwaivers:\n- " + item + "  reason: \"x\"\n  owner: b\n  expires: 2026-12-31",
	} {
		text, err := Append([]byte(old), []Draft{e})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), old) {
			t.Errorf("%s: what was there changed:\n%s", name, text)
		}
		ws := parse(t, string(text)).Waivers()
		if got := ws[len(ws)-1]; got.Match.Vuln != "CVE-9" || got.Reason != e.Reason {
			t.Errorf("%s: %+v\n%s", name, got, text)
		}
	}
}

// A list that is not at the end, or in braces, makes it a new text that says the same.
func TestAppendElsewhere(t *testing.T) {
	e := Draft{Match: engine.WaiverMatch{Vuln: "CVE-9"}, Reason: "r", Owner: "o", Expires: "2026-12-31"}
	one := "{match: {vuln: X}, reason: a, owner: b, expires: 2026-12-31}"
	for _, old := range []string{
		"waivers:\n  - " + one + " # kept\nversion: 1\n", "version: 1\nwaivers: [" + one + "]\n", "{version: 1, waivers: [" + one + "]}\n",
		"version: 1\nwaivers:\n  - match: {vuln: X}\n    owner: b\n    expires: 2026-12-31\n    reason: |+\n      kept\n\n\n",
		"version: 1\nwaivers:\n  - " + one + "\n...\n",
	} {
		text, err := Append([]byte(old), []Draft{e})
		if err != nil {
			t.Errorf("%s: %v", old, err)
			continue
		}
		before, after := parse(t, old).Waivers(), parse(t, string(text)).Waivers()
		if len(after) != 2 || after[0].ID != before[0].ID || after[1].Match.Vuln != "CVE-9" {
			t.Errorf("%+v\n%s", after, text)
		}
	}
}

// Names in comments come from images.
func TestAppendHostileComment(t *testing.T) {
	for _, c := range []string{"a\nwaivers: []\nx: y", "a\x1b[31mb", "a\x00", "\xff", "a\u2028waivers: []", "\ufeff", "- {broad: true}", "#",
		strings.Repeat("x", 10_000), " "} {
		text, err := Append(nil, []Draft{{Match: engine.WaiverMatch{Vuln: "X"}, Reason: "r", Owner: "o", Expires: "2026-12-31", Comment: c}})
		if err != nil {
			t.Errorf("%q: %v", c, err)
			continue
		}
		if ws := parse(t, string(text)).Waivers(); len(ws) != 1 || ws[0].Match.Vuln != "X" || strings.Count(string(text), "\n") > 8 {
			t.Errorf("%q: %+v\n%s", c, ws, text)
		}
	}
}

// A comment may be as long as maxComment; a longer one is cut there, and says so.
func TestAppendLongComment(t *testing.T) {
	for n, want := range map[int]string{maxComment: "# " + strings.Repeat("ä", maxComment) + "\n",
		maxComment + 1: "# " + strings.Repeat("ä", maxComment) + "…\n"} {
		d := Draft{Match: engine.WaiverMatch{Vuln: "X"}, Reason: "r", Owner: "o", Expires: "2026-12-31", Comment: strings.Repeat("ä", n)}
		if text, err := Append(nil, []Draft{d}); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%d characters: %v\n%s", n, err, text)
		}
	}
}

// What cannot be read again is not written.
func TestAppendRefuses(t *testing.T) {
	for name, e := range map[string]Draft{
		"nothing matched": {Reason: "r", Owner: "o", Expires: "2026-12-31"},
		"no reason":       {Match: engine.WaiverMatch{Vuln: "X"}, Owner: "o", Expires: "2026-12-31"},
		"no UTF-8":        {Match: engine.WaiverMatch{Vuln: "X"}, Reason: "\xff", Owner: "o", Expires: "2026-12-31"},
		"no day":          {Match: engine.WaiverMatch{Vuln: "X"}, Reason: "r", Owner: "o", Expires: "soon"},
	} {
		if text, err := Append(nil, []Draft{e}); err == nil {
			t.Errorf("%s: written:\n%s", name, text)
		}
	}
	if _, err := Append([]byte("waivers: 1\n"), nil); err == nil {
		t.Error("a file that is none was extended")
	}
}
