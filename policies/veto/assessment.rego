# METADATA
# title: Assessment
# description: What veto recognised in the image but could not assess.
package veto.assessment

# METADATA
# title: Something could not be assessed
# description: >-
#   A part of the image could not be read, understood or matched. Whatever hides there was not judged, so the image
#   is not known to be good.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#assessment-incomplete
# custom:
#   severity: high
#   remediation: Repair or remove what could not be assessed; if the gap is acceptable, waive it with a reason and a date.
#   categories: [assessment]
#   waivable: true
#   params:
#     kinds:
#       type: array
#       items: string
#       default: [unreadable, malformed, limit, unsupported, unknown_os, platform_not_scanned, toc_only, third_party, runtimes_differ, unlisted]
#       description: The kinds of gaps that deny. Packages without advisories have a rule of their own, advisories-missing.
deny["assessment-incomplete"] contains r if {
	some c in input.gaps
	c.kind in data.params["assessment-incomplete"].kinds
	c.kind != "no_advisories"
	r := {
		"msg": sprintf("%s: %s", [place(c), c.detail]),
		"finding": c.ref,
		"subject": subject(c),
		"details": {"kind": c.kind, "count": c.count},
	}
}

# METADATA
# title: Packages without advisories
# description: >-
#   The database has no advisories for the ecosystem of some packages, so nothing can be said about their vulnerabilities.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#advisories-missing
# custom:
#   severity: high
#   remediation: Add the ecosystem to the database with `veto db update --ecosystem NAME`; if no advisories exist for it, waive the gap.
#   categories: [assessment, vulnerabilities]
#   waivable: true
deny["advisories-missing"] contains r if {
	input.database.state != "none"
	some c in input.gaps
	c.kind == "no_advisories"
	r := {
		"msg": sprintf("%s: %s", [place(c), c.detail]),
		"finding": c.ref,
		"subject": subject(c),
		"details": {"count": c.count},
	}
}

skip["advisories-missing"] contains "no database was used (--db none)" if input.database.state == "none"

place(c) := c.path if c.path != null

place(c) := c.subject if {
	c.path == null
	c.subject != null
}

place(c) := c.kind if {
	c.path == null
	c.subject == null
}

subject(c) := c.subject if c.subject != null

subject(c) := place(c) if c.subject == null
