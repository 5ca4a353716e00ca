package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/waiver"
	"github.com/vetoci/veto/formats"
)

// waiveFlags are those of `veto waive`.
type waiveFlags struct {
	pf                                  policyFlags
	pkg, owner, expires, reason, ticket string
	run                                 string
	images                              []string
	all, check, untilFix                bool
}

func newWaive(sys *system) *cobra.Command {
	var f waiveFlags
	cmd := &cobra.Command{
		Use:   "waive [ID]",
		Short: "Accept findings for a while: write waiver entries",
		Long: `Waive writes entries into the waiver file: for one finding by the 8 hex digits that the report shows, for a vulnerability by
its id, for a package, or for all that the last run denied (an adoption baseline). Reason, owner and an expiry are needed.
--check lists expired, expiring and unused entries instead.
` + exitStatusPlain,
		Example: `  veto waive 3f9a12c4 --owner @shop --expires 30d --reason "not reachable, upgrade planned"
  veto waive CVE-2023-38545 --package curl --owner @shop --expires 2026-12-31 --reason "no SOCKS proxy"
  veto waive --all --owner @shop --expires 90d --reason "adoption baseline"
  veto waive --check`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := f.pf.load(cmd.Context(), cmd, sys)
			if err != nil {
				return err
			}
			if f.check {
				return checkWaivers(sys, rules, f.run)
			}
			if rules.workspace.trusted != nil {
				return engine.Usage("waive writes into the working directory; leave --trust out")
			}
			return f.write(sys, rules, args)
		},
	}
	f.pf.add(cmd)
	cmd.Flags().StringVar(&f.pkg, "package", "", "accept what concerns `NAME`")
	cmd.Flags().StringVar(&f.owner, "owner", "", "who answers for it")
	cmd.Flags().StringVar(&f.expires, "expires", "", "last `DAY` that it holds, UTC: 2026-12-31 or 30d")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why it is acceptable")
	cmd.Flags().StringVar(&f.ticket, "ticket", "", "where it is tracked")
	cmd.Flags().StringArrayVar(&f.images, "image", nil, "only for images of this name (`GLOB`); repeats")
	cmd.Flags().BoolVar(&f.untilFix, "until-fix-available", false, "ends by itself when a fix is released")
	cmd.Flags().BoolVar(&f.all, "all", false, "everything that the last run denied")
	cmd.Flags().BoolVar(&f.check, "check", false, "list expired, expiring and unused entries")
	cmd.Flags().StringVar(&f.run, "run", "", "the saved `RUN.json` to look things up in (default: the last run)")
	return cmd
}

func (f *waiveFlags) loadRun(sys *system) (*engine.Run, error) { return loadRun(sys, f.run) }

func loadRun(sys *system, path string) (*engine.Run, error) {
	if path == "" {
		return loadLastRun(sys)
	}
	data, err := readInput(sys, path, engine.MaxFacts)
	if err != nil {
		return nil, err
	}
	run, err := formats.ReadRun(bytes.NewReader(data))
	if err != nil {
		return nil, engine.Usage("%s: %v", path, err)
	}
	return run, nil
}

