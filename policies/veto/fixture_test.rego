# Complete inputs for the tests of this folder. A test changes what it is about: object.union(fixture.base, {"config": {"user": null}}).
package veto.fixture

base := {
	"schema_version": "1",
	"now": "2026-06-15T12:00:00Z",
	"image": {
		"name": "example.test/shop/web:1.0",
		"named": true,
		"source": "registry",
		"digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
		"config_digest": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
		"contained_names": [],
	},
	"platform": {"os": "linux", "architecture": "amd64", "variant": null},
	"config": {
		"user": "10001",
		"env": ["PATH=/usr/bin"],
		"entrypoint": ["/usr/bin/web"],
		"cmd": [],
		"working_dir": null,
		"exposed_ports": [],
		"volumes": [],
		"labels": {},
		"stop_signal": null,
		"healthcheck": [],
		"created": "2026-06-01T00:00:00Z",
		"history": [],
	},
	"layers": [{
		"index": 1,
		"digest": layer,
		"diff_id": layer,
		"verified": "content",
		"created_by": "ADD rootfs.tar /",
		"size": 1000,
		"entries": 1,
		"content_bytes": 1000,
		"wasted_bytes": 0,
	}],
	"space": {"content_bytes": 1000, "wasted_bytes": 0, "efficiency": 1},
	"base": null,
	"referrers": [],
	"files": [file],
	"os": {
		"id": "debian",
		"name": "Debian GNU/Linux",
		"version_id": "12",
		"codename": "bookworm",
		"pretty_name": "Debian GNU/Linux 12 (bookworm)",
		"id_like": [],
		"ecosystem": "Debian:12",
		"support_ends": "2026-07-11",
		"free_support_ends": "2028-06-30",
		"support_source": "a test",
		"path": "etc/os-release",
		"layer": layer,
	},
	"packages": [package_],
	"findings": [],
	"secrets": [],
	"accounts": [],
	"gaps": [],
	"waivers": [],
	"database": {"state": "ok", "shards": [shard], "kev": object.union(shard, {"ecosystem": "KEV"}), "epss": null},
	"weakened": [],
	"index": index([package_], []),
}

layer := "sha256:3333333333333333333333333333333333333333333333333333333333333333"

file := {
	"path": "usr/bin/curl",
	"type": "file",
	"mode": "0755",
	"setuid": false,
	"setgid": false,
	"world_writable": false,
	"uid": 0,
	"gid": 0,
	"size": 1000,
	"target": null,
	"brought": 1,
	"changed": 1,
	"capabilities": [],
	"owned_by": "deb/curl",
	"intact": "unknown",
}

package_ := {
	"name": "curl",
	"version": "7.88.1-10",
	"type": "deb",
	"purl": "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12",
	"ecosystem": "Debian:12",
	"arch": "amd64",
	"source": {"name": "curl", "version": "7.88.1-10"},
	"licenses": ["curl"],
	"locations": [{"path": "var/lib/dpkg/status", "layer": layer}],
	"layer": layer,
	"owned_by": null,
	"main": false,
	"module": null,
	"vendor": null,
	"third_party": false,
	"unlisted": false,
	"no_code": null,
	"kernel": false,
	"found_by": "database",
	"reached": "unknown",
}

shard := {
	"ecosystem": "Debian:12",
	"digest": "sha256:4444444444444444444444444444444444444444444444444444444444444444",
	"advisories": 1000,
	"as_of": "2026-06-14T00:00:00Z",
	"age_days": 1,
}

severity := {"level": "high", "score": 8.1, "vector": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H", "source": "a test"}

finding := {
	"kind": "vulnerability",
	"id": "CVE-2026-0001",
	"aliases": ["DEBIAN-CVE-2026-0001"],
	"cves": ["CVE-2026-0001"],
	"speaks": {},
	"summary": "A flaw.",
	"package": {
		"name": "curl",
		"version": "7.88.1-10",
		"type": "deb",
		"purl": package_.purl,
		"ecosystem": "Debian:12",
		"source": package_.source,
		"binaries": ["curl"],
		"no_code": false,
		"kernel": false,
		"third_party": false,
		"locations": package_.locations,
	},
	"fixed_versions": ["7.88.1-11"],
	"severity": severity,
	"severities": [severity],
	"known_exploited": false,
	"exploited_since": null,
	"malicious": false,
	"epss": null,
	"cwes": [],
	"fix": "released",
	"fix_since": null,
	"reachable": "unknown",
	"vex": [],
	"vex_status": null,
	"published": "2026-01-01T00:00:00Z",
	"modified": null,
	"layer": layer,
	"origin": "unknown",
	"evidence": {
		"advisory": "DEBIAN-CVE-2026-0001",
		"ecosystem": "Debian:12",
		"range": "[0, 7.88.1-11)",
		"comparator": "dpkg",
		"installed": "7.88.1-10",
		"records": ["DEBIAN-CVE-2026-0001"],
	},
	"ref": "v0000000000000001",
	"fingerprint": "5555555555555555555555555555555555555555555555555555555555555555",
	"waived_by": null,
}

secret := {
	"rule": "private-key",
	"title": "Private key",
	"severity": "high",
	"path": "app/key.pem",
	"subject": null,
	"layer": layer,
	"line": 1,
	"redacted": "-----BEGIN PRIVATE KEY-----",
	"deleted_later": false,
	"owned_by": null,
	"ref": "s0000000000000001",
	"fingerprint": "7777777777777777777777777777777777777777777777777777777777777777",
	"waived_by": null,
}

gap := {
	"kind": "malformed",
	"path": "app/package.json",
	"layer": layer,
	"subject": null,
	"detail": "unexpected end of JSON",
	"count": 1,
	"ref": "c0000000000000001",
	"fingerprint": "6666666666666666666666666666666666666666666666666666666666666666",
	"waived_by": null,
}

# with_findings is the base input with these findings and an index that agrees.
with_findings(findings) := object.union(base, {"findings": findings, "index": index([package_], findings)})

with_gaps(gaps) := object.union(base, {"gaps": gaps})

with_packages(packages) := object.union(base, {"packages": packages, "index": index(packages, [])})

without_database := object.union(base, {"database": {"state": "none", "shards": [], "kev": null, "epss": null}})

index(packages, findings) := {
	"packages_by_name": {name: [i | some i, p in packages; p.name == name] | some name in {p.name | some p in packages}},
	"packages_by_type": {type: [i | some i, p in packages; p.type == type] | some type in {p.type | some p in packages}},
	"findings_by_cve": {cve: [i | some i, f in findings; cve in f.cves] | some cve in {c | some f in findings; some c in f.cves}},
	"findings_by_severity": {level: [i | some i, f in findings; f.severity.level == level] |
		some level in {"critical", "high", "medium", "low", "negligible", "unknown"}
	},
	"findings_by_ref": {f.ref: i | some i, f in findings},
	"files_by_path": {file.path: 0},
}
