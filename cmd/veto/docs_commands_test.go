package main

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// said is a command line of a page, and what must come of it.
type said struct {
	line string
	code int
	says string // in what it prints, "" for anything
}

// lesson is a page whose commands are run, in their order and in one folder.
type lesson struct {
	prepare func(d *desk)         // what the page supposes beyond a desk; nil for nothing
	replace map[string]string     // what stands in the page for something that a machine has elsewhere; "$DESK" is the desk's folder
	today   bool                  // the clock is the machine's, so that what the page shows is what a reader sees
	files   bool                  // blocks under a path are files that the page has its readers write
	packed  imagetest.Compression // of layers in registries, gzip by default
	said    []said
	left    map[string]string // lines that are not run, and why
}

// lessons are the pages with commands. A line that a page prints and that is not here fails the test, and the other way round.
func lessons(t *testing.T) map[string]lesson {
	scanned := func(d *desk) { d.must("veto db update -q --ecosystem Debian,npm,PyPI,Go && ! veto scan -q ./app.tar") }
	return map[string]lesson{
		"README.md": {today: true, said: []said{
			{"go run ./cmd/veto scan --config examples/quickstart/veto.yaml --db examples/quickstart/advisories examples/quickstart/image.tar",
				exitDenied, "5 changes would pass"},
			{"veto db update --ecosystem Debian,Alpine,npm,PyPI,Go", exitPass, "shards"},
			{"docker save app:1.2 -o app.tar && veto scan ./app.tar", exitDenied, "vuln-known-exploited"},
			{"veto scan ghcr.io/example/app:1.2 -o sarif=app.sarif -o junit=app.xml -o markdown=summary.md", exitDenied,
				"ghcr.io/example/app:1.2"},
			{"veto inspect ./app.tar > facts.json", exitPass, ""},
			{"veto policy check policy/", exitPass, "no problems"},
			{"veto policy test policy/", exitPass, "0 failed"},
			{"veto judge facts.json --policy policy/", exitDenied, "house-source-label"},
		}, left: map[string]string{
			"go test ./...": "that is what runs here",
			"go install github.com/vetoci/veto/cmd/veto@latest": "TestInstall does, as a module proxy would serve it",
		}},
		"CONTRIBUTING.md": {
			said: []said{{"veto scan ./app.tar -o sarif=app.sarif", exitDenied, "DENIED"}},
			left: map[string]string{
				"go test ./...":        "that is what runs here",
				"go test -short ./...": "that is what runs here",
				".ci/run":              "it runs these tests",
				"go test ./cmd/veto ./engine/advisory ./engine/catalog ./engine/rego ./formats ./policies -update": "TestUpdateCommand",
			}},
		"docs/accuracy.md": {left: map[string]string{
			"VETO_ORACLES=1 VETO_TESTDATA=dir VETO_IMAGES=dir go test ./cmd/veto ./engine/advisory -run 'Truth' -v": "TestTruthCommand",
		}},
		"docs/cache.md": {said: []said{
			{"veto cache status", exitPass, "0 layers"},
			{"veto cache clean", exitPass, "removed"},
			{"veto scan ./app.tar --cache-limit 512MB", exitDenied, "DENIED"},
			{"veto scan ./app.tar --no-cache", exitDenied, "DENIED"},
		}},
		"docs/ci.md": {said: []said{
			{"veto scan ./app.tar --as ghcr.io/example/app -o sarif=veto.sarif -o junit=veto.xml -o markdown=summary.md -o json=run.json " +
				"-o facts=facts.json", exitDenied, "ghcr.io/example/app"},
			{"veto render run.json -o sarif=out.sarif", exitPass, ""},
		}},
		"docs/configuration.md": {said: []said{
			{"veto scan ./app.tar --trust origin/main", exitDenied, "DENIED"},
			{"veto scan ./app.tar --trust ./trusted", exitDenied, "deny  user-root"},
		}},
		"docs/database.md": {said: []said{
			{"veto db update --ecosystem Debian,Alpine,npm,PyPI,Go", exitPass, "Debian:12"},
			{"veto db status", exitPass, "whole"},
			{"veto db search CVE-2023-44487", exitPass, "nghttp2"},
			{"veto db search lodash@4.17.20", exitPass, "affected"},
			{"veto db update --source epss=https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", exitPass, "2 scores"},
			{"veto db update --source cve=cvelistV5/cves", exitPass, "1 CVEs"},
			{"veto db update --source cve=nvdcve-2.0-2026.json.gz --as-of 2026-11-23", exitPass, "1 CVEs"},
		}},
		"docs/first-policy.md": {today: true, files: true, prepare: (*desk).clearPolicies, said: []said{
			{"docker save app:1.2 -o web.tar", exitPass, ""},
			{"veto inspect web.tar > facts.json", exitPass, ""},
			{"veto policy check policy/", exitPass, ""},
			{"veto policy test policy/", exitPass, ""},
			{"veto scan web.tar", exitDenied, ""},
		}},
		"docs/sources.md": {
			replace: map[string]string{"/etc/ssl/corp.pem": "$DESK/corp.pem", "sha256:4c1f…": layoutDigest(t)},
			said: []said{
				{"veto scan ghcr.io/example/app:1.2", exitDenied, "ghcr.io/example/app:1.2"},
				{"veto scan docker:app:1.2", exitDenied, "app:1.2"},
				{"veto scan podman:app:1.2", exitDenied, "app:1.2"},
				{"veto scan ./app.tar", exitDenied, "app.tar"},
				{"veto scan --ca-file /etc/ssl/corp.pem registry.corp.example/shop/web:1.0", exitDenied, "registry.corp.example/shop/web:1.0"},
				{"veto db update --ca-file /etc/ssl/corp.pem --source https://mirror.corp.example/osv --ecosystem Debian", exitPass, "Debian:12"},
				{"veto scan ./app.tar", exitDenied, "app.tar"},
				{"veto scan oci:./layout:1.2", exitDenied, "layout"},
				{"veto scan oci:./layout@sha256:4c1f…", exitDenied, "layout"},
				{"docker save app:1.2 | veto scan - --as app", exitDenied, "DENIED   app "},
				{"veto scan ./app.tar --base debian:12", exitDenied, "verified: 1 of 3 layers"},
				{"veto scan ghcr.io/example/app:1.2 --base ./base.tar", exitDenied, "verified: 1 of 3 layers"},
				{"veto scan sbom:app.cdx.json", exitDenied, "lodash"},
				{"syft app:1.2 -o cyclonedx-json | veto scan sbom:- --as app", exitDenied, "lodash"},
				{"jq .predicate FILE | veto scan sbom:-", exitDenied, "lodash"},
			}},
		"docs/toc.md": {packed: imagetest.EStargz, said: []said{
			{"veto scan ghcr.io/example/app:1.2 --toc", exitDenied, "assessment-incomplete"},
			{`veto waive 8989b256 --owner @platform --expires 90d --reason "our own builder makes the tables"`, exitPass, "1 waivers written"},
		}},
		"docs/vex.md": {said: []said{
			{"veto scan ./app.tar --vex vendor.json --vex own.json", exitDenied, "2 set aside by VEX"},
		}},
		"docs/waivers.md": {prepare: func(d *desk) {
			scanned(d)
			writeText(t, filepath.Join(d.dir, "veto.yaml"), "version: 1\nwaivers: veto-waivers.yaml\n")
			writeText(t, filepath.Join(d.dir, "veto-waivers.yaml"), "version: 1\nwaivers: []\n")
		}, said: []said{
			{`veto waive ec4f66f0 --owner @shop --expires 30d --reason "not reachable, upgrade planned"`, exitPass, "1 waivers written"},
			{`veto waive CVE-2023-38545 --package curl --owner @shop --expires 2026-12-31 --reason "no SOCKS proxy"`, exitPass,
				"1 waivers written"},
			{`veto waive --all --owner @shop --expires 90d --reason "adoption baseline"`, exitPass, "waivers written"},
			{"veto waive --check", exitPass, "to look at"},
		}},
		"examples/custom-policy/README.md": {said: []said{
			{"veto policy check policy/", exitPass, "no problems"},
			{"veto policy test policy/", exitPass, "0 failed"},
			{"veto scan ./app.tar --policy policy/", exitDenied, "house-source-label"},
		}},
		"examples/passing/README.md": {said: []said{
			{"veto scan --config examples/quickstart/veto.yaml --db examples/quickstart/advisories examples/passing/image.tar", exitPass, "PASS"},
		}},
		"examples/pre-push/README.md": {said: []said{
			{"cp examples/pre-push/pre-push .git/hooks/pre-push && chmod +x .git/hooks/pre-push", exitPass, ""},
		}},
		"examples/waivers/README.md": {said: []said{
			{"veto scan ./app.tar --waivers examples/waivers/waivers.yaml", exitDenied, "DENIED"},
			{"veto waive --check --waivers examples/waivers/waivers.yaml", exitPass, "2 waivers"},
		}},
	}
}

