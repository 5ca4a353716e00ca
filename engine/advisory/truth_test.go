package advisory

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"

	"github.com/vetoci/veto/engine"
)

// testdata is the folder of real data beside the repository.
func testdata(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("VETO_TESTDATA")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the test")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "osv")); err != nil {
		t.Skipf("no real data: %v", err)
	}
	return dir
}

// raw reads the records of an export as JSON, without the code under test; with -short every tenth of them.
func raw(t *testing.T, ecosystem string) [][]byte {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(testdata(t), "osv", ecosystem, "all.zip"))
	if err != nil {
		t.Skipf("no export of %s: %v", ecosystem, err)
	}
	t.Cleanup(func() {
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	})
	step := 1
	if testing.Short() {
		step = 10
	}
	var out [][]byte
	for i := 0; i < len(z.File); i += step {
		r, err := z.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// Every record of every export parses: one that does not fails an update as a whole.
func TestParseReal(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(testdata(t), "osv", "*", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		ecosystem := filepath.Base(filepath.Dir(dir))
		records := raw(t, ecosystem)
		for _, b := range records {
			if _, err := ParseOSV(b); err != nil {
				t.Errorf("%s: %v", ecosystem, err)
			}
		}
		t.Logf("%s: %d records", ecosystem, len(records))
	}
}

// question is a package with a version, and the one affected entry that a record has for it, as plain JSON for the oracles.
type question struct {
	ID       string              `json:"id"`
	Name     string              `json:"name"`
	Version  string              `json:"version"`
	Versions []string            `json:"versions"`
	Ranges   [][]json.RawMessage `json:"ranges"` // events, of the ranges of versions
}

type plainRecord struct {
	ID        string `json:"id"`
	Withdrawn string `json:"withdrawn"`
	Affected  []struct {
		Package  struct{ Ecosystem, Name string } `json:"package"`
		Versions []string                         `json:"versions"`
		Ranges   []struct {
			Type   string
			Events []json.RawMessage
		} `json:"ranges"`
	} `json:"affected"`
}

// questions asks about the entries of records that have one for the package, with versions at and around each event.
func questions(t *testing.T, ecosystem string, around func(string) []string) []question {
	t.Helper()
	var out []question
	for _, b := range raw(t, ecosystem) {
		var r plainRecord
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, a := range r.Affected {
			count[a.Package.Name]++
		}
		for _, a := range r.Affected {
			if r.Withdrawn != "" || count[a.Package.Name] != 1 || len(a.Ranges) == 0 {
				continue
			}
			q := question{ID: r.ID, Name: a.Package.Name, Versions: a.Versions}
			tried := map[string]bool{}
			for _, g := range a.Ranges {
				if g.Type == "GIT" {
					continue
				}
				q.Ranges = append(q.Ranges, g.Events)
				for _, e := range g.Events {
					var fields map[string]string
					if err := json.Unmarshal(e, &fields); err != nil {
						t.Fatal(err)
					}
					for _, v := range fields {
						for _, near := range around(v) {
							tried[near] = true
						}
					}
				}
			}
			for v := range tried {
				q.Version = v
				out = append(out, q)
			}
		}
	}
	slices.SortFunc(out, func(a, b question) int { return strings.Compare(a.ID+a.Name+a.Version, b.ID+b.Name+b.Version) })
	return out
}

// agree compares the matcher, asked as a scan does, with an oracle's answers ("true", "false" or "error" for each question).
func agree(t *testing.T, ecosystem, typ string, qs []question, answers []string) {
	t.Helper()
	if len(answers) != len(qs) {
		t.Fatalf("%d answers to %d questions", len(answers), len(qs))
	}
	var records []Advisory
	for _, b := range raw(t, ecosystem) {
		a, err := ParseOSV(b)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, *a)
	}
	byName := map[string][]Advisory{}
	for _, a := range records {
		for _, name := range namesOf(a) {
			byName[name] = append(byName[name], a)
		}
	}
	stores := map[string]*memoryStore{}
	count, differ := map[string]int{}, 0
	for i, q := range qs {
		if stores[q.Name] == nil {
			stores[q.Name] = newStore(byName[q.Name], "")
		}
		p := engine.Package{Name: q.Name, Version: q.Version, Type: typ, Ecosystem: engine.Maybe(ecosystem)}
		got, err := NewMatcher(stores[q.Name]).Match(t.Context(), &engine.Inventory{Packages: []engine.Package{p}}, clock())
		if err != nil {
			t.Fatal(err)
		}
		mine := "false"
		for _, c := range got.Gaps {
			if string(c.Subject) == q.ID+"/"+q.Name || string(c.Subject) == ecosystem+"/"+q.Name {
				mine = "error"
			}
		}
		for _, f := range got.Findings {
			if slices.Contains(f.Evidence.Records, q.ID) {
				mine = "true"
			}
		}
		count[mine]++
		if mine != answers[i] {
			if differ++; differ <= 20 {
				t.Errorf("%s %s@%s: %s, the oracle says %s", q.ID, q.Name, q.Version, mine, answers[i])
			}
		}
	}
	t.Logf("%s: %d pairs, %v, %d differ", ecosystem, len(qs), count, differ)
	if count["true"] < 10 || count["false"] < 10 {
		t.Errorf("%s: the pairs show too little: %v", ecosystem, count)
	}
}

