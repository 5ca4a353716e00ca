package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/formats"
)

// where says, for people, where the configuration sets "rules.<id>" or "params.<id>.<name>": "veto.yaml:7".
func (s *settings) where(setting string) string {
	parts := strings.SplitN(setting, ".", 3)
	line := 0
	switch {
	case len(parts) == 2 && parts[0] == "rules":
		line = s.Rules[parts[1]].Line
	case len(parts) == 3 && parts[0] == "params":
		line = s.ParamLine[parts[1]+"."+parts[2]]
	}
	name := filepath.Base(s.Name)
	if line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// now is the clock as reports show it.
func (l *law) now() string { return l.at.Format(time.RFC3339) }

// lastRun is where the last run is kept, for `veto waive`; "" when there is no cache.
func lastRun(sys *system) string { return inCache(sys, "last-run.json") }

// keep remembers the run for `veto waive`. It is a convenience: where the cache cannot be written there is none, and no verdict
// depends on it.
func (l *law) keep(sys *system, run *engine.Run) {
	path := lastRun(sys)
	if path == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	_ = writeFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(run) })
}

// loadLastRun reads what keep wrote.
func loadLastRun(sys *system) (*engine.Run, error) {
	path := lastRun(sys)
	if path == "" {
		return nil, engine.Usage("there is no cache that could hold the last run; give one with --run RUN.json")
	}
	data, err := engine.ReadLimited(path, engine.MaxFacts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, engine.Hint(engine.Usage("there is no last run"), "run `veto scan SOURCE` first, or give one with --run RUN.json")
	}
	if err != nil {
		return nil, engine.Usage("the last run: %v", err)
	}
	run, err := formats.ReadRun(bytes.NewReader(data))
	if err != nil {
		return nil, engine.Hint(engine.Usage("the last run: %v", err), "run `veto scan SOURCE` again")
	}
	return run, nil
}
