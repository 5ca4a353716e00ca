package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
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
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg")
	}
	dir := images(t)
	sources := dpkgSources(t, filepath.Join(dir, "stack.tar"))
	compare(t, "deb", filepath.Join(dir, "web.tar"), judged(t, "Debian", "Debian:12", sources, dpkgOrder))
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

// judged evaluates every record of a distribution's release over what is installed, source to versions: "name@version id" to affected.
// order answers how the pairs of versions "v w" compare.
func judged(t *testing.T, export, ecosystem string, installed map[string][]string,
	order func(*testing.T, map[string]bool) map[string]int) map[string]bool {
	t.Helper()
	type stretch struct {
		pair, version string
		events        []map[string]string
	}
	var stretches []stretch
	pairs, asked := map[string]bool{}, map[string]bool{}
	for _, rec := range readRecords(t, export) {
		for _, a := range rec.Affected {
			for _, v := range installed[a.Package.Name] {
				if a.Package.Ecosystem != ecosystem || rec.Withdrawn != "" {
					continue
				}
				pair := a.Package.Name + "@" + v + " " + rec.ID
				pairs[pair] = pairs[pair] || slices.Contains(a.Versions, v)
				for _, r := range a.Ranges {
					if r.Type != "ECOSYSTEM" && r.Type != "SEMVER" {
						continue
					}
					stretches = append(stretches, stretch{pair, v, r.Events})
					for _, e := range r.Events {
						for _, w := range e {
							if w == "0" {
								continue
							}
							asked[v+" "+w] = true
							for _, other := range r.Events {
								for _, x := range other {
									if x != "0" && x != w {
										asked[w+" "+x] = true
									}
								}
							}
						}
					}
				}
			}
		}
	}
	answer := order(t, asked)
	// The events are sorted before they are followed ("Evaluation" in the schema); those of one and the same version keep
	// the order in which they are written.
	at := func(e map[string]string) string {
		for _, w := range e {
			return w
		}
		return ""
	}
	sorted := func(events []map[string]string) []map[string]string {
		events = slices.Clone(events)
		slices.SortStableFunc(events, func(a, b map[string]string) int {
			v, w := at(a), at(b)
			switch {
			case v == w:
				return 0
			case v == "0":
				return -1
			case w == "0":
				return 1
			}
			return answer[v+" "+w]
		})
		return events
	}
	for _, s := range stretches {
		affected := false
		for _, e := range sorted(s.events) {
			switch {
			case e["introduced"] == "0" || e["introduced"] != "" && answer[s.version+" "+e["introduced"]] >= 0:
				affected = true
			case e["fixed"] == "0" || e["fixed"] != "" && answer[s.version+" "+e["fixed"]] >= 0, e["last_affected"] != "" &&
				answer[s.version+" "+e["last_affected"]] > 0:
				affected = false
			}
		}
		pairs[s.pair] = pairs[s.pair] || affected
	}
	return pairs
}

// dpkgOrder asks dpkg how each pair of versions compares: -1, 0, 1.
func dpkgOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	return answers(t, asked, "sh", "-c", `while read -r a b; do
		if dpkg --compare-versions "$a" lt "$b"; then r=-1; elif dpkg --compare-versions "$a" gt "$b"; then r=1; else r=0; fi
		echo "$a $b $r"; done`)
}

// answers gives a program lines "v w" and reads lines "v w order".
func answers(t *testing.T, asked map[string]bool, program ...string) map[string]int {
	t.Helper()
	var in bytes.Buffer
	for q := range asked {
		fmt.Fprintln(&in, q)
	}
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	order := map[string]int{}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var a, b string
		var r int
		if _, err := fmt.Sscan(s.Text(), &a, &b, &r); err != nil {
			t.Fatal(err)
		}
		order[a+" "+b] = r
	}
	if len(order) != len(asked) {
		t.Fatalf("%s answered %d of %d questions", program[0], len(order), len(asked))
	}
	return order
}
