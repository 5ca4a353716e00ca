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

// Plan returns the changes that clear the findings of denying rules: one change for each layer and kind of package, those that clear
// most first. No change clears a finding that has no released fix later than the installed version. Waived results need no change.
func Plan(f *engine.Facts, rules []engine.RuleResult) []engine.Change {
	denied := deniedRefs(f, rules)
	groups := map[[2]string]*group{}
	for i := range f.Findings {
		v := &f.Findings[i]
		if !denied[v.Ref] {
			continue
		}
		to, ok := leastFix(v)
		if !ok || !safeInCommand(v, to) {
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
		changes = append(changes, g.change(countSources(f, g)))
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

// deniedRefs returns the refs of the findings that an unwaived result of a denying rule names. Of several findings of one result it
// leaves out those that are waived, unless the rule takes no waivers.
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

// plainWord matches what needs no quotes in a shell and is no option; every name and version that a package manager below accepts
// does. People paste commands, and the names in them come from the image.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9@._][A-Za-z0-9@._/:,+=~%-]*$`)

// safeInCommand says whether all names of an upgrade to a version may stand in a command that people paste.
func safeInCommand(v *engine.Finding, to string) bool {
	words := append([]string{v.Package.Name, to}, v.Package.Binaries...)
	return !slices.ContainsFunc(words, func(w string) bool { return !plainWord.MatchString(w) })
}

// layerIndex maps the diff ID of each layer to its index, from 1.
func layerIndex(f *engine.Facts) map[engine.Maybe]int {
	index := map[engine.Maybe]int{}
	for _, l := range f.Layers {
		index[engine.Maybe(l.DiffID)] = l.Index
	}
	return index
}

// leastFix returns the earliest released fix after the installed version: what clears this one finding.
func leastFix(v *engine.Finding) (string, bool) {
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

// group collects the findings of one layer and kind of package, from which change makes one engine.Change.
type group struct {
	layer    engine.Maybe
	kind     string              // package type: "deb", "npm"
	packages map[string]*upgrade // by name and installed version
	findings []string            // their refs
}

// upgrade is the upgrade of one package, with what only the command needs.
type upgrade struct {
	engine.Upgrade
	binaries  []string // binary packages of a source package, or its own name
	ecosystem string
}

// add takes a finding that the version to clears.
func (g *group) add(v *engine.Finding, to string) {
	key := v.Package.Name + "\x00" + v.Package.Version
	u := g.packages[key]
	if u == nil {
		u = &upgrade{
			Upgrade:   engine.Upgrade{Package: v.Package.Name, From: v.Package.Version, To: to},
			binaries:  v.Package.Binaries,
			ecosystem: string(v.Package.Ecosystem),
		}
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

// countSources counts the source packages of a group's layer and kind, to tell "upgrade everything" from "upgrade these".
func countSources(f *engine.Facts, g *group) int {
	sources := map[string]bool{}
	for _, p := range f.Packages {
		if p.Type == g.kind && p.Layer == g.layer {
			sources[p.Source.Name] = true
		}
	}
	return len(sources)
}

// upgradeAllFrom is the number of upgrades from which on a command of a distribution upgrades everything instead of naming each package.
const upgradeAllFrom = 5

// change makes the change of the whole group. sources is the number of source packages that its layer has of this kind: a command that
// would name more than half of them upgrades everything.
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
	binaries = slices.Compact(binaries)
	all := len(c.Upgrades) >= upgradeAllFrom || 2*len(c.Upgrades) > sources
	c.Command = command(g.kind, g.latestUpgrades(), binaries, all)
	if g.kind == "rpm" {
		c.Command = rpmCommand(g.ecosystem(), binaries, all)
	}
	return c
}

// latestUpgrades lists each package with one version, sorted by name. Of a package that is installed twice it takes the later version,
// because a command can ask for one only.
func (g *group) latestUpgrades() []engine.Upgrade {
	keys := make([]string, 0, len(g.packages))
	for key := range g.packages {
		keys = append(keys, key)
	}
	sort.Strings(keys) // so that of two spellings of one version it is always the same
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

// ecosystem returns the ecosystem of the group's packages. Those of a distribution share one, as a layer has one distribution.
func (g *group) ecosystem() string {
	for _, u := range g.packages {
		return u.ecosystem
	}
	return ""
}

// command returns the command that makes the upgrades: an instruction for the Dockerfile where a distribution's package manager does
// it, else what to run in the working copy. binaries are the names for a distribution's package manager, sorted and unique; all says to
// upgrade everything instead.
func command(kind string, upgrades []engine.Upgrade, binaries []string, all bool) string {
	each := func(separator, format string, arguments func(engine.Upgrade) []any) string {
		var words []string
		for _, u := range upgrades {
			words = append(words, fmt.Sprintf(format, arguments(u)...))
		}
		return strings.Join(slices.Compact(words), separator)
	}
	pair := func(u engine.Upgrade) []any { return []any{u.Package, u.To} }
	bare := func(u engine.Upgrade) []any { return []any{u.Package} }
	switch kind {
	case "deb":
		if all {
			return "RUN apt-get update && apt-get upgrade -y"
		}
		return "RUN apt-get update && apt-get install -y --only-upgrade " + strings.Join(binaries, " ")
	case "apk":
		if all {
			return "RUN apk upgrade --no-cache"
		}
		return "RUN apk add --no-cache --upgrade " + strings.Join(binaries, " ")
	case "alpm": // Arch does not support upgrading some packages only
		return "RUN pacman -Syu --noconfirm"
	case "npm":
		return "npm install " + each(" ", "%s@%s", pair)
	case "pypi":
		return "pip install " + each(" ", "'%s>=%s'", pair)
	case "golang":
		return goCommand(upgrades)
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

// rpmCommand is command for rpm, whose distributions have several package managers.
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
	return "RUN " + tool + " " + strings.Join(binaries, " ")
}

// goCommand is command for Go: modules are upgraded, the standard library comes with the toolchain.
func goCommand(upgrades []engine.Upgrade) string {
	var modules, parts []string
	for _, u := range upgrades {
		if u.Package == "stdlib" || u.Package == "toolchain" {
			parts = append(parts, "build with Go "+strings.TrimPrefix(u.To, "v"))
			continue
		}
		modules = append(modules, u.Package+"@v"+strings.TrimPrefix(u.To, "v"))
	}
	if len(modules) > 0 {
		parts = append([]string{"go get " + strings.Join(slices.Compact(modules), " ")}, parts...)
	}
	return strings.Join(slices.Compact(parts), "; ")
}
