# METADATA
# title: Inventory
# description: What was found in the image at all.
package veto.inventory

# METADATA
# title: Nothing was found
# description: >-
#   Not one package was found, of the distribution or of a language, so there was nothing to match and no finding can appear.
#   An image that truly holds no packages is rare: a single static Go program, for one, has its modules listed.
# related_resources:
#   - ref: https://github.com/vetoci/veto/blob/main/docs/policies.md#inventory-empty
# custom:
#   severity: high
#   remediation: Check that the right image was scanned. If it holds no package on purpose, waive this rule for it.
#   categories: [assessment]
#   waivable: true
deny["inventory-empty"] contains r if {
	count(input.packages) == 0
	r := {"msg": "no package was found in the image", "subject": "packages"}
}
