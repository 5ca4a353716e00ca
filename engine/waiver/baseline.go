package waiver

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// Match is what names one finding, secret, gap or result of a report, and nothing else in it.
type Match struct {
	engine.WaiverMatch
	Name string // for people
}

// Matches returns the matches of all findings, secrets and gaps of a report, by their refs: by fingerprint, and where a second thing has
// the same one, as a package in two versions has, by its package or path too.
func Matches(rep *engine.Report) map[string]Match {
	all := targets(&rep.Facts)
	things := map[string]map[string]bool{} // by fingerprint
	for _, t := range all {
		addThing(things, t.fingerprint, t.thing)
	}
	out := make(map[string]Match, len(all))
	set := func(ref, fingerprint, name string, path engine.Maybe, purl string) {
		m := Match{WaiverMatch: engine.WaiverMatch{Fingerprint: engine.Maybe(fingerprint)}, Name: name}
		if len(things[fingerprint]) > 1 {
			m.PURL, m.Path = engine.Maybe(exactVersion(purl)), engine.Maybe(exactPath(string(path)))
		}
		out[ref] = m
	}
	for _, v := range rep.Findings {
		set(v.Ref, v.Fingerprint, v.ID+" in "+v.Package.Name, "", v.Package.PURL)
	}
	for _, s := range rep.Secrets {
		set(s.Ref, s.Fingerprint, s.Title+" in "+string(s.Path+s.Subject), s.Path, "")
	}
	for _, g := range rep.Gaps {
		set(g.Ref, g.Fingerprint, string(g.Kind)+" "+string(g.Path+g.Subject), g.Path, "")
	}
	return out
}

func addThing(things map[string]map[string]bool, fingerprint, thing string) {
	if things[fingerprint] == nil {
		things[fingerprint] = map[string]bool{}
	}
	things[fingerprint][thing] = true
}

// exactVersion is a pattern for a package URL's name and version.
func exactVersion(text string) string {
	u, err := purl.Parse(text)
	if err != nil {
		return ""
	}
	return purl.New(u.Type, u.Namespace, u.Name, u.Version, nil)
}

// exactPath is a pattern that matches a path alone.
func exactPath(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(p)
}

// Baseline makes a draft from the template for everything that the run denies and a waiver may accept: one for each finding, secret and
// gap, by its fingerprint, and one for each result that names none, by rule and fingerprint. They are sorted, each once.
func Baseline(run *engine.Run, template Draft) []Draft {
	template.Origin = "baseline"
	byKey := map[string]Draft{}
	for i := range run.Reports {
		byRef := Matches(&run.Reports[i])
		for _, rule := range run.Reports[i].Decision.Rules {
			if rule.Status != engine.StatusDeny || !rule.Waivable {
				continue
			}
			things := map[string]map[string]bool{}
			for _, res := range rule.Results {
				addThing(things, res.Fingerprint, string(res.Path+"\n"+res.Subject))
			}
			for _, res := range rule.Results {
				if res.WaivedBy != "" {
					continue
				}
				for _, ref := range res.Findings {
					m := byRef[ref]
					d := template
					d.Match, d.Comment = m.WaiverMatch, m.Name
					byKey[draftKey(&d)] = d
				}
				if len(res.Findings) == 0 {
					d := template
					d.Rule, d.Match.Fingerprint, d.Comment = engine.Maybe(rule.ID), engine.Maybe(res.Fingerprint), rule.Title
					if len(things[res.Fingerprint]) > 1 {
						d.Match.Path = engine.Maybe(exactPath(string(res.Path)))
					}
					byKey[draftKey(&d)] = d
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b Draft) int { return cmp.Compare(draftKey(&a), draftKey(&b)) })
}

func draftKey(d *Draft) string {
	return string(d.Rule+d.Match.Fingerprint) + "\n" + string(d.Match.PURL) + "\n" + string(d.Match.Path)
}
