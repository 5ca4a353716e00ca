package veto.config_test

import data.veto.config
import data.veto.fixture

test_user_root_fires[user] if {
	some user in ["root", "0", "0:0", "root:root", "00", "+0", "root:0", ":0", " 0 "]
	some r in config.warn["user-root"] with input as object.union(fixture.base, {"config": {"user": user}})
	r.msg == sprintf("USER is %s", [user])
	r.subject == "user"
}

test_user_root_fires_without_user if {
	config.warn["user-root"] == {{"msg": "no USER in the image configuration", "subject": "user"}} with input as object.union(fixture.base, {"config": {"user": null}})
}

test_user_root_silent[user] if {
	some user in ["10001", "10001:0", "nobody", "rootless", "100", "10:root", "app:app"]
	count(config.warn["user-root"]) == 0 with input as object.union(fixture.base, {"config": {"user": user}})
}

test_user_root_does_not_apply_to_an_sbom if {
	config.skip["user-root"] == {"an SBOM does not say how its image runs"} with input as {"image": {"source": "sbom"}}
	count(config.skip["user-root"]) == 0 with input as fixture.base
}
