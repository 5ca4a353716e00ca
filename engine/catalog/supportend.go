package catalog

import (
	"strings"

	"github.com/vetoci/veto/engine"
)

// setSupportEnd sets the days on which the support of a release ends, and where they are published: for Debian and Ubuntu in Debian's
// distro-info-data (debian.csv: eol and eol-lts; ubuntu.csv: eol, without the extended support that costs money), for Alpine in its table
// of releases (alpinelinux.org/releases).
func setSupportEnd(os *engine.OS) {
	major, rest, _ := strings.Cut(string(os.VersionID), ".")
	var regular, free, source string
	switch os.ID {
	case "debian":
		regular, free = debianSupport(major)
		source = "distro-info-data debian.csv"
	case "ubuntu":
		regular = ubuntuSupport(string(os.VersionID))
		source = "distro-info-data ubuntu.csv"
	case "alpine":
		minor, _, _ := strings.Cut(rest, ".")
		regular = alpineSupport(major + "." + minor)
		source = "alpinelinux.org/releases"
	default:
		regular, free, source = rpmSupport(os.ID, major, string(os.VersionID))
	}
	if regular == "" {
		return
	}
	if free == "" {
		free = regular
	}
	os.SupportEnds, os.FreeSupportEnds, os.SupportSource = engine.Maybe(regular), engine.Maybe(free), engine.Maybe(source)
}

func debianSupport(major string) (regular, lts string) {
	switch major {
	case "7":
		return "2016-04-25", "2018-05-31"
	case "8":
		return "2018-06-17", "2020-06-30"
	case "9":
		return "2020-07-18", "2022-06-30"
	case "10":
		return "2022-09-10", "2024-06-30"
	case "11":
		return "2024-08-14", "2026-08-31"
	case "12":
		return "2026-07-11", "2028-06-30"
	case "13":
		return "2028-08-09", "2030-06-30"
	}
	return "", ""
}

func ubuntuSupport(version string) string {
	switch version {
	case "14.04":
		return "2019-04-25"
	case "16.04":
		return "2021-04-30"
	case "18.04":
		return "2023-05-31"
	case "20.04":
		return "2025-05-29"
	case "22.04":
		return "2027-06-01"
	case "23.04":
		return "2024-01-25"
	case "23.10":
		return "2024-07-11"
	case "24.04":
		return "2029-05-31"
	case "24.10":
		return "2025-07-10"
	case "25.04":
		return "2026-01-15"
	case "25.10":
		return "2026-07-09"
	case "26.04":
		return "2031-05-29"
	case "26.10":
		return "2027-07-15"
	}
	return ""
}

func alpineSupport(release string) string {
	switch release {
	case "3.11":
		return "2021-11-01"
	case "3.12":
		return "2022-05-01"
	case "3.13":
		return "2022-11-01"
	case "3.14":
		return "2023-05-01"
	case "3.15":
		return "2023-11-01"
	case "3.16":
		return "2024-05-23"
	case "3.17":
		return "2024-11-22"
	case "3.18":
		return "2025-05-09"
	case "3.19":
		return "2025-11-01"
	case "3.20":
		return "2026-04-01"
	case "3.21":
		return "2026-11-01"
	case "3.22":
		return "2027-05-01"
	}
	return ""
}

// rpmSupport returns the ends of regular and of free long-term support of distributions with rpm, and where they are published.
func rpmSupport(id, major, version string) (regular, free, source string) {
	switch id + " " + major {
	case "almalinux 8":
		return "2024-05-31", "2029-03-01", "wiki.almalinux.org/release-notes"
	case "almalinux 9":
		return "2027-05-31", "2032-05-31", "wiki.almalinux.org/release-notes"
	case "almalinux 10":
		return "2030-05-31", "2035-05-31", "wiki.almalinux.org/release-notes"
	case "rocky 8":
		return "2024-05-31", "2029-05-31", "wiki.rockylinux.org/rocky/version"
	case "rocky 9":
		return "2027-05-31", "2032-05-31", "wiki.rockylinux.org/rocky/version"
	case "rocky 10":
		return "2030-05-31", "2035-05-31", "wiki.rockylinux.org/rocky/version"
	case "rhel 7":
		return "2024-06-30", "", "access.redhat.com/support/policy/updates/errata"
	case "rhel 8":
		return "2024-05-31", "2029-05-31", "access.redhat.com/support/policy/updates/errata"
	case "rhel 9":
		return "2027-05-31", "2032-05-31", "access.redhat.com/support/policy/updates/errata"
	case "rhel 10":
		return "2030-05-31", "2035-05-31", "access.redhat.com/support/policy/updates/errata"
	case "centos 6":
		return "2020-11-30", "", "centos.org/cl-vs-cs"
	case "centos 7":
		return "2024-06-30", "", "centos.org/cl-vs-cs"
	case "centos 8":
		if version == "8" { // Stream 8 calls itself so too, and ended 2024-05-31; what has no more updates has none either way
			return "2021-12-31", "2024-05-31", "centos.org/cl-vs-cs"
		}
	case "centos 9":
		return "2027-05-31", "", "centos.org/cl-vs-cs"
	case "amzn 2":
		return "2026-06-30", "", "aws.amazon.com/amazon-linux-2/faqs"
	case "amzn 2023":
		return "2027-06-30", "2029-06-30", "docs.aws.amazon.com/linux/al2023"
	case "opensuse-leap 15":
		switch version {
		case "15.4":
			return "2023-12-07", "", "en.opensuse.org/Lifetime"
		case "15.5":
			return "2024-12-31", "", "en.opensuse.org/Lifetime"
		case "15.6":
			return "2026-04-30", "", "en.opensuse.org/Lifetime"
		}
	}
	return "", "", ""
}
