package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// osRelease reads os-release(5).
type osRelease struct{}

func (osRelease) Name() string      { return "os-release/2" }
func (osRelease) Anchors() []string { return []string{"etc/os-release", "usr/lib/os-release"} }
func (osRelease) Wants(p string, _ fs.FileMode, _ int64) bool {
	return p == "etc/os-release" || p == "usr/lib/os-release"
}

func (osRelease) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxRelease)
	if err != nil {
		return engine.Evidence{}, err
	}
	os, err := parseOSRelease(string(body))
	if err != nil {
		return engine.Evidence{}, err
	}
	return engine.Evidence{OS: os}, nil
}

// parseOSRelease reads the assignments. A line that is none makes the file malformed, because nobody knows what it was to say.
func parseOSRelease(text string) (*engine.OS, error) {
	fields := map[string]string{}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.ContainsAny(key, " \t") {
			return nil, fmt.Errorf("line %d: not an assignment", n+1)
		}
		fields[key] = unquote(value)
	}
	// The last line need not end with a line feed; but half a version would be another release.
	if endsWithin([]byte(text), "id=", "version_id=") && !closesQuote(text[strings.LastIndexByte(text, '=')+1:]) {
		return nil, errors.New(cutOff)
	}
	os := &engine.OS{ID: strings.ToLower(fields["ID"]), Name: engine.Maybe(fields["NAME"]), VersionID: engine.Maybe(fields["VERSION_ID"]),
		Codename: engine.Maybe(fields["VERSION_CODENAME"]), PrettyName: engine.Maybe(fields["PRETTY_NAME"]),
		IDLike: strings.Fields(fields["ID_LIKE"])}
	if os.ID == "" {
		return nil, fmt.Errorf("no ID")
	}
	os.Ecosystem = engine.Maybe(ecosystemOf(os))
	setSupportEnd(os)
	return os, nil
}

// closesQuote says whether a value is quoted and its last character is the closing quote.
func closesQuote(s string) bool {
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i == len(s)-1
		}
	}
	return false
}

// unquote undoes the shell quoting that os-release allows.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// ecosystemOf returns the OSV ecosystem of a distribution with its release (osv-schema, "Defined Ecosystems"); "" when the release is not
// known.
func ecosystemOf(os *engine.OS) string {
	version := string(os.VersionID)
	major, rest, _ := strings.Cut(version, ".")
	numbers := version != "" && strings.Trim(version, "0123456789.") == "" // otherwise no release is named
	switch {
	case os.ID == "debian" && numbers:
		return "Debian:" + major
	case os.ID == "ubuntu" && numbers:
		if rest == "04" && len(major) == 2 && (major[1]-'0')%2 == 0 { // long-term support: April of even years
			return "Ubuntu:" + version + ":LTS"
		}
		return "Ubuntu:" + version
	case os.ID == "alpine" && numbers:
		if minor, _, _ := strings.Cut(rest, "."); minor != "" {
			return "Alpine:v" + major + "." + minor
		}
	case os.ID == "wolfi":
		return "Wolfi"
	case os.ID == "chainguard":
		return "Chainguard"
	case os.ID == "minimos":
		return "MinimOS"
	case os.ID == "echo":
		return "Echo"
	}
	return rpmEcosystem(os.ID, version, major, numbers)
}

// rpmEcosystem is ecosystemOf for distributions with rpm. Red Hat's and SUSE's are not among them: their advisories are for repositories
// and products (a CPE, a module), and an image does not say from which of them its packages are.
func rpmEcosystem(id, version, major string, numbers bool) string {
	switch {
	case id == "opensuse-tumbleweed":
		return "openSUSE:Tumbleweed"
	case !numbers:
		return ""
	}
	switch id {
	case "almalinux":
		return "AlmaLinux:" + major
	case "rocky":
		return "Rocky Linux:" + major
	case "opensuse-leap":
		return "openSUSE:Leap " + version
	case "mageia":
		return "Mageia:" + major
	case "photon":
		return "Photon OS:" + version
	case "azurelinux":
		return "Azure Linux:" + major
	}
	return ""
}

// unknownReleaseDetail says, for a gap, why a distribution has no advisories here. Those of the distribution that it derives from may not
// fit, because packages of the same name are built otherwise, or patched.
func unknownReleaseDetail(os *engine.OS) string {
	who := strings.TrimSpace(os.ID + " " + string(os.VersionID))
	switch os.ID {
	case "rhel", "redhat", "sles", "sled", "sle_hpc":
		return "the advisories of " + who + " are by repository and product, and an image does not say which of them its packages are from"
	}
	if len(os.IDLike) > 0 {
		return "the packages are of " + who + ", which derives from " + strings.Join(os.IDLike, " and ") +
			"; no feed has advisories of its own, and those of the other may not fit"
	}
	return "the packages are of a distribution or release without known advisories: " + who
}
