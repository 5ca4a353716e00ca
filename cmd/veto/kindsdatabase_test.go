package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// kindsDatabase has one advisory for each ecosystem, of which the versions of "bad" below 2.0 are affected, and otherwise nothing.
func kindsDatabase(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, a := range []struct{ ecosystem, name, kind, fixed string }{
		{"npm", "bad", "SEMVER", "2.0.0"}, {"PyPI", "bad", "ECOSYSTEM", "2.0"}, {"Go", "example.test/bad", "SEMVER", "2.0.0"},
		{"Maven", "test:bad", "ECOSYSTEM", "2.0"}, {"RubyGems", "bad", "ECOSYSTEM", "2.0"}, {"Packagist", "test/bad", "ECOSYSTEM", "2.0"},
		{"NuGet", "Bad", "ECOSYSTEM", "2.0"}, {"crates.io", "bad", "SEMVER", "2.0.0"}, {"Hex", "bad", "ECOSYSTEM", "2.0.0"},
		{"Pub", "bad", "SEMVER", "2.0.0"}, {"CRAN", "bad", "ECOSYSTEM", "2.0"}, {"Bitnami", "bad", "SEMVER", "2.0.0"},
		{"Debian:12", "bad", "ECOSYSTEM", "2.0-1"}, {"Debian:11", "bad", "ECOSYSTEM", "2.0-1"}, {"Ubuntu:22.04:LTS", "bad", "ECOSYSTEM", "2.0-1"},
		{"Alpine:v3.20", "bad", "ECOSYSTEM", "2.0-r0"}, {"AlmaLinux:9", "bad", "ECOSYSTEM", "0:2.0-1.el9"}, {"Wolfi", "bad", "ECOSYSTEM",
			"2.0-r0"},
	} {
		id := fmt.Sprintf("T-%02d", i+1)
		writeText(t, filepath.Join(dir, id+".json"), fmt.Sprintf(`{"schema_version": "1.7.0", "id": %q, "modified": "2026-11-20T00:00:00Z",
			"published": "2026-11-20T00:00:00Z", "aliases": ["CVE-2026-%04d"], "summary": "test",
			"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
			"affected": [{"package": {"ecosystem": %q, "name": %q}, "ranges": [{"type": %q, "events": [{"introduced": "0"}, {"fixed": %q}]}]}]}`,
			id, 9000+i, a.ecosystem, a.name, a.kind, a.fixed))
	}
	writeText(t, filepath.Join(dir, "as_of.txt"), "2026-11-23\n")
	writeText(t, filepath.Join(dir, "kev.json"),
		`{"catalogVersion": "2026.11.23", "dateReleased": "2026-11-23T00:00:00.0000Z", "count": 0, "vulnerabilities": []}`)
	return dir
}
