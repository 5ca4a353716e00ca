package veto.vulnerabilities_test

import data.veto.fixture
import data.veto.vulnerabilities

one(changes) := fixture.with_findings([object.union(fixture.finding, changes)])

leveled(level) := one({"severity": {"level": level, "score": null, "vector": null, "source": null}})

test_vuln_known_exploited_fires if {
	vulnerabilities.deny["vuln-known-exploited"] == {{
		"msg": "CVE-2026-0001 in curl 7.88.1-10 is used in attacks (CISA KEV); fixed in 7.88.1-11",
		"finding": "v0000000000000001",
	}} with input as one({"known_exploited": true, "exploited_since": "2026-02-01"})
}

test_vuln_known_exploited_fires_without_fix_or_severity if {
	{r.msg | some r in vulnerabilities.deny["vuln-known-exploited"]} == {"CVE-2026-0001 in curl 7.88.1-10 is used in attacks (CISA KEV); no fix is out yet"} with input as one({
		"known_exploited": true, "fixed_versions": [],
		"severity": {"level": "unknown", "score": null, "vector": null, "source": null},
	})
}

test_vuln_known_exploited_silent if {
	count(vulnerabilities.deny["vuln-known-exploited"]) == 0 with input as one({})
	count(vulnerabilities.deny["vuln-known-exploited"]) == 0 with input as fixture.base
}

test_vuln_fixable_fires[level] if {
	some level in ["critical", "high", "unknown"]
	vulnerabilities.deny["vuln-fixable"] == {{
		"msg": sprintf("CVE-2026-0001 (%s) in curl 7.88.1-10; fixed in 7.88.1-11", [level]),
		"finding": "v0000000000000001",
	}} with input as leveled(level)
}

test_vuln_fixable_silent[level] if {
	some level in ["medium", "low", "negligible"]
	count(vulnerabilities.deny["vuln-fixable"]) == 0 with input as leveled(level)
}

test_vuln_fixable_silent_without_fix if {
	count(vulnerabilities.deny["vuln-fixable"]) == 0 with input as one({"fixed_versions": []})
	count(vulnerabilities.deny["vuln-fixable"]) == 0 with input as fixture.base
}

# The engine subtracts what is waived; a rule does not.
test_vuln_fixable_fires_for_waived if {
	count(vulnerabilities.deny["vuln-fixable"]) == 1 with input as one({"waived_by": "w1"})
}

test_vuln_fixable_takes_its_severities if {
	count(vulnerabilities.deny["vuln-fixable"]) == 1 with input as leveled("low") with data.params["vuln-fixable"].severities as ["low"]
	count(vulnerabilities.deny["vuln-fixable"]) == 0 with input as leveled("high") with data.params["vuln-fixable"].severities as ["low"]
}

test_vuln_fixable_counts_unknown_as_told if {
	count(vulnerabilities.deny["vuln-fixable"]) == 0 with input as leveled("unknown") with data.params["vuln-fixable"].unknown_counts_as as "medium"
	count(vulnerabilities.deny["vuln-fixable"]) == 1 with input as leveled("unknown") with data.params["vuln-fixable"].unknown_counts_as as "critical"
	count(vulnerabilities.deny["vuln-fixable"]) == 1 with input as leveled("unknown") with data.params["vuln-fixable"] as {"severities": ["medium"], "unknown_counts_as": "medium"}
}

test_vuln_fixable_reports_each if {
	{r.finding | some r in vulnerabilities.deny["vuln-fixable"]} == {"v1", "v3"} with input as fixture.with_findings([
		object.union(fixture.finding, {"ref": "v1"}),
		object.union(fixture.finding, {"ref": "v2", "severity": {"level": "low"}}),
		object.union(fixture.finding, {"ref": "v3", "severity": {"level": "critical"}}),
	])
}

scored(score, database) := object.union(one({"epss": {"score": score, "percentile": 0.5}}), {"database": object.union(fixture.base.database, database)})

scores(age) := {"epss": object.union(fixture.shard, {"ecosystem": "epss", "age_days": age})}

test_vuln_likely_exploited_fires[score] if {
	some score in [0.1, 0.2, 1]
	vulnerabilities.deny["vuln-likely-exploited"] == {{
		"msg": sprintf("CVE-2026-0001 in curl 7.88.1-10 will be exploited within 30 days with a probability of %v (EPSS); fixed in 7.88.1-11", [score]),
		"finding": "v0000000000000001",
	}} with input as scored(score, scores(7)) with data.params["vuln-likely-exploited"].min_epss as 0.1
}

