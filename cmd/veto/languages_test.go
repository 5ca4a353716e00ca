package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// osvRecord is what the oracles read of a record; it shares no code with veto.
type osvRecord struct {
	ID, Withdrawn, Summary     string
	Aliases, Upstream, Related []string
	Affected                   []struct {
		Package  struct{ Ecosystem, Name string }
		Versions []string
		Ranges   []struct {
			Type   string
			Events []map[string]string
		}
	}
}

func readRecords(t *testing.T, ecosystem string) []osvRecord {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(testdata(t), "osv", ecosystem, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out []osvRecord
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var rec osvRecord
		if err := json.Unmarshal(b, &rec); err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// bothSides picks packages of an ecosystem with a version on each side of a fix: name to versions.
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
	return picked
}

func plainName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-_.@/") == ""
}

// compare holds what veto found in an image against what an oracle says of the same packages.
func compare(t *testing.T, typ, image string, oracle map[string]bool) {
	t.Helper()
	run, _ := scanJSON(t, image)
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
	if affected < 30 || not < 30 {
		t.Errorf("%s: %d affected and %d not-affected pairs; at least 30 of each make a truth", typ, affected, not)
	}
}

// oracles says whether the foreign tools may be fetched and used: CI does, a plain `go test` need not.
func oracles(t *testing.T) {
	t.Helper()
	if os.Getenv("VETO_ORACLES") == "" {
		t.Skip("set VETO_ORACLES=1 to compare with foreign tools")
	}
}

func write1(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask runs an oracle program over a JSON file of [[name, version] …] and the ecosystem's zip.
func ask(t *testing.T, packages map[string][]string, program ...string) map[string]bool {
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

const pythonOracle = `
import json, sys, zipfile, re
from packaging.version import Version
norm = lambda n: re.sub(r"[-_.]+", "-", n).lower()
want = {}
for name, version in json.load(sys.stdin): want.setdefault(norm(name), []).append(version)
out = {}
z = zipfile.ZipFile(sys.argv[1])
for entry in z.namelist():
    d = json.loads(z.read(entry))
    if d.get("withdrawn"): continue
    for a in d["affected"]:
        p = a.get("package", {})
        if p.get("ecosystem") != "PyPI" or norm(p["name"]) not in want: continue
        for v in want[norm(p["name"])]:
            hit = v in a.get("versions", []) or any(Version(v) == Version(x) for x in a.get("versions", []) if re.fullmatch(r"[0-9.]+", x))
            for r in a.get("ranges", []):
                if r["type"] != "ECOSYSTEM": continue
                state = False
                # At one version a new range begins after the old one has ended: [3.1.1, 3.2.0) and [3.2.0, 3.2.2) are one stretch.
                key = lambda e: (Version("0.dev0") if list(e.values())[0] == "0" else Version(list(e.values())[0]), "introduced" in e)
                for e in sorted(r["events"], key=key):
                    if "introduced" in e and (e["introduced"] == "0" or Version(v) >= Version(e["introduced"])): state = True
                    if "fixed" in e and Version(v) >= Version(e["fixed"]): state = False
                    if "last_affected" in e and Version(v) > Version(e["last_affected"]): state = False
                hit = hit or state
            k = norm(p["name"]) + "@" + v + " " + d["id"]
            out[k] = out.get(k, False) or hit
json.dump(out, sys.stdout)
`

func TestPythonTruth(t *testing.T) {
	oracles(t)
	picked := bothSides(t, "PyPI", "ECOSYSTEM", 60, func(v string) bool { return strings.Trim(v, "0123456789.") == "" })
	dir := t.TempDir()
	for name, versions := range picked {
		for i, v := range versions {
			base := strings.ReplaceAll(name, "-", "_") + "-" + v + ".dist-info"
			write1(t, filepath.Join(dir, fmt.Sprintf("usr/lib/python3.%d/site-packages", 10+i), base, "METADATA"),
				"Metadata-Version: 2.1\nName: "+name+"\nVersion: "+v+"\n\nText.\n")
		}
	}
	if len(picked) < 40 {
		t.Fatalf("%d packages picked, want 40", len(picked))
	}
	compare(t, "pypi", packed(t, dir), ask(t, picked, "/usr/bin/python3", "-c", pythonOracle,
		filepath.Join(testdata(t), "osv", "PyPI", "all.zip")))
}

const nodeOracle = `
const semver = require(process.argv[1]), fs = require("fs");
const want = {};
for (const [n, v] of JSON.parse(fs.readFileSync(0))) (want[n] ||= []).push(v);
const out = {};
for (const d of JSON.parse(fs.readFileSync(process.argv[2]))) {
  if (d.Withdrawn) continue;
  for (const a of d.Affected || []) for (const v of want[a.Package.Name] || []) {
    let hit = (a.Versions || []).includes(v);
    for (const r of a.Ranges || []) {
      if (r.Type === "GIT") continue;
      let state = false;
      for (const e of r.Events) {
        if (e.introduced !== undefined && (e.introduced === "0" || semver.gte(v, e.introduced))) state = true;
        if (e.fixed !== undefined && semver.gte(v, e.fixed)) state = false;
        if (e.last_affected !== undefined && semver.gt(v, e.last_affected)) state = false;
      }
      hit ||= state;
    }
    const k = a.Package.Name + "@" + v + " " + d.ID;
    out[k] ||= hit;
  }
}
console.log(JSON.stringify(out));
`

func TestNodeTruth(t *testing.T) {
	oracles(t)
	picked := bothSides(t, "npm", "SEMVER", 60, func(v string) bool { return semver.IsValid("v"+v) && strings.Count(v, ".") == 2 })
	dir := t.TempDir()
	for name, versions := range picked {
		for i, v := range versions {
			write1(t, filepath.Join(dir, fmt.Sprintf("srv/app%d/node_modules", i), name, "package.json"),
				fmt.Sprintf("{%q: %q, %q: %q}", "name", name, "version", v))
		}
	}
	if len(picked) < 40 {
		t.Fatalf("%d packages picked, want 40", len(picked))
	}
	tool := t.TempDir()
	cmd := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", tool, "semver@7")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm install semver: %v: %s", err, out)
	}
	records, err := json.Marshal(readRecords(t, "npm"))
	if err != nil {
		t.Fatal(err)
	}
	write1(t, filepath.Join(tool, "records.json"), string(records))
	compare(t, "npm", packed(t, dir), ask(t, picked, "node", "-e", nodeOracle, filepath.Join(tool, "node_modules", "semver"),
		filepath.Join(tool, "records.json")))
}

