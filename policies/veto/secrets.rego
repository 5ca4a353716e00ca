# METADATA
# title: Secrets
# description: Credentials that everyone gets who pulls the image.
package veto.secrets

# METADATA
# title: Secret in the image
# description: >-
#   A credential stands in a file of some layer, or in the image's configuration or history. Whoever pulls the image has it, also when a later
#   layer deletes the file. What a package of the distribution brought is published to the world already, and does not count.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#secret-found
#   - ref: https://docs.docker.com/build/building/secrets/
# custom:
#   severity: high
#   remediation: Revoke the credential, then build without it; give a build what it needs by `RUN --mount=type=secret`.
#   categories: [secrets]
#   waivable: true
#   params:
#     severities:
#       type: array
#       items: string
#       enum: [critical, high, medium, low]
#       default: [critical, high, medium]
#       description: The severities of secrets that count.
warn["secret-found"] contains r if {
	some s in input.secrets
	s.severity in data.params["secret-found"].severities
	s.owned_by == null
	r := {
		"msg": sprintf("%s (%s) in %s%s", [s.title, s.redacted, place(s), later(s)]),
		"finding": s.ref,
		"details": {"rule": s.rule, "line": s.line},
	}
}

skip["secret-found"] contains "an SBOM holds no files" if input.image.source == "sbom"

skip["secret-found"] contains "secrets were not looked for (--no-secrets)" if {
	some w in input.weakened
	w.what == "--no-secrets"
}

place(s) := sprintf("%s:%d", [s.path, s.line]) if s.path != null

place(s) := s.subject if {
	s.path == null
	s.subject != null
}

later(s) := ", which a later layer deletes: it can still be pulled" if s.deleted_later

later(s) := "" if not s.deleted_later
