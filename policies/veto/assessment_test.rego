package veto.assessment_test

import data.veto.assessment
import data.veto.fixture

test_assessment_incomplete_fires if {
	assessment.deny["assessment-incomplete"] == {{
		"msg": "app/package.json: unexpected end of JSON",
		"finding": "c0000000000000001",
		"subject": "app/package.json",
		"details": {"kind": "malformed", "count": 1},
	}} with input as fixture.with_gaps([fixture.gap])
}

test_assessment_incomplete_fires_for_each_kind[kind] if {
	some kind in ["unreadable", "malformed", "limit", "unsupported", "unknown_os", "platform_not_scanned", "toc_only", "third_party", "runtimes_differ", "unlisted"]
	count(assessment.deny["assessment-incomplete"]) == 1 with input as fixture.with_gaps([object.union(fixture.gap, {"kind": kind})])
}

test_assessment_incomplete_fires_for_waived if {
	count(assessment.deny["assessment-incomplete"]) == 1 with input as fixture.with_gaps([object.union(fixture.gap, {"waived_by": "w1"})])
}

test_assessment_incomplete_silent if {
	count(assessment.deny["assessment-incomplete"]) == 0 with input as fixture.base
}

test_assessment_incomplete_silent_for_missing_advisories if {
	count(assessment.deny["assessment-incomplete"]) == 0 with input as fixture.with_gaps([missing])
		with data.params["assessment-incomplete"].kinds as ["no_advisories"]
}

test_assessment_incomplete_silent_for_kinds_not_listed if {
	count(assessment.deny["assessment-incomplete"]) == 0 with input as fixture.with_gaps([fixture.gap])
		with data.params["assessment-incomplete"].kinds as ["limit"]
}

test_assessment_incomplete_without_path if {
	{r.msg | some r in assessment.deny["assessment-incomplete"]} == {"linux/arm64: not scanned"} with input as fixture.with_gaps([object.union(
		fixture.gap,
		{"kind": "platform_not_scanned", "path": null, "layer": null, "subject": "linux/arm64", "detail": "not scanned"},
	)])
}

test_assessment_incomplete_without_path_and_subject if {
	assessment.deny["assessment-incomplete"] == {{
		"msg": "unknown_os: no os-release",
		"finding": "c0000000000000001",
		"subject": "unknown_os",
		"details": {"kind": "unknown_os", "count": 1},
	}} with input as fixture.with_gaps([object.union(
		fixture.gap,
		{"kind": "unknown_os", "path": null, "layer": null, "detail": "no os-release"},
	)])
}

missing := object.union(fixture.gap, {
	"kind": "no_advisories", "path": null, "subject": "Alpine:v3.99",
	"detail": "14 packages, no advisories in the database", "count": 14,
})

test_advisories_missing_fires if {
	assessment.deny["advisories-missing"] == {{
		"msg": "Alpine:v3.99: 14 packages, no advisories in the database",
		"finding": "c0000000000000001",
		"subject": "Alpine:v3.99",
		"details": {"count": 14},
	}} with input as fixture.with_gaps([missing])
}

test_advisories_missing_silent if {
	count(assessment.deny["advisories-missing"]) == 0 with input as fixture.with_gaps([fixture.gap])
}

test_advisories_missing_of_unknown_subject if {
	{r.subject | some r in assessment.deny["advisories-missing"]} == {"no_advisories"} with input as fixture.with_gaps([object.union(missing, {"subject": null})])
}

test_advisories_missing_skipped_without_database if {
	in_ := object.union(fixture.without_database, {"gaps": [missing]})
	count(assessment.deny["advisories-missing"]) == 0 with input as in_
	count(assessment.skip["advisories-missing"]) == 1 with input as in_
	count(assessment.skip["advisories-missing"]) == 0 with input as fixture.base
}
