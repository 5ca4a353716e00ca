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

// page collects lines: no trailing spaces, no two empty lines in a row.
type page struct {
	b     strings.Builder
	width int
	color bool
	full  bool
}

// line adds a line. Its parts are escaped already; a line that is too long is cut unless everything is asked for.
func (p *page) line(s string) { p.paint(s, nil) }

// paint adds a line whose first occurrence of each key is coloured.
func (p *page) paint(s string, colors [][2]string) {
	s = strings.TrimRight(s, " ")
	if !p.full {
		s = cut(s, p.width)
	}
	if p.color {
		for _, c := range colors {
			if c[0] != "" {
				s = strings.Replace(s, c[0], "\x1b["+c[1]+"m"+c[0]+"\x1b[0m", 1)
			}
		}
	}
	if s == "" && (p.b.Len() == 0 || strings.HasSuffix(p.b.String(), "\n\n")) {
		return
	}
	p.b.WriteString(s + "\n")
}

// wrapped adds text, broken at spaces, below a label that stands on its first line; further lines are indented as far.
func (p *page) wrapped(label, text string, most int, colors ...[2]string) {
	room := max(p.width-width(label), 20)
	lines := wrap(text, room)
	if !p.full && len(lines) > most {
		lines = append(lines[:most-1], strings.TrimSuffix(cut(lines[most-1], room-2), "…")+" …")
	}
	for i, l := range lines {
		if i > 0 {
			label = strings.Repeat(" ", width(label))
		}
		p.paint(label+l, colors)
		colors = nil
	}
}

// wrap breaks escaped text at spaces; a word that is longer than a line keeps its line for itself.
func wrap(s string, room int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Split(s, " ") {
		if line != "" && width(line)+1+width(word) > room {
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

func (o Options) text(w io.Writer, r *engine.Run) error {
	p := &page{width: max(o.Width, 40), color: o.Color, full: o.Detail == "full"}
	for i := range r.Reports {
		if i > 0 {
			p.line("")
			p.paint(strings.Repeat("─", min(p.width, 100)), nil)
			p.line("")
		}
		p.report(newView(&r.Reports[i]))
	}
	if len(r.Reports) != 1 || verdictOf(&r.Reports[0]) != runVerdict(r) {
		p.summary(r)
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

func (p *page) report(v *view) {
	p.header(v)
	p.line("")
	p.problems(v)
	p.rules(v)
	p.line("")
	p.toPass(v)
	p.line("")
	p.facts(v)
	p.verdict(v)
}

// header is "DENIED   example.test/shop/web:1.0   linux/amd64   sha256:4c1f09e2b7a5   from docker-archive". The name that an archive gives
// itself is shown where the user gave none, as what it is: a claim.
func (p *page) header(v *view) {
	parts := []string{v.label(), v.name()}
	if s := v.platform(); s != "" {
		parts = append(parts, s)
	}
	if d := v.Image.Digest; d != "" {
		algorithm, _, _ := strings.Cut(string(d), ":")
		parts = append(parts, Escape(algorithm+":"+d.Short()))
	}
	if s := v.contained(); s != "" {
		parts = append(parts, "(calls itself "+cutMiddle(s, 60)+")")
	} else if v.Image.Named && v.Image.Source != "" && v.Image.Source != "registry" {
		parts = append(parts, "from "+Escape(v.Image.Source))
	}
	if s := strings.Join(parts, "   "); width(s) <= p.width {
		p.paint(s, [][2]string{{v.label(), verdictColor(v.verdict())}})
		return
	}
	p.paint(parts[0]+"   "+parts[1], [][2]string{{v.label(), verdictColor(v.verdict())}})
	p.line(strings.Repeat(" ", len(parts[0])+3) + strings.Join(parts[2:], "   "))
}

// problems says why there is no decision, and what to do.
func (p *page) problems(v *view) {
	for _, e := range v.Errors {
		p.wrapped("  error  ", Escape(e.What), 6, [2]string{"error", bold + ";" + yellow})
		if e.Hint != "" {
			p.wrapped("   hint  ", Escape(string(e.Hint)), 4, [2]string{"hint", bold})
		}
	}
	if v.verdict() == engine.Undecided && len(v.Errors) == 0 && len(v.Decision.Rules) == 0 {
		p.line("  error  no rule was evaluated")
	}
}

// verdict closes the report with the verdict again, in numbers.
func (p *page) verdict(v *view) {
	var said []string
	n := map[engine.Status]int{}
	for _, r := range v.Decision.Rules {
		n[r.Status]++
	}
	if c := n[engine.StatusDeny]; c > 0 {
		said = append(said, plural(c, "rule denies", "rules deny"))
	}
	if c := n[engine.StatusError] + n[engine.StatusNoData]; c > 0 {
		said = append(said, plural(c, "rule could not be evaluated", "rules could not be evaluated"))
	}
	if c := len(v.Errors); c > 0 {
		said = append(said, plural(c, "error", "errors"))
	}
	if v.verdict() == engine.Pass {
		if said = append(said, "no rule denies"); n[engine.StatusWarn] > 0 {
			said = append(said, plural(n[engine.StatusWarn], "warns", "warn"))
		}
	}
	if plan := v.Decision.Plan; v.verdict() == engine.Denied && plan.Passes {
		said = append(said, plural(len(plan.Changes), "change would pass", "changes would pass"))
	}
	if v.observed() && v.verdict() != engine.Pass {
		said = append(said, "exit 0, as the mode is observe")
	} else {
		said = append(said, fmt.Sprintf("exit %d", exitCode(v.verdict())))
	}
	label := v.label()
	p.paint(label+strings.Repeat(" ", max(1, 11-len(label)))+strings.Join(said, "; "), [][2]string{{label, verdictColor(v.verdict())}})
}

// summary closes a run of several reports.
func (p *page) summary(r *engine.Run) {
	p.line("")
	observed := len(r.Reports) > 0
	for i := range r.Reports {
		v := newView(&r.Reports[i])
		observed = observed && v.observed()
		p.paint(fmt.Sprintf("%-11s%s   %s", v.label(), v.name(), v.platform()), [][2]string{{v.label(), verdictColor(v.verdict())}})
	}
	verdict := runVerdict(r)
	label, exit := strings.ToUpper(string(verdict)), fmt.Sprintf("exit %d", exitCode(verdict))
	if observed && verdict != engine.Pass {
		label, exit = "WOULD BE "+label, "exit 0, as the mode is observe"
	}
	p.paint(fmt.Sprintf("%-11s%s; %s", label, plural(len(r.Reports), "image", "images"), exit), [][2]string{{label, verdictColor(verdict)}})
}
