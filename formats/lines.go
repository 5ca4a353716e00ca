package formats

import (
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// resultLines describes the unwaived results of a rule, one escaped line per row: packages first, then messages.
func (rep *indexedReport) resultLines(r *engine.RuleResult) []string {
	packages, messages := rep.rows(r)
	var out []string
	for _, row := range packages {
		s := fmt.Sprintf("%s %s", Escape(row.name), Escape(row.installed))
		if row.fixed != "" {
			s += " → " + Escape(row.fixed)
		} else {
			s += " (no fix yet)"
		}
		if row.path != "" {
			s += " in " + Escape(absolutePath(row.path))
		}
		ids := make([]string, len(row.ids))
		for i, id := range row.ids {
			ids[i] = Escape(id)
		}
		s += ": " + strings.Join(ids, ", ")
		if len(row.levels) > 0 {
			s += " (" + Escape(string(row.levels[0])) + ")"
		}
		out = append(out, s+row.layerAndFingerprint(Escape))
	}
	for _, row := range messages {
		out = append(out, Escape(row.msg)+row.layerAndFingerprint(Escape))
	}
	return out
}

// layerAndFingerprint is ", layer 2 [ffcafe0c]", or as much of it as is known.
func (row *resultRow) layerAndFingerprint(escape func(string) string) string {
	s := ""
	if row.layer > 0 {
		s += ", " + layerText(row.layer)
	}
	if row.fingerprint != "" {
		s += " [" + escape(row.fingerprint) + "]"
	}
	return s
}

// waivedLines describes the waived results of a rule, one escaped line each, with reason and expiry.
func (rep *indexedReport) waivedLines(r *engine.RuleResult) []string {
	var out []string
	for _, result := range r.Results {
		if result.WaivedBy == "" {
			continue
		}
		s := Escape(result.Msg)
		if w := rep.waivers[string(result.WaivedBy)]; w != nil {
			s += Escape(fmt.Sprintf(" — accepted until %s by %s: %s (%s)", w.Expires, w.Owner, w.Reason, w.Where))
		} else {
			s += " — accepted by waiver " + Escape(string(result.WaivedBy))
		}
		out = append(out, s)
	}
	return out
}

// ruleTitle is a rule's title, or its id when it has none.
func ruleTitle(r *engine.RuleResult) string {
	if r.Title != "" {
		return r.Title
	}
	return r.ID
}