// layoutDigest is the digest of the image in a desk's layout.
func layoutDigest(t *testing.T) string {
	t.Helper()
	m := quickstartImage(t)
	m.Compression = imagetest.Gzip
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	return p.ManifestDigest
}

// Every command that the README, the guide, the examples and CONTRIBUTING print is run, ends as is written here, and prints what the page
// shows below it. Of the first policy, the files that the page shows are written as it comes to them.
func TestDocumentCommands(t *testing.T) {
	t.Parallel()
	all := lessons(t)
	for _, p := range pages(t) {
		if p.name == "CHANGELOG.md" { // notes of what changed, not instructions
			continue
		}
		l := all[p.name]
		var printed, known []string
		for _, part := range p.parts {
			if part.runs() {
				printed = append(printed, part.text)
			}
		}
		for _, s := range l.said {
			known = append(known, s.line)
		}
		ran := slices.DeleteFunc(slices.Clone(printed), func(line string) bool { return l.left[line] != "" })
		if diff := gocmp.Diff(ran, known); diff != "" && len(ran)+len(known) > 0 {
			t.Errorf("%s prints other commands than its lesson has (-printed +lesson):\n%s", p.name, diff)
			continue
		}
		for line := range l.left {
			if !slices.Contains(printed, line) {
				t.Errorf("%s does not print %q, which its lesson leaves out", p.name, line)
			}
		}
		if len(known) > 0 {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				l.follow(t, p)
			})
		}
	}
}

