package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

const (
	shortPackages = 3 // packages of one ecosystem that a rule shows before it folds the rest
	shortMessages = 5 // messages that a rule shows
)

// rules prints every rule that has something to say.
func (p *page) rules(v *view) {
	shown := v.ranked()
	if !p.full {
		shown = slices.DeleteFunc(shown, func(r *engine.RuleResult) bool { return rank(r.Status) >= rank(engine.StatusInfo) })
	}
	idWidth, wordWidth := 0, 0
	for _, r := range shown {
		wordWidth = max(wordWidth, width(statusWord(r.Status)[0]))
		idWidth = max(idWidth, min(width(Escape(r.ID)), 28))
	}
	cells := map[*engine.RuleResult][]*cell{}
	var all []*cell
	for _, r := range shown {
		cells[r] = p.cells(v, r)
		all = append(all, cells[r]...)
	}
	g := p.grid(all)
	for _, r := range shown {
		p.ruleLine(v, r, wordWidth, idWidth)
		for _, c := range cells[r] {
			p.row(c, g)
		}
	}
	p.waived(v)
}

// statusWord is a status in one short word, with its colour.
func statusWord(s engine.Status) [2]string {
	switch s {
	case engine.StatusDeny:
		return [2]string{"deny", bold + ";" + red}
	case engine.StatusWarn:
		return [2]string{"warn", yellow}
	case engine.StatusNoData:
		return [2]string{"no data", bold + ";" + yellow}
	case engine.StatusNotApplicable:
		return [2]string{"n/a", faint}
	case engine.StatusPass:
		return [2]string{"pass", green}
	case engine.StatusInfo, engine.StatusWaived:
		return [2]string{string(s), faint}
	}
	return [2]string{"error", bold + ";" + yellow}
}

// ruleLine is "deny  vuln-fixable   241   title; what else there is to know". A rule with one message has that for its title.
func (p *page) ruleLine(v *view, r *engine.RuleResult, wordWidth, idWidth int) {
	word := statusWord(r.Status)
	text := Escape(cmp.Or(r.Title, string(r.Description)))
	count := ""
	results := unwaived(r)
	if len(results) > 0 {
		count = fmt.Sprint(len(results))
	}
	if msg, ok := v.single(r); ok {
		text = Escape(msg)
	}
	if n := v.unknownLevels(r); n > 0 && len(results) > 1 {
		text += fmt.Sprintf("; %d of unknown severity", n)
		if as, ok := r.Params["unknown_counts_as"].(string); ok {
			text += " count as " + Escape(as)
		}
	}
	if r.Note != "" {
		text += ": " + Escape(string(r.Note))
	}
	id := cut(Escape(r.ID), 40)
	label := fmt.Sprintf("  %-*s  %-*s %5s   ", wordWidth, word[0], idWidth, id, count)
	p.wrapped(label, text, 3, word, [2]string{id, bold})
}

// single returns the message of a rule that says one thing which is about no package.
func (v *view) single(r *engine.RuleResult) (string, bool) {
	packages, messages := v.rows(r)
	if len(packages) == 0 && len(messages) == 1 {
		return messages[0].msg, true
	}
	return "", false
}

func (v *view) unknownLevels(r *engine.RuleResult) int {
	n := 0
	for _, res := range unwaived(r) {
		if slices.ContainsFunc(res.Findings, func(ref string) bool { f := v.findings[ref]; return f != nil && f.Severity.Level == engine.Unknown }) {
			n++
		}
	}
	return n
}

// cell is a row as it is printed: what stands on the left, and the columns on the right. A folded row has only a left.
type cell struct {
	name, change, path     string
	ids, level, layer, fpr string
	note                   string // printed alone, instead of all the rest
	tail                   string // beside note, from the right columns on
}

func (p *page) cells(v *view, r *engine.RuleResult) []*cell {
	packages, messages := v.rows(r)
	var out []*cell
	if _, ok := v.single(r); ok && messages[0].fingerprint == "" {
		messages = nil
	}
	for _, eco := range ecosystems(packages) {
		rows := slices.DeleteFunc(slices.Clone(packages), func(g *row) bool { return g.ecosystem != eco })
		if p.full {
			for _, g := range rows {
				out = append(out, fullCells(v, g)...)
			}
			continue
		}
		show := len(rows)
		if show > shortPackages+1 {
			show = shortPackages
		}
		for _, g := range rows[:show] {
			out = append(out, newCell(g))
		}
		if rest := rows[show:]; len(rest) > 0 {
			out = append(out, fold(eco, rest))
		}
	}
	if p.full {
		for _, l := range v.accepted(r) {
			out = append(out, &cell{note: l})
		}
	}
	for i, g := range messages {
		if !p.full && i == shortMessages && len(messages) > shortMessages+1 {
			out = append(out, &cell{note: fmt.Sprintf("%d more", len(messages)-i), tail: "(all: --detail full)"})
			break
		}
		c := &cell{note: Escape(g.msg), layer: layerText(g.layer), fpr: g.fingerprint}
		if _, ok := v.single(r); ok {
			c.note = "to accept it: veto waive " + Escape(g.fingerprint)
			c.layer, c.fpr = "", ""
		}
		out = append(out, c)
	}
	return out
}

