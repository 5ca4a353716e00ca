package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// What builders write into an image's history for an instruction. A line that is not found puts findings at FROM; a wrong line sends people
// to the wrong place.
func TestInstructionMatches(t *testing.T) {
	for _, c := range []struct {
		instruction string
		createdBy   string
		want        bool
	}{
		{"RUN make", "RUN /bin/sh -c make # buildkit", true},
		{"RUN make", "RUN make # buildkit", true},
		{"RUN make", "/bin/sh -c make", true},
		{"RUN make", "make", true},
		{"RUN make", "|1 A=b /bin/sh -c make", true},
		{"RUN make", "RUN |2 A=b C=d /bin/sh -c make # buildkit", true},
		{"RUN --mount=type=cache,target=/x make", "RUN /bin/sh -c make # buildkit", true},
		{"RUN make", "RUN --mount=type=cache make # buildkit", true},
		{"RUN make   all \\\n  && x", "RUN /bin/sh -c make all && x # buildkit", true},
		{`RUN ["make", "all"]`, "RUN make all # buildkit", true},
		{"RUN make", "RUN /bin/sh -c remake # buildkit", false},
		{"RUN make", "RUN /bin/sh -c make all # buildkit", false},
		{"RUN make", "make # buildkit x", false},
		{"RUN make", "", false},
		{"RUN", "RUN /bin/sh -c", false},
		{"RUN <<EOF\nmake\nEOF", "RUN /bin/sh -c <<EOF (make) # buildkit", true},
		{"RUN <<EOF\nmake\nEOF", "RUN /bin/sh -c <<OTHER (make) # buildkit", false},
		{"COPY a /b", "COPY a /b # buildkit", true},
		{"COPY --from=x a /b", "COPY a /b # buildkit", true},
		{"COPY --from=x --chown=1 a /b", "COPY --chown=1 a /b # buildkit", true},
		{"COPY a /b", "/bin/sh -c #(nop) COPY file:0123abcd in /b ", true},
		{"COPY a c /b", "/bin/sh -c #(nop) COPY multi:0123abcd in /b ", true},
		{"COPY a /b", "/bin/sh -c #(nop) COPY dir:0123abcd in /c ", false},
		{"COPY a /b", "/bin/sh -c #(nop) ADD file:0123abcd in /b ", false},
		{"COPY a /b", "COPY a /c # buildkit", false},
		{"COPY a /b", "RUN COPY a /b", false},
		{"ADD a /b", "ADD a /b # buildkit", true},
		{"ADD a /b", "COPY a /b # buildkit", false},
		{"ADD $URL /b", "ADD https://x.test/y /b # buildkit", true},
		{"ADD ${URL} /b", "ADD https://x.test/y /b # buildkit", true},
		{"ADD $URL /b", "ADD https://x.test/y /c # buildkit", false},
		{"ADD a.c /b", "ADD abc /b # buildkit", false},
		{"WORKDIR /app", "WORKDIR /app", true},
		{"WORKDIR /app", "/bin/sh -c #(nop) WORKDIR /app", true},
		{"WORKDIR /app", "WORKDIR /other", false},
		{"ENV A=b", "ENV A=b", false},                                                       // makes no layer
		{"RUN " + strings.Repeat("x", 64<<10), "RUN " + strings.Repeat("x", 64<<10), false}, // 4 bytes over the limit
		{"RUN " + strings.Repeat("x", 64<<10-4), "RUN " + strings.Repeat("x", 64<<10-4), true},
	} {
		in := parseDockerfile(c.instruction)[0]
		if got := in.matches(c.createdBy); got != c.want {
			t.Errorf("%.60q made %.60q: %v, want %v", c.instruction, c.createdBy, got, c.want)
		}
	}
}

