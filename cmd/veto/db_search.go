package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine/advisory/store"
	"github.com/vetoci/veto/formats"
)

func newDBSearch(sys *system) *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use:     "search ID|PACKAGE",
		Short:   "Show what the database says of a vulnerability or a package",
		Long:    "Search looks an id, an alias or a package name up in every shard.\n" + exitStatusPlain,
		Example: "  veto db search CVE-2023-44487\n  veto db search lodash",
		Args:    exactly(1, "an id or a package name"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			d, err := store.Open(databaseDirectory(sys, db))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, d.Close()) }()
			hits, err := d.Search(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p := &printer{w: sys.stdout}
			for _, h := range hits {
				printHit(p, h)
			}
			fmt.Fprintf(p, "%d records\n", len(hits))
			return p.err
		},
	}
	cmd.Flags().StringVar(&db, "db", "", "`DIR` of the database (default: the user's cache)")
	return cmd
}

// printHit shows one record: its ids, and for each package the ranges in which it is affected.
func printHit(p *printer, h store.Hit) {
	a := h.Advisory
	ids := append(append([]string{}, a.Aliases...), a.Upstream...)
	fmt.Fprintf(p, "%s  %s", h.Ecosystem, formats.Escape(a.ID))
	if len(ids) > 0 {
		fmt.Fprintf(p, "  (%s)", formats.Escape(strings.Join(ids, ", ")))
	}
	if h.Exploited != "" {
		fmt.Fprintf(p, "  exploited since %s", formats.Escape(h.Exploited))
	}
	if a.Withdrawn != "" {
		fmt.Fprintf(p, "  withdrawn %s", formats.Escape(a.Withdrawn))
	}
	fmt.Fprintln(p)
	if a.Summary != "" {
		fmt.Fprintf(p, "    %s\n", formats.Escape(a.Summary))
	}
	for _, af := range a.Affected {
		fmt.Fprintf(p, "    %s", formats.Escape(af.Name))
		for _, r := range af.Ranges {
			fmt.Fprintf(p, "  %s:", formats.Escape(r.Type))
			for _, e := range r.Events {
				for word, v := range map[string]string{"introduced": e.Introduced, "fixed": e.Fixed, "last affected": e.LastAffected, "limit": e.Limit} {
					if v != "" {
						fmt.Fprintf(p, " %s %s", word, formats.Escape(v))
					}
				}
			}
		}
		if n := len(af.Versions); n > 0 {
			fmt.Fprintf(p, "  and %d versions listed", n)
		}
		fmt.Fprintln(p)
	}
}
