package catalog

import (
	"strings"

	"github.com/vetoci/veto/engine"
)

// support fills in when a release's support ends. Debian and Ubuntu: Debian's distro-info-data (debian.csv: eol and eol-lts, ubuntu.csv:
// eol; extended support that costs money is left out). Alpine: its table of releases (alpinelinux.org/releases).
func support(os *engine.OS) {
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
