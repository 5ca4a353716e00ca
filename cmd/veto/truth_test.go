package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
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
	run, _ := scanJSON(t, filepath.Join(dir, "web.tar"))
	got := map[string]bool{}
	for _, f := range run.Reports[0].Findings {
		if f.Package.Type == "deb" {
			for _, record := range f.Evidence.Records {
				got[f.Package.Name+" "+record] = true
			}
		}
	}
	sources := dpkgSources(t, filepath.Join(dir, "stack.tar"))
	want := dpkgPairs(t, sources, filepath.Join(testdata(t), "osv", "Debian", "all.zip"))
	t.Logf("%d source packages, %d pairs by dpkg, %d by veto", len(sources), len(want), len(got))
	if len(want) < 100 {
		t.Errorf("only %d pairs: too few to be a truth", len(want))
	}
	for _, p := range difference(want, got) {
		t.Errorf("missed: %s (source version %s)", p, sources[strings.Fields(p)[0]])
	}
	for _, p := range difference(got, want) {
		t.Errorf("false: %s (source version %s)", p, sources[strings.Fields(p)[0]])
	}
	if v := sources["postgresql-common"]; !strings.HasPrefix(v, "248") {
		t.Errorf("postgresql-common's source version is %q in the image: the case of a binary version unlike its source's is gone", v)
	}
	for _, f := range run.Reports[0].Findings {
		if f.Package.Type == "pypi" && f.Package.Name == "django" {
			t.Errorf("Debian's python3-django raises %s by PyPI's advisories", f.ID)
		}
	}
}

func difference(a, b map[string]bool) (only []string) {
	for p := range a {
		if !b[p] {
			only = append(only, p)
		}
	}
	sort.Strings(only)
	return only
}

// dpkgSources reads the status file of a layer tar: source package to source version, of what is installed.
func dpkgSources(t *testing.T, layer string) map[string]string {
	t.Helper()
	status, err := exec.Command("tar", "-xOf", layer, "var/lib/dpkg/status").Output()
	if err != nil {
		t.Fatal(err)
	}
	withVersion := regexp.MustCompile(`^(\S+) \((.+)\)$`)
	sources := map[string]string{}
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
		sources[name] = version
	}
	return sources
}

// dpkgPairs evaluates every Debian:12 record over the sources. Comparisons go to one shell that runs dpkg for each.
func dpkgPairs(t *testing.T, sources map[string]string, archive string) map[string]bool {
	t.Helper()
	type event struct{ Introduced, Fixed, Last_affected string }
	type record struct {
		ID, Withdrawn string
		Affected      []struct {
			Package  struct{ Ecosystem, Name string }
			Versions []string
			Ranges   []struct {
				Type   string
				Events []event
			}
		}
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	type candidate struct {
		pair, version string
		events        []event
	}
	var candidates []candidate
	pairs := map[string]bool{}
	asked := map[string]bool{} // "v op w"
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var rec record
		if err := json.Unmarshal(b, &rec); err != nil {
			t.Fatal(err)
		}
		for _, a := range rec.Affected {
			version, installed := sources[a.Package.Name]
			if a.Package.Ecosystem != "Debian:12" || !installed || rec.Withdrawn != "" {
				continue
			}
			pair := a.Package.Name + " " + rec.ID
			for _, v := range a.Versions {
				pairs[pair] = pairs[pair] || v == version
			}
			for _, rg := range a.Ranges {
				if rg.Type != "ECOSYSTEM" {
					continue
				}
				candidates = append(candidates, candidate{pair, version, rg.Events})
				for _, e := range rg.Events {
					for _, w := range []string{e.Introduced, e.Fixed, e.Last_affected} {
						if w != "" && w != "0" {
							asked[version+" "+w] = true
						}
					}
				}
			}
		}
	}
	order := dpkgOrder(t, asked)
	for _, c := range candidates {
		affected := false
		for _, e := range c.events {
			switch {
			case e.Introduced != "" && (e.Introduced == "0" || order[c.version+" "+e.Introduced] >= 0):
				affected = true
			case e.Fixed != "" && order[c.version+" "+e.Fixed] >= 0, e.Last_affected != "" && order[c.version+" "+e.Last_affected] > 0:
				affected = false
			}
		}
		pairs[c.pair] = pairs[c.pair] || affected
	}
	for p, affected := range pairs {
		if !affected {
			delete(pairs, p)
		}
	}
	return pairs
}

// dpkgOrder asks dpkg how each pair of versions compares: -1, 0, 1.
func dpkgOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	var in bytes.Buffer
	for q := range asked {
		fmt.Fprintln(&in, q)
	}
	cmd := exec.Command("sh", "-c", `while read -r a b; do
		if dpkg --compare-versions "$a" lt "$b"; then r=-1; elif dpkg --compare-versions "$a" gt "$b"; then r=1; else r=0; fi
		echo "$a $b $r"; done`)
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
		t.Fatalf("dpkg answered %d of %d questions", len(order), len(asked))
	}
	return order
}
