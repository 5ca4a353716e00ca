package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The (source package, advisory) pairs of Debian that veto finds in the web image are those that dpkg --compare-versions finds over
// the same advisories. Nothing below shares code with veto: tar, dpkg and a reading of the OSV records of its own.
func TestDebianTruth(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg")
	}
	dir := images(t)
	sources := dpkgSources(t, filepath.Join(dir, "stack.tar"))
	compareWithOracle(t, "deb", filepath.Join(dir, "web.tar"), judgeByOrder(t, "Debian", "Debian:12", sources, dpkgOrder))
	if v := sources["postgresql-common"]; len(v) != 1 || !strings.HasPrefix(v[0], "248") {
		t.Errorf("postgresql-common's source version is %q in the image: the case of a binary version unlike its source's is gone", v)
	}
}

// dpkgSources reads the status file of a layer tar: source package to source versions, of what is installed.
func dpkgSources(t *testing.T, layer string) map[string][]string {
	t.Helper()
	status, err := exec.Command("tar", "-xOf", layer, "var/lib/dpkg/status").Output()
	if err != nil {
		t.Fatal(err)
	}
	withVersion := regexp.MustCompile(`^(\S+) \((.+)\)$`)
	sources := map[string][]string{}
	for _, stanza := range strings.Split(string(status), "\n\n") {
		field := map[string]string{}
		for _, line := range strings.Split(stanza, "\n") {
			if k, v, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, " ") {
				field[k] = v
			}
		}
		if field["Status"] != "install ok installed" {
			continue
		}
		name, version := field["Package"], field["Version"]
		if s := field["Source"]; s != "" {
			name = s
			if m := withVersion.FindStringSubmatch(s); m != nil {
				name, version = m[1], m[2]
			}
		}
		if !slices.Contains(sources[name], version) {
			sources[name] = append(sources[name], version)
		}
	}
	return sources
}
