package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
	"github.com/vetoci/veto/engine/advisory/store"
	"github.com/vetoci/veto/engine/purl"
)

// databaseFlags say which vulnerability data a scan uses and whether it may fetch what is absent.
type databaseFlags struct {
	db      string
	update  string
	offline bool
}

func (f *databaseFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.db, "db", "", "`DIR` of the database, of OSV files, or none (default: the user's cache)")
	cmd.Flags().StringVar(&f.update, "db-update", "", "`MODE`: never, missing or auto (default: never in CI or with --db, else missing)")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "never fetch advisories")
}

// maxFetch is how long a scan may spend on fetching absent ecosystems.
const maxFetch = 5 * time.Minute

// database is the matcher of one command: it fetches what is absent where that is allowed, opens the data once and matches.
type database struct {
	dir      string
	mode     string // never, missing, auto
	now      time.Time
	network  *network
	bar      *progress
	matcher  engine.Matcher
	opened   *store.DB // nil before the first match, unless begin has opened it, and with --db none
	begun    sync.WaitGroup
	weakened []engine.Relaxation
}

func (f *databaseFlags) open(cmd *cobra.Command, sys *system, rules *ruleset, net *network, bar *progress) (*database, error) {
	d := &database{now: rules.at, network: net, bar: bar, mode: f.update}
	modes := []string{"never", "missing", "auto"}
	if f.update != "" && !slices.Contains(modes, f.update) {
		return nil, engine.UnknownWord("mode of --db-update", f.update, modes)
	}
	if f.db == "none" {
		d.matcher = advisory.None()
		d.weakened = []engine.Relaxation{{What: noDatabase, Where: whence(cmd, "db")}}
		return d, nil
	}
	d.dir = databaseDirectory(sys, f.db)
	if d.dir == "" {
		return nil, engine.Hint(engine.Usage("there is no place for a database: neither HOME nor XDG_CACHE_HOME is set"),
			"give one with --db DIR")
	}
	if err := rules.workspace.keepsOut("the database", d.dir, f.db != "" || sys.getenv("VETO_CACHE") != ""); err != nil {
		return nil, err
	}
	switch {
	case f.offline:
		d.mode = "never"
	case d.mode == "" && (f.db != "" || sys.getenv("CI") != ""):
		d.mode = "never"
	case d.mode == "":
		d.mode = "missing"
	}
	return d, nil
}

// databaseDirectory is --db, else a folder in the user's cache; "" when there is none.
func databaseDirectory(sys *system, db string) string {
	if db != "" {
		return db
	}
	return inCache(sys, "db")
}

// begin opens what every match needs (ratings, CVE records, CISA's catalogue, scores) while the image is read. What fails here fails again
// in Match, which says so.
func (d *database) begin(ctx context.Context) {
	if d.dir == "" {
		return
	}
	d.begun.Go(func() {
		db, err := store.Open(d.dir)
		if err != nil {
			return
		}
		_, _ = db.ByID(ctx, nil)
		_, _, _, _ = db.KEV(ctx, nil)
		_, _, _, _ = db.EPSS(ctx, nil)
		_, _, _, _ = db.CVERecords(ctx, nil)
		d.opened, d.matcher = db, advisory.NewMatcher(db)
	})
}

// Close closes the data; it may be called when nothing was opened.
func (d *database) Close() error {
	if d != nil {
		d.begun.Wait()
	}
	if d == nil || d.opened == nil {
		return nil
	}
	return d.opened.Close()
}

// Match opens the data when the first inventory says which ecosystems are needed.
func (d *database) Match(ctx context.Context, inv *engine.Inventory, at time.Time) (*engine.Matches, error) {
	d.begun.Wait()
	if d.mode == "missing" || d.mode == "auto" {
		if err := d.fetch(ctx, inv); err != nil {
			return nil, err
		}
	}
	if d.matcher == nil {
		db, err := store.Open(d.dir)
		if err != nil {
			return nil, err
		}
		d.opened, d.matcher = db, advisory.NewMatcher(db)
	}
	return d.matcher.Match(ctx, inv, at)
}

