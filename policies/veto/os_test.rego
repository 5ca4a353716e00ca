package veto.os_test

import data.veto.fixture
import data.veto.os

changed(now, of) := object.union(fixture.base, {"now": now, "os": of})

test_os_end_of_life_fires if {
	os.deny["os-end-of-life"] == {{
		"msg": "Debian GNU/Linux 12 (bookworm): support ended 2028-06-30",
		"subject": "Debian:12",
		"layer": fixture.layer,
		"details": {"support_ended": "2028-06-30"},
	}} with input as changed("2028-07-01T00:00:00Z", {})
}

test_os_end_of_life_silent_through_its_last_day if {
	count(os.deny["os-end-of-life"]) == 0 with input as changed("2028-06-30T23:59:59Z", {})
}

test_os_end_of_life_silent_when_unknown if {
	count(os.deny["os-end-of-life"]) == 0 with input as changed("2099-01-01T00:00:00Z", {"free_support_ends": null, "support_ends": null})
	count(os.deny["os-end-of-life"]) == 0 with input as object.union(fixture.base, {"os": null})
}

test_os_end_of_life_names_what_it_knows if {
	{r.msg | some r in os.deny["os-end-of-life"]} == {"debian 12: support ended 2028-06-30"} with input as changed("2030-01-01T00:00:00Z", {"pretty_name": null})
	{[r.msg, r.subject] | some r in os.deny["os-end-of-life"]} == {["debian: support ended 2028-06-30", "debian"]} with input as changed(
		"2030-01-01T00:00:00Z",
		{"pretty_name": null, "version_id": null, "ecosystem": null},
	)
}

test_os_support_ended_fires if {
	os.warn["os-support-ended"] == {{
		"msg": "Debian GNU/Linux 12 (bookworm): regular support ended 2026-07-11; free long-term support until 2028-06-30",
		"subject": "Debian:12",
		"layer": fixture.layer,
	}} with input as changed("2026-07-12T00:00:00Z", {})
}

test_os_support_ended_silent_before if {
	count(os.warn["os-support-ended"]) == 0 with input as changed("2026-07-11T23:59:59Z", {})
}

test_os_support_ended_silent_when_nothing_is_left if {
	count(os.warn["os-support-ended"]) == 0 with input as changed("2028-07-01T00:00:00Z", {})
}

test_os_support_ended_without_known_long_term_support if {
	{r.msg | some r in os.warn["os-support-ended"]} == {"Debian GNU/Linux 12 (bookworm): regular support ended 2026-07-11; the end of free long-term support is unknown"} with input as changed(
		"2026-07-12T00:00:00Z",
		{"free_support_ends": null},
	)
}

test_os_support_ended_silent_when_unknown if {
	count(os.warn["os-support-ended"]) == 0 with input as changed("2027-01-01T00:00:00Z", {"support_ends": null})
	count(os.warn["os-support-ended"]) == 0 with input as object.union(fixture.base, {"os": null})
}
