package formats

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// annotationsPerKind is how many errors, and how many warnings, are written one by one. GitHub shows 10 of a kind per step and drops the
// others without a word, so a tenth says how many more there are.
const annotationsPerKind = 9

// annotationTextLimit is how many bytes of a message are written. GitHub takes 64 kB, which nobody reads beside a line of code.
const annotationTextLimit = 4000

// writeGitHub writes workflow commands (GitHub Actions, "Workflow commands"): an error for each rule that denies or failed, a warning for
// each that warns, and a notice of the verdict.
func (o Options) writeGitHub(w io.Writer, r *engine.Run) error {
	var errs, warnings []string
	for i := range r.Reports {
		rep := indexReport(&r.Reports[i])
		e, warn := o.annotations(rep)
		errs, warnings = append(errs, e...), append(warnings, warn...)
	}
	if v := runVerdict(r); v != engine.Pass && len(errs) == 0 {
		errs = append(errs, workflowCommand("error", "veto: "+string(v), "the run is "+string(v), "", 0))
	}
	var b strings.Builder
	for _, kind := range []struct {
		name     string
		commands []string
	}{{"error", errs}, {"warning", warnings}} {
		n := len(kind.commands)
		if n > annotationsPerKind+1 {
			n = annotationsPerKind
		}
		for _, c := range kind.commands[:n] {
			b.WriteString(c)
		}
		if rest := len(kind.commands) - n; rest > 0 {
			b.WriteString(workflowCommand(kind.name, "veto", fmt.Sprintf("and %d more; the report lists them all", rest), "", 0))
		}
	}
	verdict := runVerdict(r)
	judged := plural(len(r.Reports), "image", "images") + " judged; verdict " + string(verdict)
	b.WriteString(workflowCommand("notice", "veto: "+strings.ToUpper(string(verdict)), judged, "", 0))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing github: %w", err)
	}
	return nil
}

// annotations are the workflow commands of one report.
func (o Options) annotations(rep *indexedReport) (errs, warnings []string) {
	dockerfile := matchDockerfile(o, rep)
	image := rep.imageName()
	for _, e := range rep.Errors {
		text := Escape(e.What)
		if e.Hint != "" {
			text += "\nhint: " + Escape(string(e.Hint))
		}
		errs = append(errs, workflowCommand("error", "veto: undecided: "+image, text, "", 0))
	}
	for _, r := range rep.rulesByRank() {
		kind := "error"
		switch r.Status {
		case engine.StatusPass, engine.StatusInfo, engine.StatusWaived, engine.StatusNotApplicable:
			continue
		case engine.StatusWarn:
			kind = "warning"
		}
		lines := rep.resultLines(r)
		text := image + ": " + Escape(ruleTitle(r))
		if r.Note != "" {
			text += ": " + Escape(string(r.Note))
		}
		const limit = 10
		for i, l := range lines {
			if i == limit {
				text += fmt.Sprintf("\nand %d more", len(lines)-limit)
				break
			}
			text += "\n" + l
		}
		file, line := "", 0
		if dockerfile != nil {
			file, line = o.DockerfilePath, dockerfile.lineOf(rep.firstLayer(r))
		}
		c := workflowCommand(kind, "veto: "+statusWord(r.Status).text+" "+Escape(r.ID), text, file, line)
		if kind == "error" {
			errs = append(errs, c)
		} else {
			warnings = append(warnings, c)
		}
	}
	if rep.verdict() != engine.Pass && len(errs) == 0 {
		text := image + ": the verdict is " + string(rep.verdict())
		errs = append(errs, workflowCommand("error", "veto: "+rep.verdictLabel(), text, "", 0))
	}
	return errs, warnings
}

// firstLayer is the layer (diff ID) of a rule's first unwaived result that has one; "" when none has.
func (rep *indexedReport) firstLayer(r *engine.RuleResult) string {
	for _, result := range unwaivedResults(r) {
		if l := rep.resultLayer(result); l != "" {
			return l
		}
	}
	return ""
}

// resultLayer is the layer (diff ID) of a result, else that of the first finding or gap which it is about; "" when unknown.
func (rep *indexedReport) resultLayer(result *engine.Result) string {
	if result.Layer != "" {
		return string(result.Layer)
	}
	for _, ref := range result.Findings {
		if f := rep.findings[ref]; f != nil && f.Layer != "" {
			return string(f.Layer)
		}
		if c := rep.gaps[ref]; c != nil && c.Layer != "" {
			return string(c.Layer)
		}
	}
	return ""
}

// workflowCommand is one workflow command. Data escapes %, CR and LF; a property also ":" and ",", which would end it (GitHub's toolkit,
// packages/core/src/command.ts).
func workflowCommand(kind, title, text, file string, line int) string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	position := ""
	if file != "" && line > 0 {
		position = "file=" + property.Replace(Escape(file)) + ",line=" + strconv.Itoa(line) + ","
	}
	return "::" + kind + " " + position + "title=" + property.Replace(truncateBytes(title, 200)) + "::" +
		data.Replace(truncateBytes(cmp.Or(text, title), annotationTextLimit)) + "\n"
}