func namesOf(a Advisory) []string {
	var names []string
	for _, f := range a.Affected {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sample keeps about n questions, spread evenly.
func sample(qs []question, n int) []question {
	step := max(1, len(qs)/n)
	var out []question
	for i := 0; i < len(qs); i += step {
		out = append(out, qs[i])
	}
	return out
}

func program(t *testing.T, qs []question, name string, args ...string) []string {
	t.Helper()
	data, err := json.Marshal(qs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(data)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%.2000s", name, err, stderr.String())
	}
	return strings.Fields(string(out))
}

func TestTruthPyPI(t *testing.T) {
	qs := sample(questions(t, "PyPI", func(v string) []string { return []string{v, v + ".dev1", v + ".1", v + "rc1"} }), 600)
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import packaging.version").Run() != nil {
			continue
		}
		agree(t, "PyPI", "pypi", qs, program(t, qs, python, "-c", `import sys, json
from packaging.version import Version, InvalidVersion
def inside(v, events):
    rank = {"fixed": 0, "introduced": 1, "last_affected": 2}
    low = Version("0.dev0")
    rows = sorted(((low, 0) if w == "0" else (Version(w), 1)) + (rank[k], k) for e in events for k, w in e.items() if k != "limit")
    on = False
    for w, real, _, k in rows:
        if k == "introduced" and (not real or v >= w): on = True
        if k == "fixed" and v >= w: on = False
        if k == "last_affected" and v > w: on = False
    return on
def listed(v, versions):
    for w in versions or []:
        try:
            if Version(w) == v: return True
        except InvalidVersion: pass
    return False
for q in json.load(sys.stdin):
    try:
        v = Version(q["version"])
        print(str(listed(v, q["versions"]) or any(inside(v, r) for r in q["ranges"] or [])).lower())
    except InvalidVersion:
        print("error")
`))
		return
	}
	t.Skip("no python3-packaging here")
}

func TestTruthNpm(t *testing.T) {
	root, err := exec.CommandContext(t.Context(), "npm", "root", "-g").Output()
	if err != nil {
		t.Skipf("no npm here: %v", err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "npm", "node_modules", "semver")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("npm carries no semver: %v", err)
	}
	qs := questions(t, "npm", func(v string) []string {
		if v == "0" {
			return []string{"0.0.0"}
		}
		return []string{v, v + "-rc.1", v + "-0", bump(v)}
	})
	agree(t, "npm", "npm", qs, program(t, qs, "node", "-e", `const s = require(process.argv[1]);
const cmp = (a, b) => b === "0" ? 1 : s.compare(a, b);
for (const q of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  try {
    if (!s.valid(q.version)) throw 0;
    const hit = (q.versions || []).includes(q.version) || (q.ranges || []).some(events => {
      const order = (x, y) => x === y ? 0 : x === "0" ? -1 : y === "0" ? 1 : s.compare(x, y);
      const flat = events.map(e => Object.entries(e)[0]).sort((x, y) => order(x[1], y[1]));
      let on = false;
      for (const [k, w] of flat) {
        const c = cmp(q.version, w);
        if (k === "introduced" && c >= 0) on = true;
        if (k === "fixed" && c >= 0) on = false;
        if (k === "last_affected" && c > 0) on = false;
      }
      return on;
    });
    console.log(hit);
  } catch (e) { console.log("error"); }
}`, path))
}

// bump returns the next patch version.
func bump(v string) string {
	var a, b, c int
	if n, err := fmt.Sscanf(v, "%d.%d.%d", &a, &b, &c); n != 3 || err != nil {
		return v
	}
	return fmt.Sprintf("%d.%d.%d", a, b, c+1)
}

func TestTruthGo(t *testing.T) {
	qs := sample(questions(t, "Go", func(v string) []string {
		if v == "0" {
			return []string{"v0.0.0-20200101000000-abcdefabcdef"}
		}
		core := v[:len(v)-len(strings.TrimLeft(v, "0123456789."))]
		return []string{"v" + v, v, "v" + core + "-rc.1", "v" + bump(core), "v" + core + "+incompatible"}
	}), 1500)
	var answers []string
	for _, q := range qs {
		answers = append(answers, fmt.Sprint(slices.ContainsFunc(q.Ranges, func(r []json.RawMessage) bool { return insideGo(t, q.Version, r) })))
	}
	agree(t, "Go", "golang", qs, answers)
}

func insideGo(t *testing.T, version string, raws []json.RawMessage) bool {
	t.Helper()
	v := "v" + strings.TrimPrefix(version, "v")
	best, on := "", false // the newest event at or below the version decides
	for _, e := range raws {
		var f map[string]string
		if err := json.Unmarshal(e, &f); err != nil {
			t.Fatal(err)
		}
		for kind, at := range f {
			w := "v" + at
			if at == "0" {
				w = "v0.0.0-0"
			}
			c := semver.Compare(v, w)
			if kind == "last_affected" && c == 0 || c < 0 || best != "" && semver.Compare(w, best) < 0 {
				continue
			}
			best, on = w, kind == "introduced"
		}
	}
	return on
}
