package formats

import (
	"fmt"
	"io"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The colours of text, as ANSI "select graphic rendition" sequences (ECMA-48, 8.3.117).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

// page collects lines, without spaces at their ends, and never two empty ones in a row.
type page struct {
	b     strings.Builder
	width int  // columns
	color bool // add colours
	full  bool // list everything, and cut no line
}

// colored is a part of a line with its colour.
type colored struct{ text, color string }

// addLine adds a line of escaped text. It is cut at the width of the page, unless the page is full.
func (p *page) addLine(s string) { p.addColored(s) }

// addColored is addLine with the first occurrence of each text in its colour.
func (p *page) addColored(s string, colors ...colored) {
	s = strings.TrimRight(s, " ")
	if !p.full {
		s = truncate(s, p.width)
	}
	if p.color {
		for _, c := range colors {
			if c.text != "" {
				s = strings.Replace(s, c.text, "\x1b["+c.color+"m"+c.text+"\x1b[0m", 1)
			}
		}
	}
	if s == "" && (p.b.Len() == 0 || strings.HasSuffix(p.b.String(), "\n\n")) {
		return
	}
	p.b.WriteString(s + "\n")
}

// addWrapped adds a label and text, which is broken at spaces and indented as far as the label is wide. It is cut after a number of lines,
// unless the page is full. The colours are those of the first line.
func (p *page) addWrapped(label, text string, lineLimit int, colors ...colored) {
	columns := max(p.width-width(label), 20)
	lines := wrap(text, columns)
	if !p.full && len(lines) > lineLimit {
		lines = append(lines[:lineLimit-1], strings.TrimSuffix(truncate(lines[lineLimit-1], columns-2), "…")+" …")
	}
	for i, l := range lines {
		if i > 0 {
			label = strings.Repeat(" ", width(label))
		}
		p.addColored(label+l, colors...)
		colors = nil
	}
}

// wrap breaks text at spaces into lines of so many columns. A word that is longer gets a line of its own.
func wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Split(s, " ") {
		if line != "" && width(line)+1+width(word) > columns {
			lines = append(lines, line)
			line = strings.TrimLeft(word, " ")
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// writeText writes for people: every report with its reasons, the verdict on the last line.
func (o Options) writeText(w io.Writer, r *engine.Run) error {
	p := &page{width: max(o.Width, 40), color: o.Color, full: o.Detail == "full"}
	for i := range r.Reports {
		if i > 0 {
			p.addLine("")
			p.addLine(strings.Repeat("─", min(p.width, 100)))
			p.addLine("")
		}
		p.addReport(indexReport(&r.Reports[i]))
	}
	if len(r.Reports) != 1 || reportVerdict(&r.Reports[0]) != runVerdict(r) {
		p.addSummary(r)
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("writing text: %w", err)
	}
	return nil
}

func verdictColor(v engine.Verdict) string {
	switch v {
	case engine.Pass:
		return bold + ";" + green
	case engine.Denied:
		return bold + ";" + red
	}
	return bold + ";" + yellow
}

func (p *page) addReport(rep *indexedReport) {
	p.addHeader(rep)
	p.addLine("")
	p.addErrors(rep)
	p.addRules(rep)
	p.addLine("")
	p.addPlan(rep)
	p.addLine("")
	p.addFooter(rep)
	p.addVerdict(rep)
}

// addHeader adds "DENIED   example.test/shop/web:1.0   linux/amd64   sha256:4c1f09e2b7a5   from docker-archive". When the user gave no
// name, it adds the one that the archive claims for itself.
func (p *page) addHeader(rep *indexedReport) {
	parts := []string{rep.verdictLabel(), rep.imageName()}
	if s := rep.platformText(); s != "" {
		parts = append(parts, s)
	}
	if d := rep.Image.Digest; d != "" {
		algorithm, _, _ := strings.Cut(string(d), ":")
		parts = append(parts, Escape(algorithm+":"+d.Short()))
	}
	if s := rep.containedName(); s != "" {
		parts = append(parts, "(calls itself "+truncateMiddle(s, 60)+")")
	} else if rep.Image.Named && rep.Image.Source != "" && rep.Image.Source != "registry" {
		parts = append(parts, "from "+Escape(rep.Image.Source))
	}
	if s := strings.Join(parts, "   "); width(s) <= p.width {
		p.addColored(s, colored{rep.verdictLabel(), verdictColor(rep.verdict())})
		return
	}
	p.addColored(parts[0]+"   "+parts[1], colored{rep.verdictLabel(), verdictColor(rep.verdict())})
	p.addLine(strings.Repeat(" ", len(parts[0])+3) + strings.Join(parts[2:], "   "))
}

// addErrors adds why there is no decision, and what to do.
func (p *page) addErrors(rep *indexedReport) {
	for _, e := range rep.Errors {
		p.addWrapped("  error  ", Escape(e.What), 6, colored{"error", bold + ";" + yellow})
		if e.Hint != "" {
			p.addWrapped("   hint  ", Escape(string(e.Hint)), 4, colored{"hint", bold})
		}
	}
	if rep.verdict() == engine.Undecided && len(rep.Errors) == 0 && len(rep.Decision.Rules) == 0 {
		p.addLine("  error  no rule was evaluated")
	}
}

// addVerdict adds the last line of a report: the verdict, with the number of rules behind it and the exit code.
func (p *page) addVerdict(rep *indexedReport) {
	var parts []string
	n := map[engine.Status]int{}
	for _, r := range rep.Decision.Rules {
		n[r.Status]++
	}
	if c := n[engine.StatusDeny]; c > 0 {
		parts = append(parts, plural(c, "rule denies", "rules deny"))
	}
	if c := n[engine.StatusError] + n[engine.StatusNoData]; c > 0 {
		parts = append(parts, plural(c, "rule could not be evaluated", "rules could not be evaluated"))
	}
	if c := len(rep.Errors); c > 0 {
		parts = append(parts, plural(c, "error", "errors"))
	}
	if rep.verdict() == engine.Pass {
		if parts = append(parts, "no rule denies"); n[engine.StatusWarn] > 0 {
			parts = append(parts, plural(n[engine.StatusWarn], "warns", "warn"))
		}
	}
	if plan := rep.Decision.Plan; rep.verdict() == engine.Denied && plan.Passes {
		parts = append(parts, plural(len(plan.Changes), "change would pass", "changes would pass"))
	}
	if rep.observeOnly() && rep.verdict() != engine.Pass {
		parts = append(parts, "exit 0, as the mode is observe")
	} else {
		parts = append(parts, fmt.Sprintf("exit %d", exitCode(rep.verdict())))
	}
	label := rep.verdictLabel()
	line := padLabel(label) + strings.Join(parts, "; ")
	p.addColored(line, colored{label, verdictColor(rep.verdict())})
}

// padLabel makes the labels of verdicts equally wide, but for those that begin with "WOULD BE".
func padLabel(label string) string { return label + strings.Repeat(" ", max(1, 11-len(label))) }

// addSummary adds the verdict of each report and of the run, which is the last line.
func (p *page) addSummary(r *engine.Run) {
	p.addLine("")
	observed := len(r.Reports) > 0
	for i := range r.Reports {
		rep := indexReport(&r.Reports[i])
		observed = observed && rep.observeOnly()
		line := fmt.Sprintf("%s%s   %s", padLabel(rep.verdictLabel()), rep.imageName(), rep.platformText())
		p.addColored(line, colored{rep.verdictLabel(), verdictColor(rep.verdict())})
	}
	verdict := runVerdict(r)
	label, exit := strings.ToUpper(string(verdict)), fmt.Sprintf("exit %d", exitCode(verdict))
	if observed && verdict != engine.Pass {
		label, exit = "WOULD BE "+label, "exit 0, as the mode is observe"
	}
	line := fmt.Sprintf("%s%s; %s", padLabel(label), plural(len(r.Reports), "image", "images"), exit)
	p.addColored(line, colored{label, verdictColor(verdict)})
}
