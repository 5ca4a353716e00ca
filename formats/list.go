package formats

import (
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// lines describes the unwaived results of a rule, one escaped line each: packages first, then messages.
func (v *view) lines(r *engine.RuleResult) []string {
	packages, messages := v.rows(r)
	var out []string
	for _, g := range packages {
		s := fmt.Sprintf("%s %s", Escape(g.name), Escape(g.from))
		if g.to != "" {
			s += " → " + Escape(g.to)
		} else {
			s += " (no fix yet)"
		}
		if g.path != "" {
			s += " in " + Escape(slash(g.path))
		}
		ids := make([]string, len(g.ids))
		for i, id := range g.ids {
			ids[i] = Escape(id)
		}
		s += ": " + strings.Join(ids, ", ")
		if len(g.levels) > 0 {
			s += " (" + Escape(string(g.levels[0])) + ")"
		}
		out = append(out, s+g.where())
	}
	for _, g := range messages {
		out = append(out, Escape(g.msg)+g.where())
	}
	return out
}

func (g *row) where() string {
	s := ""
	if g.layer > 0 {
		s += ", " + layerText(g.layer)
	}
	if g.fingerprint != "" {
		s += " [" + Escape(g.fingerprint) + "]"
	}
	return s
}

// accepted describes the waived results of a rule, one escaped line each, with reason and expiry.
func (v *view) accepted(r *engine.RuleResult) []string {
	var out []string
	for _, res := range r.Results {
		if res.WaivedBy == "" {
			continue
		}
		s := Escape(res.Msg)
		if w := v.waivers[string(res.WaivedBy)]; w != nil {
			s += Escape(fmt.Sprintf(" — accepted until %s by %s: %s (%s)", w.Expires, w.Owner, w.Reason, w.Where))
		} else {
			s += " — accepted by waiver " + Escape(string(res.WaivedBy))
		}
		out = append(out, s)
	}
	return out
}

// title is a rule's title, or its id where it has none.
func title(r *engine.RuleResult) string {
	if r.Title != "" {
		return r.Title
	}
	return r.ID
}
