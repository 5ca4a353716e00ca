package main

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// edges picks packages of an ecosystem with a version on each side of where a vulnerability ends.
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
	if len(picked) < 40 {
		t.Fatalf("%d packages of %s picked, want 40", len(picked), ecosystem)
	}
	return picked
}

func plainVersion(v string) bool { return v != "" && strings.Trim(v, "0123456789.") == "" }

func needs(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := exec.LookPath(p); err != nil {
			if _, err := os.Stat(p); err != nil {
				t.Skipf("no %s here", p)
			}
		}
	}
}

func TestRubyTruth(t *testing.T) {
	needs(t, "ruby")
	picked := edges(t, "RubyGems", 80, plainVersion)
	dir := t.TempDir()
	for name, versions := range picked {
		for _, v := range versions {
			write1(t, filepath.Join(dir, "usr/local/bundle/specifications", name+"-"+v+".gemspec"),
				"# -*- encoding: utf-8 -*-\n# stub: "+name+" "+v+" ruby lib\n\n"+
					"Gem::Specification.new do |s|\n  s.name = \""+name+"\".freeze\n  s.version = \""+v+"\"\nend\n")
		}
	}
	compare(t, "gem", packed(t, dir), judged(t, "RubyGems", "RubyGems", picked, func(t *testing.T, asked map[string]bool) map[string]int {
		return answers(t, asked, "ruby", "-rrubygems", "-e",
			`STDIN.each_line { |l| a, b = l.split; puts "#{a} #{b} #{Gem::Version.new(a) <=> Gem::Version.new(b)}" }`)
	}))
}

func TestPackagistTruth(t *testing.T) {
	const autoload = "/usr/share/php/Composer/Semver/autoload.php"
	needs(t, "php", autoload)
	picked := edges(t, "Packagist", 80, plainVersion)
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
		write1(t, filepath.Join(dir, fmt.Sprintf("srv/app%d/vendor/composer/installed.json", i)), body)
	}
	compare(t, "composer", packed(t, dir), judged(t, "Packagist", "Packagist", picked,
		func(t *testing.T, asked map[string]bool) map[string]int {
			return answers(t, asked, "php", "-r", `require $argv[1];
$p = new Composer\Semver\VersionParser;
while (($l = fgets(STDIN)) !== false) {
  list($a, $b) = explode(" ", trim($l));
  $x = $p->normalize($a); $y = $p->normalize($b);
  echo "$a $b ", Composer\Semver\Comparator::lessThan($x, $y) ? -1 : (Composer\Semver\Comparator::greaterThan($x, $y) ? 1 : 0), "\n";
}`, "--", autoload)
		}))
}

func TestMavenTruth(t *testing.T) {
	jars, err := filepath.Glob("/usr/share/maven/lib/maven-artifact-*.jar")
	if err != nil || len(jars) == 0 {
		t.Skip("no Maven here")
	}
	needs(t, "java")
	picked := edges(t, "Maven", 80, func(v string) bool { return v != "" && !strings.ContainsAny(v, " ,[(") })
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
			write1(t, path, string(lib))
		}
	}
	compare(t, "maven", packed(t, dir), judged(t, "Maven", "Maven", picked, func(t *testing.T, asked map[string]bool) map[string]int {
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
	}))
}

func TestRustTruth(t *testing.T) {
	picked := edges(t, "crates.io", 80, func(v string) bool { return plainVersion(v) && strings.Count(v, ".") == 2 })
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
		write1(t, path, string(rustProgram(t, body)))
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	compare(t, "cargo", packed(t, dir), judged(t, "crates.io", "crates.io", picked, func(_ *testing.T, asked map[string]bool) map[string]int {
		order := map[string]int{}
		for p := range asked {
			a, b, _ := strings.Cut(p, " ")
			order[p] = semver.Compare("v"+a, "v"+b)
		}
		return order
	}))
}

// archived packs files into a zip.
func archived(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
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
