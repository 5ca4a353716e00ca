package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// What a rule shows when the page is not full, so that a report of many findings still fits on a screen or two.
const (
	shortPackages = 3 // packages of one ecosystem
	shortMessages = 5
)

// addRules adds the rules that deny, failed or warn, with their results; on a full page every rule.
func (p *page) addRules(rep *indexedReport) {
	rules := rep.noteworthyRules()
	if p.full {
		rules = rep.rulesByRank()
	}
	idWidth, wordWidth := 0, 0
	for _, r := range rules {
		wordWidth = max(wordWidth, width(statusWord(r.Status).text))
		idWidth = max(idWidth, min(width(Escape(r.ID)), 28))
	}
	rows := map[*engine.RuleResult][]*rowTexts{}
	var all []*rowTexts
	for _, r := range rules {
		rows[r] = p.ruleRowTexts(rep, r)
		all = append(all, rows[r]...)
	}
	widths := p.measureColumns(all)
	for _, r := range rules {
		p.addRule(rep, r, wordWidth, idWidth)
		for _, texts := range rows[r] {
			p.addRow(texts, widths)
		}
	}
	p.addWaivers(rep)
}

// statusWord is a status in one short word, with its colour. An unknown status is an error.
func statusWord(s engine.Status) colored {
	switch s {
	case engine.StatusDeny:
		return colored{"deny", bold + ";" + red}
	case engine.StatusWarn:
		return colored{"warn", yellow}
	case engine.StatusNoData:
		return colored{"no data", bold + ";" + yellow}
	case engine.StatusNotApplicable:
		return colored{"n/a", faint}
	case engine.StatusPass:
		return colored{"pass", green}
	case engine.StatusInfo, engine.StatusWaived:
		return colored{string(s), faint}
	}
	return colored{"error", bold + ";" + yellow}
}

// addRule adds "deny  vuln-fixable   241   title; 3 of unknown severity: note". A rule with one message shows that for its title.
func (p *page) addRule(rep *indexedReport, r *engine.RuleResult, wordWidth, idWidth int) {
	word := statusWord(r.Status)
	text := Escape(cmp.Or(r.Title, string(r.Description)))
	count := ""
	results := unwaivedResults(r)
	if len(results) > 0 {
		count = fmt.Sprint(len(results))
	}
	if msg, ok := rep.onlyMessage(r); ok {
		text = Escape(msg)
	}
	if n := rep.countUnknownSeverity(r); n > 0 && len(results) > 1 {
		text += fmt.Sprintf("; %d of unknown severity", n)
		if as, ok := r.Params["unknown_counts_as"].(string); ok {
			text += " count as " + Escape(as)
		}
	}
	if r.Note != "" {
		text += ": " + Escape(string(r.Note))
	}
	id := truncate(Escape(r.ID), 40)
	label := fmt.Sprintf("  %-*s  %-*s %5s   ", wordWidth, word.text, idWidth, id, count)
	p.addWrapped(label, text, 3, word, colored{id, bold})
}

// onlyMessage returns the message of a rule with a single result that is about no package.
func (rep *indexedReport) onlyMessage(r *engine.RuleResult) (string, bool) {
	packages, messages := rep.rows(r)
	if len(packages) == 0 && len(messages) == 1 {
		return messages[0].msg, true
	}
	return "", false
}

// countUnknownSeverity is the number of a rule's results that are about a finding of unknown severity.
func (rep *indexedReport) countUnknownSeverity(r *engine.RuleResult) int {
	unknown := func(ref string) bool {
		f := rep.findings[ref]
		return f != nil && f.Severity.Level == engine.Unknown
	}
	n := 0
	for _, res := range unwaivedResults(r) {
		if slices.ContainsFunc(res.Findings, unknown) {
			n++
		}
	}
	return n
}

// ruleRowTexts are the rows below a rule: packages by ecosystem, on a full page one row per finding and what is waived, then messages.
func (p *page) ruleRowTexts(rep *indexedReport, r *engine.RuleResult) []*rowTexts {
	packages, messages := rep.rows(r)
	var out []*rowTexts
	if _, ok := rep.onlyMessage(r); ok && messages[0].fingerprint == "" {
		messages = nil
	}
	for _, eco := range ecosystems(packages) {
		rows := slices.DeleteFunc(slices.Clone(packages), func(row *resultRow) bool { return row.ecosystem != eco })
		if p.full {
			for _, row := range rows {
				out = append(out, textsPerFinding(rep, row)...)
			}
			continue
		}
		show := len(rows)
		if show > shortPackages+1 {
			show = shortPackages
		}
		for _, row := range rows[:show] {
			out = append(out, newRowTexts(row))
		}
		if rest := rows[show:]; len(rest) > 0 {
			out = append(out, foldRows(eco, rest))
		}
	}
	if p.full {
		for _, l := range rep.waivedLines(r) {
			out = append(out, &rowTexts{note: l})
		}
	}
	for i, row := range messages {
		if !p.full && i == shortMessages && len(messages) > shortMessages+1 {
			out = append(out, &rowTexts{note: fmt.Sprintf("%d more", len(messages)-i), tail: "(all: --detail full)"})
			break
		}
		texts := &rowTexts{note: Escape(row.msg), layer: layerText(row.layer), fingerprint: Escape(row.fingerprint)}
		if _, ok := rep.onlyMessage(r); ok {
			texts.note = "to accept it: veto waive " + Escape(row.fingerprint)
			texts.layer, texts.fingerprint = "", ""
		}
		out = append(out, texts)
	}
	return out
}

// ecosystems lists those of the rows in the order in which they first appear: that of the package with most findings first.
func ecosystems(rows []*resultRow) []string {
	var out []string
	for _, row := range rows {
		if !slices.Contains(out, row.ecosystem) {
			out = append(out, row.ecosystem)
		}
	}
	return out
}

// foldRows is one row that stands for the rest of an ecosystem's.
func foldRows(eco string, rest []*resultRow) *rowTexts {
	ids := map[string]bool{}
	var all []string
	for _, row := range rest {
		for _, id := range row.ids {
			if !ids[id] {
				ids[id] = true
				all = append(all, id)
			}
		}
	}
	noun := idNoun(all)
	if len(all) == 1 {
		noun = strings.TrimSuffix(strings.Replace(noun, "advisories", "advisory", 1), "s")
	}
	return &rowTexts{note: fmt.Sprintf("%d more %s packages, %d %s", len(rest), Escape(eco), len(all), noun), tail: "(all: --detail full)"}
}
