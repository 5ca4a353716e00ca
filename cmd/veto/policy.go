package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/formats"
	"github.com/vetoci/veto/policies"
)

func newPolicy(sys *system) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policy",
		Short:   "List, check and test policies",
		Long:    "Policy works on policies without an image.\n" + exitStatusPlain,
		Example: "  veto policy list\n  veto policy check policy/\n  veto policy test policy/",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return engine.UnknownWord("policy command", args[0], []string{"list", "check", "test"})
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyList(sys), newPolicyCheck(sys), newPolicyTest(sys))
	return cmd
}

func newPolicyList(sys *system) *cobra.Command {
	var pf policyFlags
	cmd := &cobra.Command{
		Use:     "list [PATH…]",
		Short:   "List the rules with their actions and parameters",
		Long:    "List prints every rule that a scan here would evaluate, with its action after configuration.\n" + exitStatusPlain,
		Example: "  veto policy list\n  veto policy list policy/ --no-default-policy",
		RunE: func(cmd *cobra.Command, args []string) error {
			pf.policies = append(pf.policies, args...)
			rules, err := pf.load(cmd.Context(), cmd, sys)
			if err != nil {
				return err
			}
			p := &printer{w: sys.stdout}
			for _, r := range rules.policy.Rules() {
				fmt.Fprintf(p, "%-5s %-26s %-9s %s  (%s, %s)\n", r.Action, r.ID, orDash(r.Severity), formats.Escape(r.Title), r.Package, r.Source)
				for _, name := range sortedKeys(r.Params) {
					fmt.Fprintf(p, "      %s.%s = %s\n", r.ID, name, formats.Escape(fmt.Sprint(r.Params[name])))
				}
			}
			return p.err
		},
	}
	pf.add(cmd)
	return cmd
}

func newPolicyCheck(sys *system) *cobra.Command {
	var pf policyFlags
	cmd := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "Check policies: syntax, types, ids, parameters, and what OPA's own checker lets pass",
		Long: `Check loads the policies as a scan does and reports every problem with its place, not only the first. It finds what OPA's checker
lets pass: fields that no input has, parameters that nobody declared, comparisons that can never hold.
` + exitStatusPlain,
		Example: "  veto policy check policy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			pf.policies = append(pf.policies, args...)
			rules, err := pf.load(cmd.Context(), cmd, sys)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(sys.stdout, "%d rules, no problems\n", len(rules.policy.Rules()))
			return err
		},
	}
	pf.add(cmd)
	return cmd
}

func newPolicyTest(sys *system) *cobra.Command {
	var pf policyFlags
	var only string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "test [PATH…]",
		Short: "Run the policies' own tests",
		Long: `Test runs the test_ rules of *_test.rego beside the policies; without a PATH those of the shipped policies. No test at all is
an error.

EXIT STATUS
  0  every test passed
  1  a test failed
  2  a mistake in usage, configuration or policies
  3  could not be done`,
		Example: "  veto policy test policy/\n  veto policy test policy/ --run label",
		RunE: func(cmd *cobra.Command, args []string) error {
			ws, err := openWorkspace(cmd.Context(), sys, pf.trust)
			if err != nil {
				return err
			}
			o := rego.TestOptions{Schema: policies.InputSchema(), Run: only, Library: policies.Library()}
			if len(args)+len(pf.policies) == 0 {
				o.Library = policies.Tests()
				o.LibraryTests = true
			}
			if o.Paths, err = ws.policies(append(pf.policies, args...)); err != nil {
				return err
			}
			report, err := rego.Test(cmd.Context(), o)
			if err != nil {
				return usage(err)
			}
			return printTests(sys, report, verbose)
		},
	}
	cmd.Flags().StringArrayVarP(&pf.policies, "policy", "p", nil, "test the policies of `PATH`; repeats")
	cmd.Flags().StringVar(&pf.trust, "trust", "", "read the policies from `DIR|REVISION` only")
	cmd.Flags().StringVar(&only, "run", "", "only tests whose name matches `REGEXP`")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "list the tests that passed too")
	return cmd
}

func printTests(sys *system, report *rego.TestReport, verbose bool) error {
	p := &printer{w: sys.stdout}
	failed := 0
	for _, t := range report.Tests {
		if t.Passed {
			if verbose {
				fmt.Fprintf(p, "pass  %s\n", t.Name)
			}
			continue
		}
		failed++
		fmt.Fprintf(p, "FAIL  %s  %s\n", t.Name, t.Location)
		for _, line := range nonEmptyLines(t.Output) {
			fmt.Fprintf(p, "      %s\n", formats.Escape(line))
		}
	}
	fmt.Fprintf(p, "%d tests, %d passed, %d failed\n", len(report.Tests), len(report.Tests)-failed, failed)
	if p.err == nil && failed > 0 {
		return &verdictError{engine.Denied}
	}
	return p.err
}
