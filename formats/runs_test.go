package formats

import (
	"fmt"

	"github.com/vetoci/veto/engine"
)

// diffID makes a diff ID of a layer.
func diffID(n int) string { return fmt.Sprintf("sha256:%064x", 0xabc0000+n) }

func score(f float64) *float64 { return &f }

func vuln(id, typ, eco, name, from, fixed string, level engine.Level, layer int, path string) engine.Finding {
	f := engine.Finding{Kind: "vulnerability", ID: id, CVEs: []string{id}, Summary: engine.Maybe("A flaw in " + name),
		Layer: engine.Maybe(diffID(layer)),
		Package: engine.FoundPackage{Name: name, Version: from, Type: typ, PURL: "pkg:" + typ + "/" + name + "@" + from,
			Ecosystem: engine.Maybe(eco), Binaries: []string{name}, Locations: []engine.Location{{Path: path}}},
		Severity: engine.Severity{Level: level}}
	if fixed != "" {
		f.FixedVersions = []string{fixed}
	}
	return f
}

// deniedRun is of a Debian image with a web server, a database client and a Go program.
func deniedRun() *engine.Run {
	const status, program = "var/lib/dpkg/status", "usr/local/bin/api"
	const install = "apt-get update && apt-get install -y nginx postgresql-client"
	fs := []engine.Finding{
		vuln("CVE-2023-44487", "deb", "Debian:12", "nginx", "1.22.1-9+deb12u9", "1.22.1-9+deb12u11", engine.High, 2, status),
	}
	fs[0].KnownExploited = true
	fs[0].Severity.Score = score(7.5)
	add := func(n int, name, from, to string, layer int) {
		for i := range n {
			fs = append(fs, vuln(fmt.Sprintf("CVE-2024-%d", 10000+len(fs)*7+i), "deb", "Debian:12", name, from, to, engine.Unknown, layer, status))
		}
	}
	add(70, "postgresql-15", "15.18-0+deb12u1", "15.20-0+deb12u1", 2)
	add(31, "libxml2", "2.9.14+dfsg-1.3~deb12u1", "2.9.14+dfsg-1.3~deb12u4", 2)
	add(12, "expat", "2.5.0-1", "2.5.0-1+deb12u2", 1)
	for i := range 22 {
		add(1+i%4, fmt.Sprintf("lib%c-tools", 'a'+i), "1.0-1", "1.0-1+deb12u1", 1)
	}
	for i := range 3 {
		id := fmt.Sprintf("GO-2022-06%02d", i)
		fs = append(fs, vuln(id, "golang", "Go", "gopkg.in/yaml.v2", "v2.2.2", "v2.2.8", engine.Unknown, 3, program))
	}
	for i := range 3 {
		id := fmt.Sprintf("GO-2024-28%02d", i)
		fs = append(fs, vuln(id, "golang", "Go", "golang.org/x/text", "v0.3.0", "v0.39.0", engine.Unknown, 3, program))
	}
	fs = engine.Identify(fs)
	r := engine.Report{Facts: engine.Facts{
		SchemaVersion: engine.SchemaVersion, Now: "2026-11-23T11:00:00Z",
		Image: engine.Identity{Name: "example.test/shop/web:1.0", Named: true, Source: "docker-archive",
			Digest: engine.Digest("sha256:4c1f09e2b7a5" + diffID(0)[19:])},
		Platform: engine.Platform{OS: "linux", Architecture: "amd64"}, Findings: fs,
		Layers: []engine.LayerInfo{
			{Index: 1, DiffID: engine.Digest(diffID(1)), CreatedBy: "/bin/sh -c #(nop) ADD file:abc in / "},
			{Index: 2, DiffID: engine.Digest(diffID(2)), CreatedBy: "RUN /bin/sh -c " + install + " # buildkit"},
			{Index: 3, DiffID: engine.Digest(diffID(3)), CreatedBy: "COPY /out/api /usr/local/bin/api # buildkit"},
		},
		Database: engine.Database{State: "ok", Shards: []engine.Shard{{Ecosystem: "Debian:12", AsOf: "2026-11-23T04:00:00Z"},
			{Ecosystem: "Go", AsOf: "2026-11-21"}, {Ecosystem: "npm", AsOf: "2026-11-20"}},
			KEV: &engine.Shard{Ecosystem: "KEV", AsOf: "2026-11-22"}},
		Waivers: []engine.Waiver{{ID: "w1", Match: engine.WaiverMatch{Vuln: "CVE-2023-44487"}, Reason: "HTTP/2 is off", Owner: "@shop",
			Expires: "2026-11-01", Where: "veto-waivers.yaml:3", State: "expired"}},
	}}
	for typ, n := range map[string]int{"deb": 754, "npm": 117, "golang": 4} {
		for range n {
			r.Packages = append(r.Packages, engine.Package{Type: typ})
		}
	}
	exploited := engine.RuleResult{ID: "vuln-known-exploited", Status: engine.StatusDeny, Action: "deny",
		Title: "Vulnerability that attackers use", Severity: "critical", Package: "veto.vulnerabilities", Waivable: true,
		Remediation: "Upgrade the package to a fixed version; while there is none, remove it or replace it.",
		URL:         "https://www.cisa.gov/known-exploited-vulnerabilities-catalog", Categories: []string{"vulnerabilities"}}
	fixable := engine.RuleResult{ID: "vuln-fixable", Status: engine.StatusDeny, Action: "deny",
		Title: "Serious vulnerability with a released fix", Severity: "high", Package: "veto.vulnerabilities", Waivable: true,
		Remediation: "Upgrade the package to the fixed version.", Params: map[string]any{"unknown_counts_as": "high"}}
	changes := []engine.Change{
		{Layer: engine.Maybe(diffID(2)), Kind: "deb", Command: "RUN apt-get update && apt-get upgrade -y"},
		{Layer: engine.Maybe(diffID(3)), Kind: "golang", Command: "go get gopkg.in/yaml.v2@v2.2.8 golang.org/x/text@v0.39.0"}}
	for _, f := range fs {
		if f.KnownExploited {
			exploited.Results = append(exploited.Results, engine.Result{Msg: f.ID + " in nginx is used in attacks (CISA KEV)",
				Findings: []string{f.Ref}, Fingerprint: engine.Fingerprint("x", f.Fingerprint)})
		}
		fixable.Results = append(fixable.Results, engine.Result{Msg: f.ID + " in " + f.Package.Name + "; fixed in " + f.FixedVersions[0],
			Findings: []string{f.Ref}, Fingerprint: engine.Fingerprint("y", f.Fingerprint)})
		c := &changes[0]
		if f.Package.Type == "golang" {
			c = &changes[1]
		}
		c.Findings = append(c.Findings, f.Ref)
	}
	r.Decision = engine.Decision{Verdict: engine.Denied, Plan: engine.Plan{Changes: changes, Passes: true}, Rules: append([]engine.RuleResult{
		warnRule("os-support-ended", "Regular support of the distribution has ended",
			"Debian 12: regular support ended 2026-07-11; free long-term support until 2028-06-30"),
		warnRule("user-root", "Runs as root", "no USER in the image configuration"), fixable, exploited}, passRules()...),
		Weakened: []engine.Relaxation{{What: "rules.database-stale", From: "deny", To: "warn", Where: "veto.yaml:7"}}}
	r.Policy = engine.PolicyInfo{Mode: "enforce", Sources: []engine.PolicySource{{Name: "default 0.1.0",
		Digest: engine.Digest("sha256:77aa01f2d9c4" + diffID(0)[19:]), Rules: 10}}}
	return runOf(engine.Denied, r)
}

