package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/formats"
)

// lastRun is where the last run is kept, for `veto waive`; "" when there is no cache.
func lastRun(sys *system) string { return inCache(sys, "last-run.json") }

// keepLastRun keeps the run for `veto waive`. Where the cache cannot be written there is none, and no verdict depends on it.
func keepLastRun(sys *system, run *engine.Run) {
	path := lastRun(sys)
	if path == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	_ = writeFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(run) })
}

// loadLastRun reads what keepLastRun wrote.
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
