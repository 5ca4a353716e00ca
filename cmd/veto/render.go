package main

import (
	"bytes"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/formats"
)

func newRender(sys *system) *cobra.Command {
	var of outputFlags
	cmd := &cobra.Command{
		Use:   "render RUN.json",
		Short: "Write a saved run in other formats",
		Long: "Render turns the JSON that scan -o json=FILE wrote into any other format. It decides nothing and exits 0 when it wrote.\n" +
			exitStatusPlain,
		Example: `  veto render run.json -o sarif=out.sarif
  veto render run.json --detail full`,
		Args: exactly(1, "one saved run"),
		RunE: func(_ *cobra.Command, args []string) error {
			outs, err := of.parse(sys, false)
			if err != nil {
				return err
			}
			if err := claim(sys, outs, nil); err != nil {
				return err
			}
			data, err := readInput(sys, args[0], engine.MaxFacts)
			if err != nil {
				return err
			}
			run, err := formats.ReadRun(bytes.NewReader(data))
			if err != nil {
				return engine.Hint(engine.Usage("%s: %v", args[0], err), "a run is written by `veto scan SOURCE -o json=FILE`")
			}
			return write(sys, outs, run, nil)
		},
	}
	of.add(cmd)
	return cmd
}