func warnRule(id, title, msg string) engine.RuleResult {
	return engine.RuleResult{ID: id, Status: engine.StatusWarn, Action: "warn", Title: title, Severity: "medium", Package: "veto.config",
		Results: []engine.Result{{Msg: msg, Subject: "user", Fingerprint: engine.Fingerprint(id)}}}
}

func passRules() []engine.RuleResult {
	var out []engine.RuleResult
	for _, id := range []string{
		"advisories-missing", "assessment-incomplete", "database-missing", "database-stale", "inventory-empty", "package-malicious",
	} {
		out = append(out, engine.RuleResult{ID: id, Status: engine.StatusPass, Action: "deny", Title: "Rule " + id, Package: "veto.assessment"})
	}
	return out
}

func runOf(v engine.Verdict, reports ...engine.Report) *engine.Run {
	r := &engine.Run{SchemaVersion: engine.SchemaVersion, Tool: engine.Tool{Name: "veto", Version: "0.1.0"}, Verdict: v, Reports: reports}
	engine.Fill(r)
	return r
}

// passRun is a small image that nothing speaks against but one warning.
func passRun() *engine.Run {
	r := deniedRun().Reports[0]
	r.Image = engine.Identity{Name: "app.tar", Source: "docker-archive", ContainedNames: []string{"shop/app:latest"}, Digest: r.Image.Digest}
	r.Findings, r.Waivers, r.Packages = nil, nil, []engine.Package{{Type: "apk"}, {Type: "apk"}}
	r.Decision = engine.Decision{Verdict: engine.Pass,
		Rules: append(passRules(), warnRule("user-root", "Runs as root", "no USER in the image configuration"))}
	return runOf(engine.Pass, r)
}