// follow does what a page says, from its beginning to its end.
func (l lesson) follow(t *testing.T, p page) {
	d := newDesk(t, cmp.Or(l.packed, imagetest.Gzip))
	if l.today {
		d.unset("VETO_NOW")
	}
	if l.prepare != nil {
		l.prepare(d)
	}
	var pairs []string
	for old, to := range l.replace {
		pairs = append(pairs, old, strings.ReplaceAll(to, "$DESK", d.dir))
	}
	steps, stdout := slices.Clone(l.said), ""
	for i, part := range p.parts {
		switch {
		case part.runs() && l.left[part.text] == "":
			step := steps[0]
			steps = steps[1:]
			code, out, stderr := d.run(strings.NewReplacer(pairs...).Replace(step.line))
			stdout = out
			if code != step.code || !strings.Contains(out+stderr, step.says) {
				t.Errorf("%s: exit %d, want %d and %q:\n%.3000s%s", step.line, code, step.code, step.says, out, stderr)
			}
		case part.kind == block && part.lang == "text":
			diff := excerptDiff(part.text, stdout)
			if diff != "" && updating() && !strings.Contains(part.text, "…\n") {
				p.text = strings.Replace(p.text, "```text\n"+part.text, "```text\n"+stdout, 1)
			} else if diff != "" {
				t.Errorf("%s shows what %q does not print; -update rewrites what has no … in it:\n%s", p.name, p.parts[i-1].text, diff)
			}
		case part.kind == block && part.path != "" && l.files:
			d.append(part.path, part.text)
		}
	}
	if updating() {
		writeText(t, filepath.Join(root(t), p.name), p.text)
	}
}

// aging is what goes on with the calendar in an output.
var aging = regexp.MustCompile(`is \d+ days old, 7 are\s+allowed`)

// excerptDiff compares an excerpt with an output: its parts, between lines of "…", stand in the output in this order. It returns the
// first part that does not.
func excerptDiff(excerpt, output string) string {
	output = "\n" + aging.ReplaceAllString(output, "is N days old, 7 are allowed")
	for i, part := range strings.Split("\n"+aging.ReplaceAllString(excerpt, "is N days old, 7 are allowed"), "\n…") {
		if part = strings.TrimSuffix(part, "\n") + "\n"; strings.TrimSpace(part) == "" {
			continue
		}
		at := strings.Index(output, part)
		if at < 0 || i == 0 && at > 0 {
			return part + "\nin\n" + output
		}
		output = output[at+len(part)-1:]
	}
	return ""
}

func TestExcerptDiff(t *testing.T) {
	const output = "a\nb\nc\nd\n"
	for excerpt, same := range map[string]bool{"a\nb\nc\nd\n": true, "…\nb\nc\n…\n": true, "a\n…\nd\n": true, "a\n…\nc\n": true,
		"b\n": false, "…\nc\n…\nb\n": false, "a\nc\n": false, "…\nB\n": false} {
		if (excerptDiff(excerpt, output) == "") != same {
			t.Errorf("%q: same: %v", excerpt, !same)
		}
	}
}
