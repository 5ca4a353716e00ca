package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

func TestRubyTruth(t *testing.T) {
	t.Parallel()
	needTools(t, "ruby")
	picked := edges(t, "RubyGems", sample(80), plainVersion)
	dir := t.TempDir()
	for name, versions := range picked {
		for _, v := range versions {
			writeText(t, filepath.Join(dir, "usr/local/bundle/specifications", name+"-"+v+".gemspec"),
				"# -*- encoding: utf-8 -*-\n# stub: "+name+" "+v+" ruby lib\n\n"+
					"Gem::Specification.new do |s|\n  s.name = \""+name+"\".freeze\n  s.version = \""+v+"\"\nend\n")
		}
	}
	counted := compareWithOracle(t, "gem", packFolder(t, dir), judgeByOrder(t, "RubyGems", "RubyGems", picked, gemOrder))
	checkAccuracy(t, "RubyGems", "RubyGems", counted)
}

// gemOrder asks Ruby's Gem::Version.
func gemOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	return askOrder(t, asked, "ruby", "-rrubygems", "-e",
		`STDIN.each_line { |l| a, b = l.split; puts "#{a} #{b} #{Gem::Version.new(a) <=> Gem::Version.new(b)}" }`)
}

// composerSemver is where Debian's php-composer-semver has the library.
const composerSemver = "/usr/share/php/Composer/Semver/autoload.php"

func TestPackagistTruth(t *testing.T) {
	t.Parallel()
	needTools(t, "php", composerSemver)
	picked := edges(t, "Packagist", sample(80), plainVersion)
	dir := t.TempDir()
	for i := range 2 {
		var list []string
		for _, name := range sortedKeys(picked) {
			list = append(list, fmt.Sprintf(`{"name": %q, "version": %q, "license": ["MIT"]}`, name, picked[name][i]))
		}
		body := "[" + strings.Join(list, ",\n") + "]" // of Composer 1
		if i == 1 {
			body = `{"packages": ` + body + `, "dev": false}`
		}
		writeText(t, filepath.Join(dir, fmt.Sprintf("srv/app%d/vendor/composer/installed.json", i)), body)
	}
	counted := compareWithOracle(t, "composer", packFolder(t, dir), judgeByOrder(t, "Packagist", "Packagist", picked, composerOrder))
	checkAccuracy(t, "Packagist", "Packagist", counted)
}

// composerOrder asks Composer's own semver library.
func composerOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	return askOrder(t, asked, "php", "-r", `require $argv[1];
$p = new Composer\Semver\VersionParser;
while (($l = fgets(STDIN)) !== false) {
  list($a, $b) = explode(" ", trim($l));
  $x = $p->normalize($a); $y = $p->normalize($b);
  echo "$a $b ", Composer\Semver\Comparator::lessThan($x, $y) ? -1 : (Composer\Semver\Comparator::greaterThan($x, $y) ? 1 : 0), "\n";
}`, "--", composerSemver)
}

func TestMavenTruth(t *testing.T) {
	t.Parallel()
	jars, err := filepath.Glob("/usr/share/maven/lib/maven-artifact-*.jar")
	if err != nil || len(jars) == 0 {
		t.Skip("no Maven here")
	}
	needTools(t, "java")
	picked := edges(t, "Maven", sample(80), func(v string) bool { return v != "" && !strings.ContainsAny(v, " ,[(") })
	dir := t.TempDir()
	n := 0
	for name, versions := range picked {
		group, artifact, _ := strings.Cut(name, ":")
		for _, v := range versions {
			lib := archived(t,
				map[string]string{"META-INF/maven/" + group + "/" + artifact + "/pom.properties": "version=" + v + "\ngroupId=" + group +
					"\nartifactId=" + artifact + "\n", "x/A.class": "x"})
			path := filepath.Join(dir, "srv/lib", fmt.Sprintf("%s-%s-%d.jar", artifact, v, n))
			if n++; n%3 == 0 { // in a fat jar
				path, lib = filepath.Join(dir, "srv/app", fmt.Sprintf("app%d.war", n)), archived(t,
					map[string]string{"WEB-INF/lib/" + artifact + "-" + v + ".jar": string(lib)})
			}
			writeText(t, path, string(lib))
		}
	}
	counted := compareWithOracle(t, "maven", packFolder(t, dir), judgeByOrder(t, "Maven", "Maven", picked, mavenOrder))
	checkAccuracy(t, "Maven", "Maven", counted)
}

// mavenOrder asks Maven's ComparableVersion.
func mavenOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	args := []string{"-XX:TieredStopAtLevel=1", "-cp", "/usr/share/maven/lib/*", "org.apache.maven.artifact.versioning.ComparableVersion"}
	pairs := sortedKeys(asked)
	for _, p := range pairs {
		a, b, _ := strings.Cut(p, " ")
		args = append(args, a, b)
	}
	out, err := exec.CommandContext(t.Context(), "java", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	order, i := map[string]int{}, 0
	for line := range strings.Lines(string(out)) { // "   1.0 < 1.1" stands between each two of the arguments; every other one is a pair
		if f := strings.Fields(line); len(f) == 3 && strings.HasPrefix(line, " ") {
			if i%2 == 0 {
				order[pairs[i/2]] = map[string]int{"<": -1, "==": 0, ">": 1}[f[1]]
			}
			i++
		}
	}
	if i != 2*len(pairs)-1 {
		t.Fatalf("%d answers to %d pairs", i, len(pairs))
	}
	return order
}

