package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
)

func newScan(sys *system) *cobra.Command {
	var sf scanFlags
	var of outputFlags
	cmd := &cobra.Command{
		Use:   "scan SOURCE…",
		Short: "Judge images: inspect, match, decide, report",
		Long:  "Scan judges images and reports the verdict.\n\n" + sourceHelp + "\n" + exitStatus,
		Example: `  veto scan ./app.tar
  veto scan ghcr.io/example/app:1.2 -o sarif=app.sarif -o junit=app.xml
  docker save app:1.2 | veto scan - --as app
  veto scan ./app.tar --policy policy/ --trust origin/main`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && sys.getenv("VETO_IMAGE") != "" {
				args = nonEmptyLines(sys.getenv("VETO_IMAGE"))
			}
			if len(args) == 0 {
				return engine.Hint(engine.Usage("scan takes at least one SOURCE"), "veto scan ./app.tar, or veto scan ghcr.io/example/app:1.2")
			}
			if len(args) > 1 && sf.images.as != "" {
				return engine.Usage("--as names one image, but there are %d sources", len(args))
			}
			outs, err := of.parse(sys, true)
			if err != nil {
				return err
			}
			facts := slices.ContainsFunc(outs, func(o output) bool { return o.name == "facts" })
			s, err := sf.open(cmd, sys, newProgress(sys, of.quiet), facts)
			if err != nil {
				return err
			}
			if err := claim(sys, outs, sys.inputs); err != nil {
				return errors.Join(err, s.database.Close())
			}
			return s.scan(cmd.Context(), args, outs)
		},
	}
	sf.add(cmd)
	of.add(cmd)
	return cmd
}

// scan judges images one after the other: it opens each, inspects it and decides; then it writes every output. The error carries the
// verdict, or says why there is none.
func (s *scanner) scan(ctx context.Context, sources []string, outs []output) (err error) {
	defer func() { err = errors.Join(err, s.database.Close()) }()
	s.sources = sources
	reading, stop := s.whileRulesHold(ctx)
	defer stop()
	targets := s.targets(reading, sources)
	run := &engine.Run{SchemaVersion: engine.SchemaVersion, Tool: engine.Tool{Name: "veto", Version: version}}
	var inputs []*engine.Input
	var failures []error
	for _, t := range targets {
		ins, err := s.inspect(reading, t) // opens the source, gathers the facts of what runtimes may take from it, closes it
		if rerr := s.ruleset.wait(); rerr != nil {
			return rerr // said first, whatever became of the image
		}
		var reports []engine.Report
		if err == nil {
			reports, err = s.decide(ctx, ins)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			failures = append(failures, err)
			reports = []engine.Report{*s.undecided(t.source, err)}
		default:
			inputs = append(inputs, ins...)
		}
		run.Reports = append(run.Reports, reports...)
	}
	if len(failures) == len(targets) && onlyMistakes(failures) {
		return failures[0] // nothing was judged
	}
	run.Verdict = worst(run.Reports)
	engine.Fill(run)
	s.bar.done()
	var keeping sync.WaitGroup
	keeping.Go(func() { keepLastRun(s.sys, run) })
	err = write(s.sys, outs, run, factsWriter(inputs))
	keeping.Wait()
	if err != nil {
		return err
	}
	if !textShown(outs) { // the text says them already
		explainError(s.sys.stderr, errors.Join(failures...))
	}
	return &verdictError{run.Verdict}
}

func worst(reports []engine.Report) engine.Verdict {
	var verdicts []engine.Verdict
	for i := range reports {
		verdicts = append(verdicts, reports[i].Decision.Verdict)
	}
	return engine.Worst(verdicts...)
}

// whileRulesHold returns a context that ends when the policies turn out not to compile: then no image is worth reading.
func (s *scanner) whileRulesHold(ctx context.Context) (context.Context, context.CancelFunc) {
	reading, stop := context.WithCancel(ctx)
	go func() {
		if s.ruleset.wait() != nil {
			stop()
		}
	}()
	return reading, stop
}

// onlyMistakes reports whether all errors are the user's mistakes.
func onlyMistakes(failures []error) bool {
	return !slices.ContainsFunc(failures, func(err error) bool {
		usage := (*engine.UsageError)(nil)
		return !errors.As(err, &usage)
	})
}

// decide lets waivers and policies decide over the facts about each image of a source.
func (s *scanner) decide(ctx context.Context, ins []*engine.Input) ([]engine.Report, error) {
	var reports []engine.Report
	for _, in := range ins {
		gate, err := s.gate(in.Image)
		if err != nil {
			return nil, err
		}
		report, err := gate.Judge(ctx, in)
		if err != nil {
			return nil, err
		}
		reports = append(reports, *report)
	}
	return reports, nil
}

// undecided is the report of an image that could not be judged.
func (s *scanner) undecided(source string, err error) *engine.Report {
	r := &engine.Report{Decision: engine.Decision{Verdict: engine.Undecided, Weakened: s.ruleset.weakened},
		Errors: []engine.Problem{engine.ProblemOf(err)}}
	r.SchemaVersion, r.Now = engine.SchemaVersion, s.ruleset.now()
	r.Image.Name = nameOf(source, s.images.as)
	r.Database.State = "none"
	r.Policy = s.ruleset.watched().Info()
	return r
}

// factsWriter writes the facts of the one image that was judged; of several, or of none, there are none to write.
func factsWriter(inputs []*engine.Input) func(io.Writer) error {
	if len(inputs) != 1 {
		return nil
	}
	return func(w io.Writer) error { return writeFacts(w, inputs[0]) }
}

func textShown(outs []output) bool {
	return slices.ContainsFunc(outs, func(o output) bool { return o.name == "text" && o.path == "" })
}
