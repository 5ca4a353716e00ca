package formats

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// annotations is how many errors are written one by one; GitHub shows 10 of a kind per step and drops the rest without a word.
const annotations = 9

// annotationText is how much of a message is written. Bytes; GitHub's own limit is 64 kB for a check run's annotation.
const annotationText = 4000

// github writes workflow commands: one error per denying or failing rule, one warning per warning rule.
func (o Options) github(w io.Writer, r *engine.Run) error {
	var errs, warnings []string
	for i := range r.Reports {
		v := newView(&r.Reports[i])
		e, warn := o.annotate(v)
		errs, warnings = append(errs, e...), append(warnings, warn...)
	}
	if v := runVerdict(r); v != engine.Pass && len(errs) == 0 {
		errs = append(errs, command("error", "veto: "+string(v), "the run is "+string(v), "", 0))
	}
	var b strings.Builder
	for _, kind := range []struct {
		name string
		all  []string
	}{{"error", errs}, {"warning", warnings}} {
		n := len(kind.all)
		if n > annotations+1 {
			n = annotations
		}
		for _, c := range kind.all[:n] {
			b.WriteString(c)
		}
		if rest := len(kind.all) - n; rest > 0 {
			b.WriteString(command(kind.name, "veto", fmt.Sprintf("and %d more; the report lists them all", rest), "", 0))
		}
	}
	verdict := runVerdict(r)
	b.WriteString(command("notice", "veto: "+strings.ToUpper(string(verdict)), plural(len(r.Reports), "image", "images")+" judged; verdict "+string(verdict), "", 0))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing github: %w", err)
	}
	return nil
}

func (o Options) annotate(v *view) (errs, warnings []string) {
	lines := newDockerfile(o, v)
	image := v.name()
	for _, e := range v.Errors {
		text := Escape(e.What)
		if e.Hint != "" {
			text += "\nhint: " + Escape(string(e.Hint))
		}
		errs = append(errs, command("error", "veto: undecided: "+image, text, "", 0))
	}
	for _, r := range v.ranked() {
		kind := "error"
		switch r.Status {
		case engine.StatusPass, engine.StatusInfo, engine.StatusWaived, engine.StatusNotApplicable:
			continue
		case engine.StatusWarn:
			kind = "warning"
		}
		said := v.lines(r)
		text := image + ": " + Escape(title(r))
		if r.Note != "" {
			text += ": " + Escape(string(r.Note))
		}
		const most = 10
		for i, l := range said {
			if i == most {
				text += fmt.Sprintf("\nand %d more", len(said)-most)
				break
			}
			text += "\n" + l
		}
		file, line := "", 0
		if lines != nil {
			file, line = o.DockerfilePath, lines.of(v.firstLayer(r))
		}
		c := command(kind, "veto: "+statusWord(r.Status)[0]+" "+Escape(r.ID), text, file, line)
		if kind == "error" {
			errs = append(errs, c)
		} else {
			warnings = append(warnings, c)
		}
	}
	if v.verdict() != engine.Pass && len(errs) == 0 {
		errs = append(errs, command("error", "veto: "+v.label(), image+": the verdict is "+string(v.verdict()), "", 0))
	}
	return errs, warnings
}

// firstLayer is the layer (diff ID) of the first thing that a rule says, "" when unknown.
func (v *view) firstLayer(r *engine.RuleResult) string {
	for _, res := range unwaived(r) {
		if l := v.layerOf(res); l != "" {
			return l
		}
	}
	return ""
}

// layerOf is the layer of a result, or that of the first thing it is about.
func (v *view) layerOf(res *engine.Result) string {
	if res.Layer != "" {
		return string(res.Layer)
	}
	for _, ref := range res.Findings {
		if f := v.findings[ref]; f != nil && f.Layer != "" {
			return string(f.Layer)
		}
		if c := v.gaps[ref]; c != nil && c.Layer != "" {
			return string(c.Layer)
		}
	}
	return ""
}

// command is one workflow command. Data escapes %, CR and LF; a property also ":" and ",", which end it.
// (GitHub's toolkit, packages/core/src/command.ts)
func command(kind, title, text, file string, line int) string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	at := ""
	if file != "" && line > 0 {
		at = "file=" + property.Replace(Escape(file)) + ",line=" + strconv.Itoa(line) + ","
	}
	return "::" + kind + " " + at + "title=" + property.Replace(cutBytes(title, 200)) + "::" + data.Replace(cutBytes(cmp.Or(text, title), annotationText)) + "\n"
}
