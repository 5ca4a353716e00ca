package formats

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vetoci/veto/engine"
)

// writeJSON writes the run as docs/schema/run.json describes it, indented by two spaces, in harmless bytes.
func writeJSON(w io.Writer, r *engine.Run) error {
	e := json.NewEncoder(SafeJSON(w))
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing json: %w", err)
	}
	return nil
}

// ReadRun reads what the json format wrote, of engine.MaxFacts bytes at most. It is strict, so that a run of another version or another
// file is never rendered as a run: unknown fields, another schema version, unknown verdicts, a verdict that the reports contradict, and
// anything after the run are errors.
func ReadRun(r io.Reader) (*engine.Run, error) {
	data, err := io.ReadAll(io.LimitReader(r, engine.MaxFacts+1))
	if err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	if len(data) > engine.MaxFacts {
		return nil, fmt.Errorf("reading a run: %w", &engine.LimitError{What: "bytes of a run", Limit: engine.MaxFacts})
	}
	if err := engine.CheckDepth(data); err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	var head struct {
		SchemaVersion *string           `json:"schema_version"`
		Reports       []json.RawMessage `json:"reports"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	switch {
	case head.SchemaVersion == nil:
		return nil, engine.Hint(errors.New("reading a run: it has no schema_version"),
			"is this a run? `veto scan SOURCE -o json=run.json` writes one")
	case *head.SchemaVersion != engine.SchemaVersion:
		return nil, engine.Hint(fmt.Errorf("reading a run: schema version %q is not known", truncate(Escape(*head.SchemaVersion), 40)),
			"this veto reads schema version %s; use the version of veto that wrote the run, or scan again", engine.SchemaVersion)
	}
	run := &engine.Run{}
	if err := engine.Decode(data, run); err != nil {
		if strings.Contains(err.Error(), `unknown key "coverage"`) {
			const renamed = `reading a run: the section "coverage" of a report is called "gaps" now, and this veto reads no runs of before that`
			return nil, engine.Hint(errors.New(renamed), "scan again with this version of veto")
		}
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	if err := checkVerdicts(run); err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	engine.Fill(run)
	return run, nil
}

// checkVerdicts refuses a run whose verdict is milder than the worst of its reports', and a report that passes though a rule denies: an
// edited run must not be rendered as a pass.
func checkVerdicts(run *engine.Run) error {
	var all []engine.Verdict
	for i, r := range run.Reports {
		v := r.Decision.Verdict
		if v != engine.Pass && v != engine.Denied && v != engine.Undecided {
			unknown := engine.UnknownWord("verdict", truncate(Escape(string(v)), 40), []string{"pass", "denied", "undecided"})
			return fmt.Errorf("reports[%d].decision.verdict: %w", i, unknown)
		}
		if v == engine.Pass && (engine.VerdictOf(r.Decision.Rules) != engine.Pass || len(r.Errors) > 0) {
			return fmt.Errorf("reports[%d].decision.verdict is pass, but its rules or errors say otherwise", i)
		}
		all = append(all, v)
	}
	if want := engine.Worst(all...); run.Verdict != want && (run.Verdict != engine.Undecided || want == engine.Denied) {
		return fmt.Errorf("the verdict is %q, but that of its reports is %q", truncate(Escape(string(run.Verdict)), 40), want)
	}
	return nil
}
