package formats

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// dockerfileLines maps layers to the lines of the Dockerfile that made them.
type dockerfileLines struct {
	lines    map[string]int // from 1, by diff ID
	fromLine int            // of the FROM that names the base image
}

// lineOf returns the line that made a layer, by its diff ID; the line of FROM for any other, and for what is in no layer.
func (d *dockerfileLines) lineOf(layer string) int {
	if line := d.lines[layer]; line > 0 {
		return line
	}
	return d.fromLine
}

// instruction is one instruction of a Dockerfile, with its continuation lines joined and its spaces folded.
type instruction struct {
	line    int
	keyword string
	args    string // without flags; of a here-document the first line only
	heredoc bool   // a here-document follows
}

// What a Dockerfile and the history of its image hold: the start of a here-document with its delimiter; a variable, after regexp.QuoteMeta;
// the number of build arguments that the history has before a RUN; and the hash that the classic builder writes for the sources of a COPY.
var (
	heredocStart    = regexp.MustCompile(`<<-?\s*["']?([A-Za-z0-9_.]+)["']?`)
	escapedVariable = regexp.MustCompile(`\\\$(?:\\\{[^}]*\}|\w+)`)
	buildArgs       = regexp.MustCompile(`^\|\d+ `)
	legacyHash      = regexp.MustCompile(`^(?:(?:file|dir|multi):[0-9a-f]+ )?in `)
)

// matchDockerfile finds the lines that made the report's layers. It compares the history with the last stage of the Dockerfile and the
// stages that this is built from, the newest first. It returns nil without a Dockerfile, and when none of its instructions made a layer, so
// that it is of another image.
func matchDockerfile(o Options, rep *indexedReport) *dockerfileLines {
	if len(o.Dockerfile) == 0 || o.DockerfilePath == "" {
		return nil
	}
	steps, from := lastStage(parseDockerfile(string(o.Dockerfile)))
	if from == 0 {
		return nil
	}
	d := &dockerfileLines{lines: map[string]int{}, fromLine: from}
	layers := slices.Clone(rep.Layers)
	slices.SortStableFunc(layers, func(a, b engine.LayerInfo) int { return b.Index - a.Index })
	next := len(steps) - 1
	for _, l := range layers {
		for i := next; i >= 0; i-- {
			if steps[i].matches(string(l.CreatedBy)) {
				d.lines[string(l.DiffID)] = steps[i].line
				next = i - 1
				break
			}
		}
	}
	if len(d.lines) == 0 && slices.ContainsFunc(steps, instruction.makesLayer) {
		return nil
	}
	return d
}

// makesLayer says whether an instruction always makes a layer.
func (in instruction) makesLayer() bool {
	return in.keyword == "RUN" || in.keyword == "COPY" || in.keyword == "ADD"
}

// parseDockerfile splits a Dockerfile into instructions (Dockerfile reference: parser directives, line continuation, comments,
// here-documents). A line that is no instruction becomes one that matches nothing.
func parseDockerfile(text string) []instruction {
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	escape := `\`
	for _, l := range lines {
		directive, ok := strings.CutPrefix(strings.TrimSpace(l), "#")
		if !ok {
			break
		}
		if k, v, ok := strings.Cut(directive, "="); ok && strings.EqualFold(strings.TrimSpace(k), "escape") && strings.TrimSpace(v) == "`" {
			escape = "`"
		}
	}
	var out []instruction
	for i := 0; i < len(lines); i++ {
		start := i
		var joined []string
		for ; i < len(lines); i++ {
			l := strings.TrimSpace(lines[i])
			if l == "" || strings.HasPrefix(l, "#") {
				if len(joined) == 0 {
					break
				}
				continue
			}
			rest, more := strings.CutSuffix(l, escape)
			joined = append(joined, rest)
			if !more {
				break
			}
		}
		if len(joined) == 0 {
			continue
		}
		in := newInstruction(start+1, strings.Join(joined, " "))
		if in.makesLayer() {
			for _, m := range heredocStart.FindAllStringSubmatch(in.args, -1) {
				end := i + 1
				for end < len(lines) && strings.TrimSpace(lines[end]) != m[1] {
					end++
				}
				if end < len(lines) {
					i, in.heredoc = end, true
				}
			}
		}
		out = append(out, in)
	}
	return out
}

