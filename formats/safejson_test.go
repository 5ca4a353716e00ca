package formats

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

func TestSafeJSON(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"\n {\"a\": [1, \"é ✓ 日本 😀\"]}\n":    "\n {\"a\": [1, \"é ✓ 日本 😀\"]}\n",
		`"##vso[task.complete]"`:             `"#\u0023vso[task.complete]"`,
		`"##[error]x"`:                       `"#\u0023[error]x"`,
		`"####"`:                             `"#\u0023\u0023\u0023"`,
		`"# #"`:                              `"# #"`,
		"\"\u009b31m\u007f\u0085\"":          `"\u009b31m\u007f\u0085"`,
		"\"a\u202eb\u2066c\u200fd\u061c\"":   `"a\u202eb\u2066c\u200fd\u061c"`,
		"\"\u2028\u2029\ufeff\u200b\u00a0\"": `"\u2028\u2029\ufeff\u200b\u00a0"`,
		"\"\U000e0041\"":                     `"\udb40\udc41"`,
	} {
		for name, chunks := range map[string]io.Reader{"whole": strings.NewReader(from), "bytes": iotest.OneByteReader(strings.NewReader(from))} {
			var got bytes.Buffer
			if _, err := io.Copy(struct{ io.Writer }{SafeJSON(&got)}, struct{ io.Reader }{chunks}); err != nil || got.String() != want {
				t.Errorf("%s, %q: %q, want %q (%v)", name, from, got.String(), want, err)
			}
		}
	}
}

// What is written is the same JSON, without what obeys nobody's rules but a terminal's or a CI system's.
func FuzzSafeJSON(f *testing.F) {
	for _, s := range []string{"##vso[x]", "\u202e", "\x7f", "\u009b", "#\u0023#", "é\U000e0041", "\xff\xfe", "a\nb", `\u0023`} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		raw, err := json.Marshal(map[string]string{text: text + "#"})
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		w := SafeJSON(&got)
		at := max(0, min(cut, len(raw)))
		for _, part := range [][]byte{raw[:at], raw[at:]} {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		var before, after map[string]string
		if err := json.Unmarshal(raw, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got.Bytes(), &after); err != nil {
			t.Fatalf("%q: %v", got.String(), err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff)
		}
		checkHarmless(t, got.String())
	})
}

// checkHarmless wants a text that no terminal and no CI system obeys.
func checkHarmless(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "##") {
		t.Errorf("## in %.80q", text)
	}
	for _, r := range text {
		if r == 0x7f || r >= 0x80 && isInvisible(r) {
			t.Errorf("%U in %.80q", r, text)
		}
	}
}

// A text that forges something, wherever it stands in a run, is harmless in each format that is JSON, and reads back as it was.
func TestHostileTextsInJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"##vso[task.complete result=Succeeded;]done", "##[error]x", "a\n::set-output name=verdict::pass",
		"\u009b31mred",
		"abc\u202egpj.exe", "a\u200bb\u2028c", "\u2066x\u2069\u007f", "]]>"} {
		run := &engine.Run{SchemaVersion: engine.SchemaVersion, Verdict: engine.Denied, Reports: []engine.Report{{Facts: engine.Facts{
			Image: engine.Identity{Name: text}, Config: engine.Config{Labels: map[string]string{text: text}, Env: []string{text}},
			Packages: []engine.Package{{Name: text, Version: text, PURL: text, Licenses: []string{text}}},
			Gaps:     []engine.Gap{{Kind: engine.GapUnreadable, Path: engine.Maybe(text), Detail: text}},
			Findings: []engine.Finding{{ID: text, Summary: engine.Maybe(text)}},
		}, Decision: engine.Decision{Verdict: engine.Denied, Rules: []engine.RuleResult{{ID: "x", Status: engine.StatusDeny,
			Results: []engine.Result{{Msg: text, Subject: engine.Maybe(text), Details: map[string]any{text: text}}}}}}}}}
		engine.Fill(run)
		for _, name := range []string{"json", "sarif"} {
			format, err := ByName(name, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := format(&b, run); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			checkHarmless(t, b.String())
			if name != "json" {
				continue
			}
			back, err := ReadRun(&b)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if got := back.Reports[0]; got.Image.Name != text || got.Config.Labels[text] != text || got.Findings[0].ID != text {
				t.Errorf("%q came back as %+v", text, got.Facts)
			}
		}
	}
}
