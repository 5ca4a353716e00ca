package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vetoci/veto/engine"
)

// writeJSON writes the run's wire form, indented by two spaces.
func writeJSON(w io.Writer, r *engine.Run) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing json: %w", err)
	}
	return nil
}

// ReadRun reads what the json format wrote. It is strict, so that a run of another version or a mistaken file is never rendered as
// something that it is not: unknown fields, another schema version, unknown verdicts and anything after the run are errors, and a verdict
// that the reports do not bear out is one too.
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
		return nil, engine.Hint(errors.New("reading a run: it has no schema_version"), "is this a run? `veto scan SOURCE -o json=run.json` writes one")
	case *head.SchemaVersion != engine.SchemaVersion:
		return nil, engine.Hint(fmt.Errorf("reading a run: schema version %q is not known", cut(Escape(*head.SchemaVersion), 40)),
			"this veto reads schema version %s; use the version of veto that wrote the run, or scan again", engine.SchemaVersion)
	}
	run := &engine.Run{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(run); err != nil {
		if strings.Contains(err.Error(), `unknown field "coverage"`) {
			return nil, engine.Hint(errors.New(`reading a run: the section "coverage" of a report is called "gaps" now, and this veto reads no runs of before that`),
				"scan again with this version of veto")
		}
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading a run: something follows the run")
	}
	if err := checkVerdicts(run); err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	engine.Fill(run)
	return run, nil
}

// checkVerdicts refuses a run whose verdict is not the worst of its reports', or whose report says pass while a rule denies: an
// edited run must not be rendered as a pass.
func checkVerdicts(run *engine.Run) error {
	var all []engine.Verdict
	for i, r := range run.Reports {
		v := r.Decision.Verdict
		if v != engine.Pass && v != engine.Denied && v != engine.Undecided {
			return fmt.Errorf("reports[%d].decision.verdict: %w", i, engine.UnknownWord("verdict", cut(Escape(string(v)), 40), []string{"pass", "denied", "undecided"}))
		}
		if v == engine.Pass && (engine.VerdictOf(r.Decision.Rules) != engine.Pass || len(r.Errors) > 0) {
			return fmt.Errorf("reports[%d].decision.verdict is pass, but its rules or errors say otherwise", i)
		}
		all = append(all, v)
	}
	if want := engine.Worst(all...); run.Verdict != want && (run.Verdict != engine.Undecided || want == engine.Denied) {
		return fmt.Errorf("the verdict is %q, but that of its reports is %q", cut(Escape(string(run.Verdict)), 40), want)
	}
	return nil
}
