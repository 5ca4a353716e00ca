package advisory

import (
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The notices (errata) of distributions with rpm, and the modules that they are about.

// namesBinariesOnly says whether all records of an ecosystem name binary packages. The version of a source package has no epoch there, and
// so a binary with the name of its source must be looked up by its own version alone: perl-Errno 0:1.30 is no perl 0:5.32, which would be
// older than any 4:5.32.
func namesBinariesOnly(ecosystem string) bool {
	base, _ := engine.SplitEcosystem(ecosystem)
	return base == "AlmaLinux" || base == "Rocky Linux" || base == "Red Hat"
}

// isNoVulnerability says whether a record announces fixed bugs or new features only: distributions with rpm put all their notices into one
// feed. Such a notice counts all the same when it names a CVE.
func (a *Advisory) isNoVulnerability() bool {
	kind, _, _ := strings.Cut(a.ID, "-")
	switch kind {
	case "ALBA", "ALEA", "RLBA", "RLEA", "RHBA", "RHEA":
		return !slices.ContainsFunc(slices.Concat(a.Aliases, a.Upstream, a.Related), isCVE)
	}
	return false
}

// moduleStream matches a module's stream in a summary: "nodejs:18" in "Important: nodejs:18 security update".
var moduleStream = regexp.MustCompile(`\b[A-Za-z0-9][\w.+-]*:[A-Za-z0-9][\w.+-]*`)

// matchesStream says whether a record can be about a package's stream. Packages of different streams of a module have the same names, each
// with its own fixes, and those outside modules have others. The records name the stream only in their summary; one that names none may be
// about any.
func (a *Advisory) matchesStream(ecosystem string, name lookupName) bool {
	if !namesBinariesOnly(ecosystem) {
		return true
	}
	modular := a.fixesAreModular(ecosystem, name.name)
	switch {
	case modular != (name.module != "" || isModular(name.version)):
		return false
	case !modular || name.module == "":
		return true
	}
	named := moduleStream.FindAllString(a.Summary, -1)
	return len(named) == 0 || slices.Contains(named, name.module)
}

// buildOf returns what a version says of the build of a module that it is from, "" where it is of none: ".module_el8.10.0+3980+4bd0e2ab".
// All packages of one build of one stream have the same.
func buildOf(version string) string {
	for _, mark := range []string{".module_el", ".module+el"} {
		if i := strings.LastIndex(version, mark); i >= 0 {
			return version[i:]
		}
	}
	return ""
}

// moduleBuilds are the upstream versions of the packages of each build of a module, by build and name.
func moduleBuilds(inv *engine.Inventory) map[string]map[string]string {
	out := map[string]map[string]string{}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		build := buildOf(p.Version)
		if p.Type != "rpm" || build == "" {
			continue
		}
		if out[build] == nil {
			out[build] = map[string]string{}
		}
		out[build][p.Name] = upstreamOf(p.Version)
	}
	return out
}

// streamParts says how many parts of a version are the stream of a module that has a package of its name, and several streams at a time:
// nodejs 18.20.8 is of nodejs:18, mariadb 10.5.27 of mariadb:10.5. Other modules' streams roll on, or are called otherwise.
func streamParts(module string) int {
	switch module {
	case "nodejs", "postgresql", "redis", "varnish", "squid":
		return 1
	case "mysql", "mariadb", "php", "ruby", "nginx", "perl", "httpd", "maven", "subversion":
		return 2
	}
	return 0
}

// streamOf returns the stream that a version of a module's package is of, "" for a module of which that cannot be told.
func streamOf(module, version string) string {
	n := streamParts(module)
	parts := strings.SplitN(version, ".", n+1)
	if n == 0 || len(parts) < n {
		return ""
	}
	return strings.Join(parts[:n], ".")
}

// isOfOtherStream says whether a record is about another stream of a module than a build of it, by the streams that its summary names, or
// by the version of the module's package that it fixes.
func (a *Advisory) isOfOtherStream(build map[string]string) bool {
	other := false
	for module, v := range build {
		own := streamOf(module, v)
		if own == "" {
			continue
		}
		for _, stream := range moduleStream.FindAllString(a.Summary, -1) {
			if m, name, _ := strings.Cut(stream, ":"); m == module {
				if other = true; name == own {
					return false
				}
			}
		}
		for _, f := range a.Affected {
			for _, r := range f.Ranges {
				for _, e := range r.Events {
					if f.Name != module || e.Fixed == "" {
						continue
					}
					if other = true; streamOf(module, upstreamOf(e.Fixed)) == own {
						return false
					}
				}
			}
		}
	}
	return other
}

// upstreamOf returns the version in an rpm's epoch, version and release.
func upstreamOf(evr string) string {
	if _, v, found := strings.Cut(evr, ":"); found {
		evr = v
	}
	v, _, _ := strings.Cut(evr, "-")
	return v
}

// fixesAreModular says whether the fixed versions of a package are builds of a module.
func (a *Advisory) fixesAreModular(ecosystem, name string) bool {
	for _, f := range a.Affected {
		if !f.isAbout(ecosystem, name) {
			continue
		}
		for _, r := range f.Ranges {
			if slices.ContainsFunc(r.Events, func(e Event) bool { return isModular(e.Fixed) || isModular(e.LastAffected) }) {
				return true
			}
		}
	}
	return false
}

// isModular says whether a version is of a module's build, by its release's dist tag: "1:18.19.1-1.module_el8.9.0+3700+aa".
func isModular(version string) bool {
	return strings.Contains(version, ".module_el") || strings.Contains(version, ".module+el")
}

// relatedCVEs returns the CVEs that a notice of a distribution with rpm fixes. AlmaLinux and Rocky Linux list them as related, which
// elsewhere only says that a reader may want to look at them too; without them neither severities nor CISA's catalogue could be joined.
func relatedCVEs(a *Advisory) []string {
	kind, _, _ := strings.Cut(a.ID, "-")
	switch kind {
	case "ALSA", "ALBA", "ALEA", "RLSA", "RLBA", "RLEA", "RXSA", "RHSA":
	default:
		return nil
	}
	if slices.ContainsFunc(slices.Concat(a.Aliases, a.Upstream), isCVE) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(a.Related), func(id string) bool { return !isCVE(id) })
}

// severityPrefix returns the severity with which distributions with rpm begin the summary of a security notice, in lower case, "" when
// there is none.
func severityPrefix(id, summary string) string {
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
