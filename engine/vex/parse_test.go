package vex

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

const goodOpenVEX = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.test/vex/1","author":"Example",
	"timestamp":"2026-01-02T03:04:05Z","statements":[{"vulnerability":{"name":"CVE-2021-23337"},
	"products":[{"@id":"pkg:npm/lodash@4.17.20"}],"status":"not_affected",
	"justification":"component_not_present"}]}`

const goodCycloneDX = `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"2026-01-02T03:04:05Z"},
	"vulnerabilities":[{"id":"CVE-2021-23337","analysis":{"state":"not_affected","justification":"code_not_present"},
	"affects":[{"ref":"pkg:npm/lodash@4.17.20"}]}]}`

const goodCSAF = `{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"Example"},
	"tracking":{"id":"EX-1","current_release_date":"2026-01-02T03:04:05Z"}},
	"product_tree":{"full_product_names":[{"product_id":"P","product_identification_helper":{"purl":"pkg:npm/lodash@4.17.20"}}]},
	"vulnerabilities":[{"cve":"CVE-2021-23337","product_status":{"known_not_affected":["P"]},
	"flags":[{"label":"component_not_present","product_ids":["P"]}]}]}`

// status parses a document and returns what it says of the finding CVE-2021-23337 in lodash.
func status(t *testing.T, text string) (string, error) {
	t.Helper()
	d, err := Parse("a.json", []byte(text))
	if err != nil {
		if d != nil || !strings.HasPrefix(err.Error(), "a.json: ") {
			t.Errorf("%v, and the document %+v", err, d)
		}
		return "", err
	}
	f := facts()
	if err := Mark([]*Document{d}, f, clock()); err != nil {
		t.Fatal(err)
	}
	return string(f.Findings[0].VEXStatus), nil
}

// A document that is not what its format demands is an error that names the place: one that was read in part could suppress a finding that
// the rest says is affected.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, from, to, want string }{
		{goodOpenVEX, `v0.2.0`, `v0.1.0`, "@context"},
		{goodOpenVEX, `"https://openvex.dev/ns/v0.2.0"`, `["https://openvex.dev/ns/v0.2.0"]`, "@context"},
		{goodOpenVEX, `"@id":"https://example.test/vex/1",`, ``, "@id"},
		{goodOpenVEX, `"author":"Example"`, `"author":""`, "author"},
		{goodOpenVEX, `"author":"Example"`, `"author":" \t"`, "author"},
		{goodOpenVEX, `"timestamp":"2026-01-02T03:04:05Z"`, `"timestamp":""`, "timestamp"},
		{goodOpenVEX, `2026-01-02T03:04:05Z`, `yesterday`, "timestamp"},
		{goodOpenVEX, `"statements":[{`, `"statements":[],"other":[{`, "statements: it has none"},
		{goodOpenVEX, `{"name":"CVE-2021-23337"}`, `{}`, "vulnerability"},
		{goodOpenVEX, `"not_affected"`, `"harmless"`, "status"},
		{goodOpenVEX, `"component_not_present"`, `"not_present"`, "justification"},
		{goodOpenVEX, `"justification":"component_not_present"`, `"status_notes":"trust us"`, "not_affected needs"},
		{goodCycloneDX, `"1.6"`, `"1.3"`, "specVersion"},
		{goodCycloneDX, `"not_affected"`, `"harmless"`, "state"},
		{goodCycloneDX, `"code_not_present"`, `"not_present"`, "justification"},
		{goodCycloneDX, `,"justification":"code_not_present"`, ``, "needs a justification or a detail"},
		{goodCycloneDX, `"analysis":{"state":"not_affected",`, `"analysis":{`, "none has an analysis"},
		{goodCycloneDX, `2026-01-02T03:04:05Z`, `yesterday`, "lastUpdated"},
		{goodCycloneDX, `[{"id"`, `[1,{"id"`, "vulnerabilities"},
		{goodCSAF, `"2.0"`, `"2.1"`, "csaf_version"},
		{goodCSAF, `"EX-1"`, `""`, "document.tracking.id"},
		{goodCSAF, `2026-01-02T03:04:05Z`, ``, "current_release_date"},
		{goodCSAF, `2026-01-02T03:04:05Z`, `yesterday`, "current_release_date"},
		{goodCSAF, `"product_id":"P"`, `"product_id":""`, "is empty or stands twice"},
		{goodCSAF, `"known_not_affected"`, `"known_harmless"`, "product_status"},
		{goodCSAF, `"known_not_affected":["P"]`, `"known_not_affected":["Q"]`, `the tree has no product "Q"`},
		{goodCSAF, `"component_not_present"`, `"not_present"`, "flag"},
		{goodCSAF, `"product_ids":["P"]`, `"product_ids":["Q"]`, "known_not_affected needs a flag"},
		{goodCSAF, `"product_tree":{`, `"product_tree":{"relationships":[{"product_reference":"P","relates_to_product_reference":"Q"}],`,
			"relationships[0] names products"},
		{goodCSAF, `"product_tree":{`, `"product_tree":{"branches":[{"branches":[{"product":{"product_id":"P"}}]}],`, "stands twice"},
		{goodCSAF, `"full_product_names":[`, `"full_product_names":[{"product_id":"P"},`, "stands twice"},
		{goodCSAF, `"product_tree":{`, `"product_tree":{"relationships":[{"product_reference":"P","relates_to_product_reference":"P",
			"full_product_name":{"product_id":"P"}}],`, "stands twice"},
		{goodCSAF, `"product_tree":{`, `"product_tree":{"branches":1,`, "product_tree"},
		{`{"bomFormat":"SPDX"}`, ``, ``, "no VEX document"},
		{`{"document":{}}`, ``, ``, "no VEX document"},
		{`[]`, ``, ``, "array"},
		{`{`, ``, ``, "EOF"},
	} {
		text := strings.Replace(c.text, c.from, c.to, 1)
		if text == c.text && c.from != "" {
			t.Errorf("%q is not in the document", c.from)
		}
		if got, err := status(t, text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %q, %v; want an error about %q", c.to, c.from, got, err, c.want)
		}
	}
}

// What each format says, and the fields that it may be said with.
func TestStatuses(t *testing.T) {
	for _, c := range []struct{ text, from, to, want string }{
		{goodOpenVEX, ``, ``, "not_affected"},
		{goodOpenVEX, `"name":"CVE-2021-23337"`, `"@id":"https://nvd.nist.gov/vuln/detail/CVE-2021-23337"`, "not_affected"},
		{goodOpenVEX, `"name":"CVE-2021-23337"`, `"name":"X-1","aliases":[" cve-2021-23337 "]`, "not_affected"},
		{goodOpenVEX, `"name":"CVE-2021-23337"`, `"name":" "`, ""},
		{goodOpenVEX, `"products":[{"@id":"pkg:npm/lodash@4.17.20"}]`, `"products":[]`, ""},
		{goodOpenVEX, `"justification":"component_not_present"`, `"impact_statement":"no"`, "not_affected"},
		{goodOpenVEX, `"not_affected"`, `"affected"`, "affected"},
		{goodOpenVEX, `"not_affected"`, `"under_investigation"`, "under_investigation"},
		{goodOpenVEX, `"not_affected"`, `"fixed"`, "fixed"},
		{goodCycloneDX, ``, ``, "not_affected"},
		{goodCycloneDX, `"id":"CVE-2021-23337"`, `"id":"X-1","references":[{"id":"CVE-2021-23337"}]`, "not_affected"},
		{goodCycloneDX, `"not_affected"`, `"false_positive"`, "not_affected"},
		{goodCycloneDX, `"not_affected"`, `"exploitable"`, "affected"},
		{goodCycloneDX, `"not_affected"`, `"in_triage"`, "under_investigation"},
		{goodCycloneDX, `"not_affected"`, `"resolved"`, "fixed"},
		{goodCycloneDX, `"not_affected"`, `"resolved_with_pedigree"`, "fixed"},
		{goodCycloneDX, `,"justification":"code_not_present"`, `,"detail":"no"`, "not_affected"},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`,
			`{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"unaffected"}]}`, "not_affected"},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`,
			`{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20","status":"affected"}]}`, ""},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`, `{"ref":"pkg:npm/lodash","versions":[{"version":"4.17.20"}]}`, ""},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`,
			`{"ref":"pkg:npm/lodash","versions":[{"range":"vers:npm/<5","status":"unaffected"}]}`, ""},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`,
			`{"ref":"pkg:npm/lodash@4.17.19","versions":[{"version":"4.17.20","status":"unaffected"}]}`, ""},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`,
			`{"ref":"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg%3Anpm%2Flodash%404.17.20"}`,
			""},
		{goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`, `{"ref":"lodash"}`, ""},
		{goodCycloneDX, `"vulnerabilities"`, `"components":[{"bom-ref":"pkg:npm/lodash@4.17.20","purl":"pkg:npm/other"}],"vulnerabilities"`, ""},
		{goodCycloneDX, `"vulnerabilities"`,
			`"components":[{"components":[{"bom-ref":"pkg:npm/lodash@4.17.20","purl":"lodash"}]}],"vulnerabilities"`, ""},
		{goodCSAF, ``, ``, "not_affected"},
		{goodCSAF, `"known_not_affected"`, `"fixed"`, "fixed"},
		{goodCSAF, `"known_not_affected"`, `"first_fixed"`, "fixed"},
		{goodCSAF, `"known_not_affected"`, `"known_affected"`, "affected"},
		{goodCSAF, `"known_not_affected"`, `"first_affected"`, "affected"},
		{goodCSAF, `"known_not_affected"`, `"last_affected"`, "affected"},
		{goodCSAF, `"known_not_affected"`, `"under_investigation"`, "under_investigation"},
		{goodCSAF, `"known_not_affected"`, `"recommended"`, ""},
		{goodCSAF, `"flags":[{"label":"component_not_present","product_ids":["P"]}]`,
			`"threats":[{"category":"impact","details":"no","product_ids":["P"]}]`, "not_affected"},
		{goodCSAF, `"cve":"CVE-2021-23337"`, `"ids":[{"text":"GHSA-35jh-r3h4-6jhm"}]`, "not_affected"},
		{strings.Replace(goodCSAF, "csaf_vex", "csaf_security_advisory", 1), `,
	"flags":[{"label":"component_not_present","product_ids":["P"]}]`, ``, "not_affected"},
		{goodCSAF, `"full_product_names":[`,
			`"full_product_names":[{"product_id":"P","product_identification_helper":{"purl":"pkg:npm/lodash@4.17.20"}},`,
			"not_affected"}, // the same product twice, as Red Hat writes
		{goodCSAF, `"product_tree":{`, `"product_tree":{"product_groups":[{"group_id":"G","product_ids":["P"]}],`, "not_affected"},
	} {
		text := strings.Replace(c.text, c.from, c.to, 1)
		if text == c.text && c.from != "" {
			t.Errorf("%q is not in the document", c.from)
		}
		if got, err := status(t, text); err != nil || got != c.want {
			t.Errorf("%q for %q: %q, %v; want %q", c.to, c.from, got, err, c.want)
		}
	}
}

// A document with more products than the limit is an error in each format, which says where; with -short, one large document is tried. With
// -short only small documents are tried.
func TestProductLimit(t *testing.T) {
	many := func(one string) string { return strings.Repeat(one+",", engine.MaxVEXProducts) + one }
	relationships := `"relationships":[`
	for i := range engine.MaxJSONDepth + 1 {
		relationships += fmt.Sprintf(`{"category":"installed_on","product_reference":%q,"relates_to_product_reference":"P",
			"full_product_name":{"product_id":"P%d"}},`, strings.TrimSuffix(fmt.Sprint("P", i-1), "-1"), i)
	}
	relationships = strings.TrimSuffix(relationships, ",") + "],"
	for _, c := range []struct{ name, text, from, to, want string }{
		{"OpenVEX", goodOpenVEX, `{"@id":"pkg:npm/lodash@4.17.20"}`, many(`{}`), "statements[0]"},
		{"CycloneDX", goodCycloneDX, `{"ref":"pkg:npm/lodash@4.17.20"}`, many(`{}`), "vulnerabilities[0]"},
		{"CSAF", goodCSAF, `"known_not_affected":["P"]`, `"known_not_affected":[` + many(`"P"`) + `]`, "vulnerabilities[0]"},
		{"CSAF, groups", goodCSAF, `"product_tree":{`, `"product_tree":{"product_groups":[{"group_id":"G","product_ids":[` + many(`"P"`) + `]}],`,
			""},
		{"CSAF, relationships", goodCSAF, `"product_tree":{`, `"product_tree":{` + relationships, "product_tree"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && len(c.to) > 1<<20 && c.name != "CycloneDX" {
				t.Skip("a large document")
			}
			t.Parallel()
			text := strings.Replace(c.text, c.from, c.to, 1)
			if c.name == "CSAF, groups" {
				text = strings.Replace(text, `"product_ids":["P"]}]}`, `"group_ids":["G"]}]}`, 1)
			}
			_, err := Parse("a.json", []byte(text))
			if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.200v, want a limit at %q", err, c.want)
			}
		})
	}
}
