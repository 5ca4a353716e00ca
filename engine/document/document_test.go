package document

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine"
)

func TestParse(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", engine.MaxJSONDepth+2) + strings.Repeat("]", engine.MaxJSONDepth+2)
	for _, c := range []struct{ text, says, hint string }{
		{"version: 1", "", ""}, {"---\na: [1, 2]\n", "", ""}, {"x", "", ""},
		{"", "f.yaml is empty", "version: 1"}, {"# nothing\n", "f.yaml is empty", "version: 1"},
		{"a: 1\n---\nb: 2\n", "f.yaml: more than one YAML document", ""}, {"a: 1\n--- [\n", "f.yaml: more than one YAML document", ""},
		{"a: &x 1\nb: *x\n", "f.yaml:2: YAML aliases are not supported here", ""},
		{"a: [", "f.yaml: line 1: ", ""},
		{deep, "f.yaml:1: nesting", ""},
		{strings.Repeat("#", engine.MaxSettings+1), "f.yaml: file size", ""},
	} {
		f, node, err := Parse("f.yaml", []byte(c.text))
		if f.Name != "f.yaml" {
			t.Errorf("%.20q: named %q", c.text, f.Name)
		}
		if c.says == "" {
			if err != nil || node == nil {
				t.Errorf("%.20q: %v, %v", c.text, node, err)
			}
			continue
		}
		wantUsage(t, c.text, err, c.says, c.hint)
	}
	if _, _, err := Parse("f", []byte("a: 1\n"+strings.Repeat("#", engine.MaxSettings-5))); err != nil {
		t.Errorf("a file of the largest size: %v", err)
	}
}

// wantUsage wants a mistake of the user that says something, with a hint that holds something.
func wantUsage(t *testing.T, of string, err error, says, hint string) {
	t.Helper()
	usage, h := (*engine.UsageError)(nil), (*engine.HintError)(nil)
	switch {
	case err == nil || !errors.As(err, &usage) || !strings.Contains(err.Error(), says):
		t.Errorf("%.40q: %v, want a usage error with %q", of, err, says)
	case hint == "" && errors.As(err, &h):
		t.Errorf("%.40q: the hint %q", of, h.Hint)
	case hint != "" && (!errors.As(err, &h) || !strings.Contains(h.Hint, hint)):
		t.Errorf("%.40q: %v, want the hint %q", of, err, hint)
	}
}

// top is the mapping of a document.
func top(t *testing.T, text string) (File, map[string]*yaml.Node) {
	t.Helper()
	f, n, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Mapping(n, "the file", nil)
	if err != nil {
		t.Fatal(err)
	}
	return f, m
}

func TestVersion1(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"version: 1": "", "version: '1'": "", "a: 1": "f.yaml: `version` is missing", "version: 2": `f.yaml:1: version "2" is not known`,
		"\nversion: 1.0": `f.yaml:2: version "1.0" is not known`,
	} {
		f, m := top(t, text)
		err := f.Version1(m)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func TestScalars(t *testing.T) {
	t.Parallel()
	f, m := top(t, `
text: hello
date: 2026-01-02
number: 1
empty: ""
list: [a, b]
none: []
mixed: [a, 1]
map: {a: b}
yes: true
loud: TRUE
proud: True
no: false
quoted: "true"
null:
`)
	for key, want := range map[string]string{"text": "hello", "date": "2026-01-02", "quoted": "true", "number": "!", "empty": "!",
		"list": "!", "map": "!", "yes": "!"} {
		got, err := f.Text(m[key], "the "+key)
		if want == "!" {
			wantUsage(t, key, err, "the "+key+" must be text", "")
		} else if err != nil || got != want {
			t.Errorf("the text %s: %q, %v", key, got, err)
		}
	}
	for key, want := range map[string]bool{"yes": true, "loud": true, "proud": true, "no": false} {
		if got, err := f.Flag(m[key], "it"); err != nil || got != want {
			t.Errorf("the flag %s: %v, %v", key, got, err)
		}
	}
	for _, key := range []string{"quoted", "text", "number", "list", "null"} {
		_, err := f.Flag(m[key], "the "+key)
		wantUsage(t, key, err, "the "+key+" is true or false", "")
	}
	for key, want := range map[string][]string{"list": {"a", "b"}, "none": nil} {
		if got, err := f.Texts(m[key], "it"); err != nil || !cmp.Equal(got, want) {
			t.Errorf("the texts %s: %q, %v", key, got, err)
		}
	}
	_, err := f.Texts(m["mixed"], "the list")
	wantUsage(t, "mixed", err, "f.yaml:8: each of the list must be text", "")
	_, err = f.Texts(m["text"], "the list")
	wantUsage(t, "text", err, "f.yaml:2: the list is a list", "")
	if got, err := f.Word(m["text"], "greeting", []string{"hello", "bye"}); err != nil || got != "hello" {
		t.Errorf("a word: %q, %v", got, err)
	}
	_, err = f.Word(m["text"], "greeting", []string{"hallo", "bye"})
	wantUsage(t, "text", err, `f.yaml:2: unknown greeting "hello"`, `"hallo"`)
	_, err = f.Word(m["number"], "greeting", []string{"1"})
	wantUsage(t, "number", err, "greeting must be text", "")
}

func TestMapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		known []string
		says  string
		hint  string
	}{
		{"a: 1\nb: 2", nil, "", ""}, {"a: 1", []string{"a", "b"}, "", ""}, {"{}", []string{"a"}, "", ""},
		{"a: 1\nb: 2\na: 3", nil, `f.yaml:3: the file has the key "a" twice`, ""},
		{"name: 1\nnam: 2", []string{"name", "id"}, `f.yaml:2: unknown key "nam"`, `"name"`},
		{"[a]", nil, "f.yaml:1: the file must be a mapping", ""}, {"a", nil, "f.yaml:1: the file must be a mapping", ""},
	} {
		f, n, err := Parse("f.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.Mapping(n, "the file", c.known)
		if c.says != "" {
			wantUsage(t, c.text, err, c.says, c.hint)
		} else if err != nil || len(m) != strings.Count(c.text, ":") {
			t.Errorf("%q: %v, %v", c.text, m, err)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	f, m := top(t, "\na: 1")
	wantUsage(t, "a hint", f.Wrap(m["a"], engine.Hint(errors.New("wrong"), "do it so")), "f.yaml:2: wrong", "do it so")
	wantUsage(t, "no hint", f.Wrap(m["a"], errors.New("wrong")), "f.yaml:2: wrong", "")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"version: 1", "a: &x [*x]", "a: 1\n---\nb", "{a: {b: c}, a: d}", "? [x]\n: y", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, n, err := Parse("f.yaml", data)
		if usage := (*engine.UsageError)(nil); err != nil && !errors.As(err, &usage) {
			t.Fatalf("no usage error: %v", err)
		}
		if err == nil {
			_, _ = file.Mapping(n, "it", nil)
			_, _ = file.Texts(n, "it")
		}
	})
}
