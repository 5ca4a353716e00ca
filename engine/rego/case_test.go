package rego_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/policies"
)

var update = flag.Bool("update", false, "write what the cases want anew")

// archiveFile is one file of a txtar archive.
type archiveFile struct{ name, text string }

// splitArchive splits a file in txtar form: what stands before the first "-- NAME --" line says what the case is about.
func splitArchive(data string) (comment string, out []archiveFile) {
	for line := range strings.Lines(data) {
		name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "-- ")
		if name, end := strings.CutSuffix(name, " --"); ok && end {
			out = append(out, archiveFile{name: name})
			continue
		}
		if len(out) == 0 {
			comment += line
			continue
		}
		out[len(out)-1].text += line
	}
	return comment, out
}

// settings are the options.json of a case.
type settings struct {
	Rules   map[string]rego.RuleSetting
	Params  map[string]map[string]any
	Missing []string
	Library bool
	Timeout string
}

// testCase is one case: policies, facts, and what comes of them.
type testCase struct {
	settings settings
	options  rego.Options
	facts    []byte
}

// newTestCase reads a case: the first folder of a file's name, or the file itself, is a source.
func newTestCase(t *testing.T, files []archiveFile) testCase {
	t.Helper()
	s := testCase{options: rego.Options{Schema: policies.InputSchema(), At: clock()}, facts: []byte("{}")}
	fsys := fstest.MapFS{}
	for _, f := range files {
		switch f.name {
		case "want":
		case "input.json":
			s.facts = []byte(f.text)
		case "options.json":
			if err := json.Unmarshal([]byte(f.text), &s.settings); err != nil {
				t.Fatal(err)
			}
		default:
			fsys[f.name] = &fstest.MapFile{Data: []byte(f.text)}
			root, _, _ := strings.Cut(f.name, "/")
			if !slices.ContainsFunc(s.options.Paths, func(have rego.PolicyPath) bool { return have.Path == root }) {
				s.options.Paths = append(s.options.Paths, rego.PolicyPath{Name: root, FS: fsys, Path: root})
			}
		}
	}
	s.options.Rules, s.options.Params = s.settings.Rules, s.settings.Params
	if s.settings.Library {
		s.options.Library = policies.Library()
	}
	if s.settings.Timeout != "" {
		var err error
		if s.options.RuleBudget, err = time.ParseDuration(s.settings.Timeout); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s testCase) input(t *testing.T) *engine.Input {
	t.Helper()
	in := &engine.Input{}
	if err := json.Unmarshal(s.facts, in); err != nil {
		t.Fatal(err)
	}
	in.Now, in.Missing = clock().Format(time.RFC3339), s.settings.Missing
	in.Index = engine.NewIndex(&in.Facts)
	engine.Fill(in)
	return in
}

// outcome runs the case and writes down what came of it.
func (s testCase) outcome(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	p, err := rego.Load(t.Context(), s.options)
	if err != nil {
		if !strings.Contains(err.Error(), "\n") && !isUsage(err) {
			t.Errorf("the error is no UsageError: %v", err)
		}
		fmt.Fprintf(&b, "%v\n", err)
		return b.String()
	}
	rules, err := p.Decide(t.Context(), s.input(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if s.settings.Library && r.Source == "default" && r.Status == engine.StatusPass {
			continue
		}
		fmt.Fprintf(&b, "%s %s (%s) %s %s\n", r.ID, r.Status, r.Action, r.Package, r.Source)
		if r.Note != "" {
			fmt.Fprintf(&b, "  note %s\n", r.Note)
		}
		if len(r.Params) > 0 {
			fmt.Fprintf(&b, "  params %s\n", oneLine(t, r.Params))
		}
		for _, one := range r.Results {
			one.Fingerprint = one.Fingerprint[:8]
			fmt.Fprintf(&b, "  %s\n", oneLine(t, one))
		}
	}
	for _, r := range p.Relaxations() {
		fmt.Fprintf(&b, "relaxed %s: %s -> %s\n", r.What, r.From, r.To)
	}
	return b.String()
}

func isUsage(err error) bool {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	for _, e := range joined.Unwrap() {
		if !errors.As(e, new(*engine.UsageError)) {
			return false
		}
	}
	return true
}

func oneLine(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			comment, files := splitArchive(string(data))
			got, want := newTestCase(t, files).outcome(t), ""
			out := comment
			for _, f := range files {
				if f.name == "want" {
					want = f.text
					continue
				}
				out += "-- " + f.name + " --\n" + f.text
			}
			if diff := cmp.Diff(want, got); diff != "" && !*update {
				t.Errorf("-want +got:\n%s", diff)
			}
			if *update {
				if err := os.WriteFile(path, []byte(out+"-- want --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
