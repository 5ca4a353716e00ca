# METADATA
# title: Operating system
# description: How long the distribution in the image is still supported.
package veto.os

# METADATA
# title: Distribution no longer supported
# description: >-
#   The last support of the distribution release that costs nothing has ended. New vulnerabilities in it get neither
#   fixes nor, often, advisories, so a clean report means little.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#os-end-of-life
# custom:
#   severity: high
#   remediation: Build from a supported release of the distribution.
#   categories: [operating-system]
#   waivable: true
deny["os-end-of-life"] contains r if {
	over(input.os.free_support_ends)
	r := {
		"msg": sprintf("%s: support ended %s", [name, input.os.free_support_ends]),
		"subject": subject,
		"layer": input.os.layer,
		"details": {"support_ended": input.os.free_support_ends},
	}
}

# METADATA
# title: Regular support of the distribution has ended
# description: >-
#   The regular support of the distribution release has ended. Until its free long-term support ends too, fixes still
#   come, but later and for fewer packages.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#os-support-ended
# custom:
#   severity: medium
#   remediation: Plan the move to a release under regular support.
#   categories: [operating-system]
#   waivable: true
warn["os-support-ended"] contains r if {
	over(input.os.support_ends)
	not over(input.os.free_support_ends)
	r := {
		"msg": sprintf("%s: regular support ended %s; %s", [name, input.os.support_ends, rest]),
		"subject": subject,
		"layer": input.os.layer,
	}
}

# A day counts to its end, in UTC.
over(day) if {
	day != null
	time.parse_rfc3339_ns(sprintf("%sT23:59:59Z", [day])) < time.parse_rfc3339_ns(input.now)
}

name := input.os.pretty_name if input.os.pretty_name != null

name := sprintf("%s %s", [input.os.id, input.os.version_id]) if {
	input.os.pretty_name == null
	input.os.version_id != null
}

name := input.os.id if {
	input.os.pretty_name == null
	input.os.version_id == null
}

subject := input.os.ecosystem if input.os.ecosystem != null

subject := input.os.id if input.os.ecosystem == null

rest := sprintf("free long-term support until %s", [input.os.free_support_ends]) if input.os.free_support_ends != null

rest := "the end of free long-term support is unknown" if input.os.free_support_ends == null
