package formats

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vetoci/veto/engine"
)

func TestHostile(t *testing.T) {
	t.Parallel()
	forged := regexp.MustCompile(`(?m)^\s*::|##|\x1b|\x00|[\x{202a}-\x{202e}\x{2028}]`)
	for _, s := range hostile() {
		r := hostileRun(s)
		for _, o := range []Options{{}, {Detail: "full"}} {
			text := render(t, "text", o, r)
			if m := forged.Find(text); m != nil || !utf8.Valid(text) {
				t.Errorf("text of %.30q: %q", s, m)
			}
		}
		for _, l := range strings.Split(strings.TrimSuffix(string(render(t, "github", Options{}, r)), "\n"), "\n") {
			if !regexp.MustCompile(`^::(error|warning|notice) title=[^:,]*::[^\x00-\x1f]+$`).MatchString(l) {
				t.Errorf("github of %.30q: %.200q", s, l)
			}
		}
		junit := render(t, "junit", Options{}, r)
		if regexp.MustCompile(`[\x00-\x08\x0b\x0c\x0e-\x1f]|##`).Match(junit) || !utf8.Valid(junit) {
			t.Errorf("junit of %.30q holds a control character", s)
		}
		md := render(t, "markdown", Options{}, r)
		rest := regexp.MustCompile(`</?(details|summary|sub|code)>|<!-- -->`).ReplaceAll(md, nil)
		if m := regexp.MustCompile("[<>`@]").Find(rest); m != nil || len(md) > 1<<20 || !utf8.Valid(md) {
			t.Errorf("markdown of %.30q holds %q, %d bytes", s, m, len(md))
		}
		for _, l := range strings.Split(string(md), "\n") {
			if cells := strings.Count(l, "|"); strings.HasPrefix(l, "|") && cells != 6 && cells != 7 {
				t.Errorf("markdown of %.30q: a row with %d bars: %.100q", s, cells, l)
			}
		}
		if !json.Valid(render(t, "json", Options{}, r)) {
			t.Errorf("json of %.30q is invalid", s)
		}
	}
}

func TestMarkdownLimit(t *testing.T) {
	t.Parallel()
	r := deniedRun()
	rep := &r.Reports[0]
	for i := range 30_000 {
		rep.Decision.Rules[2].Results = append(rep.Decision.Rules[2].Results,
			engine.Result{Msg: strings.Repeat("long message ", 10) + string(rune('a'+i%26))})
	}
	b := render(t, "markdown", Options{}, r)
	if len(b) > 1<<20 || len(b) < 800_000 || !bytes.Contains(b, []byte("left out here")) ||
		bytes.Count(b, []byte("<details>")) != bytes.Count(b, []byte("</details>")) {
		t.Errorf("%d bytes; ends %q", len(b), b[len(b)-200:])
	}
}

func TestGitHubLimit(t *testing.T) {
	rep := mixedRun().Reports[0]
	for range 4 {
		rep.Decision.Rules = append(rep.Decision.Rules, rep.Decision.Rules...)
	}
	b := string(render(t, "github", Options{}, runOf(engine.Denied, rep)))
	if n := strings.Count(b, "::error "); n != 10 || !strings.Contains(b, " more; the report lists them all") {
		t.Errorf("%d errors:\n%s", n, b)
	}
}

func TestJUnitSchemas(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (Debian: libxml2-utils) is not installed")
	}
	ant, jenkins := sharedFile(t, "schemas/junit-ant.xsd"), sharedFile(t, "schemas/junit-jenkins-10.xsd")
	dir := t.TempDir()
	var files []string
	for name, r := range everyRun() {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".xml")
		if err := os.WriteFile(file, render(t, "junit", Options{}, r), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, xsd := range []string{ant, jenkins} {
		out, err := exec.Command(xmllint, append([]string{"--noout", "--nonet", "--huge", "--schema", xsd}, files...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%.3000s", xsd, err, out)
		}
	}
}

func FuzzReadRun(f *testing.F) {
	for _, r := range []*engine.Run{mixedRun(), undecidedRun()} { // small ones: the fuzzer shortens what it finds byte by byte
		rep := &r.Reports[0]
		rep.Findings, rep.Packages = rep.Findings[:min(2, len(rep.Findings))], nil
		f.Add(render(f, "json", Options{}, r))
	}
	f.Add([]byte(`{"schema_version":"1","verdict":"undecided","reports":[
		{"decision":{"verdict":"undecided","rules":[{"status":"deny","results":[{}]}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadRun(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, name := range Names() {
			render(t, name, Options{Suppressed: true, Dockerfile: []byte(sampleDockerfile), DockerfilePath: "Dockerfile"}, r)
		}
		checkVerdict(t, "fuzzed", r, r.Verdict)
	})
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		if !utf8.ValidString(e) || strings.Contains(e, "##") || strings.HasPrefix(strings.TrimSpace(e), "::") ||
			strings.ContainsAny(e, "\n\r\x1b\u2028\u202e") || Escape(e) != e {
			t.Errorf("Escape(%q) = %q", s, e)
		}
	})
}

func FuzzDockerfile(f *testing.F) {
	f.Add(sampleDockerfile)
	f.Add("FROM a\nRUN <<EOF\nFROM b\nEOF\nCOPY [\"a\", \"/b c\"]\n# escape=`\nADD")
	f.Fuzz(func(t *testing.T, text string) {
		rep := indexReport(&deniedRun().Reports[0])
		if d := matchDockerfile(Options{Dockerfile: []byte(text), DockerfilePath: "D"}, rep); d != nil &&
			(d.lineOf("x") < 1 || d.lineOf(diffID(2)) > strings.Count(text, "\n")+1) {
			t.Errorf("lines %v, from %d", d.lines, d.fromLine)
		}
	})
}
