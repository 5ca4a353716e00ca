package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// fault is one thing that goes wrong, end to end: what veto is asked, and what it must answer. None may end in exit 0.
type fault struct {
	class, name string
	// prepare makes what the case needs in dir and returns the command line.
	prepare func(f *caseDir) []string
	code    int
	says    string // in what veto prints
	kind    engine.GapKind
	environ []string
}

func (c fault) check(t *testing.T) {
	f := &caseDir{t, t.TempDir()}
	args := c.prepare(f)
	if args == nil {
		return
	}
	stale := strings.Contains(strings.Join(args, " "), "json=run.json")
	if stale {
		f.write("run.json", `{"verdict": "pass"}`) // of an earlier run: it must not survive
	}
	code, stdout, stderr := vetoIn(t, f.dir, c.environ, args...)
	said := stdout + stderr
	if code != c.code || code == 0 {
		t.Fatalf("veto %s: exit %d, want %d\n%s", strings.Join(args, " "), code, c.code, said)
	}
	if !strings.Contains(said, c.says) || c.says == "" {
		t.Errorf("it does not say %q:\n%s", c.says, said)
	}
	if code == exitUsage {
		if n := strings.Count(stderr, "veto: "); n == 0 || strings.Contains(stderr, "goroutine") {
			t.Errorf("not one clear line: %s", stderr)
		}
		return
	}
	if !stale {
		return
	}
	b, err := os.ReadFile(filepath.Join(f.dir, "run.json"))
	if err != nil {
		t.Fatalf("the requested output was not written: %v\n%s", err, said)
	}
	var run engine.Run
	if err := json.Unmarshal(b, &run); err != nil {
		t.Fatal(err)
	}
	want := map[int]engine.Verdict{exitDenied: engine.Denied, exitUndecided: engine.Undecided}[code]
	if run.Verdict != want || len(run.Reports) == 0 || run.Reports[0].Decision.Verdict != want {
		t.Errorf("the run's verdict is %s, want %s", run.Verdict, want)
	}
	if c.kind == "" {
		return
	}
	for _, r := range run.Reports {
		for _, fact := range r.Gaps {
			if fact.Kind == c.kind {
				return
			}
		}
	}
	t.Errorf("no gap of kind %s: %+v", c.kind, run.Reports[0].Gaps)
}