// fetch adds the ecosystems that the image needs and the database lacks; with auto it refreshes what it has, too.
func (d *database) fetch(ctx context.Context, inv *engine.Inventory) error {
	var have []string
	switch db, err := store.Open(d.dir); {
	case err == nil:
		have = db.Ecosystems()
		if err := db.Close(); err != nil {
			return err
		}
	case !errors.Is(err, store.ErrNone): // a faulty database is never mended in passing
		return err
	}
	var want []string
	for _, p := range inv.Packages {
		base, _ := engine.SplitEcosystem(string(p.Ecosystem))
		held := slices.ContainsFunc(have, func(h string) bool { return h == base || strings.HasPrefix(h, base+":") })
		if base != "" && !slices.Contains(want, base) && (d.mode == "auto" || !held) {
			want = append(want, base)
		}
	}
	if len(want) == 0 {
		return nil
	}
	slices.Sort(want)
	if d.opened != nil { // shards of an earlier image are still mapped; what is new is opened again
		if err := d.opened.Close(); err != nil {
			return err
		}
		d.opened, d.matcher = nil, nil
	}
	d.bar.say("fetching advisories for " + strings.Join(want, ", ") + " into " + d.dir)
	ctx, cancel := context.WithTimeout(ctx, maxFetch)
	defer cancel()
	_, err := store.Update(ctx, store.UpdateOptions{Dir: d.dir, Ecosystems: want, Now: d.now, KEV: feed.KEVURL, UserAgent: "veto/" + version,
		Progress: d.progress,
		Client:   d.network.downloads()})
	if err != nil {
		return engine.Hint(fmt.Errorf("fetching advisories for %s: %w", strings.Join(want, ", "), err),
			"veto db update --source DIR|URL reads a copy; --db-update never goes without fetching; "+
				"--ca-file FILE names the authority of a certificate")
	}
	return nil
}

func (d *database) progress(p feed.Progress) { d.bar.fetched(p) }

func newDB(sys *system) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "db",
		Short:   "Update, list and search the vulnerability database",
		Long:    "Db works on the vulnerability database.\n" + exitStatusPlain,
		Example: "  veto db update --ecosystem Debian,npm\n  veto db status\n  veto db search CVE-2023-44487",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return engine.UnknownWord("db command", args[0], []string{"update", "status", "search"})
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDBUpdate(sys), newDBStatus(sys), newDBSearch(sys))
	return cmd
}

// updateFlags are those of `veto db update`.
type updateFlags struct {
	db, asOf, now string
	sources       []string
	ecosystems    []string
	quiet         bool
	network       networkFlags
}

func newDBUpdate(sys *system) *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Fetch advisories: add ecosystems or refresh them",
		Long: `Update reads OSV bulk exports, from OSV's public bucket or from --source (an HTTPS base, a directory or a zip of the same layout),
and adds or refreshes the named ecosystems; the others stay as they are. Without --ecosystem it refreshes those that the database
has. CISA's catalogue of known exploited vulnerabilities comes along; with a --source of your own, add --source kev=PATH|URL.

FIRST's EPSS scores come when they are asked for, --source epss=PATH|URL (FIRST publishes today's at
` + feed.EPSSURL + `); later updates without --source refresh them from there.
Records of the CVE List or the NVD (--source cve=DIR|ZIP|FILE) give severities and weaknesses to advisories that have none.

The date of the data decides whether it is stale: --as-of, else the feed's own date, else Last-Modified. It is never the time of
the update; where none is known, the data counts as stale.
` + exitStatusPlain,
		Example: `  veto db update --ecosystem Debian,npm,Go
  veto db update --source /srv/osv --source kev=/srv/kev.json --ecosystem Debian --as-of 2026-11-23
  veto db update --source epss=./epss_scores-current.csv.gz
  veto db update`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), sys) },
	}
	cmd.Flags().StringVar(&f.db, "db", "", "`DIR` of the database (default: the user's cache)")
	cmd.Flags().StringArrayVar(&f.sources, "source", nil,
		"`[osv=]DIR|ZIP|URL` of OSV exports, kev=PATH|URL, epss=PATH|URL or cve=DIR|ZIP|FILE; repeats")
	cmd.Flags().StringSliceVarP(&f.ecosystems, "ecosystem", "e", nil, "`NAMES` to add or refresh, separated by commas; repeats")
	cmd.Flags().StringVar(&f.asOf, "as-of", "", "the `DAY` of the data, where its source does not say")
	cmd.Flags().StringVar(&f.now, "now", "", "the clock, `RFC3339` or a day")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	f.network.add(cmd)
	return cmd
}