// write appends the entries to the waiver file, and checks the file as a whole before it is replaced.
func (f *waiveFlags) write(sys *system, rules *ruleset, args []string) error {
	template, err := f.template(rules)
	if err != nil {
		return err
	}
	run, err := f.loadRun(sys)
	if err != nil {
		return err
	}
	entries, err := f.entries(run, args, template)
	if err != nil {
		return err
	}
	path := rules.waiverPath
	if path == "" {
		path = "veto-waivers.yaml"
	}
	old, err := rules.workspace.read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := waiver.Append(old, entries)
	if err != nil {
		return usage(err)
	}
	if _, err := waiver.Parse(path, text); err != nil {
		return fmt.Errorf("what would be written is no valid waiver file: %w", err)
	}
	if err := writeFile(path, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	p := &printer{w: sys.stdout}
	fmt.Fprintf(p, "%s: %d waivers written, until %s\n", path, len(entries), template.Expires)
	for _, rule := range notWaivable(run, entries) {
		fmt.Fprintf(p, "note: %s denies some of this and cannot be waived\n"+
			"hint: rules: {%s: {waivable: true}} in veto.yaml allows it, and is listed as weakened\n", rule, rule)
	}
	if rules.waiverPath == "" {
		fmt.Fprintf(p, "hint: name it in veto.yaml (waivers: %s) or give --waivers %s\n", path, path)
	}
	return p.err
}

// notWaivable lists the rules that deny something that the entries name and whose results no waiver accepts.
func notWaivable(run *engine.Run, entries []waiver.Draft) []string {
	named := map[engine.Maybe]bool{}
	for i := range entries {
		named[entries[i].Match.Fingerprint] = true
	}
	var out []string
	for i := range run.Reports {
		r := &run.Reports[i]
		matches := waiver.Matches(r)
		for _, rule := range r.Decision.Rules {
			if rule.Status != engine.StatusDeny || rule.Waivable || slices.Contains(out, rule.ID) {
				continue
			}
			if slices.ContainsFunc(rule.Results, func(res engine.Result) bool {
				return slices.ContainsFunc(res.Findings, func(ref string) bool { return named[matches[ref].Fingerprint] })
			}) {
				out = append(out, rule.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (f *waiveFlags) template(rules *ruleset) (waiver.Draft, error) {
	e := waiver.Draft{Reason: f.reason, Owner: f.owner, Ticket: f.ticket, Images: f.images}
	for flag, v := range map[string]string{"expires": f.expires, "owner": f.owner, "reason": f.reason} {
		if v == "" {
			return e, engine.Hint(engine.Usage("a waiver needs --owner, --reason and --expires; --%s is missing", flag),
				`veto waive 3f9a12c4 --owner @team --expires 30d --reason "why"`)
		}
	}
	var err error
	if e.Expires, err = expiry(f.expires, rules.at); err != nil {
		return e, err
	}
	if max := rules.settings.waiverDays(); e.Expires > rules.at.AddDate(0, 0, max).Format(time.DateOnly) {
		return e, engine.Hint(engine.Usage("--expires %s is more than %d days ahead", f.expires, max),
			"a waiver is looked at again before long; `waivers: {file: FILE, max_days: N}` in veto.yaml allows more, and is listed as weakened")
	}
	if f.untilFix {
		e.Until = "fix-available"
	}
	return e, nil
}

// expiry reads a day, or a number of days from now.
func expiry(s string, at time.Time) (string, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.Atoi(n)
		if err != nil || days < 1 || days > 3660 {
			return "", engine.Usage("--expires %s: a number of days from 1d to 3660d", s)
		}
		return at.AddDate(0, 0, days).Format(time.DateOnly), nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return "", engine.Usage("--expires %s is no day; write 2026-12-31 or 30d", s)
	}
	if day.Before(at.Truncate(24 * time.Hour)) {
		return "", engine.Usage("--expires %s is in the past", s)
	}
	return s, nil
}

// entries turns what was asked for into waiver entries, by looking it up in a run so that a typo accepts nothing.
func (f *waiveFlags) entries(run *engine.Run, args []string, e waiver.Draft) ([]waiver.Draft, error) {
	if f.all {
		if len(args) > 0 || f.pkg != "" {
			return nil, engine.Usage("--all accepts everything; leave the id and --package out")
		}
		out := waiver.Baseline(run, e)
		if len(out) == 0 {
			return nil, engine.Usage("the run denies nothing that a waiver could accept")
		}
		return out, nil
	}
	if len(args) == 0 && f.pkg == "" {
		return nil, engine.Usage("say what to accept: a fingerprint, a vulnerability's id, --package NAME or --all")
	}
	id := ""
	if len(args) == 1 {
		id = args[0]
	}
	var out []waiver.Draft
	for i := range run.Reports {
		r := &run.Reports[i]
		matches := waiver.Matches(r)
		add := func(ref string) {
			one := e
			one.Match, one.Comment = matches[ref].WaiverMatch, matches[ref].Name
			out = append(out, one)
		}
		for k := range r.Findings {
			v := &r.Findings[k]
			if !f.selects(id, v) {
				continue
			}
			if _, whole := v.SpeaksOf(id); id != "" && !whole && !strings.HasPrefix(v.Fingerprint, id) {
				return nil, engine.Hint(engine.Usage("%s is not all of the %d CVEs of %s", id, len(v.CVEs), v.ID),
					"accept all of it by its fingerprint, %.8s, or write `match: {vuln: …}` for each CVE", v.Fingerprint)
			}
			add(v.Ref)
		}
		for _, c := range r.Gaps {
			if f.pkg == "" && len(id) >= 8 && strings.HasPrefix(c.Fingerprint, id) {
				add(c.Ref)
			}
		}
	}
	if len(out) == 0 {
		return nil, engine.Hint(engine.Usage("the run has no finding %s", strings.TrimSpace(id+" "+f.pkg)),
			"`veto scan SOURCE --detail full` lists them")
	}
	slices.SortStableFunc(out, func(a, b waiver.Draft) int {
		return cmp.Or(strings.Compare(string(a.Match.Fingerprint), string(b.Match.Fingerprint)),
			strings.Compare(string(a.Match.PURL+a.Match.Path), string(b.Match.PURL+b.Match.Path)))
	})
	return slices.CompactFunc(out, func(a, b waiver.Draft) bool { return a.Match == b.Match }), nil
}

func (f *waiveFlags) selects(id string, v *engine.Finding) bool {
	if f.pkg != "" && v.Package.Name != f.pkg && !slices.Contains(v.Package.Binaries, f.pkg) {
		return false
	}
	return id == "" || v.ID == id || slices.Contains(v.Aliases, id) || len(id) >= 8 && strings.HasPrefix(v.Fingerprint, id)
}

func checkWaivers(sys *system, rules *ruleset, runPath string) error {
	if rules.waivers == nil {
		return engine.Hint(engine.Usage("there is no waiver file"), "name it in veto.yaml (waivers: FILE) or give --waivers FILE")
	}
	run, err := loadRun(sys, runPath)
	if err != nil && runPath != "" {
		return err
	}
	used := map[string]int{}
	if err == nil {
		for _, r := range run.Reports {
			for _, w := range r.Waivers {
				used[w.ID] += w.Used
			}
		}
	}
	p := &printer{w: sys.stdout}
	soon := rules.at.AddDate(0, 0, engine.ExpirySoonDays).Format(time.DateOnly)
	today := rules.at.Format(time.DateOnly)
	latest := rules.at.AddDate(0, 0, rules.settings.waiverDays()).Format(time.DateOnly)
	listed := 0
	for _, w := range rules.waivers.Waivers() {
		state := ""
		switch {
		case w.Expires < today:
			state = "expired"
		case w.Expires > latest:
			state = "too long"
		case w.Expires <= soon:
			state = "expiring"
		case err == nil && used[w.ID] == 0:
			state = "unused"
		default:
			continue
		}
		listed++
		fmt.Fprintf(p, "%-9s %s  %s  %s  owner %s: %s\n", state, w.Expires, w.ID, w.Where, formats.Escape(w.Owner), formats.Escape(w.Reason))
	}
	fmt.Fprintf(p, "%d waivers, %d to look at\n", len(rules.waivers.Waivers()), listed)
	return p.err
}
