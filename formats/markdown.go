package formats

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
)

// markdownMax is how much is written. Bytes: GitHub drops a job summary over 1 MiB whole, and the step may have written before.
const markdownMax = 900_000

// document counts what it holds, so that it ends before the limit and says what it left out. Every block is closed, also then.
type document struct {
	b    strings.Builder
	max  int
	lost int
}

// row adds a line that may be left out; add one that may not.
func (d *document) row(s string) {
	if d.lost > 0 || d.b.Len()+len(s)+1 > d.max {
		d.lost++
		return
	}
	d.add(s)
}

func (d *document) add(s string) { d.b.WriteString(s + "\n") }

// writeMarkdown writes GitHub-flavoured Markdown for a job summary or a comment.
func writeMarkdown(w io.Writer, r *engine.Run) error {
	const most = 200 // reports that are written in full; each has headings that cannot be left out
	d := &document{max: markdownMax}
	if len(r.Reports) != 1 || verdictOf(&r.Reports[0]) != runVerdict(r) {
		verdict := runVerdict(r)
		d.add("## " + icon(verdict) + " veto: " + strings.ToUpper(string(verdict)) + ", " + plural(len(r.Reports), "image", "images"))
		d.add("")
	}
	for i := range r.Reports {
		if i >= most {
			d.lost++
			continue
		}
		newView(&r.Reports[i]).markdown(d)
	}
	if d.lost > 0 {
		d.add("")
		d.add(fmt.Sprintf("_%s left out here, for want of room; the report has them all._", plural(d.lost, "row was", "rows were")))
	}
	if _, err := io.WriteString(w, d.b.String()); err != nil {
		return fmt.Errorf("writing markdown: %w", err)
	}
	return nil
}

func icon(v engine.Verdict) string {
	switch v {
	case engine.Pass:
		return "✅"
	case engine.Denied:
		return "⛔"
	}
	return "⚠️"
}

// md makes untrusted text inert in Markdown and in the HTML that Markdown allows: every character that means something becomes an
// entity. An "@" is followed by an empty comment, because mentions are looked for in the rendered text.
func md(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;", "|", "&#124;", "`", "&#96;", "@", "&#64;<!-- -->",
		"*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "#", "&#35;", "~", "&#126;", `\`, "&#92;", "!", "&#33;", "$", "&#36;",
		"://", "&#58;<!-- -->//", "www.", "www<!-- -->.").Replace(cutBytes(Escape(s), 2000))
}

func (v *view) markdown(d *document) {
	head := "## " + icon(v.verdict()) + " " + v.label() + " " + md(v.Image.Name)
	if p := v.platform(); p != "" {
		head += " " + md(p)
	}
	d.add(head)
	d.add("")
	if v.Image.Digest != "" {
		d.add("Image digest: " + md(string(v.Image.Digest)))
		d.add("")
	}
	for _, e := range v.Errors {
		line := "- **error** " + md(e.What)
		if e.Hint != "" {
			line += " — " + md(string(e.Hint))
		}
		d.row(line)
	}
	if len(v.Errors) > 0 {
		d.add("")
	}
	if len(v.Decision.Rules) > 0 {
		d.add(v.counts() + ". " + md(v.seen()) + ".")
		d.add("")
	}
	v.markdownRules(d)
	v.markdownPlan(d)
	v.markdownWaivers(d)
	if len(v.Decision.Weakened) > 0 {
		d.add("**Weakened**")
		d.add("")
		for _, w := range v.Decision.Weakened {
			d.row("- " + md(relaxation(w)))
		}
		d.add("")
	}
	v.markdownDetails(d)
	if len(v.Decision.Rules) > 0 {
		d.add("<sub>Data: " + md(v.data()) + ". Policy: " + md(v.policies()) + ".</sub>")
		d.add("")
	}
}

// telling are the rules that a reader has to look at.
func (v *view) telling() []*engine.RuleResult {
	return slices.DeleteFunc(v.ranked(), func(r *engine.RuleResult) bool { return rank(r.Status) >= rank(engine.StatusInfo) })
}