// undecidedRun is a source that could not be read.
func undecidedRun() *engine.Run {
	return runOf(engine.Undecided, engine.Report{
		Facts: engine.Facts{SchemaVersion: engine.SchemaVersion, Now: "2026-11-23T11:00:00Z",
			Image: engine.Identity{Name: "shop/web:1.0", Named: true, Source: "registry"}},
		Decision: engine.Decision{Verdict: engine.Undecided},
		Errors:   []engine.Problem{{What: "there is no vulnerability database in /var/lib/veto", Hint: "veto db update"}},
	})
}

// mixedRun has a gap, a waived rule, a rule that failed, one without data, one not applicable, and a denial without any result.
func mixedRun() *engine.Run {
	r := deniedRun().Reports[0]
	r.Waivers = []engine.Waiver{{ID: "w2", Reason: "internal", Owner: "@ops", Expires: "2026-11-30", Where: "w.yaml:9", State: "active",
		Used: 1, Match: engine.WaiverMatch{Path: "opt/**"}}}
	r.Gaps = engine.IdentifyGaps([]engine.Gap{{Kind: engine.GapMalformed, Path: "opt/app/package.json", Layer: engine.Maybe(diffID(3)),
		Detail: "unexpected end of JSON input"},
		{Kind: engine.GapUnsupported, Subject: "jar", Detail: "Java archives are not read yet", Count: 12}})
	gap := engine.RuleResult{ID: "assessment-incomplete", Status: engine.StatusDeny, Action: "deny",
		Title: "Something could not be assessed", Package: "veto.assessment", Waivable: true, Remediation: "Mend or remove the file."}
	for _, c := range r.Gaps {
		gap.Results = append(gap.Results, engine.Result{Msg: string(c.Path+c.Subject) + ": " + c.Detail, Findings: []string{c.Ref},
			Fingerprint: engine.Fingerprint("c", c.Fingerprint)})
	}
	r.Findings[0].WaivedBy = "w2"
	waived := engine.RuleResult{ID: "team-waived", Status: engine.StatusWaived, Action: "deny", Title: "Something accepted", Package: "team",
		Results: []engine.Result{{Msg: "accepted thing", Findings: []string{r.Findings[0].Ref}, WaivedBy: "w2",
			Fingerprint: engine.Fingerprint("w")}}}
	r.Decision = engine.Decision{Verdict: engine.Denied, Plan: engine.Plan{Left: []string{"assessment-incomplete", "team-empty"}},
		Rules: []engine.RuleResult{gap, waived,
			{ID: "team-broken", Status: engine.StatusError, Action: "deny", Title: "Broken", Package: "team", Note: "team.rego:4: division by zero"},
			{ID: "team-empty", Status: engine.StatusDeny, Action: "deny", Title: "Denies without a word", Package: "team"},
			{ID: "team-na", Status: engine.StatusNotApplicable, Action: "deny", Title: "Not for this image", Package: "team",
				Note: "no database was used"},
			{ID: "team-nodata", Status: engine.StatusNoData, Action: "deny", Title: "Lacks facts", Package: "team", Note: "input.findings"}}}
	return runOf(engine.Denied, r)
}

