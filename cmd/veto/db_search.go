package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/store"
	"github.com/vetoci/veto/engine/purl"
	"github.com/vetoci/veto/formats"
)

// searchFlags are those of `veto db search`.
type searchFlags struct {
	db, ecosystem, version string
	json                   bool
}

// answer is what a search found, as --json writes it.
type answer struct {
	Query     string       `json:"query"`
	Ecosystem engine.Maybe `json:"ecosystem"`
	Version   engine.Maybe `json:"version"`
	Records   []dossier    `json:"records"`
	Near      []string     `json:"near"` // names of packages that look like the query, when nothing was found
}

// dossier is one record as one shard has it, with what the rest of the data adds.
type dossier struct {
	Ecosystem string       `json:"ecosystem"`
	AsOf      engine.Maybe `json:"as_of"`
	Shard     string       `json:"shard"` // digest
	ID        string       `json:"id"`
	Aliases   []string     `json:"aliases"`
	Upstream  []string     `json:"upstream"`
	Summary   engine.Maybe `json:"summary"`
	Published engine.Maybe `json:"published"`
	Modified  engine.Maybe `json:"modified"`
	Withdrawn engine.Maybe `json:"withdrawn"`
	CWEs      []string     `json:"cwes"`
	advisory.Details
	Packages []listed `json:"packages"`
}

// listed is a package that a record names.
type listed struct {
	Name        string                `json:"name"`
	Ranges      []string              `json:"ranges"`
	Versions    int                   `json:"versions"` // how many are listed one by one
	Fixed       []string              `json:"fixed"`
	Urgency     engine.Maybe          `json:"urgency"`
	Explanation *advisory.Explanation `json:"explanation"` // null without a version
}

