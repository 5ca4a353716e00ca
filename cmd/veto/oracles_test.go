package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

// pairs counts those of a package at a version and a record, of which the one affects the other or does not.
type pairs struct{ affected, not int }

// compareWithOracle holds what veto found in an image against what an oracle says of the same packages.
func compareWithOracle(t *testing.T, typ, image string, oracle map[string]bool) pairs {
	t.Helper()
	run, _ := scanReal(t, image)
	found := map[string]bool{}
	for _, f := range run.Reports[0].Findings {
		if f.Package.Type == typ {
			for _, id := range f.Evidence.Records {
				found[f.Package.Name+"@"+f.Package.Version+" "+id] = true
			}
		}
	}
	affected, not := 0, 0
	for pair, is := range oracle {
		if is {
			affected++
		} else {
			not++
		}
		if is != found[pair] {
			t.Errorf("%s: the oracle says affected=%v, veto says %v", pair, is, found[pair])
		}
	}
	for pair := range found {
		if _, known := oracle[pair]; !known {
			t.Errorf("%s: found, but the oracle knows no such pair", pair)
		}
	}
	t.Logf("%s: %d affected and %d not-affected pairs", typ, affected, not)
	if least := sample(30); affected < least || not < least {
		t.Errorf("%s: %d affected and %d not-affected pairs; at least %d of each make a truth", typ, affected, not, least)
	}
	return pairs{affected, not}
}

// checkAccuracy holds the numbers of a truth set in docs/accuracy.md to what was counted, where the export is the one they are of.
func checkAccuracy(t *testing.T, set, export string, counted pairs) {
	t.Helper()
	if testing.Short() {
		return
	}
	t.Helper()
	digests, err := os.ReadFile(filepath.Join("testdata", "accuracy.sha256"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(testdata(t), "osv", export, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(digests), fmt.Sprintf("%x  osv/%s/all.zip\n", sum.Sum(nil), export)) {
		t.Logf("another export of %s than docs/accuracy.md is of", export)
		return
	}
	want := fmt.Sprintf("| %s | %s |", quantity(int64(counted.affected)), quantity(int64(counted.not)))
	for line := range strings.Lines(readPage(t, "docs/accuracy.md").text) {
		if strings.HasPrefix(line, "| "+set+" |") && strings.HasSuffix(strings.TrimSpace(line), want) {
			return
		}
	}
	t.Errorf("docs/accuracy.md does not say of %s: %s", set, want)
}

// askPackages runs an oracle program over a JSON file of [[name, version] …] and the ecosystem's zip.
func askPackages(t *testing.T, packages map[string][]string, program ...string) map[string]bool {
	t.Helper()
	var pairs [][2]string
	for name, versions := range packages {
		for _, v := range versions {
			pairs = append(pairs, [2]string{name, v})
		}
	}
	b, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(b)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", program, err)
	}
	var answer map[string]bool
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// askOrder gives a program lines "v w" and reads lines "v w order".
func askOrder(t *testing.T, asked map[string]bool, program ...string) map[string]int {
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

// judgeByOrder evaluates every record of a distribution's release over what is installed, source to versions: "name@version id" to
// affected. order answers how the pairs of versions "v w" compare.
func judgeByOrder(t *testing.T, export, ecosystem string, installed map[string][]string,
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
	return askOrder(t, asked, "sh", "-c", `while read -r a b; do
		if dpkg --compare-versions "$a" lt "$b"; then r=-1; elif dpkg --compare-versions "$a" gt "$b"; then r=1; else r=0; fi
		echo "$a $b $r"; done`)
}

// bothSides picks at most that many packages of an ecosystem with a version on each side of a fix: name to versions.
func bothSides(t *testing.T, ecosystem, rangeType string, most int, usable func(string) bool) map[string][]string {
	t.Helper()
	picked := map[string][]string{}
	records := readRecords(t, ecosystem)
	sort.Slice(records, func(i, j int) bool { return records[i].ID > records[j].ID })
	for _, rec := range records {
		for _, a := range rec.Affected {
			name := a.Package.Name
			if rec.Withdrawn != "" || picked[name] != nil || len(picked) >= most || !plainName(name) {
				continue
			}
			for _, r := range a.Ranges {
				fixed, before := "", ""
				for _, e := range r.Events {
					if e["fixed"] != "" {
						fixed = e["fixed"]
					}
					if in := e["introduced"]; in != "" && in != "0" {
						before = in
					}
				}
				if before == "" {
					before = "0.0.1"
					if len(a.Versions) > 0 {
						before = a.Versions[len(a.Versions)-1]
					}
				}
				if r.Type == rangeType && fixed != "" && usable(fixed) && usable(before) {
					picked[name] = []string{before, fixed}
					break
				}
			}
		}
	}
	if least := most * 2 / 3; len(picked) < least {
		t.Fatalf("%d packages of %s picked, want %d", len(picked), ecosystem, least)
	}
	return picked
}

// edges picks at most that many packages of an ecosystem with a version on each side of where a vulnerability ends: name to versions.
func edges(t *testing.T, ecosystem string, most int, usable func(string) bool) map[string][]string {
	t.Helper()
	picked := map[string][]string{}
	records := readRecords(t, ecosystem)
	sort.Slice(records, func(i, j int) bool { return records[i].ID > records[j].ID })
	for _, rec := range records {
		for _, a := range rec.Affected {
			name := a.Package.Name
			if rec.Withdrawn != "" || picked[name] != nil || len(picked) >= most || !plainName(strings.ReplaceAll(name, ":", "")) {
				continue
			}
			for _, r := range a.Ranges {
				inside, outside := "", ""
				for _, e := range r.Events {
					switch {
					case e["introduced"] == "0" || e["introduced"] == "0.0.0-0":
						inside = "0.0.1"
					case e["introduced"] != "":
						inside = e["introduced"]
					case e["fixed"] != "":
						outside = e["fixed"]
					case e["last_affected"] != "":
						inside, outside = e["last_affected"], e["last_affected"]+".1"
					}
				}
				if usable(inside) && usable(outside) && inside != outside {
					picked[name] = []string{inside, outside}
					break
				}
			}
		}
	}
	if least := most / 2; len(picked) < least {
		t.Fatalf("%d packages of %s picked, want %d", len(picked), ecosystem, least)
	}
	return picked
}

// fixes are the fixed versions that a release's records name, by package.
func fixes(t *testing.T, export, ecosystem string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, rec := range readRecords(t, export) {
		for _, a := range rec.Affected {
			for _, r := range a.Ranges {
				for _, e := range r.Events {
					if a.Package.Ecosystem == ecosystem && e["fixed"] != "" && e["fixed"] != "0" {
						out[a.Package.Name] = append(out[a.Package.Name], e["fixed"])
					}
				}
			}
		}
	}
	return out
}

func plainName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-_.@/") == ""
}

func plainVersion(v string) bool { return v != "" && strings.Trim(v, "0123456789.") == "" }