// ecosystems lists those of the rows in the order in which they first appear: what clears the most first.
func ecosystems(rows []*row) []string {
	var out []string
	for _, g := range rows {
		if !slices.Contains(out, g.ecosystem) {
			out = append(out, g.ecosystem)
		}
	}
	return out
}

func fold(eco string, rest []*row) *cell {
	ids := map[string]bool{}
	var all []string
	for _, g := range rest {
		for _, id := range g.ids {
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
	return &cell{note: fmt.Sprintf("%d more %s packages, %d %s", len(rest), Escape(eco), len(all), noun), tail: "(all: --detail full)"}
}

func layerText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("layer %d", n)
}

func newCell(g *row) *cell {
	c := &cell{name: cutMiddle(Escape(g.name), 40), ids: g.idsText(), layer: layerText(g.layer), fpr: Escape(g.fingerprint), path: cutMiddle(Escape(slash(g.path)), 40)}
	if g.findings != nil && !engine.OfDistribution(g.findings[0].Package.Type) {
		c.name += " (" + cut(Escape(g.ecosystem), 20) + ")"
	}
	c.change = cutMiddle(Escape(g.from), 30)
	if g.to == "" {
		c.change += ", no fix yet"
	} else {
		c.change += " → " + cutMiddle(Escape(g.to), 30)
	}
	if len(g.levels) > 0 {
		c.level = Escape(string(g.levels[0]))
	}
	return c
}

// fullCells is one line per finding.
func fullCells(v *view, g *row) []*cell {
	var out []*cell
	for _, f := range g.findings {
		one := &row{name: g.name, ecosystem: g.ecosystem, from: g.from, path: g.path, layer: g.layer, findings: []*engine.Finding{f}}
		v.finish(one)
		if len(f.FixedVersions) > 0 {
			one.to = f.FixedVersions[0]
		}
		out = append(out, newCell(one))
	}
	return out
}

func slash(path string) string {
	if path == "" {
		return ""
	}
	return "/" + strings.TrimPrefix(path, "/")
}

// grid is the width of each column.
type grid struct{ name, change, ids, level, layer, right int }

func (p *page) grid(cells []*cell) grid {
	g := grid{}
	left := 0
	for _, c := range cells {
		if c.name == "" {
			continue
		}
		if width(c.name) <= 16 { // a longer name pushes its own row only
			g.name = max(g.name, width(c.name))
		}
		g.ids, g.level, g.layer = max(g.ids, width(c.ids)), max(g.level, width(c.level)), max(g.layer, width(c.layer))
		if c.path == "" {
			g.change = max(g.change, width(c.change))
		}
	}
	g.ids = min(g.ids, 22)
	right := g.ids + 2 + g.level + 2 + g.layer + 2 + 8
	for _, c := range cells {
		if c.name != "" {
			left = max(left, width(p.left(c, g)))
		}
	}
	g.right = max(min(left+2, p.width-right), 8)
	return g
}

func (p *page) left(c *cell, g grid) string {
	s := fmt.Sprintf("    %-*s  %s", g.name, c.name, c.change)
	if c.path != "" {
		s += "   " + c.path
	}
	return s
}

// row prints a cell on one line, or on two when its left side does not fit.
func (p *page) row(c *cell, g grid) {
	right := strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %-*s  %s", g.ids, c.ids, g.level, c.level, g.layer, c.layer, c.fpr), " ")
	if c.note != "" {
		if c.tail != "" {
			p.paint(fmt.Sprintf("%-*s%s", g.right, "    "+c.note+"  ", c.tail), [][2]string{{c.tail, faint}})
			return
		}
		if right = strings.TrimSpace(c.layer + "  " + c.fpr); right != "" {
			c.note += "  " + right
		}
		p.wrapped("    ", c.note, 3)
		return
	}
	left := p.left(c, g)
	colors := [][2]string{{"  " + c.level + "  ", levelColor(c.level)}}
	switch {
	case width(left)+2 <= g.right:
		p.paint(left+strings.Repeat(" ", g.right-width(left))+right, colors)
	case c.path != "" && width(left)-width(c.path)-3+2 <= g.right:
		short := *c
		short.path = ""
		left = p.left(&short, g)
		p.paint(left+strings.Repeat(" ", g.right-width(left))+right, colors)
		p.line(strings.Repeat(" ", 4+max(g.name, width(c.name))+2) + c.path)
	default:
		if width(left) > p.width {
			p.line("    " + c.name)
			left = "        " + c.change + "  " + c.path
			if width(left) > p.width && c.path != "" {
				p.line("        " + c.change)
				left = "        " + c.path
			}
		}
		p.line(left)
		p.paint(strings.Repeat(" ", g.right)+right, colors)
	}
}

func levelColor(level string) string {
	switch engine.Level(level) {
	case engine.Critical:
		return bold + ";" + red
	case engine.High:
		return red
	case engine.Medium:
		return yellow
	}
	return "0"
}
