package veto.coverage_test

import data.veto.coverage
import data.veto.fixture

test_coverage_incomplete_fires if {
	coverage.deny["coverage-incomplete"] == {{
		"msg": "app/package.json: unexpected end of JSON",
		"finding": "c0000000000000001",
		"subject": "app/package.json",
		"details": {"kind": "malformed", "count": 1},
	}} with input as fixture.with_coverage([fixture.gap])
}

test_coverage_incomplete_fires_for_each_kind[kind] if {
	some kind in ["unreadable", "malformed", "limit", "unsupported", "unknown_os", "platform_not_scanned", "toc_only", "third_party"]
	count(coverage.deny["coverage-incomplete"]) == 1 with input as fixture.with_coverage([object.union(fixture.gap, {"kind": kind})])
}

test_coverage_incomplete_fires_for_waived if {
	count(coverage.deny["coverage-incomplete"]) == 1 with input as fixture.with_coverage([object.union(fixture.gap, {"waived_by": "w1"})])
}

test_coverage_incomplete_silent if {
	count(coverage.deny["coverage-incomplete"]) == 0 with input as fixture.base
}

test_coverage_incomplete_silent_for_missing_advisories if {
	count(coverage.deny["coverage-incomplete"]) == 0 with input as fixture.with_coverage([missing])
		with data.params["coverage-incomplete"].kinds as ["no_advisories"]
}

test_coverage_incomplete_silent_for_kinds_not_listed if {
	count(coverage.deny["coverage-incomplete"]) == 0 with input as fixture.with_coverage([fixture.gap])
		with data.params["coverage-incomplete"].kinds as ["limit"]
}

test_coverage_incomplete_without_path if {
	{r.msg | some r in coverage.deny["coverage-incomplete"]} == {"linux/arm64: not scanned"} with input as fixture.with_coverage([object.union(
		fixture.gap,
		{"kind": "platform_not_scanned", "path": null, "layer": null, "subject": "linux/arm64", "detail": "not scanned"},
	)])
}

test_coverage_incomplete_without_path_and_subject if {
	coverage.deny["coverage-incomplete"] == {{
		"msg": "unknown_os: no os-release",
		"finding": "c0000000000000001",
		"subject": "unknown_os",
		"details": {"kind": "unknown_os", "count": 1},
	}} with input as fixture.with_coverage([object.union(
		fixture.gap,
		{"kind": "unknown_os", "path": null, "layer": null, "detail": "no os-release"},
	)])
}

missing := object.union(fixture.gap, {
	"kind": "no_advisories", "path": null, "subject": "Alpine:v3.99",
	"detail": "14 packages, no advisories in the database", "count": 14,
})

test_advisories_missing_fires if {
	coverage.deny["advisories-missing"] == {{
		"msg": "Alpine:v3.99: 14 packages, no advisories in the database",
		"finding": "c0000000000000001",
		"subject": "Alpine:v3.99",
		"details": {"count": 14},
	}} with input as fixture.with_coverage([missing])
}

test_advisories_missing_silent if {
	count(coverage.deny["advisories-missing"]) == 0 with input as fixture.with_coverage([fixture.gap])
}

test_advisories_missing_of_unknown_subject if {
	{r.subject | some r in coverage.deny["advisories-missing"]} == {"no_advisories"} with input as fixture.with_coverage([object.union(missing, {"subject": null})])
}

test_advisories_missing_skipped_without_database if {
	in_ := object.union(fixture.without_database, {"coverage": [missing]})
	count(coverage.deny["advisories-missing"]) == 0 with input as in_
	count(coverage.skip["advisories-missing"]) == 1 with input as in_
	count(coverage.skip["advisories-missing"]) == 0 with input as fixture.base
}