test_vuln_likely_exploited_silent if {
	count(vulnerabilities.deny["vuln-likely-exploited"]) == 0 with input as scored(0.09, scores(0)) with data.params["vuln-likely-exploited"].min_epss as 0.1
	count(vulnerabilities.deny["vuln-likely-exploited"]) == 0 with input as object.union(scored(0.5, scores(0)), {"findings": [fixture.finding]})
		with data.params["vuln-likely-exploited"].min_epss as 0.1
}

test_vuln_likely_exploited_is_off if {
	count(vulnerabilities.deny["vuln-likely-exploited"]) == 0 with input as scored(1, scores(0))
	count(vulnerabilities.deny["vuln-likely-exploited"]) == 0 with input as scored(1, {"epss": null})
	vulnerabilities.skip["vuln-likely-exploited"] == {"it is off until min_epss is set"} with input as scored(1, scores(0))
}

# Once it is on, a database without scores, or with old ones, is no pass.
test_vuln_likely_exploited_needs_scores[want] if {
	some c in [
		{"database": {"epss": null}, "want": "EPSS scores are not in the database"},
		{"database": scores(null), "want": "the date of the EPSS scores is unknown"},
		{"database": scores(8), "want": "the EPSS scores are 8 days old, 7 are allowed"},
	]
	want := c.want
	vulnerabilities.deny["vuln-likely-exploited"] == {{"msg": want, "subject": "epss"}} with input as scored(0.09, c.database)
		with data.params["vuln-likely-exploited"].min_epss as 0.1
}

said(status) := object.union(scored(1, scores(0)), {"findings": [object.union(fixture.finding, {
	"known_exploited": true,
	"epss": {"score": 1, "percentile": 1},
	"malicious": true,
	"vex": [{"status": status, "justification": "component_not_present", "statement": null, "action": null, "source": "a.json", "author": null, "at": null}],
	"vex_status": status,
})]})

test_vex_sets_aside[status] if {
	some status in ["not_affected", "fixed"]
	every rule in ["vuln-known-exploited", "vuln-fixable", "vuln-likely-exploited"] {
		count(vulnerabilities.deny[rule]) == 0
	} with input as said(status) with data.params["vuln-likely-exploited"].min_epss as 0.1
}

test_vex_sets_nothing_else_aside[status] if {
	some status in ["affected", "under_investigation", null]
	every rule in ["vuln-known-exploited", "vuln-fixable", "vuln-likely-exploited"] {
		count(vulnerabilities.deny[rule]) == 1
	} with input as said(status) with data.params["vuln-likely-exploited"].min_epss as 0.1
}

# Malware is not excused by a statement about a vulnerability.
test_vex_does_not_excuse_malware if count(vulnerabilities.deny["package-malicious"]) == 1 with input as said("not_affected")

test_package_malicious_fires if {
	vulnerabilities.deny["package-malicious"] == {{
		"msg": "curl 7.88.1-10 is malware (MAL-2026-1)",
		"finding": "v0000000000000001",
	}} with input as one({"id": "MAL-2026-1", "malicious": true, "fixed_versions": []})
}

test_package_malicious_silent if {
	count(vulnerabilities.deny["package-malicious"]) == 0 with input as one({})
}

test_package_malicious_fires_when_all_else_is_unknown if {
	count(vulnerabilities.deny["package-malicious"]) == 1 with input as one({
		"malicious": true, "cves": [], "speaks": {}, "published": null, "summary": null,
		"severity": {"level": "unknown", "score": null, "vector": null, "source": null},
	})
}

test_skipped_without_database[id] if {
	some id in ["vuln-known-exploited", "vuln-fixable", "package-malicious"]
	count(vulnerabilities.skip[id]) == 1 with input as fixture.without_database
	count(vulnerabilities.skip[id]) == 0 with input as fixture.base
}

test_known_exploited_skipped_without_catalogue if {
	in_ := object.union(fixture.base, {"database": {"kev": null}})
	vulnerabilities.skip["vuln-known-exploited"] == {"CISA's catalogue is not in the database"} with input as in_
	count(vulnerabilities.skip["vuln-fixable"]) == 0 with input as in_
}

kernels := {"known_exploited": true, "package": object.union(fixture.finding.package, {"name": "linux", "binaries": ["linux-libc-dev"], "kernel": true})}

test_kernel_is_the_hosts if {
	count(vulnerabilities.deny["vuln-known-exploited"]) == 0 with input as one(kernels)
	count(vulnerabilities.deny["vuln-fixable"]) == 0 with input as one(kernels)
}

test_kernel_counts_when_asked[rule] if {
	some rule in ["vuln-known-exploited", "vuln-fixable"]
	params := object.union(data.params, {rule: object.union(data.params[rule], {"include_kernel": true})})
	count(vulnerabilities.deny[rule]) == 1 with input as one(kernels) with data.params as params
}
