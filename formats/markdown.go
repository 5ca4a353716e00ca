package formats

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
)

// markdownLimit is about how many bytes are written. GitHub drops a job summary of more than 1 MiB whole, and other steps may have written
// into it before.
const markdownLimit = 900_000

// markdownDocument collects lines up to a limit, and counts those that it leaves out.
type markdownDocument struct {
	b       strings.Builder
	limit   int // bytes
	omitted int // lines
}

// addOptional adds a line, unless there is no room for it. Headings and what closes a block are added by addLine, whatever room there is.
func (doc *markdownDocument) addOptional(s string) {
	if doc.omitted > 0 || doc.b.Len()+len(s)+1 > doc.limit {
		doc.omitted++
		return
	}
	doc.addLine(s)
}

func (doc *markdownDocument) addLine(s string) { doc.b.WriteString(s + "\n") }

// writeMarkdown writes GitHub Flavored Markdown (GFM 0.29) for a job summary or a comment, up to markdownLimit.
func writeMarkdown(w io.Writer, r *engine.Run) error {
	const limit = 200 // reports: each has headings that are always written
	doc := &markdownDocument{limit: markdownLimit}
	if len(r.Reports) != 1 || reportVerdict(&r.Reports[0]) != runVerdict(r) {
		verdict := runVerdict(r)
		images := plural(len(r.Reports), "image", "images")
		doc.addLine("## " + verdictIcon(verdict) + " veto: " + strings.ToUpper(string(verdict)) + ", " + images)
		doc.addLine("")
	}
	for i := range r.Reports {
		if i >= limit {
			doc.omitted++
			continue
		}
		indexReport(&r.Reports[i]).writeMarkdown(doc)
	}
	if doc.omitted > 0 {
		doc.addLine("")
		doc.addLine(fmt.Sprintf("_%s left out here, for want of room; the report has them all._", plural(doc.omitted, "row was", "rows were")))
	}
	if _, err := io.WriteString(w, doc.b.String()); err != nil {
		return fmt.Errorf("writing markdown: %w", err)
	}
	return nil
}

// verdictIcon is an emoji that stands for a verdict.
func verdictIcon(v engine.Verdict) string {
	switch v {
	case engine.Pass:
		return "✅"
	case engine.Denied:
		return "⛔"
	}
	return "⚠️"
}