func (v *view) markdownRules(d *document) {
	rules := v.telling()
	if len(rules) == 0 {
		return
	}
	d.add("| | Rule | Count | What | Fix |")
	d.add("|---|---|---:|---|---|")
	for _, r := range rules {
		what := title(r)
		if msg, ok := v.single(r); ok {
			what = msg
		}
		if r.Note != "" {
			what += ": " + string(r.Note)
		}
		d.row(fmt.Sprintf("| %s | %s | %d | %s | %s |", statusWord(r.Status)[0], md(r.ID), len(unwaived(r)), md(what), md(string(r.Remediation))))
	}
	d.add("")
}

func (v *view) markdownPlan(d *document) {
	plan := v.Decision.Plan
	if v.verdict() != engine.Denied || len(plan.Changes) == 0 {
		return
	}
	all := len(v.denied())
	d.add("**To pass**")
	d.add("")
	for _, c := range plan.Changes {
		line := fmt.Sprintf("- %d of %d", len(c.Findings), all)
		if n := v.layers[string(c.Layer)]; n > 0 {
			line += ", " + layerText(n)
		}
		d.row(line + ": <code>" + md(c.Command) + "</code>")
	}
	for _, id := range plan.Left {
		d.row("- " + md(id) + " still denies after that")
	}
	d.add("")
}

// markdownWaivers names waivers that ended and those that are about to.
func (v *view) markdownWaivers(d *document) {
	now, err := time.Parse(time.RFC3339, v.Now)
	var lines []string
	for i := range v.Waivers {
		w := &v.Waivers[i]
		state := w.State
		if w.State == "active" {
			if err != nil || w.Expires > now.AddDate(0, 0, soonDays).Format(time.DateOnly) {
				continue
			}
			state = "expires"
		} else if w.State != "expired" && w.State != "ended" {
			continue
		}
		lines = append(lines, fmt.Sprintf("- %s %s: %s, owner %s: %s", state, md(w.Expires), md(covers(w)), md(w.Owner), md(w.Reason)))
	}
	if len(lines) == 0 {
		return
	}
	d.add("**Waivers to look at**")
	d.add("")
	for _, l := range lines {
		d.row(l)
	}
	d.add("")
}

func (v *view) markdownDetails(d *document) {
	for _, r := range v.telling() {
		packages, messages := v.rows(r)
		if len(packages)+len(messages) == 0 || len(packages) == 0 && len(messages) == 1 {
			continue
		}
		if d.lost > 0 { // no room for its rows, so none for its frame
			d.lost += len(packages) + len(messages)
			continue
		}
		d.add("<details><summary>" + md(r.ID) + ": " + plural(len(unwaived(r)), "result", "results") + "</summary>")
		d.add("")
		if len(packages) > 0 {
			d.add("| Package | Installed | Fixed | Vulnerabilities | Severity | Layer |")
			d.add("|---|---|---|---|---|---:|")
		}
		for _, g := range packages {
			d.row(g.markdown())
		}
		if len(messages) > 0 && len(packages) > 0 {
			d.add("")
		}
		for _, g := range messages {
			d.row("- " + md(g.msg) + g.where())
		}
		d.add("")
		d.add("</details>")
		d.add("")
	}
}

func (g *row) markdown() string {
	name := md(g.name)
	if g.path != "" {
		name += " (" + md(slash(g.path)) + ")"
	}
	const most = 10
	ids := strings.Join(g.ids[:min(len(g.ids), most)], ", ")
	if len(g.ids) > most {
		ids += fmt.Sprintf(" and %d more", len(g.ids)-most)
	}
	level, layer := "", ""
	if len(g.levels) > 0 {
		level = string(g.levels[0])
	}
	if g.layer > 0 {
		layer = fmt.Sprint(g.layer)
	}
	to := g.to
	if to == "" {
		to = "no fix yet"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", name, md(g.from), md(to), md(ids), md(level), layer)
}
