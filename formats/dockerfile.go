package formats

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// dockerfile maps layers to the lines of the Dockerfile that made them.
type dockerfile struct {
	lines map[string]int // diff ID → line, from 1
	from  int            // line of the FROM that the base's layers come from
}

// of returns the line for a layer's diff ID. What belongs to no known layer is about the image as a whole: its FROM.
func (d *dockerfile) of(layer string) int {
	if line := d.lines[layer]; line > 0 {
		return line
	}
	return d.from
}

// instruction is one of a Dockerfile, its continuation lines joined and spaces folded.
type instruction struct {
	line    int
	keyword string
	args    string // without flags; of a heredoc the first line only
	heredoc bool
}

var (
	heredocStart = regexp.MustCompile(`<<-?\s*["']?([A-Za-z0-9_.]+)["']?`)
	variable     = regexp.MustCompile(`\\\$(?:\\\{[^}]*\}|\w+)`)
	buildArgs    = regexp.MustCompile(`^\|\d+ `)
	legacyHash   = regexp.MustCompile(`^(?:(?:file|dir|multi):[0-9a-f]+ )?in `)
)

// newDockerfile matches the history of a report's layers with the Dockerfile's last stage and the stages that it builds upon, newest first.
// Without a Dockerfile, or when it is not the one of this image (none of its instructions made a layer), it returns nil.
func newDockerfile(o Options, v *view) *dockerfile {
	if len(o.Dockerfile) == 0 || o.DockerfilePath == "" {
		return nil
	}
	steps, from := lastStage(parseDockerfile(string(o.Dockerfile)))
	if from == 0 {
		return nil
	}
	d := &dockerfile{lines: map[string]int{}, from: from}
	layers := slices.Clone(v.Layers)
	slices.SortStableFunc(layers, func(a, b engine.LayerInfo) int { return b.Index - a.Index })
	next := len(steps) - 1
	for _, l := range layers {
		for i := next; i >= 0; i-- {
			if steps[i].made(string(l.CreatedBy)) {
				d.lines[string(l.DiffID)] = steps[i].line
				next = i - 1
				break
			}
		}
	}
	makes := func(i instruction) bool { return i.keyword == "RUN" || i.keyword == "COPY" || i.keyword == "ADD" }
	if len(d.lines) == 0 && slices.ContainsFunc(steps, makes) {
		return nil
	}
	return d
}

// parseDockerfile splits a Dockerfile into instructions. What it cannot make sense of stands as an instruction that matches nothing.
// (Dockerfile reference: parser directives, line continuation, comments, here-documents)
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
			if l == "" && len(joined) == 0 || strings.HasPrefix(l, "#") {
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
		if in.keyword == "RUN" || in.keyword == "COPY" || in.keyword == "ADD" {
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

func newInstruction(line int, text string) instruction {
	words := strings.Fields(text)
	in := instruction{line: line, keyword: strings.ToUpper(words[0])}
	words = words[1:]
	if in.keyword == "RUN" || in.keyword == "COPY" || in.keyword == "ADD" || in.keyword == "FROM" {
		words = dropFlags(words)
	}
	in.args = strings.Join(words, " ")
	var list []string
	if strings.HasPrefix(in.args, "[") && json.Unmarshal([]byte(in.args), &list) == nil {
		in.args = strings.Join(strings.Fields(strings.Join(list, " ")), " ")
	}
	return in
}

func dropFlags(words []string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		words = words[1:]
	}
	return words
}

// lastStage returns the instructions of the last stage after those of the stages it is built from, and the line of the first FROM of
// that chain.
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
	for at := len(stages) - 1; at >= 0; {
		steps, from = append(slices.Clone(stages[at].steps), steps...), stages[at].from
		base, before := stages[at].base, -1
		for i := range at { // only an earlier stage can be a base, so this ends
			if stages[i].name != "" && stages[i].name == base {
				before = i
			}
		}
		at = before
	}
	return steps, from
}

// made says that history's created_by tells of this instruction, as the classic builder, BuildKit, buildah or kaniko write it.
func (in instruction) made(createdBy string) bool {
	const longest = 64 << 10 // bytes; a longer command is not looked for
	if in.args == "" || createdBy == "" || len(createdBy) > longest || len(in.args) > longest {
		return false
	}
	words := strings.Fields(createdBy)
	if n := len(words); n > 2 && words[n-2] == "#" && words[n-1] == "buildkit" {
		words = words[:n-2]
	}
	said := strings.Join(words, " ")
	said = strings.TrimPrefix(said, "/bin/sh -c #(nop) ")
	keyword, rest, _ := strings.Cut(said, " ")
	switch in.keyword {
	case "RUN":
		if keyword == "RUN" {
			said = strings.Join(dropFlags(strings.Fields(rest)), " ")
		}
		said = buildArgs.ReplaceAllString(said, "")
		if in.heredoc {
			return strings.Contains(" "+said, " "+in.args)
		}
		return in.args == said || strings.HasSuffix(said, " "+in.args)
	case "COPY", "ADD", "WORKDIR":
		if keyword != in.keyword {
			return false
		}
		rest = strings.Join(dropFlags(strings.Fields(rest)), " ")
		want := strings.Fields(in.args)
		if legacyHash.MatchString(rest) { // the classic builder replaces the sources by a hash
			return same(want[len(want)-1], strings.Fields(rest)[len(strings.Fields(rest))-1])
		}
		return same(in.args, rest)
	}
	return false
}

// same compares an instruction's arguments with recorded ones, in which variables have been replaced.
func same(args, recorded string) bool {
	if args == recorded {
		return true
	}
	if !strings.Contains(args, "$") {
		return false
	}
	re, err := regexp.Compile("^" + variable.ReplaceAllString(regexp.QuoteMeta(args), `.*`) + "$")
	return err == nil && re.MatchString(recorded)
}
