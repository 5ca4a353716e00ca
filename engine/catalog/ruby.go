package catalog

import (
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// isGemspec says whether a file is the specification of a gem that Ruby finds: those that RubyGems keeps, and the one at the root of a gem
// that Bundler took from git (bundler/gems/NAME-COMMIT) or that lies in the application's vendor folder. The *.gemspec in the folder of an
// installed gem is what that was built from.
func isGemspec(dir, base string) bool {
	if !strings.HasSuffix(base, ".gemspec") {
		return false
	}
	if strings.HasSuffix(dir, "specifications/") || strings.HasSuffix(dir, "specifications/default/") {
		return true
	}
	dir = strings.TrimSuffix(dir, "/")
	return strings.HasSuffix(dir[:max(0, strings.LastIndexByte(dir, '/'))], "bundler/gems") || inVendorFolder(dir)
}

// inVendorFolder says whether a folder is one of an application's vendor folder: vendor/NAME, or one level deeper where bundler and Rails
// put gems.
func inVendorFolder(dir string) bool {
	parent := dir[:max(0, strings.LastIndexByte(dir, '/'))]
	at := path.Base(parent)
	if at == "cache" || at == "gems" || at == "plugins" {
		at = path.Base(path.Dir(parent))
	}
	return at == "vendor" && !strings.Contains("/"+parent, "/gems/")
}

// readGemspec reads the specification of a gem. It is Ruby code, which is not evaluated: the "# stub:" in its second line has name,
// version and platform for readers without Ruby (rubygems, lib/rubygems/stub_specification.rb), older ones assign literals. Where both
// are there and differ, RubyGems lists the one and loads the other: both count. A gem in a vendor folder whose version is computed is
// listed without one, so that an advisory about its name is not passed over.
func readGemspec(dir string, body []byte, ev *engine.Evidence) error {
	var spec gemspec
	spec.read(string(body))
	name, version := lastOf(spec.names), lastOf(spec.versions)
	if len(spec.names) == 0 {
		name = spec.stubName
	}
	if len(spec.versions) == 0 {
		version = spec.stubVersion
	}
	type gem struct{ name, version string }
	gems := []gem{{spec.stubName, spec.stubVersion}}
	if name == "" || version == "" && !inVendorFolder(dir) {
		if err := addMalformed(ev, "a gem whose name or version is not written out"); err != nil {
			return err
		}
	}
	for _, v := range spec.versions {
		gems = append(gems, gem{name, v})
	}
	for _, n := range spec.names {
		gems = append(gems, gem{n, version})
	}
	seen := map[gem]bool{}
	for _, g := range gems {
		unversioned := g.version == "" && (g.name != name || !inVendorFolder(dir))
		if g.name == "" || unversioned || seen[g] {
			continue
		}
		seen[g] = true
		if err := addPackage(ev, languagePackage("gem", "RubyGems", g.name, g.version, spec.licenses...)); err != nil {
			return err
		}
	}
	return nil
}

// lastOf returns the last of a list, which Ruby leaves assigned, "" of none.
func lastOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// gemspec is what a specification says in words that need no evaluation.
type gemspec struct {
	stubName, stubVersion     string
	names, versions, licenses []string // what is assigned, in its order; "" is computed
}

func (g *gemspec) read(text string) {
	n := 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		n++
		if rest, ok := strings.CutPrefix(line, "# stub: "); ok && n == 2 && strings.HasSuffix(line, "\n") {
			if f := strings.Fields(rest); len(f) >= 2 {
				g.stubName, g.stubVersion = f[0], f[1]
			}
			continue
		}
		field, value := gemAssignment(line)
		switch field {
		case "name":
			g.names = append(g.names, rubyLiteral(value))
		case "version":
			g.versions = append(g.versions, rubyLiteral(value))
		case "license", "licenses":
			if words := quotedStrings(value); len(words) > 0 {
				g.licenses = words
			}
		case "":
			g.readArguments(line)
		}
	}
}

// readArguments reads name and version that the constructor is called with.
func (g *gemspec) readArguments(line string) {
	_, arguments, ok := strings.Cut(line, "Gem::Specification.new")
	if !ok || strings.HasPrefix(strings.TrimSpace(line), "#") {
		return
	}
	if words := quotedStrings(arguments); len(words) > 0 {
		g.names = append(g.names, rubyLiteral(`"`+words[0]+`"`))
		if len(words) > 1 {
			g.versions = append(g.versions, rubyLiteral(`"`+words[1]+`"`))
		}
	}
}

// rubyLiteral returns the string that a value is: in quotes, or in %q{…} as RubyGems before 2 wrote it, frozen or not, or as the version of
// Gem::Version.new. It is "" for a value that Ruby would compute.
func rubyLiteral(value string) string {
	value = strings.TrimSpace(value)
	if inside, ok := strings.CutPrefix(value, "Gem::Version.new("); ok {
		value = strings.TrimSpace(strings.TrimSuffix(inside, ")"))
	}
	quote, end := "", ""
	for _, pair := range [][2]string{{`"`, `"`}, {"'", "'"}, {"%q{", "}"}, {"%q(", ")"}, {"%q<", ">"}} {
		if strings.HasPrefix(value, pair[0]) {
			quote, end = pair[0], pair[1]
			break
		}
	}
	if quote == "" {
		return ""
	}
	word, rest, closed := strings.Cut(value[len(quote):], end)
	rest = strings.TrimSpace(strings.TrimPrefix(rest, ".freeze"))
	if !closed || rest != "" && rest[0] != '#' || strings.Contains(word, "#{") || strings.Contains(word, "\\") {
		return ""
	}
	return strings.TrimSpace(word)
}

// gemAssignment returns the field and the value of a line "s.name = …"; "" for any other line.
func gemAssignment(line string) (field, value string) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return "", ""
	}
	_, assigned, ok := strings.Cut(line, ".")
	field, value, isSet := strings.Cut(assigned, "=")
	if !ok || !isSet || strings.HasPrefix(value, "=") || strings.HasPrefix(value, "~") {
		return "", ""
	}
	return strings.TrimSpace(field), value
}

// quotedStrings returns the strings between double or single quotes.
func quotedStrings(s string) []string {
	var out []string
	for {
		i := strings.IndexAny(s, `"'`)
		if i < 0 {
			return out
		}
		j := strings.IndexByte(s[i+1:], s[i])
		if j < 0 {
			return out
		}
		out, s = append(out, s[i+1:i+1+j]), s[i+j+2:]
	}
}