func severalRun() *engine.Run {
	return runOf(engine.Denied, passRun().Reports[0], deniedRun().Reports[0], undecidedRun().Reports[0], passRun().Reports[0])
}

// hostile are names that try to be something else.
func hostile() []string {
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = 'a'
	}
	return []string{"::error::forged", "x\n::error file=a::forged", "##vso[task.complete result=Succeeded;]", "a ##[error]b",
		"##teamcity[x]", "\x1b[31mred\x1b[0m", "</script><script>alert(1)</script>",
		"]]>", "<!--", "| a | b |", "@everyone", "`code`", "a\r\nb", "\u202egnp.exe", "\xff\xfe\x00", "%0A::error::x", "a\u2028b", string(long),
		"../../etc/passwd", "http://evil.test:80/x", "C:\\x", "$(touch pwned)", "&amp;", " ", "", "\ufffe\uffff", "emoji 😀", "x ::warning::y"}
}

// smallRun is mixedRun with a few of its findings and packages, for tests of many runs.
func smallRun() *engine.Run {
	run := mixedRun()
	r := &run.Reports[0]
	r.Findings, r.Packages = r.Findings[:20], r.Packages[:3]
	return run
}

// hostileRun has every untrusted field set to s.
func hostileRun(s string) *engine.Run {
	run := smallRun()
	r := &run.Reports[0]
	r.Image.Name, r.Image.ContainedNames, r.Now = s, []string{s}, "2026-11-23T11:00:00Z"
	r.Platform = engine.Platform{OS: s, Architecture: s, Variant: engine.Maybe(s)}
	r.Image.Digest, r.Layers[0].CreatedBy = engine.Digest(s), engine.Maybe(s)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Package.Name, f.Package.Version, f.Package.PURL, f.Package.Type, f.Package.Ecosystem = s+fmt.Sprint(i%7), s, s, s, engine.Maybe(s)
		f.ID, f.Summary, f.CVEs, f.FixedVersions, f.Package.Locations = s+fmt.Sprint(i), engine.Maybe(s), []string{s, s}, []string{s},
			[]engine.Location{{Path: s}}
		f.Severity.Level = engine.Level(s)
	}
	deny := engine.RuleResult{ID: s, Title: s, Status: engine.StatusDeny, Package: s, Note: engine.Maybe(s), URL: engine.Maybe(s),
		Description: engine.Maybe(s), Remediation: engine.Maybe(s),
		Categories: []string{s, s, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}, Waivable: true,
		Results: []engine.Result{{Msg: s, Path: engine.Maybe(s), Layer: engine.Maybe(s), Subject: engine.Maybe(s), Fingerprint: s},
			{Msg: s, Fingerprint: s}}}
	for _, f := range r.Findings {
		deny.Results = append(deny.Results, engine.Result{Msg: s, Findings: []string{f.Ref}, Fingerprint: s})
	}
	for i := range r.Decision.Rules {
		r.Decision.Rules[i].Title, r.Decision.Rules[i].Note = s, engine.Maybe(s)
	}
	r.Decision.Rules = append(r.Decision.Rules, deny)
	r.Decision.Weakened = []engine.Relaxation{{What: s, From: engine.Maybe(s), To: engine.Maybe(s), Where: s}}
	r.Decision.Plan = engine.Plan{Changes: []engine.Change{{Kind: s, Command: s, Layer: engine.Maybe(s), Findings: []string{s}}},
		Left: []string{s}}
	r.Waivers = []engine.Waiver{{ID: "w2", Reason: s, Owner: s, Expires: s, Where: s, State: "expired",
		Match: engine.WaiverMatch{Vuln: engine.Maybe(s)}}}
	r.Policy.Sources = []engine.PolicySource{{Name: s, Digest: engine.Digest(s)}}
	r.Errors = []engine.Problem{{What: s, Hint: engine.Maybe(s)}}
	r.Base = &engine.Base{Name: engine.Maybe(s), State: s, From: s, Layers: 1}
	for i := range r.Gaps {
		r.Gaps[i].Fingerprint = s
	}
	r.Database.Shards = []engine.Shard{{Ecosystem: s, AsOf: engine.Maybe(s)}}
	return run
}
