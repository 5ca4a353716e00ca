package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vetoci/veto/engine"
)

// variables are the VETO_ variables that are no flag's: the image to scan, those of the GitLab template, those of the project's own tests.
func variables() []string {
	return []string{"VETO_IMAGE", "VETO_CACHE", "VETO_REGISTRY_USER", "VETO_REGISTRY_PASSWORD", "VETO_REGISTRY_HOST", "VETO_REGISTRY_TIMEOUT",
		"VETO_REVISION", "VETO_ECOSYSTEMS", "VETO_TESTDATA", "VETO_IMAGES", "VETO_ORACLES", "VETO_STACKS", "VETO_MUTANTS", "VETO_SEED",
		"VETO_REGISTRY_BIN",
		"VETO_PODMAN_BIN", "VETO_DOCKERD_BIN", "VETO_TEST_REQUIRE_ALL"}
}

func (s *system) getenv(key string) string {
	for i := len(s.environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(s.environ[i], "="); ok && k == key {
			return v
		}
	}
	return ""
}

// variableOf is the environment variable that stands for a flag: --db-update is VETO_DB_UPDATE.
func variableOf(flag string) string {
	return "VETO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindEnvironment lets VETO_… variables stand for flags that were not given. A variable that no command knows is an error: a
// typo in VETO_TRUST must not weaken the gate. A list takes one value a line.
func bindEnvironment(cmd *cobra.Command, sys *system) {
	inner := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := knownVariables(cmd.Root(), sys); err != nil {
			return err
		}
		if err := trustIsNamed(cmd, sys); err != nil {
			return err
		}
		var failed error
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			value := sys.getenv(variableOf(f.Name))
			if f.Changed || value == "" || failed != nil || f.Name == "help" {
				return
			}
			values := []string{value}
			if _, list := f.Value.(pflag.SliceValue); list {
				values = nonEmptyLines(value)
			}
			for _, v := range values {
				if err := cmd.Flags().Set(f.Name, v); err != nil {
					failed = engine.Usage("%s: %v", variableOf(f.Name), err)
					return
				}
			}
			f.Annotations = map[string][]string{"from": {variableOf(f.Name)}}
		})
		if failed != nil {
			return failed
		}
		return inner(cmd, args)
	}
}

// trustIsNamed refuses an empty --trust or VETO_TRUST: a variable that nobody set would otherwise mean to trust the checkout.
func trustIsNamed(cmd *cobra.Command, sys *system) error {
	f := cmd.Flags().Lookup("trust")
	if f == nil {
		return nil
	}
	from := ""
	switch {
	case f.Changed && strings.TrimSpace(f.Value.String()) == "":
		from = "--trust"
	case !f.Changed && sys.isSet(variableOf("trust")) && strings.TrimSpace(sys.getenv(variableOf("trust"))) == "":
		from = variableOf("trust")
	default:
		return nil
	}
	return engine.Hint(engine.Usage("%s is empty, and would trust what is checked out", from),
		"name a revision such as origin/main, or leave %s away", from)
}

// isSet says whether a variable is there, be it empty.
func (s *system) isSet(key string) bool {
	return slices.ContainsFunc(s.environ, func(kv string) bool { return strings.HasPrefix(kv, key+"=") })
}

func nonEmptyLines(s string) []string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func knownVariables(root *cobra.Command, sys *system) error {
	known := variables()
	each(root, func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, variableOf(f.Name)) })
	})
	for _, kv := range sys.environ {
		key, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "VETO_") && !slices.Contains(known, key) {
			slices.Sort(known)
			return engine.UnknownWord("environment variable", key, slices.Compact(known))
		}
	}
	return nil
}

// whence says where a flag's value came from: "flag", its variable, or "" for the default.
func whence(cmd *cobra.Command, flag string) string {
	f := cmd.Flags().Lookup(flag)
	switch {
	case f == nil || !f.Changed:
		return ""
	case len(f.Annotations["from"]) > 0:
		return f.Annotations["from"][0]
	}
	return "flag --" + flag
}
