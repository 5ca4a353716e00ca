package version

import (
	"archive/zip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// exports are OSV's, one folder for each ecosystem, none when the data is not here.
func exports(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("VETO_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "osv", "*", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// records decodes the records of an export; with -short one in 25 of them, evenly spread.
func records(t *testing.T, file string) []osvRecord {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	step := 1
	if testing.Short() {
		step = 25
	}
	var out []osvRecord
	for i := 0; i < len(z.File); i += step {
		r, err := z.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		var rec osvRecord
		if err := json.NewDecoder(r).Decode(&rec); err != nil {
			t.Fatal(z.File[i].Name, err)
		}
		out = append(out, rec)
	}
	return out
}

// realPairs are up to 2,000 pairs of versions that advisories of one package name, 200 with -short, none when the data is not here.
func realPairs(t *testing.T, scheme string) (pairs [][2]string) {
	t.Helper()
	versions := map[string][]string{}
	for _, file := range exports(t) {
		ecosystem := filepath.Base(filepath.Dir(file))
		if s, err := Scheme(ecosystem); err != nil || s != scheme {
			continue
		}
		for _, rec := range records(t, file) {
			for _, a := range rec.Affected {
				for _, r := range a.Ranges {
					for _, e := range r.Events {
						for _, kind := range []string{"introduced", "fixed", "last_affected"} {
							if text := e[kind]; r.Type != "GIT" && text != "" && text != "0" {
								name := ecosystem + " " + a.Package.Name
								versions[name] = append(versions[name], text)
							}
						}
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		list := slices.Compact(versions[name])
		for i := range len(list) - 1 {
			pairs = append(pairs, [2]string{list[i], list[i+1]})
		}
	}
	most := 2000
	if testing.Short() {
		most = 200
	}
	step := len(pairs)/most + 1
	for i := 0; i*step < len(pairs); i++ {
		pairs[i] = pairs[i*step]
	}
	return pairs[:(len(pairs)+step-1)/step]
}

type osvRecord struct {
	Affected []struct {
		Package struct{ Ecosystem, Name string }
		Ranges  []struct {
			Type   string
			Events []map[string]string
		}
	}
}

// count tallies the events of a record, and those that are no version in their order.
func (rec osvRecord) count(t *testing.T, refused map[string]int) (events int) {
	t.Helper()
	for _, a := range rec.Affected {
		own, err := Scheme(a.Package.Ecosystem)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range a.Ranges {
			scheme := own
			switch {
			case r.Type == "GIT":
				continue
			case r.Type == "SEMVER" && own != Go:
				scheme = SemVer
			}
			for _, e := range r.Events {
				for kind, text := range e {
					if kind == "introduced" && text == "0" || kind == "limit" && text == "*" {
						continue
					}
					if events++; text == "" || !parses(scheme, text) {
						refused[r.Type+" "+a.Package.Ecosystem+" "+text]++
					}
				}
			}
		}
	}
	return events
}

func parses(scheme, text string) bool {
	_, err := ParseAs(scheme, text)
	return err == nil
}

// The events of feeds are versions of their ecosystem, but for slips of their authors: Alpine's "4.8.0.-r1", "10.2.22.r0" and
// "4.10-1-r1", which apk refuses; Bitnami's "2023.03.13", whose leading zeros no semantic version has; PyPI's "2019-09-12". Together they
// are at most 1 in 2,000 of all events, and at most 1 in 200 of a feed's. A scheme that reads too little would turn matches into gaps.
func TestEvents(t *testing.T) {
	all, bad := 0, 0
	files := exports(t)
	if len(files) == 0 {
		t.Skip("no VETO_TESTDATA with osv/ in it")
	}
	for _, file := range files {
		events, refused := 0, map[string]int{}
		for _, rec := range records(t, file) {
			events += rec.count(t, refused)
		}
		n := 0
		for _, k := range slices.Sorted(maps.Keys(refused)) {
			n += refused[k]
		}
		name := filepath.Base(filepath.Dir(file))
		t.Logf("%s: %d events, %d refused: %q", name, events, n, slices.Sorted(maps.Keys(refused)))
		if events == 0 || n*200 > events && !testing.Short() { // of few records, one slip is many
			t.Errorf("%s: %d of %d events are refused: %v", name, n, events, refused)
		}
		all, bad = all+events, bad+n
	}
	if bad*2000 > all {
		t.Errorf("%d of %d events are refused", bad, all)
	}
}