func (f *updateFlags) run(ctx context.Context, sys *system) error {
	o := store.UpdateOptions{Dir: databaseDirectory(sys, f.db), AsOf: f.asOf, Now: sys.now().UTC(), UserAgent: "veto/" + version,
		Ecosystems: f.ecosystems}
	if f.now != "" {
		at, err := parseClock(f.now, "--now")
		if err != nil {
			return err
		}
		o.Now = at
	}
	net, err := f.network.open(sys, readCAFile)
	if err != nil {
		return err
	}
	o.Client = net.downloads()
	for _, e := range f.ecosystems {
		if base, _ := engine.SplitEcosystem(e); !slices.Contains(purl.Ecosystems(), base) {
			return engine.UnknownWord("ecosystem", base, purl.Ecosystems())
		}
	}
	if err := f.locate(&o); err != nil {
		return err
	}
	bar := newProgress(sys, f.quiet)
	o.Progress = bar.fetched
	sum, err := store.Update(ctx, o)
	bar.done()
	if err != nil {
		return err
	}
	p := &printer{w: sys.stdout}
	if sum.Restarted != "" {
		fmt.Fprintf(p, "the earlier database was given up: %s\n", sum.Restarted)
	}
	for _, s := range sum.Updated {
		printShard(p, s, nil)
	}
	for _, s := range []*store.ShardInfo{sum.KEV, sum.EPSS, sum.CVE} {
		if s != nil {
			printShard(p, *s, nil)
		}
	}
	for _, e := range sum.Removed {
		fmt.Fprintf(p, "%-24s is not in the source any more: removed\n", e)
	}
	fmt.Fprintf(p, "%d shards, %.1f MB in all\n", sum.Shards, float64(sum.Bytes)/1e6)
	return p.err
}

// locate sorts out the sources. Without any, everything comes from where it is published.
func (f *updateFlags) locate(o *store.UpdateOptions) error {
	if o.RefreshCatalogues = len(f.sources) == 0; o.RefreshCatalogues {
		o.KEV = feed.KEVURL
	}
	osv := false
	for _, s := range f.sources {
		kind, where, named := strings.Cut(s, "=")
		to := &o.Source
		switch {
		case named && kind == "kev":
			to = &o.KEV
		case named && kind == "epss":
			to = &o.EPSS
		case named && kind == "cve":
			to = &o.CVE
		default:
			where, kind = strings.TrimPrefix(s, "osv="), "OSV exports"
			if osv {
				return engine.Usage("one --source of OSV exports at a time")
			}
			osv = true
		}
		if where == "" || kind != "OSV exports" && *to != "" {
			return engine.Usage("--source %s: one place of %s at a time", s, kind)
		}
		*to = where
	}
	o.CataloguesOnly = len(f.sources) > 0 && !osv && len(f.ecosystems) == 0
	return nil
}

func printShard(p *printer, s store.ShardInfo, age *int64) {
	asOf := "of unknown date"
	if s.AsOf != "" {
		asOf = "as of " + s.AsOf
	}
	old := ""
	if age != nil {
		old = fmt.Sprintf("  (%d days old)", *age/86400)
	}
	unit := "advisories"
	switch s.Ecosystem {
	case "epss":
		unit = "scores    "
	case "cve":
		unit = "CVEs      "
	}
	fmt.Fprintf(p, "%-24s %7d %s  %s%s\n", s.Ecosystem, s.Advisories, unit, asOf, old)
}

func newDBStatus(sys *system) *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Say what the database holds, how old it is, and whether it is whole",
		Long:    "Status lists the shards with the date of their data and checks every byte of them.\n" + exitStatusPlain,
		Example: "  veto db status",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := store.ContentsOf(cmd.Context(), databaseDirectory(sys, db), sys.now().UTC())
			if err != nil {
				return err
			}
			p := &printer{w: sys.stdout}
			for _, s := range status.Shards {
				printShard(p, s.ShardInfo, s.Age)
			}
			for _, s := range []*store.ShardAge{status.KEV, status.EPSS, status.CVE} {
				if s != nil {
					printShard(p, s.ShardInfo, s.Age)
				}
			}
			fmt.Fprintf(p, "%d shards, %.1f MB, whole\n", len(status.Shards), float64(status.Bytes)/1e6)
			return p.err
		},
	}
	cmd.Flags().StringVar(&db, "db", "", "`DIR` of the database (default: the user's cache)")
	return cmd
}
