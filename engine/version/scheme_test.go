package version

import (
	"strings"
	"testing"
)

// The ecosystems of the OSV schema 1.7 (ossf.github.io/osv-schema, "Defined ecosystems"), with releases as feeds write them.
func TestScheme(t *testing.T) {
	for scheme, ecosystems := range map[string][]string{
		DPKG: {"Debian", "Debian:12", "Debian:sid", "Ubuntu:22.04:LTS", "Ubuntu:Pro:18.04:LTS", "Ubuntu:24.10", "Echo", "opam",
			"TuxCare:Ubuntu:16.04", "Root:Debian:12", "Docker Hardened Images:Debian:trixie"},
		APK: {"Alpine:v3.20", "Wolfi", "Chainguard", "MinimOS", "Alpaquita:stream", "BellSoft Hardened Containers:23", "CleanStart",
			"Root:Alpine:3.18", "TuxCare:Alpine:v3.16", "Docker Hardened Images:Alpine:3.23"},
		RPM: {"AlmaLinux:9", "Rocky Linux:9", "Red Hat:enterprise_linux:9::appstream", "Red Hat:rhel_aus:8.4::appstream",
			"SUSE:Linux Enterprise Server 15 SP5", "openSUSE:Leap 15.6", "openSUSE:Tumbleweed", "Mageia:9", "openEuler:24.03-LTS-SP1",
			"Photon OS:3.0", "Azure Linux:3", "TuxCare:Red Hat"},
		SemVer:    {"npm", "crates.io", "SwiftURL", "VSCode", "VSCode:https://open-vsx.org", "Kubernetes", "Root:npm"},
		Go:        {"Go"},
		PEP440:    {"PyPI", "Root:PyPI"},
		Maven:     {"Maven", "Maven:https://maven.google.com"},
		NuGet:     {"NuGet"},
		RubyGems:  {"RubyGems"},
		Packagist: {"Packagist", "Packagist:https://packages.drupal.org/8"},
		CRAN:      {"CRAN", "Bioconductor"},
		Hackage:   {"Hackage"},
		Pub:       {"Pub"},
		Hex:       {"Hex"},
		Loose:     {"Bitnami", "ConanCenter", "GHC", "GitHub Actions", "Julia"},
	} {
		for _, ecosystem := range ecosystems {
			if got, err := Scheme(ecosystem); err != nil || got != scheme {
				t.Errorf("Scheme(%q) = %q, %v; want %s", ecosystem, got, err, scheme)
			}
		}
	}
	for _, ecosystem := range []string{"", ":", "debian", "Debian 12", "Android", "FreeBSD:ports", "Linux", "OSS-Fuzz", "GIT", "TuxCare",
		"Root:", "TuxCare:TuxCare:npm", "Docker Hardened Images"} {
		if got, err := Scheme(ecosystem); err == nil {
			t.Errorf("Scheme(%q) = %q; it has no order", ecosystem, got)
		}
	}
	if _, err := ParseAs("roman", "MMXXVI"); err == nil {
		t.Error("an unknown scheme read a version")
	}
}

func TestLength(t *testing.T) {
	for _, scheme := range schemes() {
		if _, err := ParseAs(scheme, "1"+strings.Repeat(".1", MaxLength)); err == nil {
			t.Errorf("%s reads %d bytes", scheme, 2*MaxLength+1)
		}
	}
}
