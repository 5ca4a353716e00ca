package advisory

import (
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// namesBinaries says whether an ecosystem's records name nothing but binary packages. A source package's version has no epoch there, so that what is
// called like its source must be looked up by its own version alone: perl-Errno 0:1.30 is no perl 0:5.32, which would be older than any 4:5.32.
func namesBinaries(ecosystem string) bool {
	base, _ := engine.SplitEcosystem(ecosystem)
	return base == "AlmaLinux" || base == "Rocky Linux" || base == "Red Hat"
}

// harmless says whether a record announces mended bugs or new features and no vulnerability: distributions with rpm put all their notices into one
// feed. One that names a CVE all the same counts.
func (a *Advisory) harmless() bool {
	kind, _, _ := strings.Cut(a.ID, "-")
	switch kind {
	case "ALBA", "ALEA", "RLBA", "RLEA", "RHBA", "RHEA":
		return !slices.ContainsFunc(slices.Concat(a.Aliases, a.Upstream, a.Related), func(id string) bool { return strings.HasPrefix(id, "CVE-") })
	}
	return false
}

// stream is how summaries name the stream of a module: "Important: nodejs:18 security update".
var stream = regexp.MustCompile(`\b[A-Za-z0-9][\w.+-]*:[A-Za-z0-9][\w.+-]*`)

// streams says whether a record can speak of a package's stream. Packages of different streams of a module have the same names, each with fixes of
// its own, and those outside modules have others. The records say the stream only in their summary; one that does not may be of any.
func (a *Advisory) streams(ecosystem string, c called) bool {
	if !namesBinaries(ecosystem) {
		return true
	}
	modular := a.modular(ecosystem, c.name)
	own := c.module != "" || strings.Contains(c.version, ".module_el") || strings.Contains(c.version, ".module+el")
	switch {
	case modular != own:
		return false
	case !modular || c.module == "":
		return true
	}
	named := stream.FindAllString(a.Summary, -1)
	return len(named) == 0 || slices.Contains(named, c.module)
}

// modular says whether a record's fixes of a package are builds of a module.
func (a *Advisory) modular(ecosystem, name string) bool {
	for _, f := range a.Affected {
		if !f.names(ecosystem, name) {
			continue
		}
		for _, r := range f.Ranges {
			for _, e := range r.Events {
				if strings.Contains(e.Fixed+e.LastAffected, ".module_el") || strings.Contains(e.Fixed+e.LastAffected, ".module+el") {
					return true
				}
			}
		}
	}
	return false
}

// announced are the CVEs that a notice of a distribution with rpm mends. AlmaLinux and Rocky Linux list them as related, which elsewhere says no more
// than that somebody may want to read about them too; without them neither severities nor CISA's catalogue could be joined.
func announced(a *Advisory) []string {
	kind, _, _ := strings.Cut(a.ID, "-")
	switch kind {
	case "ALSA", "ALBA", "ALEA", "RLSA", "RLBA", "RLEA", "RXSA", "RHSA":
	default:
		return nil
	}
	isCVE := func(id string) bool { return strings.HasPrefix(id, "CVE-") }
	if slices.ContainsFunc(slices.Concat(a.Aliases, a.Upstream), isCVE) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(a.Related), func(id string) bool { return !isCVE(id) })
}

// ratingWord is the severity that distributions with rpm begin a summary with, "" when there is none.
func ratingWord(id, summary string) string {
	kind, _, _ := strings.Cut(id, "-")
	if kind != "ALSA" && kind != "RLSA" && kind != "RHSA" && kind != "RXSA" {
		return ""
	}
	switch word, _, ok := strings.Cut(summary, ":"); {
	case !ok:
	case word == "Critical" || word == "Important" || word == "Moderate" || word == "Low":
		return strings.ToLower(word)
	}
	return ""
}
