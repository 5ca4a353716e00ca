package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsOfComposer compares what composer show and a program's own list have with what veto sees.
func TestMutantsOfComposer(t *testing.T) {
	t.Parallel()
	m := newMutants(t, "composer", "php")
	const library = "/usr/share/php/Composer/autoload.php" // Debian's package
	if _, err := os.Stat(library); err != nil && os.Getenv("VETO_ORACLES") != "" {
		t.Skip(err)
	}
	honest := map[string]bool{}
	for i := range m.count {
		p := &composerMutant{r: m.rand, plain: i%4 == 0}
		vendor := one(m.rand, "vendor", "lib", "3rdparty", "packages")
		dir := filepath.Join(m.tree(i), vendor, "composer")
		for range m.rand.IntN(4) {
			name := one(m.rand, "guzzlehttp", "Symfony", "a") + "/" + one(m.rand, "guzzle", "http-kernel", "b.c")
			p.names = append(p.names, name+fmt.Sprint(len(p.names)))
			p.versions = append(p.versions, one(m.rand, "7.4.0", "v5.4.20", "dev-main", "1.0.x-dev"))
		}
		if p.plain || often(m.rand, 80) {
			put(t, filepath.Join(dir, "installed.json"), p.list())
		}
		if p.plain || often(m.rand, 50) {
			put(t, filepath.Join(dir, "installed.php"), p.runtime())
		}
		put(t, filepath.Join(dir, "autoload_real.php"), "<?php\n")
		if p.plain {
			honest[filepath.Base(m.tree(i))] = true
		}
	}
	m.same = func(p listedPackage) listedPackage { return listedPackage{strings.ToLower(p.name), p.version} }
	m.inspect(t)
	m.compare(t, m.ask(t, "php", "-d", "display_errors=stderr", oracle(t, "composer.php"), filepath.Join(m.dir, "m"), library), honest)
}

// composerMutant writes the lists of one vendor folder.
type composerMutant struct {
	r               *rand.Rand
	plain           bool
	names, versions []string
}

func (p *composerMutant) list() string {
	r := p.r
	var entries []string
	for i, name := range p.names {
		fields := []string{fmt.Sprintf(`"name": %q`, name), fmt.Sprintf(`"version": %q`, p.versions[i]), `"type": "library"`}
		if !p.plain && often(r, 40) {
			switch r.IntN(6) {
			case 0:
				fields = append(fields, `"Version": "9.9.9"`, `"NAME": "x/y"`)
			case 1:
				fields = append(fields, `"version": "2.0.0"`)
			case 2:
				fields = append(fields[:1], fields[2:]...)
			case 3:
				fields = append(fields, `"version_normalized": "1.2.3.0"`)
			case 4:
				fields[1] = one(r, `"version": null`, `"version": 1`, `"version": ""`)
			default:
				r.Shuffle(len(fields), func(a, b int) { fields[a], fields[b] = fields[b], fields[a] })
			}
		}
		entries = append(entries, "{"+strings.Join(fields, ", ")+"}")
	}
	list := "[" + strings.Join(entries, ",\n") + "]"
	if p.plain {
		return `{"packages": ` + list + `, "dev": false, "dev-package-names": []}`
	}
	keyed := "{"
	for i, e := range entries {
		if i > 0 {
			keyed += ","
		}
		keyed += fmt.Sprintf("%q: %s", fmt.Sprint("k", i), e)
	}
	keyed += "}"
	switch r.IntN(10) {
	case 0:
		return list
	case 1:
		return keyed
	case 2:
		return `{"packages": ` + keyed + `}`
	case 3:
		return `{"packages": ` + list + `, "Packages": []}`
	case 4:
		return `{"packages": [], "packages": ` + list + `}`
	case 5:
		return one(r, `{"packages": null}`, `null`, `{"packages": {}}`, `[]`, `{}`, ``)
	case 6:
		return "\ufeff" + list
	case 7:
		return `{"packages": ` + list + `} ` + one(r, "x", ",", "// y")
	}
	return `{"dev": true, "packages": ` + list + `}`
}

// runtime writes installed.php as var_export does, or otherwise.
func (p *composerMutant) runtime() string {
	r := p.r
	var b strings.Builder
	open, end := "array(", ")"
	if !p.plain && often(r, 30) {
		open, end = "[", "]"
	}
	quote := func(s string) string {
		if !p.plain && often(r, 20) {
			return `"` + s + `"`
		}
		return "'" + s + "'"
	}
	fmt.Fprintf(&b, "<?php return %s\n    'root' => %s 'name' => 'me/app', 'pretty_version' => 'dev-main', 'dev' => true%s,\n",
		open, open, end)
	fmt.Fprintf(&b, "    'versions' => %s\n", open)
	fmt.Fprintf(&b, "        'me/app' => %s 'pretty_version' => 'dev-main' %s,\n", open, end)
	for i, name := range p.names {
		version := p.versions[i]
		if !p.plain && often(r, 20) {
			version = "6.6.6"
		}
		value := quote(version)
		if !p.plain && often(r, 10) {
			value = one(r, "'6' . '.1'", "strtolower('V1')", "PHP_VERSION", "'6.\\'1'", "NULL", "/* x */ '7'")
		}
		fmt.Fprintf(&b, "        %s => %s\n            'pretty_version' => %s, 'reference' => NULL,", quote(name), open, value)
		fmt.Fprintf(&b, " 'install_path' => __DIR__ . '/../%s', 'aliases' => %s0 => '1.x-dev'%s%s,\n", name, open, end, end)
	}
	fmt.Fprintf(&b, "        'psr/log-implementation' => %s 'dev_requirement' => false, 'provided' => %s 0 => '1.0'%s%s,\n    %s,\n%s",
		open, open, end, end, end, end)
	return b.String() + one(r, ";\n", ";", "; ?>\n")
}
