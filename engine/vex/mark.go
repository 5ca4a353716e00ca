package vex

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// marker is the state of one Mark.
type marker struct {
	facts    *engine.Facts
	image    image
	compared int // how many products have been compared with findings
}

// mark finds the statements about a finding. Those that name the finding itself answer for all of it; one that names some of several CVEs
// answers for those.
func (m *marker) mark(f *engine.Finding, byID map[string][]sourcedStatement) error {
	known := finding{Finding: f, ids: idsOf(f)}
	var subject *subject
	asked := map[*statement]bool{}
	var all []sourcedStatement
	answers := map[string][]sourcedStatement{} // by CVE; "" is the whole finding
	for _, id := range known.ids {
		for _, s := range byID[id] {
			if asked[s.statement] {
				continue
			}
			asked[s.statement] = true
			if m.compared += len(s.products); m.compared > engine.MaxVEXWork {
				return &engine.LimitError{What: "comparisons of VEX products with findings", Limit: engine.MaxVEXWork}
			}
			if subject == nil {
				subject = m.subject(f)
			}
			if !known.isMeantBy(s.statement) || !s.appliesTo(m.image, subject) {
				continue
			}
			all = append(all, s)
			for _, cve := range known.answeredBy(s.statement) {
				answers[cve] = append(answers[cve], s)
			}
		}
	}
	slices.SortFunc(all, byAge)
	for _, s := range all {
		f.VEX = append(f.VEX, s.mark())
	}
	answer := newest(f.CVEs, answers)
	f.VEXStatus = engine.Maybe(answer.status)
	if answer.statement != nil && answer.wontFix && f.Fix == "none" && answer.isCertain(m.image, subject) {
		f.Fix = "wont_fix"
	}
	return nil
}

// isCertain says whether a statement applies to a finding without doubt, whatever its status.
func (s *statement) isCertain(i image, subject *subject) bool {
	c := *s
	c.status = notAffected
	return c.appliesTo(i, subject)
}

// finding is a finding with all its ids, in upper case, each once.
type finding struct {
	*engine.Finding
	ids []string
}

func idsOf(f *engine.Finding) []string {
	return plainIDs(slices.Concat([]string{f.ID}, f.Aliases, f.CVEs))
}

// issuer returns who gave an id: "CVE", "GHSA", "DSA".
func issuer(id string) string {
	who, _, _ := strings.Cut(id, "-")
	return who
}

// contradicts says whether an id cannot be the finding's: it is not, and another of the same issuer is.
func (f finding) contradicts(id string) bool {
	return !slices.Contains(f.ids, id) && slices.ContainsFunc(f.ids, func(own string) bool { return issuer(own) == issuer(id) })
}

// isMeantBy says whether a statement that has one of the finding's ids is about this vulnerability. An id that it is called by must not be
// of another one; where it is only known by an alias, no alias may be.
func (f finding) isMeantBy(s *statement) bool {
	if slices.ContainsFunc(s.names, f.contradicts) || contradict(s.names) {
		return false
	}
	if slices.ContainsFunc(s.names, func(id string) bool { return slices.Contains(f.ids, id) }) {
		return true
	}
	return !slices.ContainsFunc(s.aliases, func(id string) bool {
		return f.contradicts(id) && !slices.ContainsFunc(s.aliases, func(other string) bool {
			return issuer(other) == issuer(id) && slices.Contains(f.ids, other)
		})
	})
}

// contradict says whether two of the names for one vulnerability are of the same issuer.
func contradict(names []string) bool {
	for i := 1; i < len(names); i++ { // they are sorted, and each is there once
		if issuer(names[i]) == issuer(names[i-1]) {
			return true
		}
	}
	return false
}

// answeredBy returns the CVEs of a finding that a statement speaks of, [""] for all of it. What it calls the vulnerability counts before
// its aliases: an advisory that has four CVEs may be the alias of one. Where nobody knows what a name speaks of, the CVEs among the aliases
// do.
func (f finding) answeredBy(s *statement) []string {
	isCVE := func(id string) bool { return issuer(id) == "CVE" }
	if !slices.ContainsFunc(s.names, func(id string) bool { return isCVE(id) || slices.Contains(f.ids, id) }) {
		return f.spokenOf(s.aliases)
	}
	if cves := f.spokenOf(s.names); len(cves) > 0 {
		return cves
	}
	if slices.ContainsFunc(s.names, isCVE) {
		return nil
	}
	return f.spokenOf(slices.DeleteFunc(slices.Clone(s.aliases), func(id string) bool { return !isCVE(id) }))
}

// spokenOf returns the CVEs of a finding that ids speak of, [""] for all of it: of the CVEs among them, else of those that stand for some
// of the finding's CVEs, else of those that stand for all.
func (f finding) spokenOf(ids []string) []string {
	var named, some []string
	whole := false
	for _, own := range slices.Concat([]string{f.ID}, f.Aliases, f.CVEs) {
		id := strings.ToUpper(strings.TrimSpace(own))
		if !slices.Contains(ids, id) {
			continue
		}
		switch of, all := f.SpeaksOf(own); {
		case all:
			whole = true
		case issuer(id) == "CVE":
			named = append(named, of...)
		default:
			some = append(some, of...)
		}
	}
	if len(named) == 0 {
		named = some
	}
	if len(named) == 0 && whole {
		return []string{""}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// newest returns the newest answer; its status is "" when there is none. Each of several CVEs needs an answer, and the most severe of them
// holds: while one CVE has none, the finding has none.
func newest(cves []string, answers map[string][]sourcedStatement) sourcedStatement {
	newestOf := func(list []sourcedStatement) sourcedStatement {
		if len(list) == 0 {
			return sourcedStatement{statement: &statement{}}
		}
		return slices.MaxFunc(list, byAge)
	}
	if len(cves) < 2 {
		return newestOf(answers[""])
	}
	var worst sourcedStatement
	for _, cve := range cves {
		s := newestOf(slices.Concat(answers[""], answers[cve]))
		if s.status == "" {
			return s
		}
		if worst.statement == nil || statusRank(s.status) > statusRank(worst.status) {
			worst = s
		}
	}
	return worst
}
