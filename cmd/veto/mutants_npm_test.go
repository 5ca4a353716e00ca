package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsOfNpm compares what npm ls sees with what veto sees.
func TestMutantsOfNpm(t *testing.T) {
	t.Parallel()
	m := newMutants(t, "npm", "node", "npm")
	honest := map[string]bool{}
	for i := range m.count {
		p := &npmMutant{t: t, r: m.rand, dir: m.tree(i), plain: i%4 == 0}
		put(t, filepath.Join(p.dir, "package.json"), `{"name": "app", "private": true}`)
		for n := range 1 + m.rand.IntN(3) {
			p.add(filepath.Join(p.dir, "node_modules"), n, 0)
		}
		if p.plain {
			honest[filepath.Base(p.dir)] = true
		}
	}
	m.same = func(p listedPackage) listedPackage {
		version := strings.TrimSpace(p.version)
		if clean := strings.TrimLeft(version, "=v "); clean != "" && clean[0] >= '0' && clean[0] <= '9' {
			version = clean
		}
		return listedPackage{strings.TrimSpace(p.name), version}
	}
	// What has neither a manifest nor code right in it is a folder that node loads nothing from.
	m.argued = func(tree string, p listedPackage) bool {
		dir := filepath.Join(m.dir, "m", tree, p.name)
		_, err := os.Stat(dir)
		return p.version == "" && err == nil && !hasCode(dir)
	}
	m.inspect(t)
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal(err)
	}
	m.compare(t, m.ask(t, "node", oracle(t, "npm.js"), filepath.Join(m.dir, "m"), npm), honest)
}

// hasCode says whether a folder has a manifest or code right in it.
func hasCode(dir string) bool {
	for _, pattern := range []string{"package.json", "*.js"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, f := range files {
			if _, err := os.Stat(f); err == nil {
				return true
			}
		}
	}
	return false
}

// npmMutant writes packages into one tree.
type npmMutant struct {
	t     *testing.T
	r     *rand.Rand
	dir   string
	plain bool
}

func (p *npmMutant) add(modules string, n, depth int) {
	r := p.r
	name := one(r, "lodash", "@acme/util", "left-pad", "@types/node", "a.js", "Mixed") + fmt.Sprint(n)
	dir := filepath.Join(modules, name)
	if !p.plain && often(r, 10) { // a link to the package
		target := filepath.Join(p.dir, "packages", strings.ReplaceAll(name, "/", "-"))
		if _, err := os.Lstat(dir); err == nil {
			return
		}
		rel, err := filepath.Rel(filepath.Dir(dir), target)
		if err != nil {
			p.t.Fatal(err)
		}
		link(p.t, dir, rel)
		dir = target
	}
	manifest := p.manifest(name)
	if p.plain || often(r, 60) {
		put(p.t, filepath.Join(dir, "index.js"), "module.exports = 1\n")
	}
	switch {
	case p.plain || often(r, 85):
		put(p.t, filepath.Join(dir, "package.json"), manifest)
	case often(r, 30):
		put(p.t, filepath.Join(modules, "single.js"), "1")
	case often(r, 50):
		put(p.t, filepath.Join(dir, "README.md"), "x")
	default:
		link(p.t, filepath.Join(dir, "package.json"), one(r, "/nowhere", "real.json"))
		put(p.t, filepath.Join(dir, "real.json"), manifest)
	}
	if depth < 2 && often(r, 25) {
		p.add(filepath.Join(dir, "node_modules"), n, depth+1)
	}
	if often(r, 10) { // files of a package are no packages
		put(p.t, filepath.Join(dir, "test", "node_modules", "fixture", "index.js"), "1")
	}
	put(p.t, filepath.Join(modules, ".bin", "x.js"), "1")
}

// manifest writes a package.json as people, tools and others write it.
func (p *npmMutant) manifest(name string) string {
	r := p.r
	version := one(r, "1.0.0", "4.17.11", "0.0.1-rc.1")
	fields := []string{fmt.Sprintf(`"name": %q`, name), fmt.Sprintf(`"version": %q`, version), `"main": "index.js"`, `"license": "MIT"`}
	if p.plain {
		return "{\n  " + strings.Join(fields, ",\n  ") + "\n}\n"
	}
	for range r.IntN(3) {
		i := r.IntN(len(fields))
		switch r.IntN(10) {
		case 0:
			fields = append(fields, `"Version": "9.9.9"`)
		case 1:
			fields = append(fields, `"version": "2.0.0"`, `"NAME": "other"`)
		case 2:
			fields[i] = fmt.Sprintf(`"version": %q`, one(r, "v1.2.3", " 1.2.3", "=1.2.3 ", "", "x"))
		case 3:
			fields[i] = one(r, `"version": null`, `"version": 1`, `"name": null`, `"name": ""`)
		case 4:
			fields = append(fields[:i], fields[i+1:]...)
		case 5:
			r.Shuffle(len(fields), func(a, b int) { fields[a], fields[b] = fields[b], fields[a] })
		case 6:
			fields = append(fields, `"private": true`)
		case 7:
			fields = append(fields, `"\u0076ersion": "3.0.0"`)
		case 8:
			fields[i] = `"name": " ` + name + ` "`
		default:
			fields = append(fields, `"name": "alias"`)
		}
		if len(fields) == 0 {
			break
		}
	}
	return one(r, "", "", "", "\ufeff") + "{" + strings.Join(fields, ",") + "}" + one(r, "", "", "", "\n", ",", "x")
}
