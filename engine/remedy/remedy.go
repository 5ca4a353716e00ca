// Package remedy turns denied findings into the smallest set of changes that would clear them.
package remedy

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// Plan returns the changes that clear what the denying rules name: one for each layer and kind of package, sorted by how much it
// clears. A finding without a released fix that is later than what is installed is cleared by none; so are waived results, which
// need no change.
func Plan(f *engine.Facts, rules []engine.RuleResult) []engine.Change {
	denied := deniedRefs(f, rules)
	groups := map[[2]string]*group{}
	for i := range f.Findings {
		v := &f.Findings[i]
		if !denied[v.Ref] {
			continue
		}
		to, ok := target(v)
		if !ok || !writable(v, to) {
			continue
		}
		key := [2]string{string(v.Layer), v.Package.Type}
		if groups[key] == nil {
			groups[key] = &group{layer: v.Layer, kind: v.Package.Type, packages: map[string]*upgrade{}}
		}
		groups[key].add(v, to)
	}
	changes := make([]engine.Change, 0, len(groups))
	for _, g := range groups {
		changes = append(changes, g.change(installed(f, g)))
	}
	index := layerIndex(f)
	sort.Slice(changes, func(i, j int) bool {
		a, b := changes[i], changes[j]
		switch {
		case len(a.Findings) != len(b.Findings):
			return len(a.Findings) > len(b.Findings)
		case index[a.Layer] != index[b.Layer]:
			return index[a.Layer] < index[b.Layer]
		}
		return a.Kind < b.Kind
	})
	return changes
}

// deniedRefs are the findings that an unwaived result of a denying rule names. Of several findings of one result, those that are
// waived are left alone, unless the rule takes no waivers.
func deniedRefs(f *engine.Facts, rules []engine.RuleResult) map[string]bool {
	waived := map[string]bool{}
	for i := range f.Findings {
		waived[f.Findings[i].Ref] = f.Findings[i].WaivedBy != ""
	}
	refs := map[string]bool{}
	for _, r := range rules {
		if r.Status != engine.StatusDeny {
			continue
		}
		for _, res := range r.Results {
			for _, ref := range res.Findings {
				if res.WaivedBy == "" && (!r.Waivable || !waived[ref]) {
					refs[ref] = true
				}
			}
		}
	}
	return refs
}

// plainWord is what needs no quotes in a shell and is no option: every name and version that a package manager here accepts. People
// paste commands, and the names in them come from the image.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9@._][A-Za-z0-9@._/:,+=~%-]*$`)

// writable says whether a command may hold what an upgrade would name.
func writable(v *engine.Finding, to string) bool {
	words := append([]string{v.Package.Name, to}, v.Package.Binaries...)
	return !slices.ContainsFunc(words, func(w string) bool { return !plainWord.MatchString(w) })
}

func layerIndex(f *engine.Facts) map[engine.Maybe]int {
	index := map[engine.Maybe]int{}
	for _, l := range f.Layers {
		index[engine.Maybe(l.DiffID)] = l.Index
	}
	return index
}

// target is the least released fix after the installed version: what clears this one finding.
func target(v *engine.Finding) (string, bool) {
	best := ""
	for _, fix := range v.FixedVersions {
		after, err := version.Compare(string(v.Package.Ecosystem), fix, v.Package.Version)
		if err != nil || after <= 0 {
			continue
		}
		if best == "" || later(string(v.Package.Ecosystem), best, fix) {
			best = fix
		}
	}
	return best, best != ""
}

// later says whether a is after b; versions that have no order are not.
func later(ecosystem, a, b string) bool {
	c, err := version.Compare(ecosystem, a, b)
	return err == nil && c > 0
}

// group is one change in the making.
type group struct {
	layer    engine.Maybe
	kind     string
	packages map[string]*upgrade // by name and installed version
	findings []string
}

type upgrade struct {
	engine.Upgrade
	binaries  []string
	ecosystem string
}

func (g *group) add(v *engine.Finding, to string) {
	key := v.Package.Name + "\x00" + v.Package.Version
	u := g.packages[key]
	if u == nil {
		u = &upgrade{Upgrade: engine.Upgrade{Package: v.Package.Name, From: v.Package.Version, To: to}, binaries: v.Package.Binaries, ecosystem: string(v.Package.Ecosystem)}
		if len(u.binaries) == 0 {
			u.binaries = []string{v.Package.Name}
		}
		g.packages[key] = u
	}
	if later(u.ecosystem, to, u.To) {
		u.To = to
	}
	g.findings = append(g.findings, v.Ref)
}

// installed counts the source packages of a group's kind, to tell "upgrade everything" from "upgrade these".
func installed(f *engine.Facts, g *group) int {
	sources := map[string]bool{}
	for _, p := range f.Packages {
		if p.Type == g.kind && p.Layer == g.layer {
			sources[p.Source.Name] = true
		}
	}
	return len(sources)
}

// manyUpgrades is from how many packages on a system package manager is told to upgrade all.
const manyUpgrades = 5

