# METADATA
# title: House rules
# description: What our own images must keep to.
package house

# METADATA
# title: No source label
# description: Without the label org.opencontainers.image.source nobody can tell which repository an image was built from.
# custom:
#   severity: medium
#   remediation: Add `LABEL org.opencontainers.image.source=<URL of the repository>` to the Dockerfile.
#   categories: [provenance]
deny["house-source-label"] contains r if {
	not sourced
	r := {"msg": "no label org.opencontainers.image.source", "subject": "org.opencontainers.image.source"}
}

sourced if trim_space(input.config.labels["org.opencontainers.image.source"]) != ""

# METADATA
# title: Package that we do not ship
# description: Remote shells that send passwords in the clear have no place in an image.
# custom:
#   severity: high
#   remediation: Remove the package from the image.
#   params:
#     names:
#       type: array
#       items: string
#       default: [telnet, inetutils-telnet, rsh-client]
#       description: Names of packages that deny.
deny["house-unwanted-package"] contains r if {
	some name in data.params["house-unwanted-package"].names
	some i in input.index.packages_by_name[name]
	p := input.packages[i]
	r := {
		"msg": sprintf("%s %s is installed", [p.name, p.version]),
		"subject": p.name,
		"layer": p.layer,
	}
}
