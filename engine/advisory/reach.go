package advisory

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// fix says whether there is one, and since when: the earliest notice that announced it. Only a notice has the day of the fix for its date;
// of a record that is about the vulnerability, the fix may be from before or long after.
func (g group) fix(released bool) (state string, since engine.Maybe) {
	if !released {
		for _, h := range g.hits {
			if slices.ContainsFunc(h.urgency, willNotFix) {
				return "wont_fix", ""
			}
		}
		return "none", ""
	}
	for _, h := range g.hits {
		if p := engine.Maybe(h.record.Published); len(h.fixed) > 0 && p != "" && notice(h.record.ID) && (since == "" || p < since) {
			since = p
		}
	}
	return "released", since
}

// notice says whether an id is that of an announcement of fixed packages.
func notice(id string) bool {
	for _, prefix := range []string{"DSA-", "DLA-", "USN-", "LSN-", "ALSA-", "ALBA-", "ALEA-", "RLSA-", "RXSA-", "RHSA-", "RHBA-", "SUSE-SU-", "SUSE-RU-", "openSUSE-SU-", "MGASA-", "OESA-"} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// willNotFix understands the words with which distributions say that there will be no fix: Debian's and Ubuntu's for a release or a package that
// they no longer support, or whose flaw they leave.
func willNotFix(word string) bool {
	switch strings.ToLower(word) {
	case "end-of-life", "ignored", "wont-fix", "wontfix", "won't fix", "will not fix", "out of support scope":
		return true
	}
	return false
}

// reachable looks for the functions that the advisories name in the programs that hold the module. "no" needs both to be known; a function
// that is there may still never be called.
func (g group) reachable() string {
	var imports []Import
	for _, h := range g.hits {
		imports = append(imports, h.imports...)
	}
	known := len(imports) > 0
	for _, p := range g.unit.packages {
		known = known && len(p.Symbols) > 0
		for _, s := range p.Symbols {
			if s == nil {
				known = false
			} else if slices.ContainsFunc(imports, func(i Import) bool { return i.in(s) }) {
				return "yes"
			}
		}
	}
	if known {
		return "no"
	}
	return "unknown"
}

func (i Import) in(s *engine.Symbols) bool {
	if len(i.Symbols) == 0 {
		return s.Has(i.Path)
	}
	return slices.ContainsFunc(i.Symbols, func(name string) bool { return s.Has(i.Path + "." + name) })
}
