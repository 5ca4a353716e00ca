package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsOfRuby compares what gem list and RubyGems see with what veto sees.
func TestMutantsOfRuby(t *testing.T) {
	t.Parallel()
	m := newMutants(t, "gem", "ruby")
	honest := map[string]bool{}
	for i := range m.count {
		plain := i%4 == 0
		for n := range 1 + m.rand.IntN(3) {
			name := one(m.rand, "rack", "rails-html", "Nokogiri") + fmt.Sprint(n)
			version := one(m.rand, "1.0", "2.2.3", "3.0.0.rc1")
			p := name + "-" + version + ".gemspec"
			body := gemspecMutant(m.rand, name, version, plain)
			switch r := m.rand.IntN(10); {
			case r == 0:
				put(t, filepath.Join(m.tree(i), "bundler/gems", name+"-0123456", name+".gemspec"), body)
			case r == 1:
				put(t, filepath.Join(m.tree(i), "vendor", name, name+".gemspec"), body)
			case r == 2 && !plain:
				link(t, filepath.Join(m.tree(i), "specifications", p), "../real/"+p)
				put(t, filepath.Join(m.tree(i), "real", p), body)
			default:
				put(t, filepath.Join(m.tree(i), "specifications", p), body)
				put(t, filepath.Join(m.tree(i), "gems", name+"-"+version, name+".gemspec"), "x")
			}
		}
		if plain {
			honest[filepath.Base(m.tree(i))] = true
		}
	}
	m.inspect(t)
	m.compare(t, m.ask(t, "ruby", oracle(t, "gems.rb"), filepath.Join(m.dir, "m")), honest)
}

// gemspecMutant writes a specification as RubyGems does, or in another way that Ruby takes.
func gemspecMutant(r *rand.Rand, name, version string, plain bool) string {
	lines := []string{"# -*- encoding: utf-8 -*-", fmt.Sprintf("# stub: %s %s ruby lib", name, version), "", "Gem::Specification.new do |s|",
		fmt.Sprintf("  s.name = %q.freeze", name), fmt.Sprintf("  s.version = %q", version), `  s.summary = "x".freeze`, `  s.authors = ["x"]`,
		`  s.files = ["lib/x.rb".freeze]`, "end"}
	if plain {
		return strings.Join(lines, "\n") + "\n"
	}
	insert := func(at int, line string) { lines = append(lines[:at], append([]string{line}, lines[at:]...)...) }
	for range r.IntN(4) {
		switch r.IntN(11) {
		case 0:
			insert(1+r.IntN(2), fmt.Sprintf("# stub: %s 9.9 ruby lib", name))
		case 1:
			lines = append(lines[:1], lines[2:]...)
			if len(lines) < 8 {
				return strings.Join(lines, "\n")
			}
		case 2:
			insert(len(lines)-1, `  s.version = "7.7"`)
		case 3:
			insert(len(lines)-1, `  # s.version = "6.6"`)
		case 4:
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], fmt.Sprintf("%q", version),
					one(r, "'"+version+"'", "%q{"+version+"}", "\"#{1}.5\"", "[1, 2].join('.')"))
			}
		case 5:
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], " = ", one(r, "=", "  =  "))
			}
		case 6:
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], "s.", one(r, "spec.", "gem."))
				lines[i] = strings.ReplaceAll(lines[i], "|s|", "|"+one(r, "spec", "s")+"|")
			}
		case 7:
			insert(1, "")
		case 8:
			for i := range lines {
				lines[i] = strings.Replace(lines[i], "Gem::Specification.new do", fmt.Sprintf("Gem::Specification.new(%q, '5.5') do", name), 1)
			}
		case 9:
			return strings.Join(lines, "\r\n") + "\r\n"
		default:
			insert(1, fmt.Sprintf("# stub: %s", name))
		}
	}
	return strings.Join(lines, "\n") + one(r, "\n", "")
}