// goPrograms are two real programs: the same modules before and after fixes.
func goPrograms() map[string][2]string {
	return map[string][2]string{
		"golang.org/x/text/language":          {"v0.3.5", "v0.22.0"},
		"golang.org/x/net/html":               {"v0.0.0-20210119194325-5f4716e94777", "v0.38.0"},
		"golang.org/x/crypto/ssh":             {"v0.0.0-20200622213623-75b288015ac9", "v0.36.0"},
		"gopkg.in/yaml.v2":                    {"v2.2.2", "v2.4.0"},
		"gopkg.in/yaml.v3":                    {"v3.0.0-20200313102051-9f266ea9e77c", "v3.0.1"},
		"github.com/dgrijalva/jwt-go":         {"v3.2.0+incompatible", "v3.2.0+incompatible"},
		"github.com/golang-jwt/jwt/v4":        {"v4.4.1", "v4.5.2"},
		"github.com/gorilla/websocket":        {"v1.4.0", "v1.5.3"},
		"github.com/tidwall/gjson":            {"v1.6.4", "v1.18.0"},
		"github.com/buger/jsonparser":         {"v1.0.0", "v1.1.1"},
		"github.com/miekg/dns":                {"v1.1.20", "v1.1.62"},
		"github.com/ulikunitz/xz":             {"v0.5.6", "v0.5.15"},
		"github.com/satori/go.uuid":           {"v1.2.0", "v1.2.0"},
		"github.com/gin-gonic/gin":            {"v1.6.3", "v1.10.0"},
		"github.com/russellhaering/goxmldsig": {"v1.1.0", "v1.4.0"},
	}
}

func TestGoTruth(t *testing.T) {
	oracles(t)
	dir := t.TempDir()
	linked := map[string][]string{}
	for i := range 2 {
		src := t.TempDir()
		mod, imports := "module example.test/program\n\ngo 1.21\n\nrequire (\n", "package main\n\nimport (\n"
		for _, pkg := range sortedKeys(goPrograms()) {
			module := pkg
			for _, sub := range []string{"/language", "/html", "/ssh"} {
				module = strings.TrimSuffix(module, sub)
			}
			mod += "\t" + module + " " + goPrograms()[pkg][i] + "\n"
			imports += fmt.Sprintf("\t_ %q\n", pkg)
		}
		write1(t, filepath.Join(src, "go.mod"), mod+")\n")
		write1(t, filepath.Join(src, "main.go"), imports+")\n\nfunc main() {}\n")
		program := filepath.Join(dir, "usr/bin", fmt.Sprintf("program%d", i))
		for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", program, "."}} {
			cmd := exec.Command("go", args...)
			cmd.Dir, cmd.Env = src, append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go %v: %v: %s", args, err, out)
			}
		}
		out, err := exec.Command("go", "version", "-m", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(out), "\n") {
			f := strings.Fields(line)
			switch {
			case n == 0:
				linked["stdlib"] = []string{strings.TrimPrefix(f[len(f)-1], "go")}
			case len(f) >= 3 && f[0] == "dep":
				linked[f[1]] = append(linked[f[1]], f[2])
			}
		}
	}
	t.Logf("%d modules linked", len(linked)-1)
	if len(linked) < 11 {
		t.Errorf("%d modules linked, want 10 and the standard library", len(linked))
	}
	compare(t, "golang", packed(t, dir), goOracle(t, linked))
}

func goOracle(t *testing.T, linked map[string][]string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	at := func(v string) string { return "v" + strings.TrimPrefix(v, "v") }
	for _, rec := range readRecords(t, "Go") {
		for _, a := range rec.Affected {
			for _, v := range linked[a.Package.Name] {
				if rec.Withdrawn != "" {
					continue
				}
				hit := false
				for _, r := range a.Ranges {
					state := false
					for _, e := range r.Events {
						switch {
						case e["introduced"] == "0" || e["introduced"] != "" && semver.Compare(at(v), at(e["introduced"])) >= 0:
							state = true
						case e["fixed"] != "" && semver.Compare(at(v), at(e["fixed"])) >= 0:
							state = false
						}
					}
					hit = hit || state && r.Type == "SEMVER"
				}
				key := a.Package.Name + "@" + v + " " + rec.ID
				out[key] = out[key] || hit
			}
		}
	}
	return out
}
