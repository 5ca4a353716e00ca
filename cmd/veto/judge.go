package main

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/document"
	"github.com/vetoci/veto/engine/schema"
)

func newJudge(sys *system) *cobra.Command {
	var pf policyFlags
	var of outputFlags
	cmd := &cobra.Command{
		Use:   "judge FACTS.json",
		Short: "Decide over recorded facts, without the image",
		Long: `Judge lets policies and waivers decide over facts that inspect or scan -o facts=FILE recorded. The clock is today's, so that
old facts turn stale; --now sets it. A rule that reads a section which the file lacks has no data, and the verdict is undecided.
` + exitStatus,
		Example: `  veto judge facts.json --policy policy/
  veto inspect ./app.tar | veto judge -`,
		Args: exactly(1, "one file of facts"),
		RunE: func(cmd *cobra.Command, args []string) error {
			outs, err := of.parse(sys, false)
			if err != nil {
				return err
			}
			rules, err := pf.load(cmd.Context(), cmd, sys)
			if err != nil {
				return err
			}
			if err := claim(sys, outs, sys.inputs); err != nil {
				return err
			}
			in, err := readFacts(sys, args[0])
			if err != nil {
				return err
			}
			if err := redate(in, rules.at); err != nil {
				return err
			}
			gate, err := rules.gate(in.Image, ofFacts(in.Weakened))
			if err != nil {
				return err
			}
			report, err := gate.Judge(cmd.Context(), in)
			if err != nil {
				return err
			}
			run := &engine.Run{SchemaVersion: engine.SchemaVersion, Tool: engine.Tool{Name: "veto", Version: version},
				Verdict: report.Decision.Verdict, Reports: []engine.Report{*report}}
			engine.Fill(run)
			if err := write(sys, outs, run, nil); err != nil {
				return err
			}
			return &verdictError{run.Verdict}
		},
	}
	pf.add(cmd)
	of.add(cmd)
	return cmd
}

// What leaves facts unknown. It weakens whoever decides over them later too, unlike the settings of the recording run.
const (
	noSecretsFlag = "--no-secrets"
	noDatabase    = "--db none"
)

// ofFacts are the relaxations that lie in recorded facts themselves.
func ofFacts(recorded []engine.Relaxation) []engine.Relaxation {
	var out []engine.Relaxation
	for _, r := range recorded {
		if r.What == noSecretsFlag || r.What == noDatabase {
			out = append(out, r)
		}
	}
	return out
}

// readInput reads a file, or standard input for "-", up to a limit.
func readInput(sys *system, name string, limit int64) ([]byte, error) {
	if name != "-" {
		b, err := engine.ReadLimited(name, limit)
		if err != nil {
			return nil, engine.Usage("%v", err)
		}
		return b, nil
	}
	b, err := io.ReadAll(io.LimitReader(sys.stdin, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, engine.Usage("standard input: %v", &engine.LimitError{What: "size", Limit: limit})
	}
	return b, nil
}

// readFacts reads recorded facts strictly, and notes which sections they lack.
func readFacts(sys *system, name string) (*engine.Input, error) {
	data, err := readInput(sys, name, engine.MaxFacts)
	if err != nil {
		return nil, err
	}
	if err := engine.CheckDepth(data); err != nil {
		return nil, engine.Usage("%s: %v", name, err)
	}
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(data, &sections); err != nil {
		return nil, engine.Hint(engine.Usage("%s: %v", name, err), "facts are written by `veto inspect SOURCE` or `veto scan -o facts=FILE`")
	}
	if err := checkFacts(name, sections); err != nil {
		return nil, err
	}
	// Before gaps were called gaps, an empty list said what an empty list says today.
	if old := sections["coverage"]; sections["gaps"] == nil && string(bytes.Join(bytes.Fields(old), nil)) == "[]" {
		if err := document.CheckJSON(data); err != nil {
			return nil, engine.Usage("%s: %v", name, err)
		}
		sections["gaps"] = old
		delete(sections, "coverage")
		if data, err = json.Marshal(sections); err != nil {
			return nil, err
		}
	}
	if sections["coverage"] != nil {
		return nil, engine.Hint(engine.Usage("%s: its section \"coverage\" is called \"gaps\" now, and this veto reads no facts of before that",
			name),
			"record the facts again with this version of veto")
	}
	in := &engine.Input{}
	if err := engine.Decode(data, in); err != nil {
		return nil, engine.Usage("%s: %w", name, err)
	}
	for _, section := range topLevel(reflect.TypeFor[engine.Input]()) {
		if sections[section] == nil && section != "index" && section != "weakened" {
			in.Missing = append(in.Missing, section)
		}
	}
	return in, nil
}

// checkFacts refuses what is another document, or of another version.
func checkFacts(name string, sections map[string]json.RawMessage) error {
	if sections["decision"] != nil || sections["reports"] != nil {
		return engine.Hint(engine.Usage("%s holds a run, not facts", name),
			"render it with `veto render %s`; facts are written by `veto inspect`", name)
	}
	if v := string(sections["schema_version"]); v != `"`+engine.SchemaVersion+`"` {
		return engine.Hint(engine.Usage("%s: schema_version is %s, this veto reads %q", name, orNone(v), engine.SchemaVersion),
			"record the facts again with this version of veto")
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "missing"
	}
	return s
}

// topLevel names the sections of a wire type.
func topLevel(t reflect.Type) []string {
	props, _ := schema.Of(t)["properties"].(map[string]any)
	return sortedKeys(props)
}

// redate moves facts to the clock: the age of the data is counted anew.
func redate(in *engine.Input, at time.Time) error {
	in.Now = at.Format(time.RFC3339)
	shards := make([]*engine.Shard, 0, len(in.Database.Shards)+1)
	for i := range in.Database.Shards {
		shards = append(shards, &in.Database.Shards[i])
	}
	for _, s := range append(shards, in.Database.KEV, in.Database.EPSS) {
		if s == nil {
			continue
		}
		s.AgeDays = nil
		if s.AsOf == "" {
			continue
		}
		asOf, err := time.Parse(time.RFC3339, string(s.AsOf))
		if err != nil {
			return engine.Usage("the facts' database.shards: as_of of %s: %v", s.Ecosystem, err)
		}
		const day = 24 * time.Hour
		if age := at.Sub(asOf); age > -day { // a date in the future tells no age
			days := max(0, int(age/day))
			s.AgeDays = &days
		}
	}
	return nil
}