// escapeMarkdown makes untrusted text inert in GitHub Flavored Markdown and in the HTML that this allows: every character that means
// something becomes an entity. An empty comment follows "@" and breaks up addresses, because GitHub looks for mentions and links in the
// rendered text.
func escapeMarkdown(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;", "|", "&#124;", "`", "&#96;",
		"@", "&#64;<!-- -->", "*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "#", "&#35;", "~", "&#126;",
		`\`, "&#92;", "!", "&#33;", "$", "&#36;", "://", "&#58;<!-- -->//", "www.", "www<!-- -->.").Replace(truncateBytes(Escape(s), 2000))
}

// writeMarkdown adds one report.
func (rep *indexedReport) writeMarkdown(doc *markdownDocument) {
	head := "## " + verdictIcon(rep.verdict()) + " " + rep.verdictLabel() + " " + escapeMarkdown(rep.Image.Name)
	if p := rep.platformText(); p != "" {
		head += " " + escapeMarkdown(p)
	}
	doc.addLine(head)
	doc.addLine("")
	if rep.Image.Digest != "" {
		doc.addLine("Image digest: " + escapeMarkdown(string(rep.Image.Digest)))
		doc.addLine("")
	}
	for _, e := range rep.Errors {
		line := "- **error** " + escapeMarkdown(e.What)
		if e.Hint != "" {
			line += " — " + escapeMarkdown(string(e.Hint))
		}
		doc.addOptional(line)
	}
	if len(rep.Errors) > 0 {
		doc.addLine("")
	}
	if len(rep.Decision.Rules) > 0 {
		doc.addLine(rep.ruleCounts() + ". " + escapeMarkdown(rep.inventoryText()) + ".")
		doc.addLine("")
	}
	rep.writeMarkdownRules(doc)
	rep.writeMarkdownPlan(doc)
	rep.writeMarkdownWaivers(doc)
	if len(rep.Decision.Weakened) > 0 {
		doc.addLine("**Weakened**")
		doc.addLine("")
		for _, w := range rep.Decision.Weakened {
			doc.addOptional("- " + escapeMarkdown(relaxationText(w)))
		}
		doc.addLine("")
	}
	rep.writeMarkdownDetails(doc)
	if len(rep.Decision.Rules) > 0 {
		doc.addLine("<sub>Data: " + escapeMarkdown(rep.databaseText()) + ". Policy: " + escapeMarkdown(rep.policiesText()) + ".</sub>")
		doc.addLine("")
	}
}

// writeMarkdownRules adds the table of the rules that a reader has to look at.
func (rep *indexedReport) writeMarkdownRules(doc *markdownDocument) {
	rules := rep.noteworthyRules()
	if len(rules) == 0 {
		return
	}
	doc.addLine("| | Rule | Count | What | Fix |")
	doc.addLine("|---|---|---:|---|---|")
	for _, r := range rules {
		what := ruleTitle(r)
		if msg, ok := rep.onlyMessage(r); ok {
			what = msg
		}
		if r.Note != "" {
			what += ": " + string(r.Note)
		}
		doc.addOptional(fmt.Sprintf("| %s | %s | %d | %s | %s |", statusWord(r.Status).text, escapeMarkdown(r.ID),
			len(unwaivedResults(r)), escapeMarkdown(what), escapeMarkdown(string(r.Remediation))))
	}
	doc.addLine("")
}

// writeMarkdownPlan adds what to change for the image to pass.
func (rep *indexedReport) writeMarkdownPlan(doc *markdownDocument) {
	plan := rep.Decision.Plan
	if rep.verdict() != engine.Denied || len(plan.Changes) == 0 {
		return
	}
	all := len(rep.deniedRefs())
	doc.addLine("**To pass**")
	doc.addLine("")
	for _, c := range plan.Changes {
		line := fmt.Sprintf("- %d of %d", len(c.Findings), all)
		if n := rep.layers[string(c.Layer)]; n > 0 {
			line += ", " + layerText(n)
		}
		doc.addOptional(line + ": <code>" + escapeMarkdown(c.Command) + "</code>")
	}
	for _, id := range plan.Left {
		doc.addOptional("- " + escapeMarkdown(id) + " still denies after that")
	}
	doc.addLine("")
}

// writeMarkdownWaivers adds the waivers that have ended, and those that are about to.
func (rep *indexedReport) writeMarkdownWaivers(doc *markdownDocument) {
	now, err := time.Parse(time.RFC3339, rep.Now)
	var lines []string
	for i := range rep.Waivers {
		w := &rep.Waivers[i]
		state := w.State
		if w.State == "active" {
			if err != nil || w.Expires > now.AddDate(0, 0, engine.ExpirySoonDays).Format(time.DateOnly) {
				continue
			}
			state = "expires"
		} else if w.State == "other-image" {
			continue
		}
		lines = append(lines, fmt.Sprintf("- %s %s: %s, owner %s: %s", state, escapeMarkdown(w.Expires),
			escapeMarkdown(waiverScope(w)), escapeMarkdown(w.Owner), escapeMarkdown(w.Reason)))
	}
	if len(lines) == 0 {
		return
	}
	doc.addLine("**Waivers to look at**")
	doc.addLine("")
	for _, l := range lines {
		doc.addOptional(l)
	}
	doc.addLine("")
}

// writeMarkdownDetails adds a block for each of the rules that a reader has to look at, with its results. What the table of rules shows of
// a rule already gets no block.
func (rep *indexedReport) writeMarkdownDetails(doc *markdownDocument) {
	for _, r := range rep.noteworthyRules() {
		packages, messages := rep.rows(r)
		if len(packages)+len(messages) == 0 || len(packages) == 0 && len(messages) == 1 {
			continue
		}
		if doc.omitted > 0 { // its rows would be left out, so the block is
			doc.omitted += len(packages) + len(messages)
			continue
		}
		doc.addLine("<details><summary>" + escapeMarkdown(r.ID) + ": " + plural(len(unwaivedResults(r)), "result", "results") + "</summary>")
		doc.addLine("")
		if len(packages) > 0 {
			doc.addLine("| Package | Installed | Fixed | Vulnerabilities | Severity | Layer |")
			doc.addLine("|---|---|---|---|---|---:|")
		}
		for _, row := range packages {
			doc.addOptional(row.markdownRow())
		}
		if len(messages) > 0 && len(packages) > 0 {
			doc.addLine("")
		}
		for _, row := range messages {
			doc.addOptional("- " + escapeMarkdown(row.msg) + row.layerAndFingerprint(escapeMarkdown))
		}
		doc.addLine("")
		doc.addLine("</details>")
		doc.addLine("")
	}
}

// markdownRow is a row of the table of packages.
func (row *resultRow) markdownRow() string {
	name := escapeMarkdown(row.name)
	if row.path != "" {
		name += " (" + escapeMarkdown(absolutePath(row.path)) + ")"
	}
	const limit = 10
	ids := strings.Join(row.ids[:min(len(row.ids), limit)], ", ")
	if len(row.ids) > limit {
		ids += fmt.Sprintf(" and %d more", len(row.ids)-limit)
	}
	level, layer := "", ""
	if len(row.levels) > 0 {
		level = string(row.levels[0])
	}
	if row.layer > 0 {
		layer = fmt.Sprint(row.layer)
	}
	fixed := row.fixed
	if fixed == "" {
		fixed = "no fix yet"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", name, escapeMarkdown(row.installed), escapeMarkdown(fixed),
		escapeMarkdown(ids), escapeMarkdown(level), layer)
}
