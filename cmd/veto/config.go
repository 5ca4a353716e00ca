package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vetoci/veto/formats"
)

func newConfig(sys *system) *cobra.Command {
	var pf policyFlags
	var df databaseFlags
	var im imageFlags
	var cf cacheFlags
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print each setting, with where it came from",
		Long: `Config prints every setting that a scan here would use and where its value is from: a flag, a VETO_ variable, veto.yaml with
its line, or the default. It checks the configuration, the policies and the waivers as a scan does.
` + exitStatus,
		Example: "  veto config\n  VETO_DB=/srv/veto-db veto config --trust origin/main",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rules, err := pf.load(cmd.Context(), cmd, sys)
			if err != nil {
				return err
			}
			p := &printer{w: sys.stdout}
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if f.Name == "help" {
					return
				}
				from := whence(cmd, f.Name)
				if from == "" {
					from = "default"
				}
				fmt.Fprintf(p, "%-32s %-28s %s\n", f.Name, orDash(f.Value.String()), from)
			})
			printSettings(p, rules)
			return p.err
		},
	}
	pf.add(cmd)
	df.add(cmd)
	im.add(cmd)
	cf.add(cmd)
	return cmd
}

func orDash(s string) string {
	if s == "" || s == "[]" {
		return "-"
	}
	return formats.Escape(s)
}

func printSettings(p *printer, l *ruleset) {
	from := l.settings.Name
	if from == "" {
		fmt.Fprintln(p, "no veto.yaml")
	}
	for _, policy := range l.settings.Policies {
		fmt.Fprintf(p, "%-32s %-28s %s\n", "policies", formats.Escape(policy), from)
	}
	for _, document := range l.settings.VEX {
		fmt.Fprintf(p, "%-32s %-28s %s\n", "vex", formats.Escape(document), from)
	}
	if l.waiverPath != "" {
		where := "flag --waivers"
		if l.waiverPath == l.settings.Waivers {
			where = from
		}
		fmt.Fprintf(p, "%-32s %-28s %s\n", "waivers", formats.Escape(l.waiverPath), where)
	}
	rules := l.policy.Rules()
	sort.Slice(rules, func(i, j int) bool { return rules[i].ID < rules[j].ID })
	for _, r := range rules {
		where := "default"
		if set, ok := l.settings.Rules[r.ID]; ok {
			where = fmt.Sprintf("%s:%d", from, set.Line)
		}
		fmt.Fprintf(p, "%-32s %-28s %s\n", "rules."+r.ID, r.Action, where)
		for _, name := range sortedKeys(r.Params) {
			where := "default"
			if line, ok := l.settings.ParamLine[r.ID+"."+name]; ok {
				where = fmt.Sprintf("%s:%d", from, line)
			}
			fmt.Fprintf(p, "%-32s %-28s %s\n", "params."+r.ID+"."+name, formats.Escape(strings.TrimSpace(fmt.Sprint(r.Params[name]))), where)
		}
	}
}
