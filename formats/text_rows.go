package formats

import (
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// rowTexts is a row as text prints it, all of it escaped: name, change and path on the left, the others in columns on the right.
type rowTexts struct {
	name, change, path             string
	ids, level, layer, fingerprint string

	note string // printed instead of the left and of ids and level
	tail string // printed after note, where the columns begin
}

// layerText is "layer 2"; "" when the layer is unknown.
func layerText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("layer %d", n)
}

// newRowTexts are the texts of a row about a package.
func newRowTexts(row *resultRow) *rowTexts {
	texts := &rowTexts{
		name:        truncateMiddle(Escape(row.name), 40),
		path:        truncateMiddle(Escape(absolutePath(row.path)), 40),
		ids:         row.idText(),
		layer:       layerText(row.layer),
		fingerprint: Escape(row.fingerprint),
	}
	if row.findings != nil && !engine.OfDistribution(row.findings[0].Package.Type) {
		texts.name += " (" + truncate(Escape(row.ecosystem), 20) + ")"
	}
	texts.change = truncateMiddle(Escape(row.installed), 30)
	if row.fixed == "" {
		texts.change += ", no fix yet"
	} else {
		texts.change += " → " + truncateMiddle(Escape(row.fixed), 30)
	}
	if len(row.levels) > 0 {
		texts.level = Escape(string(row.levels[0]))
	}
	return texts
}

// textsPerFinding splits a row into one per finding.
func textsPerFinding(rep *indexedReport, row *resultRow) []*rowTexts {
	var out []*rowTexts
	for _, f := range row.findings {
		single := &resultRow{name: row.name, ecosystem: row.ecosystem, installed: row.installed,
			path: row.path, layer: row.layer, findings: []*engine.Finding{f}}
		rep.summarize(single)
		if len(f.FixedVersions) > 0 {
			single.fixed = f.FixedVersions[0]
		}
		out = append(out, newRowTexts(single))
	}
	return out
}

// absolutePath is a path in the image as people write it, with a slash before it.
func absolutePath(path string) string {
	if path == "" {
		return ""
	}
	return "/" + strings.TrimPrefix(path, "/")
}

// columnWidths are the widths of the columns; right is where those on the right begin.
type columnWidths struct{ name, change, ids, level, layer, right int }

// measureColumns finds widths that fit all rows, as far as the page is wide enough.
func (p *page) measureColumns(rows []*rowTexts) columnWidths {
	widths := columnWidths{}
	left := 0
	for _, texts := range rows {
		if texts.name == "" {
			continue
		}
		if width(texts.name) <= 16 { // a longer name moves the columns of its own row only
			widths.name = max(widths.name, width(texts.name))
		}
		widths.ids = max(widths.ids, width(texts.ids))
		widths.level = max(widths.level, width(texts.level))
		widths.layer = max(widths.layer, width(texts.layer))
		if texts.path == "" {
			widths.change = max(widths.change, width(texts.change))
		}
	}
	widths.ids = min(widths.ids, 22)
	right := widths.ids + 2 + widths.level + 2 + widths.layer + 2 + 8
	for _, texts := range rows {
		if texts.name != "" {
			left = max(left, width(texts.left(widths)))
		}
	}
	widths.right = max(min(left+2, p.width-right), 8)
	return widths
}

// left is what a row has on the left.
func (texts *rowTexts) left(widths columnWidths) string {
	s := fmt.Sprintf("    %-*s  %s", widths.name, texts.name, texts.change)
	if texts.path != "" {
		s += "   " + texts.path
	}
	return s
}

// addRow adds a row: one line, or more when what is on the left does not fit.
func (p *page) addRow(texts *rowTexts, widths columnWidths) {
	right := strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %-*s  %s",
		widths.ids, texts.ids, widths.level, texts.level, widths.layer, texts.layer, texts.fingerprint), " ")
	if texts.note != "" {
		if texts.tail != "" {
			p.addColored(fmt.Sprintf("%-*s%s", widths.right, "    "+texts.note+"  ", texts.tail), colored{texts.tail, faint})
			return
		}
		if right = strings.TrimSpace(texts.layer + "  " + texts.fingerprint); right != "" {
			texts.note += "  " + right
		}
		p.addWrapped("    ", texts.note, 3)
		return
	}
	left := texts.left(widths)
	level := colored{"  " + texts.level + "  ", levelColor(texts.level)}
	switch {
	case width(left)+2 <= widths.right:
		p.addColored(left+strings.Repeat(" ", widths.right-width(left))+right, level)
	case texts.path != "" && width(left)-width(texts.path)-3+2 <= widths.right:
		withoutPath := *texts
		withoutPath.path = ""
		left = withoutPath.left(widths)
		p.addColored(left+strings.Repeat(" ", widths.right-width(left))+right, level)
		p.addLine(strings.Repeat(" ", 4+max(widths.name, width(texts.name))+2) + texts.path)
	default:
		if width(left) > p.width {
			p.addLine("    " + texts.name)
			left = "        " + texts.change + "  " + texts.path
			if width(left) > p.width && texts.path != "" {
				p.addLine("        " + texts.change)
				left = "        " + texts.path
			}
		}
		p.addLine(left)
		p.addColored(strings.Repeat(" ", widths.right)+right, level)
	}
}

// levelColor is the colour of a severity; "0" is none.
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
