package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vetoci/veto/engine"
)

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, sys *system) int {
	sys.args = args
	root := newRoot(sys)
	root.SetArgs(args)
	root.SetIn(sys.stdin)
	root.SetOut(sys.stdout)
	root.SetErr(sys.stderr)
	err := root.ExecuteContext(ctx)
	for _, end := range sys.atEnd {
		if cerr := end(); err == nil {
			err = cerr
		}
	}
	explainError(sys.stderr, err)
	code := codeOf(err)
	if code == exitUsage {
		removeStale(sys)
	}
	return code
}

func newRoot(sys *system) *cobra.Command {
	root := &cobra.Command{
		Use:   "veto",
		Short: "The policy-as-code CI gate for container images",
		Long: `veto opens a container image, takes inventory of it, matches it against known vulnerabilities, hands all of the facts to
Rego policies, and answers: pass, denied or undecided.
` + exitStatus,
		Example: `  veto scan ghcr.io/example/app:1.2                     judge an image in a registry
  veto scan ./app.tar -o sarif=app.sarif -o junit=app.xml   judge a saved image, write two more reports
  veto inspect ./app.tar                                the facts that policies see
  veto db update --ecosystem Debian,npm                 fetch advisories`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			slices.Sort(names)
			return engine.UnknownWord("command", args[0], names)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(newScan(sys), newInspect(sys), newJudge(sys), newRender(sys), newPolicy(sys), newDB(sys), newCache(sys), newWaive(sys),
		newConfig(sys), newVersion(sys))
	root.InitDefaultCompletionCmd("completion")
	each(root, func(cmd *cobra.Command) {
		cmd.SetFlagErrorFunc(flagError)
		if cmd.Name() == "completion" || cmd.HasParent() && cmd.Parent().Name() == "completion" {
			cmd.Long += "\n" + exitStatusPlain
		}
		if cmd.RunE != nil && cmd != root {
			bindEnvironment(cmd, sys)
		}
	})
	return root
}

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		each(c, do)
	}
}

// flagError makes pflag's errors usage errors and names the nearest flag.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if _, name, ok := strings.Cut(text, "unknown flag: --"); ok {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		return engine.UnknownWord("flag", name, known)
	}
	return engine.Hint(engine.Usage("%s", text), "see `%s --help`", cmd.CommandPath())
}

// exactly wants n arguments and says how they are called.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return engine.Hint(engine.Usage("%s takes %s, got %d arguments", cmd.CommandPath(), what, len(args)), "see `%s --help`",
				cmd.CommandPath())
		}
		return nil
	}
}

func none(cmd *cobra.Command, args []string) error { return exactly(0, "no arguments")(cmd, args) }

// printer remembers the first error of many writes, so that a closed or full standard output is never taken for success.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.w.Write(b)
	p.err = err
	return n, err
}
