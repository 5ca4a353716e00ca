package house_test

import data.house

# An input holds only what the rule under test reads.
labelled(labels) := {"config": {"labels": labels}}

installed(names) := {
	"packages": [{"name": name, "version": "1.0", "layer": null} | some name in names],
	"index": {"packages_by_name": {name: [i] | some i, name in names}},
}

test_source_label_fires_without_label if {
	house.deny["house-source-label"] == {{
		"msg": "no label org.opencontainers.image.source",
		"subject": "org.opencontainers.image.source",
	}} with input as labelled({"maintainer": "shop"})
}

test_source_label_fires_for_blank_label if {
	count(house.deny["house-source-label"]) == 1 with input as labelled({"org.opencontainers.image.source": " "})
}

test_source_label_silent if {
	count(house.deny["house-source-label"]) == 0 with input as labelled({"org.opencontainers.image.source": "https://git.example.test/shop/web"})
}

test_unwanted_package_fires if {
	house.deny["house-unwanted-package"] == {{
		"msg": "telnet 1.0 is installed",
		"subject": "telnet",
		"layer": null,
	}} with input as installed(["curl", "telnet"])
}

test_unwanted_package_silent if {
	count(house.deny["house-unwanted-package"]) == 0 with input as installed(["curl", "telnetd-ssl"])
}

test_unwanted_package_takes_its_parameter if {
	count(house.deny["house-unwanted-package"]) == 1 with input as installed(["curl"]) with data.params["house-unwanted-package"].names as ["curl"]
}
