# METADATA
# title: Vulnerabilities
# description: Known vulnerabilities of the packages in the image.
package veto.vulnerabilities

# METADATA
# title: Vulnerability that attackers use
# description: CISA's catalogue of known exploited vulnerabilities lists it, so it is used in attacks now, whatever its severity and whether or not a fix is out.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#vuln-known-exploited
#   - ref: https://www.cisa.gov/known-exploited-vulnerabilities-catalog
# custom:
#   severity: critical
#   remediation: Upgrade the package to a fixed version; while there is none, remove it or replace it.
#   categories: [vulnerabilities]
#   waivable: false
#   params:
#     include_kernel:
#       type: boolean
#       default: false
#       description: Whether vulnerabilities of kernels and their headers count. A container runs on its host's kernel, so they are no way in.
deny["vuln-known-exploited"] contains r if {
	some v in input.findings
	v.known_exploited
	in_use(v, "vuln-known-exploited")
	r := {"msg": sprintf("%s in %s %s is used in attacks (CISA KEV); %s", [v.id, v.package.name, v.package.version, fix(v)]), "finding": v.ref}
}

# METADATA
# title: Serious vulnerability with a released fix
# description: >-
#   A vulnerability of a severity that counts has a fix that is already out, so an upgrade clears it. A severity that nobody
#   has stated counts as the parameter says, as high unless changed.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#vuln-fixable
# custom:
#   severity: high
#   remediation: Upgrade the package to the fixed version.
#   categories: [vulnerabilities]
#   waivable: true
#   params:
#     severities:
#       type: array
#       items: string
#       enum: [critical, high, medium, low, negligible]
#       default: [critical, high]
#       description: The severities that deny.
#     unknown_counts_as:
#       type: string
#       enum: [critical, high, medium, low, negligible]
#       default: high
#       description: The severity as which a vulnerability of unknown severity counts.
#     include_kernel:
#       type: boolean
#       default: false
#       description: Whether vulnerabilities of kernels and their headers count. A container runs on its host's kernel, so they are no way in.
deny["vuln-fixable"] contains r if {
	some level in levels
	some i in input.index.findings_by_severity[level]
	v := input.findings[i]
	count(v.fixed_versions) > 0
	in_use(v, "vuln-fixable")
	r := {"msg": sprintf("%s (%s) in %s %s; %s", [v.id, level, v.package.name, v.package.version, fix(v)]), "finding": v.ref}
}

# METADATA
# title: Vulnerability that attackers will likely use
# description: >-
#   FIRST's EPSS gives it at least the probability of being exploited within 30 days that the parameter names. Off until
#   `min_epss` is set; from then on, scores that are missing or old deny too, because without them nothing is known.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#vuln-likely-exploited
#   - ref: https://www.first.org/epss/
# custom:
#   severity: high
#   remediation: Upgrade the package to a fixed version; while there is none, remove it or replace it.
#   categories: [vulnerabilities]
#   waivable: true
#   params:
#     min_epss:
#       type: number
#       default: 0
#       minimum: 0
#       maximum: 1
#       description: The least probability, from 0 to 1, that denies. 0 switches the rule off.
#     max_age_days:
#       type: integer
#       default: 7
#       minimum: 0
#       description: The greatest age of the scores in whole days.
#     include_kernel:
#       type: boolean
#       default: false
#       description: Whether vulnerabilities of kernels and their headers count. A container runs on its host's kernel, so they are no way in.
deny["vuln-likely-exploited"] contains r if {
	min_epss > 0
	some v in input.findings
	v.epss != null
	v.epss.score >= min_epss
	in_use(v, "vuln-likely-exploited")
	r := {
		"msg": sprintf("%s in %s %s will be exploited within 30 days with a probability of %v (EPSS); %s", [v.id, v.package.name, v.package.version, v.epss.score, fix(v)]),
		"finding": v.ref,
	}
}

deny["vuln-likely-exploited"] contains r if {
	min_epss > 0
	input.database.state != "none"
	input.database.epss == null
	r := {"msg": "EPSS scores are not in the database", "subject": "epss"}
}

deny["vuln-likely-exploited"] contains r if {
	min_epss > 0
	input.database.epss != null
	input.database.epss.age_days == null
	r := {"msg": "the date of the EPSS scores is unknown", "subject": "epss"}
}

deny["vuln-likely-exploited"] contains r if {
	min_epss > 0
	input.database.epss != null
	age := input.database.epss.age_days
	age != null
	allowed := data.params["vuln-likely-exploited"].max_age_days
	age > allowed
	r := {"msg": sprintf("the EPSS scores are %d days old, %d are allowed", [age, allowed]), "subject": "epss"}
}

# METADATA
# title: Malicious package
# description: The package itself is malware. It was published to harm whoever installs it, so no upgrade mends it.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#package-malicious
#   - ref: https://github.com/ossf/malicious-packages
# custom:
#   severity: critical
#   remediation: Remove the package, then treat every secret that the build or the container could reach as known to others.
#   categories: [vulnerabilities, supply-chain]
#   waivable: false
deny["package-malicious"] contains r if {
	some v in input.findings
	v.malicious
	r := {"msg": sprintf("%s %s is malware (%s)", [v.package.name, v.package.version, v.id]), "finding": v.ref}
}

skip["vuln-known-exploited"] contains no_database if input.database.state == "none"

skip["vuln-known-exploited"] contains "CISA's catalogue is not in the database" if {
	input.database.state != "none"
	input.database.kev == null
}

skip["vuln-fixable"] contains no_database if input.database.state == "none"

skip["vuln-likely-exploited"] contains no_database if input.database.state == "none"

skip["vuln-likely-exploited"] contains "it is off until min_epss is set" if min_epss == 0

skip["package-malicious"] contains no_database if input.database.state == "none"

no_database := "no database was used (--db none)"

min_epss := data.params["vuln-likely-exploited"].min_epss

levels contains level if some level in data.params["vuln-fixable"].severities

levels contains "unknown" if data.params["vuln-fixable"].unknown_counts_as in data.params["vuln-fixable"].severities

in_use(v, _) if {
	not v.package.kernel
	not set_aside(v)
}

in_use(v, rule) if {
	v.package.kernel
	rule in with_kernel
	not set_aside(v)
}

with_kernel contains "vuln-known-exploited" if data.params["vuln-known-exploited"].include_kernel

with_kernel contains "vuln-fixable" if data.params["vuln-fixable"].include_kernel

with_kernel contains "vuln-likely-exploited" if data.params["vuln-likely-exploited"].include_kernel

# Whoever wrote a VEX document that this scan was given says that it is of no consequence.
set_aside(v) if v.vex_status in {"not_affected", "fixed"}

fix(v) := sprintf("fixed in %s", [concat(", ", v.fixed_versions)]) if count(v.fixed_versions) > 0

fix(v) := "no fix is out yet" if count(v.fixed_versions) == 0