func TestRustTruth(t *testing.T) {
	t.Parallel()
	picked := edges(t, "crates.io", sample(80), func(v string) bool { return plainVersion(v) && strings.Count(v, ".") == 2 })
	dir := t.TempDir()
	for i := range 2 {
		list := []map[string]any{{"name": "app", "version": "1.0.0", "source": "local", "root": true}}
		for _, name := range sortedKeys(picked) {
			list = append(list, map[string]any{"name": name, "version": picked[name][i], "source": "crates.io"})
		}
		body, err := json.Marshal(map[string]any{"packages": list})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "usr/local/bin", fmt.Sprintf("app%d", i))
		writeText(t, path, string(rustProgram(t, body)))
		if err := os.Chmod(path, 0o755); err != nil { // a program
			t.Fatal(err)
		}
	}
	counted := compareWithOracle(t, "cargo", packFolder(t, dir), judgeByOrder(t, "crates.io", "crates.io", picked, semverOrder))
	checkAccuracy(t, "crates.io", "crates.io", counted)
}

func semverOrder(_ *testing.T, asked map[string]bool) map[string]int {
	order := map[string]int{}
	for p := range asked {
		a, b, _ := strings.Cut(p, " ")
		order[p] = semver.Compare("v"+a, "v"+b)
	}
	return order
}

// rustProgram is an ELF file with nothing but the section that cargo auditable writes.
func rustProgram(t *testing.T, crates []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(crates); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const names = "\x00.dep-v0\x00.shstrtab\x00"
	le := binary.LittleEndian
	head := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	le.PutUint16(head[16:], 2)  // an executable
	le.PutUint16(head[18:], 62) // x86-64
	le.PutUint32(head[20:], 1)
	le.PutUint64(head[40:], uint64(64+packed.Len()+len(names)))
	le.PutUint16(head[52:], 64)
	le.PutUint16(head[54:], 56)
	le.PutUint16(head[58:], 64)
	le.PutUint16(head[60:], 3)
	le.PutUint16(head[62:], 2)
	section := func(name, typ uint32, from, size int) []byte {
		s := make([]byte, 64)
		le.PutUint32(s, name)
		le.PutUint32(s[4:], typ)
		le.PutUint64(s[24:], uint64(from))
		le.PutUint64(s[32:], uint64(size))
		le.PutUint64(s[48:], 1)
		return s
	}
	out := append(append(head, packed.Bytes()...), names...)
	out = append(out, make([]byte, 64)...)
	out = append(out, section(1, 1, 64, packed.Len())...)
	return append(out, section(9, 3, 64+packed.Len(), len(names))...)
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
	t.Parallel()
	needOracles(t)
	picked := bothSides(t, "PyPI", "ECOSYSTEM", sample(60), func(v string) bool { return strings.Trim(v, "0123456789.") == "" })
	dir := t.TempDir()
	for name, versions := range picked {
		for i, v := range versions {
			base := strings.ReplaceAll(name, "-", "_") + "-" + v + ".dist-info"
			writeText(t, filepath.Join(dir, fmt.Sprintf("usr/lib/python3.%d/site-packages", 10+i), base, "METADATA"),
				"Metadata-Version: 2.1\nName: "+name+"\nVersion: "+v+"\n\nText.\n")
		}
	}
	counted := compareWithOracle(t, "pypi", packFolder(t, dir), askPackages(t, picked, "/usr/bin/python3", "-c", pythonOracle,
		filepath.Join(testdata(t), "osv", "PyPI", "all.zip")))
	checkAccuracy(t, "PyPI", "PyPI", counted)
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
	t.Parallel()
	needOracles(t)
	picked := bothSides(t, "npm", "SEMVER", sample(60), func(v string) bool { return semver.IsValid("v"+v) && strings.Count(v, ".") == 2 })
	dir := t.TempDir()
	for name, versions := range picked {
		for i, v := range versions {
			writeText(t, filepath.Join(dir, fmt.Sprintf("srv/app%d/node_modules", i), name, "package.json"),
				fmt.Sprintf("{%q: %q, %q: %q}", "name", name, "version", v))
		}
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
	writeText(t, filepath.Join(tool, "records.json"), string(records))
	counted := compareWithOracle(t, "npm", packFolder(t, dir), askPackages(t, picked, "node", "-e", nodeOracle,
		filepath.Join(tool, "node_modules", "semver"), filepath.Join(tool, "records.json")))
	checkAccuracy(t, "npm", "npm", counted)
}