// Instructions with their lines, as the reference of the Dockerfile says.
func TestParseDockerfile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                  {"", ""},
		"case and spaces":        {"from  a\n  run   x  y\n", "1 FROM a|2 RUN x y"},
		"byte order mark":        {"\ufeffFROM a\r\nRUN x\r\n", "1 FROM a|2 RUN x"},
		"comments":               {"# a\nFROM a\n# b\n\nRUN x # y\n", "2 FROM a|5 RUN x # y"},
		"continued":              {"FROM a\nRUN x \\\n  y \\\n\n  z\nCOPY a b", "1 FROM a|2 RUN x y z|6 COPY a b"},
		"comment inside":         {"FROM a\nRUN x \\\n  # why\n  y\nCOPY a b", "1 FROM a|2 RUN x y|5 COPY a b"},
		"continued at the end":   {"FROM a\nRUN x \\", "1 FROM a|2 RUN x"},
		"escape":                 {"# escape=`\nFROM a\nRUN x `\n y\nCOPY a\\ b", "2 FROM a|3 RUN x y|5 COPY a\\ b"},
		"escape after syntax":    {"# syntax=x\n# Escape = `\nFROM a\nRUN x `\n y", "3 FROM a|4 RUN x y"},
		"escape too late":        {"FROM a\n# escape=`\nRUN x `\nRUN y", "1 FROM a|3 RUN x `|4 RUN y"},
		"another escape":         {"# escape=x\nFROM a\nRUN x \\\n y", "2 FROM a|3 RUN x y"},
		"here-document":          {"RUN <<EOF\nRUN no\nEOF\nCOPY a b", "1 RUN <<EOF|4 COPY a b"},
		"quoted here-document":   {"RUN <<-'E.1'\n\tno\n\tE.1\nCOPY a b", "1 RUN <<-'E.1'|4 COPY a b"},
		"two here-documents":     {"COPY <<A <<\"B\" /x\na\nA\nb\nB\nRUN y", `1 COPY <<A <<"B" /x|6 RUN y`},
		"open here-document":     {"RUN <<EOF\nCOPY a b", "1 RUN <<EOF|2 COPY a b"},
		"none of an environment": {"ENV A=<<EOF\nRUN x", "1 ENV A=<<EOF|2 RUN x"},
		"list":                   {`COPY ["a b", "/c"]`, "1 COPY a b /c"},
		"broken list":            {`COPY ["a b", "/c"`, `1 COPY ["a b", "/c"`},
		"flags":                  {"FROM --platform=linux/amd64 a\nCOPY --from=b --chown=1 c d\nENV --x y", "1 FROM a|2 COPY c d|3 ENV --x y"},
	} {
		var got []string
		for _, in := range parseDockerfile(c.text) {
			got = append(got, fmt.Sprintf("%d %s %s", in.line, in.keyword, in.args))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "|")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// The last stage is what the image is, with the stages that it is built from before it.
func TestLastStage(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		from int
		want string
	}{
		"no stage":        {"RUN x", 0, ""},
		"one":             {"ARG V\nFROM a\nRUN x\nRUN y", 2, "RUN x|RUN y"},
		"unrelated":       {"FROM a AS one\nRUN x\nFROM b\nRUN y", 3, "RUN y"},
		"built upon":      {"FROM a AS One\nRUN x\nFROM b\nRUN no\nFROM one\nRUN y", 1, "RUN x|RUN y"},
		"three":           {"FROM a AS one\nRUN x\nFROM one as two\nRUN y\nFROM two\nRUN z", 1, "RUN x|RUN y|RUN z"},
		"the later name":  {"FROM a AS one\nRUN x\nFROM b AS one\nRUN y\nFROM one\nRUN z", 3, "RUN y|RUN z"},
		"its own name":    {"FROM one AS one\nRUN x", 1, "RUN x"},
		"a later stage":   {"FROM two\nRUN x\nFROM a AS two\nRUN y", 3, "RUN y"},
		"no name":         {"FROM a\nRUN x\nFROM \nRUN y", 3, "RUN y"},
		"four words":      {"FROM a AS one x\nRUN x\nFROM one\nRUN y", 3, "RUN y"},
		"not AS":          {"FROM a IS one\nRUN x\nFROM one\nRUN y", 3, "RUN y"},
		"name by itself ": {"FROM a AS one\nRUN x\nFROM one", 1, "RUN x"},
	} {
		steps, from := lastStage(parseDockerfile(c.text))
		var got []string
		for _, in := range steps {
			got = append(got, in.keyword+" "+in.args)
		}
		if strings.Join(got, "|") != c.want || from != c.from {
			t.Errorf("%s: %q from line %d, want %q from %d", name, got, from, c.want, c.from)
		}
	}
}

// Layers find their lines from the newest on, each instruction once; the layers of the base have none.
func TestDockerfileLines(t *testing.T) {
	layer := func(i int, createdBy string) engine.LayerInfo {
		return engine.LayerInfo{Index: i, DiffID: engine.Digest(diffID(i)), CreatedBy: engine.Maybe(createdBy)}
	}
	rep := &engine.Report{Facts: engine.Facts{Layers: []engine.LayerInfo{
		layer(1, "RUN same"), layer(2, "RUN same"), layer(4, "RUN last"), layer(3, "COPY a b"), // unsorted
	}}}
	o := Options{Dockerfile: []byte("FROM base\nRUN same\nCOPY a b\nRUN last\n"), DockerfilePath: "D"}
	d := matchDockerfile(o, indexReport(rep))
	if d == nil {
		t.Fatal("the Dockerfile does not match")
	}
	var got []int
	for i := range 6 {
		got = append(got, d.lineOf(diffID(i)))
	}
	if diff := cmp.Diff([]int{1, 1, 2, 3, 4, 1}, got); diff != "" { // layer 1 is the base's, though its command is the same
		t.Errorf("-want +got:\n%s", diff)
	}
	o.Dockerfile = []byte("FROM base\nRUN other\n")
	if d := matchDockerfile(o, indexReport(rep)); d != nil {
		t.Errorf("the Dockerfile of another image matches: %+v", d)
	}
	o.Dockerfile = []byte("FROM base\nENV A=b\n") // makes no layer, so that all are the base's
	if d := matchDockerfile(o, indexReport(rep)); d == nil || d.lineOf(diffID(1)) != 1 {
		t.Errorf("a Dockerfile without layers of its own: %+v", d)
	}
}
