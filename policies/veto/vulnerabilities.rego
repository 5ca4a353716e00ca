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
#   waivable: true
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
# title: Malicious package
# description: The package itself is malware. It was published to harm whoever installs it, so no upgrade mends it.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#package-malicious
#   - ref: https://github.com/ossf/malicious-packages
# custom:
#   severity: critical
#   remediation: Remove the package, then treat every secret that the build or the container could reach as known to others.
#   categories: [vulnerabilities, supply-chain]
#   waivable: true
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

skip["package-malicious"] contains no_database if input.database.state == "none"

no_database := "no database was used (--db none)"

levels contains level if some level in data.params["vuln-fixable"].severities

levels contains "unknown" if data.params["vuln-fixable"].unknown_counts_as in data.params["vuln-fixable"].severities

in_use(v, _) if not v.package.kernel

in_use(v, rule) if {
	v.package.kernel
	data.params[rule].include_kernel
}

fix(v) := sprintf("fixed in %s", [concat(", ", v.fixed_versions)]) if count(v.fixed_versions) > 0

fix(v) := "no fix is out yet" if count(v.fixed_versions) == 0
