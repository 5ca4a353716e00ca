# METADATA
# title: Image configuration
# description: How the image is set up to run.
package veto.config

# METADATA
# title: Runs as root
# description: The image configuration names no user, or names root, so the container's process starts as root unless whoever runs it says otherwise.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#user-root
#   - ref: https://docs.docker.com/build/building/best-practices/#user
# custom:
#   severity: medium
#   remediation: Create a user in the Dockerfile and switch to it with a numeric USER, for example `USER 10001`.
#   categories: [configuration]
#   waivable: true
warn["user-root"] contains r if {
	input.config.user == null
	r := {"msg": "no USER in the image configuration", "subject": "user"}
}

warn["user-root"] contains r if {
	input.config.user != null
	root(input.config.user)
	r := {"msg": sprintf("USER is %s", [input.config.user]), "subject": "user"}
}

# A user is "name", "uid", "name:group" or "uid:gid" (OCI image-spec, config.md); any spelling of zero is root.
root(user) if split(trim_space(user), ":")[0] in {"", "root"}

root(user) if regex.match(`^[+-]?0+$`, split(trim_space(user), ":")[0])

skip["user-root"] contains "an SBOM does not say how its image runs" if input.image.source == "sbom"
