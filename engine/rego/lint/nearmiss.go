package lint

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reportNearMisses reports sets called almost like one that veto reads, if no other package refers to them and their own has no set that
// veto reads, or nothing at all refers to them and they are written as rules are: name["id"].
func (p *program) reportNearMisses() {
	for _, d := range p.allDecls() {
		if d.usedOutside || action(d.name) != "" || d.pkg.hasActions() && (d.used || !d.isLikeRules()) {
			continue
		}
		suggested := nearMiss(d.name)
		first := d.defs[0]
		if suggested == "" || first.test || first.rule.Head.Key == nil || first.rule.Head.Value != nil {
			continue
		}
		msg := fmt.Sprintf("veto does not read the set %q, and nothing else does", d.name)
		p.addIssue(first.file, first.rule.Location, NearMissRule, msg, fmt.Sprintf("did you mean %q?", suggested))
	}
}

// isLikeRules says whether all definitions are of sets under an id: deny["house-user"] contains "m".
func (d *decl) isLikeRules() bool {
	for _, def := range d.defs {
		ref := def.rule.Head.Ref()
		if len(ref) < 2 || def.rule.Head.Key == nil {
			return false
		}
		if _, isText := ref[1].Value.(ast.String); !isText {
			return false
		}
	}
	return true
}

// hasActions says whether a package has a set that veto reads.
func (k *pkg) hasActions() bool {
	for name := range k.decls {
		if action(name) != "" {
			return true
		}
	}
	return false
}

// nearMiss is the set whose name was probably meant; "" when the name is like none.
func nearMiss(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), "_")
	switch name {
	case "denied", "denies", "denial", "denials", "violations", "fail", "failure":
		return "deny"
	case "warning", "warnings", "warned":
		return "warn"
	case "infos", "information", "notice":
		return "info"
	case "skipped", "skips":
		return "skip"
	}
	for _, a := range actionNames() {
		if name == a || len(name) >= len(a)-1 && len(name) <= len(a)+1 && oneEditApart(name, a) {
			return a
		}
	}
	return ""
}

// oneEditApart says whether two words differ by one letter that was added, lost or changed, or by two neighbours that were swapped.
func oneEditApart(word, other string) bool {
	for i := range len(other) {
		if len(word) == len(other)-1 && word == other[:i]+other[i+1:] {
			return true
		}
		if len(word) == len(other) && word[:i] == other[:i] && word[i+1:] == other[i+1:] {
			return true
		}
		if len(word) == len(other) && i+1 < len(other) && word == other[:i]+other[i+1:i+2]+other[i:i+1]+other[i+2:] {
			return true
		}
	}
	for i := range len(word) {
		if len(word) == len(other)+1 && other == word[:i]+word[i+1:] {
			return true
		}
	}
	return false
}
