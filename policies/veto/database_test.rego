package veto.database_test

import data.veto.database
import data.veto.fixture

shards(list) := object.union(fixture.base, {"database": {"shards": list}})

aged(days) := object.union(fixture.shard, {"age_days": days, "as_of": "2026-06-01T00:00:00Z"})

test_database_missing_fires if {
	database.deny["database-missing"] == {{"msg": "no vulnerability database was used", "subject": "database"}} with input as fixture.without_database
}

test_database_missing_silent if {
	count(database.deny["database-missing"]) == 0 with input as fixture.base
}

test_database_missing_silent_without_shards if {
	count(database.deny["database-missing"]) == 0 with input as object.union(fixture.base, {"database": {"shards": []}})
}

test_database_missing_fires_without_kev if {
	{r.subject | some r in database.deny["database-missing"]} == {"kev"} with input as object.union(fixture.base, {"database": {"kev": null}})
}

test_database_stale_fires if {
	database.deny["database-stale"] == {{
		"msg": "Debian:12: data of 2026-06-01T00:00:00Z is 8 days old, 7 are allowed",
		"subject": "Debian:12",
	}} with input as shards([aged(8)])
}

test_database_stale_fires_for_each_shard if {
	{r.subject | some r in database.deny["database-stale"]} == {"Debian:12", "npm"} with input as shards([
		aged(8), aged(7),
		object.union(aged(30), {"ecosystem": "npm"}),
	])
}

test_database_stale_fires_for_kev if {
	{r.subject | some r in database.deny["database-stale"]} == {"KEV"} with input as object.union(fixture.base, {"database": {"kev": {"age_days": 9}}})
}

test_database_stale_silent[days] if {
	some days in [0, 1, 7]
	count(database.deny["database-stale"]) == 0 with input as shards([aged(days)])
}

test_database_stale_takes_its_parameter if {
	count(database.deny["database-stale"]) == 0 with input as shards([aged(30)]) with data.params["database-stale"].max_age_days as 30
	{r.subject | some r in database.deny["database-stale"]} == {"Debian:12", "KEV"} with input as shards([aged(1)]) with data.params["database-stale"].max_age_days as 0
}

test_database_stale_fires_for_unknown if {
	database.deny["database-stale"] == {{
		"msg": "Debian:12: the date of the data is unknown",
		"subject": "Debian:12",
	}} with input as shards([object.union(fixture.shard, {"as_of": null, "age_days": null})])
}

test_database_stale_silent_without_kev if {
	count(database.deny["database-stale"]) == 0 with input as object.union(fixture.base, {"database": {"kev": null}})
}

test_database_stale_skipped_without_database if {
	count(database.deny["database-stale"]) == 0 with input as object.union(fixture.without_database, {"database": {"shards": [aged(99)]}})
	count(database.skip["database-stale"]) == 1 with input as fixture.without_database
	count(database.skip["database-stale"]) == 0 with input as fixture.base
}
