# METADATA
# title: Vulnerability database
# description: Whether there is data to judge by, and how old it is.
package veto.database

# METADATA
# title: No vulnerability database
# description: The image was not matched against known vulnerabilities, or not against those that attackers use, so their absence says nothing.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#database-missing
# custom:
#   severity: critical
#   remediation: Get a database with `veto db update` and scan without `--db none`; where it lacks the catalogue, add `--source kev=PATH|URL`.
#   categories: [vulnerabilities]
#   waivable: true
deny["database-missing"] contains r if {
	input.database.state == "none"
	r := {"msg": "no vulnerability database was used", "subject": "database"}
}

deny["database-missing"] contains r if {
	input.database.state != "none"
	input.database.kev == null
	r := {"msg": "CISA's catalogue of known exploited vulnerabilities is not loaded", "subject": "kev"}
}

# METADATA
# title: Vulnerability data too old
# description: >-
#   The advisories of an ecosystem are older than allowed, by the date of the data itself, or their date is unknown. What
#   became known since then is missing.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#database-stale
# custom:
#   severity: high
#   remediation: Refresh the database with `veto db update`.
#   categories: [vulnerabilities]
#   waivable: true
#   params:
#     max_age_days:
#       type: integer
#       default: 7
#       minimum: 0
#       description: The greatest age of the data in whole days.
deny["database-stale"] contains r if {
	some shard in shards
	shard.age_days != null
	shard.age_days > data.params["database-stale"].max_age_days
	r := {
		"msg": sprintf("%s: data of %s is %d days old, %d are allowed", [shard.ecosystem, shard.as_of, shard.age_days, data.params["database-stale"].max_age_days]),
		"subject": shard.ecosystem,
	}
}

deny["database-stale"] contains r if {
	some shard in shards
	shard.age_days == null
	r := {"msg": sprintf("%s: the date of the data is unknown", [shard.ecosystem]), "subject": shard.ecosystem}
}

skip["database-stale"] contains "no database was used (--db none)" if input.database.state == "none"

shards contains shard if {
	input.database.state != "none"
	some shard in input.database.shards
}

shards contains input.database.kev if {
	input.database.state != "none"
	input.database.kev != null
}
