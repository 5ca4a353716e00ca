package veto.inventory_test

import data.veto.fixture
import data.veto.inventory

test_inventory_empty_fires if {
	inventory.deny["inventory-empty"] == {{"msg": "no package was found in the image", "subject": "packages"}} with input as fixture.with_packages([])
}

test_inventory_empty_silent if {
	count(inventory.deny["inventory-empty"]) == 0 with input as fixture.base
}

# An image FROM scratch with one Go program: no distribution, but modules.
test_inventory_empty_silent_for_one_program if {
	count(inventory.deny["inventory-empty"]) == 0 with input as object.union(
		fixture.with_packages([object.union(fixture.package_, {"name": "example.test/web", "type": "golang", "ecosystem": "Go", "main": true})]),
		{"os": null},
	)
}

test_inventory_empty_fires_for_unknown_os if {
	count(inventory.deny["inventory-empty"]) == 1 with input as object.union(fixture.with_packages([]), {"os": null})
}