// newInstruction reads an instruction, whose arguments may be a JSON list.
func newInstruction(line int, text string) instruction {
	words := strings.Fields(text)
	in := instruction{line: line, keyword: strings.ToUpper(words[0])}
	words = words[1:]
	if in.makesLayer() || in.keyword == "FROM" {
		words = dropFlags(words)
	}
	in.args = strings.Join(words, " ")
	var list []string
	if strings.HasPrefix(in.args, "[") && json.Unmarshal([]byte(in.args), &list) == nil {
		in.args = strings.Join(strings.Fields(strings.Join(list, " ")), " ")
	}
	return in
}

// dropFlags leaves out the flags that an instruction begins with, such as --mount.
func dropFlags(words []string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		words = words[1:]
	}
	return words
}

// lastStage returns the instructions of the last stage, after those of the stages that it is built from, and the line of the first FROM
// among them; 0 without one.
func lastStage(all []instruction) (steps []instruction, from int) {
	type stage struct {
		name, base string
		from       int
		steps      []instruction
	}
	var stages []stage
	for _, in := range all {
		switch {
		case in.keyword == "FROM":
			s := stage{from: in.line}
			words := strings.Fields(in.args)
			if len(words) > 0 {
				s.base = strings.ToLower(words[0])
			}
			if len(words) == 3 && strings.EqualFold(words[1], "as") {
				s.name = strings.ToLower(words[2])
			}
			stages = append(stages, s)
		case len(stages) > 0:
			stages[len(stages)-1].steps = append(stages[len(stages)-1].steps, in)
		}
	}
	for current := len(stages) - 1; current >= 0; {
		steps, from = append(slices.Clone(stages[current].steps), steps...), stages[current].from
		base := -1
		for i := range current { // only an earlier stage can be a base, so this ends
			if stages[i].name != "" && stages[i].name == stages[current].base {
				base = i
			}
		}
		current = base
	}
	return steps, from
}

// matches says whether created_by of an image's history is about this instruction, as the classic builder, BuildKit, buildah and kaniko
// write it.
func (in instruction) matches(createdBy string) bool {
	const limit = 64 << 10 // bytes: longer commands would take too long to compare
	if in.args == "" || createdBy == "" || len(createdBy) > limit || len(in.args) > limit {
		return false
	}
	words := strings.Fields(createdBy)
	if n := len(words); n > 2 && words[n-2] == "#" && words[n-1] == "buildkit" {
		words = words[:n-2]
	}
	command := strings.Join(words, " ")
	command = strings.TrimPrefix(command, "/bin/sh -c #(nop) ")
	keyword, rest, _ := strings.Cut(command, " ")
	switch in.keyword {
	case "RUN":
		if keyword == "RUN" {
			command = strings.Join(dropFlags(strings.Fields(rest)), " ")
		}
		command = buildArgs.ReplaceAllString(command, "")
		if in.heredoc {
			return strings.Contains(" "+command, " "+in.args)
		}
		return in.args == command || strings.HasSuffix(command, " "+in.args)
	case "COPY", "ADD", "WORKDIR":
		if keyword != in.keyword {
			return false
		}
		rest = strings.Join(dropFlags(strings.Fields(rest)), " ")
		want := strings.Fields(in.args)
		if legacyHash.MatchString(rest) { // the classic builder writes a hash for the sources
			recorded := strings.Fields(rest)
			return sameArgs(want[len(want)-1], recorded[len(recorded)-1])
		}
		return sameArgs(in.args, rest)
	}
	return false
}

// sameArgs says whether the arguments of an instruction are those of the history, which has values in the place of variables.
func sameArgs(args, recorded string) bool {
	if args == recorded {
		return true
	}
	if !strings.Contains(args, "$") {
		return false
	}
	re, err := regexp.Compile("^" + escapedVariable.ReplaceAllString(regexp.QuoteMeta(args), `.*`) + "$")
	return err == nil && re.MatchString(recorded)
}