func newDBSearch(sys *system) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search ID|PACKAGE[@VERSION]",
		Short: "Show what the database says of a vulnerability or a package, and why a version is affected",
		Long: `Search looks up an id, an alias or the exact name of a package, as advisories write it: of a distribution mostly the source
package. It shows each record with its other ids, ranges, fixes, severities with their sources, exploitation, and the date of the data.
Given a version, it says of each record whether a scan would report that version, and why or why not.

EXIT STATUS
  0  the database was asked: also when it knows nothing of it, which the last line says
  2  a mistake in usage
  3  the database is missing or cannot be read`,
		Example: `  veto db search CVE-2023-44487
  veto db search lodash@4.17.20
  veto db search openssl --ecosystem Debian:12 --package-version 3.0.11-1~deb12u2
  veto db search GHSA-35jh-r3h4-6jhm --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return engine.Hint(engine.Usage("%s takes an id or a package name, got 2 arguments", cmd.CommandPath()),
					"a version goes behind an @: %s %s@%s", cmd.CommandPath(), args[0], args[1])
			}
			return exactly(1, "an id or a package name")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), sys, args[0]) },
	}
	cmd.Flags().StringVar(&f.db, "db", "", "`DIR` of the database (default: the user's cache)")
	cmd.Flags().StringVarP(&f.ecosystem, "ecosystem", "e", "", "look in `NAME` only, with or without its release: Debian:12, Debian, npm")
	cmd.Flags().StringVar(&f.version, "package-version", "", "say whether and why `VERSION` is affected; the same as PACKAGE@VERSION")
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON")
	return cmd
}

func (f *searchFlags) run(ctx context.Context, sys *system, query string) (err error) {
	if at := strings.LastIndexByte(query, '@'); at > 0 { // "@scope/name" begins with one
		if f.version != "" {
			return engine.Usage("%s and --package-version are two versions", query)
		}
		query, f.version = query[:at], query[at+1:]
		if f.version == "" {
			return engine.Usage("%s@ has no version", query)
		}
	}
	d, err := store.Open(databaseDirectory(sys, f.db))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := f.checkEcosystem(d); err != nil {
		return err
	}
	a := &answer{Query: query, Ecosystem: engine.Maybe(f.ecosystem), Version: engine.Maybe(f.version)}
	hits, err := d.Search(ctx, query, f.ecosystem)
	if err != nil {
		return err
	}
	for i := range hits {
		one, err := f.dossier(ctx, d, &hits[i])
		if err != nil {
			return err
		}
		a.Records = append(a.Records, *one)
	}
	if len(hits) == 0 {
		if a.Near, err = d.SimilarNames(ctx, query, f.ecosystem, 5); err != nil {
			return err
		}
	}
	if !f.json {
		p := &printer{w: sys.stdout}
		a.print(p)
		return p.err
	}
	engine.Fill(a)
	enc := json.NewEncoder(formats.SafeJSON(sys.stdout))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(a)
}

// checkEcosystem tells an ecosystem that the database lacks from one that nobody has.
func (f *searchFlags) checkEcosystem(d *store.DB) error {
	if f.ecosystem == "" || d.Has(f.ecosystem) {
		return nil
	}
	base, _ := engine.SplitEcosystem(f.ecosystem)
	for _, known := range purl.Ecosystems() {
		if known == base && !d.Has(base) {
			return engine.Hint(engine.Usage("the database has no advisories for %s", f.ecosystem), "run: veto db update --ecosystem '%s'", base)
		}
	}
	known := d.Ecosystems()
	if engine.Nearest(f.ecosystem, known) == "" {
		known = purl.Ecosystems()
	}
	return engine.UnknownWord("ecosystem", f.ecosystem, known)
}

func (f *searchFlags) dossier(ctx context.Context, d *store.DB, h *store.Hit) (*dossier, error) {
	a := &h.Advisory
	more, err := advisory.DetailsOf(ctx, d, a)
	if err != nil {
		return nil, err
	}
	out := &dossier{Ecosystem: h.Ecosystem, AsOf: engine.Maybe(h.Shard.AsOf), Shard: h.Shard.Digest, ID: a.ID, Aliases: a.Aliases,
		Upstream: a.Upstream,
		Summary:  engine.Maybe(a.Summary), Published: engine.Maybe(a.Published),
		Modified: engine.Maybe(a.Modified), Withdrawn: engine.Maybe(a.Withdrawn),
		CWEs: a.CWEs, Details: *more}
	at := map[string]int{}
	for _, af := range a.Affected {
		k, known := at[af.Name]
		if !known {
			k = len(out.Packages)
			at[af.Name], out.Packages = k, append(out.Packages, listed{Name: af.Name, Urgency: engine.Maybe(af.Urgency)})
		}
		one := &out.Packages[k]
		one.Versions += len(af.Versions)
		for _, r := range af.Ranges {
			one.Ranges = append(one.Ranges, r.String())
			for _, e := range r.Events {
				if e.Fixed != "" && r.Type != "GIT" {
					one.Fixed = append(one.Fixed, e.Fixed)
				}
			}
		}
	}
	for i := range out.Packages {
		if f.version != "" {
			e := advisory.Explain(a, h.Ecosystem, out.Packages[i].Name, f.version)
			out.Packages[i].Explanation = &e
		}
	}
	return out, nil
}

func (a *answer) print(p *printer) {
	affected, unknown := 0, 0
	for i := range a.Records {
		r := &a.Records[i]
		hit, open := false, false
		r.print(p)
		for j := range r.Packages {
			k := &r.Packages[j]
			k.print(p, string(a.Version))
			hit = hit || k.Explanation != nil && k.Explanation.Affected
			open = open || k.Explanation != nil && k.Explanation.Unknown
		}
		if hit {
			affected++
		} else if open {
			unknown++
		}
	}
	query, where := formats.Escape(a.Query), ""
	if a.Ecosystem != "" {
		where = " for " + formats.Escape(string(a.Ecosystem))
	}
	switch {
	case len(a.Records) == 0 && len(a.Near) > 0:
		fmt.Fprintf(p, "The database knows nothing of %s%s. Did you mean %s?\n", query, where, formats.Escape(strings.Join(a.Near, ", ")))
	case len(a.Records) == 0:
		fmt.Fprintf(p, "The database knows nothing of %s%s.\n", query, where)
	case a.Version != "":
		fmt.Fprintf(p, "%s%s; %d affect version %s", records(len(a.Records)), where, affected, formats.Escape(string(a.Version)))
		if unknown > 0 {
			fmt.Fprintf(p, ", of %d it cannot be told", unknown)
		}
		fmt.Fprintln(p)
	default:
		fmt.Fprintf(p, "%s%s\n", records(len(a.Records)), where)
	}
}

func records(n int) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

// print shows what a record says of the vulnerability.
func (r *dossier) print(p *printer) {
	asOf := "of unknown date"
	if r.AsOf != "" {
		asOf = "as of " + string(r.AsOf)
	}
	fmt.Fprintf(p, "%s  %s  (%s)\n", formats.Escape(r.Ecosystem), formats.Escape(r.ID), formats.Escape(asOf))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(p, "    %-10s %s\n", name, formats.Escape(text))
		}
	}
	line("summary", string(r.Summary))
	line("aliases", strings.Join(r.Aliases, ", "))
	line("upstream", strings.Join(r.Upstream, ", "))
	line("withdrawn", string(r.Withdrawn))
	line("published", string(r.Published))
	line("weakness", strings.Join(r.CWEs, ", "))
	if len(r.Severities) == 0 {
		line("severity", string(engine.Unknown))
	}
	for _, s := range r.Severities {
		text := string(s.Level)
		if s.Score != nil {
			text += fmt.Sprintf(" %.1f", *s.Score)
		}
		line("severity", text+"  "+string(s.Source))
	}
	if r.Exploited != "" {
		line("exploited", "since "+string(r.Exploited)+" (CISA KEV)")
	}
	if r.EPSS != nil {
		line("EPSS", fmt.Sprintf("%v, more than %.1f %% of all", r.EPSS.Score, r.EPSS.Percentile*100))
	}
}

// print shows where a package is affected and, with a version, why it is or is not.
func (l *listed) print(p *printer, version string) {
	fmt.Fprintf(p, "    %s\n", formats.Escape(l.Name))
	if e := l.Explanation; e != nil {
		word := "not affected"
		switch {
		case e.Affected:
			word = "AFFECTED"
		case e.Unknown:
			word = "cannot be told"
		}
		fmt.Fprintf(p, "        %s: %s: %s (%s)\n", formats.Escape(version), word, formats.Escape(e.Reason), formats.Escape(string(e.Comparator)))
		for _, r := range e.Ranges {
			mark := "-"
			if r.Holds {
				mark = "+"
			}
			fmt.Fprintf(p, "        %s %s  →  %s\n", mark, formats.Escape(r.Range), formats.Escape(r.Reason))
		}
		return
	}
	for _, r := range l.Ranges {
		fmt.Fprintf(p, "        %s\n", formats.Escape(r))
	}
	if l.Versions > 0 {
		fmt.Fprintf(p, "        versions: %d listed\n", l.Versions)
	}
}