func (g *group) change(sources int) engine.Change {
	c := engine.Change{Layer: g.layer, Kind: g.kind, Findings: g.findings}
	var binaries []string
	for _, u := range g.packages {
		c.Upgrades = append(c.Upgrades, u.Upgrade)
		binaries = append(binaries, u.binaries...)
	}
	sort.Slice(c.Upgrades, func(i, j int) bool {
		a, b := c.Upgrades[i], c.Upgrades[j]
		return a.Package < b.Package || a.Package == b.Package && a.From < b.From
	})
	sort.Strings(c.Findings)
	sort.Strings(binaries)
	all := len(c.Upgrades) >= manyUpgrades || 2*len(c.Upgrades) > sources
	c.Command = command(g.kind, g.once(), binaries, all)
	if g.kind == "rpm" {
		c.Command = rpmCommand(g.ecosystem(), binaries, all)
	}
	return c
}

// once lists each package with one version, sorted: of a package that is installed twice, the later one, because a command can
// ask for one only.
func (g *group) once() []engine.Upgrade {
	keys := make([]string, 0, len(g.packages))
	for key := range g.packages {
		keys = append(keys, key)
	}
	sort.Strings(keys) // of two spellings of one version, always the same
	byName := map[string]*upgrade{}
	for _, key := range keys {
		u := g.packages[key]
		if other := byName[u.Package]; other == nil || later(u.ecosystem, u.To, other.To) {
			byName[u.Package] = u
		}
	}
	out := make([]engine.Upgrade, 0, len(byName))
	for _, u := range byName {
		out = append(out, u.Upgrade)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Package < out[j].Package })
	return out
}

// ecosystem is that of the group's packages: a layer is of one distribution.
func (g *group) ecosystem() string {
	for _, u := range g.packages {
		return u.ecosystem
	}
	return ""
}

// command is what to run.
func command(kind string, ups []engine.Upgrade, binaries []string, all bool) string {
	each := func(between, format string, name func(engine.Upgrade) []any) string {
		var words []string
		for _, u := range ups {
			words = append(words, fmt.Sprintf(format, name(u)...))
		}
		return strings.Join(compact(words), between)
	}
	pair := func(u engine.Upgrade) []any { return []any{u.Package, u.To} }
	bare := func(u engine.Upgrade) []any { return []any{u.Package} }
	switch kind {
	case "deb":
		if all {
			return "RUN apt-get update && apt-get upgrade -y"
		}
		return "RUN apt-get update && apt-get install -y --only-upgrade " + strings.Join(compact(binaries), " ")
	case "apk":
		if all {
			return "RUN apk upgrade --no-cache"
		}
		return "RUN apk add --no-cache --upgrade " + strings.Join(compact(binaries), " ")
	case "alpm": // Arch supports no upgrade of parts
		return "RUN pacman -Syu --noconfirm"
	case "npm":
		return "npm install " + each(" ", "%s@%s", pair)
	case "pypi":
		return "pip install " + each(" ", "'%s>=%s'", pair)
	case "golang":
		return goCommand(ups)
	case "gem":
		return "bundle update --conservative " + each(" ", "%s", bare)
	case "composer":
		return "composer require --with-all-dependencies " + each(" ", "'%s:^%s'", pair)
	case "cargo":
		return each(" && ", "cargo update %s --precise %s", pair)
	case "nuget":
		return each(" && ", "dotnet add package %s --version %s", pair)
	case "maven":
		return each(" && ", "mvn versions:use-dep-version -Dincludes=%s -DdepVersion=%s", pair)
	case "hex":
		return "mix deps.update " + each(" ", "%s", bare)
	case "pub":
		return "dart pub upgrade " + each(" ", "%s", bare)
	case "conda":
		return "conda install " + each(" ", "'%s>=%s'", pair)
	}
	return "upgrade " + each(" ", "%s to %s", pair)
}

// rpmCommand depends on the distribution: its family has several package managers.
func rpmCommand(ecosystem string, binaries []string, all bool) string {
	distribution, _ := engine.SplitEcosystem(ecosystem)
	tool := "dnf upgrade -y"
	switch distribution {
	case "openSUSE", "SUSE":
		tool = "zypper --non-interactive update"
	case "Photon OS", "Azure Linux":
		tool = "tdnf update -y"
	}
	if all {
		return "RUN " + tool
	}
	return "RUN " + tool + " " + strings.Join(compact(binaries), " ")
}

// goCommand upgrades modules; the standard library comes with the toolchain.
func goCommand(ups []engine.Upgrade) string {
	var modules, parts []string
	for _, u := range ups {
		if u.Package == "stdlib" || u.Package == "toolchain" {
			parts = append(parts, "build with Go "+strings.TrimPrefix(u.To, "v"))
			continue
		}
		modules = append(modules, u.Package+"@v"+strings.TrimPrefix(u.To, "v"))
	}
	if len(modules) > 0 {
		parts = append([]string{"go get " + strings.Join(compact(modules), " ")}, parts...)
	}
	return strings.Join(compact(parts), "; ")
}

func compact(sorted []string) []string {
	var out []string
	for i, s := range sorted {
		if i == 0 || s != sorted[i-1] {
			out = append(out, s)
		}
	}
	return out
}
