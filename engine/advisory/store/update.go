package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// UpdateOptions say what an update adds to a database or refreshes in it.
type UpdateOptions struct {
	Dir               string              // of the database; made when it is absent
	Source            string              // of OSV exports: "" is OSV's bucket, else an https base, a directory or a zip
	Ecosystems        []string            // "Debian" for all releases, "Debian:12" for one; none refreshes those that the database has
	KEV               string              // path or URL of CISA's catalogue; "" leaves it as it is
	EPSS              string              // path or URL of FIRST's scores; "" leaves them as they are
	CVE               string              // folder, zip or file of CVE records; "" leaves them as they are
	RefreshCatalogues bool                // also refresh FIRST's scores, from where they are published, if the database has them
	CataloguesOnly    bool                // leave the ecosystems as they are
	AsOf              string              // date of the data, RFC 3339 or a day; "" asks the feeds
	Now               time.Time           // the clock
	Client            *http.Client        // nil is one with time limits of its own
	UserAgent         string              // of requests
	Progress          func(feed.Progress) // may be nil
	Wait              time.Duration       // for another update of the same database; 0 is 2 minutes
}

// Summary is what an update did.
type Summary struct {
	Updated   []ShardInfo `json:"updated"`   // shards of this update, sorted by ecosystem, unchanged bytes too
	Removed   []string    `json:"removed"`   // ecosystems that the source does not have any more
	KEV       *ShardInfo  `json:"kev"`       // when the catalogue was updated
	EPSS      *ShardInfo  `json:"epss"`      // when the scores were
	CVE       *ShardInfo  `json:"cve"`       // when the CVE records were
	Restarted string      `json:"restarted"` // why the earlier database was given up; "" when it was not
	Shards    int         `json:"shards"`    // of the whole database
	Bytes     int64       `json:"bytes"`     // of the whole database
}

// retiredFor is how long the file of a shard stays after the manifest no longer lists it: a scan that read the old manifest may still open
// it, and none takes a day.
const retiredFor = 24 * time.Hour

// Update adds the named ecosystems to the database or refreshes them, and leaves the others as they are. Scans may read meanwhile; another
// update waits. After an error the database is what it was before.
func Update(ctx context.Context, o UpdateOptions) (*Summary, error) {
	if o.AsOf != "" {
		asOf, err := parseAsOf(o.AsOf)
		if err != nil {
			return nil, err
		}
		o.AsOf = asOf
	}
	if o.CataloguesOnly && (o.KEV+o.EPSS+o.CVE == "" || len(o.Ecosystems) > 0) {
		return nil, engine.Usage("updating a catalogue alone takes its source and no ecosystem")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the database's directory: %w", err)
	}
	unlock, err := lock(ctx, o.Dir, o.Wait)
	if err != nil {
		return nil, err
	}
	u := &updater{options: o, summary: &Summary{}}
	if err = u.run(ctx); err != nil {
		err = errors.Join(err, u.undo())
	}
	if err = errors.Join(err, unlock()); err != nil {
		return nil, err
	}
	return u.summary, nil
}

// updater is the state of one Update.
type updater struct {
	options UpdateOptions
	old     *manifest
	next    *manifest
	summary *Summary
	made    []string // files that this update has made, to be undone
}

func (u *updater) run(ctx context.Context) error {
	if err := u.removeLeftovers(); err != nil {
		return err
	}
	if err := u.readOld(); err != nil {
		return err
	}
	if !u.options.CataloguesOnly {
		if err := u.updateEcosystems(ctx); err != nil {
			return err
		}
	}
	if err := u.updateCatalogues(ctx); err != nil {
		return err
	}
	if err := u.updateRatings(ctx); err != nil {
		return err
	}
	expired, err := u.retireShards()
	if err != nil {
		return err
	}
	for _, s := range u.next.all() {
		u.summary.Bytes += s.Size
	}
	u.summary.Shards = len(u.next.Shards)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := writeManifest(u.options.Dir, u.next); err != nil {
		return fmt.Errorf("writing the database's manifest: %w", err)
	}
	u.made = nil // they are the database now
	for _, f := range expired {
		if err := ignoreAbsent(os.Remove(filepath.Join(u.options.Dir, f))); err != nil {
			return fmt.Errorf("removing an old shard: %w", err)
		}
	}
	return nil
}

// readOld reads the manifest that this update builds on. It gives up a damaged one, and so mends it.
func (u *updater) readOld() error {
	m, err := readManifest(u.options.Dir)
	switch {
	case err == nil:
		u.old = m
	case errors.Is(err, ErrNone):
		u.old = &manifest{SchemaVersion: schemaVersion}
	case errors.Is(err, errOtherVersion):
		return engine.Hint(err, "another version of veto wrote it: update it with that one, or choose another --db")
	default:
		u.old = &manifest{SchemaVersion: schemaVersion}
		u.summary.Restarted = err.Error()
	}
	next := *u.old
	next.Shards, next.Retired = slices.Clone(u.old.Shards), slices.Clone(u.old.Retired)
	u.next = &next
	return nil
}

// undo removes the files that the update has made.
func (u *updater) undo() error {
	var errs []error
	for _, f := range u.made {
		errs = append(errs, ignoreAbsent(os.Remove(f)))
	}
	return errors.Join(errs...)
}

func (u *updater) feedOptions() feed.Options {
	return feed.Options{Client: u.options.Client, UserAgent: u.options.UserAgent, Dir: u.options.Dir, Progress: u.options.Progress}
}

// wanted maps each named ecosystem, without releases, to its named releases; an empty list means every release.
func (u *updater) wanted() (map[string][]string, error) {
	names := u.options.Ecosystems
	if len(names) == 0 {
		for _, s := range u.old.Shards {
			names = append(names, s.Ecosystem)
		}
	}
	if len(names) == 0 {
		return nil, engine.Hint(engine.Usage("no ecosystem to update: the database has none yet"),
			"name them: --ecosystem Debian --ecosystem npm")
	}
	wanted := map[string][]string{}
	whole := map[string]bool{}
	for _, n := range names {
		base, release := engine.SplitEcosystem(n)
		if release == "" {
			whole[base] = true
			wanted[base] = nil
		} else if !whole[base] && !slices.Contains(wanted[base], n) {
			wanted[base] = append(wanted[base], n)
		}
	}
	return wanted, nil
}

// updateEcosystems updates the shards of all wanted ecosystems.
func (u *updater) updateEcosystems(ctx context.Context) error {
	source, err := feed.OpenOSV(u.options.Source, u.feedOptions())
	if err != nil {
		return err
	}
	wanted, err := u.wanted()
	if err != nil {
		return err
	}
	known, err := source.Ecosystems(ctx)
	if err != nil {
		return err
	}
	bases := slices.Sorted(maps.Keys(wanted))
	for _, base := range bases {
		if !slices.Contains(known, base) {
			return engine.UnknownWord("ecosystem", base, known)
		}
	}
	for _, base := range bases {
		if err := u.updateEcosystem(ctx, source, base, wanted[base]); err != nil {
			return err
		}
	}
	slices.Sort(u.summary.Removed)
	slices.SortFunc(u.summary.Updated, func(x, y ShardInfo) int { return strings.Compare(x.Ecosystem, y.Ecosystem) })
	return nil
}

// updateEcosystem builds the shards of one export: those of the named releases, or of all.
func (u *updater) updateEcosystem(ctx context.Context, source *feed.OSV, base string, releases []string) error {
	x, err := source.Export(ctx, base)
	if err != nil {
		return err
	}
	g := newShardRecords()
	err = x.Each(ctx, func(a *advisory.Advisory) error { return g.add(a, base) })
	if err = errors.Join(err, x.Close()); err != nil {
		return fmt.Errorf("updating %s: %w", base, err)
	}
	asOf, err := u.dateOf(x.AsOf, base)
	if err != nil {
		return err
	}
	if len(g.byShard) == 0 {
		return fmt.Errorf("updating %s: %s has no record of it", base, x.Name)
	}
	g.copyToReleases()
	for _, r := range releases {
		if g.byShard[r] == nil {
			return engine.UnknownWord("release", r, g.ecosystems())
		}
	}
	if releases == nil {
		u.dropReleases(base, g)
		releases = g.ecosystems()
	}
	for _, e := range releases {
		records := g.byShard[e]
		pairs, packages := recordPairs(e, records)
		info, err := u.writeShard(e, pairs)
		if err != nil {
			return err
		}
		info.Advisories, info.Packages, info.AsOf, info.Source = len(records), packages, asOf, x.Name
		u.putShard(info)
		u.summary.Updated = append(u.summary.Updated, info)
	}
	return nil
}

// dateOf returns the date of a feed's data: the one that the user gave, else the feed's own. A date in the future is an error.
func (u *updater) dateOf(own, what string) (string, error) {
	asOf := cmp.Or(u.options.AsOf, own)
	if asOf == "" {
		return "", nil
	}
	at, err := time.Parse(time.RFC3339, asOf)
	if err != nil {
		return "", fmt.Errorf("updating %s: the date %.80q: %w", what, asOf, err)
	}
	if at.After(u.options.Now.Add(24 * time.Hour)) { // clocks differ a little, and a day means any hour of it
		return "", engine.Hint(engine.Usage("updating %s: its date %s lies in the future", what, asOf),
			"it is now %s; data of the future would never turn stale", u.options.Now.UTC().Format(time.RFC3339))
	}
	return asOf, nil
}

// dropReleases removes from the next manifest the releases that the export no longer has.
func (u *updater) dropReleases(base string, g *shardRecords) {
	u.next.Shards = slices.DeleteFunc(u.next.Shards, func(s ShardInfo) bool {
		own, _ := engine.SplitEcosystem(s.Ecosystem)
		if own != base || g.byShard[s.Ecosystem] != nil {
			return false
		}
		u.summary.Removed = append(u.summary.Removed, s.Ecosystem)
		return true
	})
}

// putShard lists a shard in the next manifest, in place of an earlier one.
func (u *updater) putShard(info ShardInfo) {
	i, found := slices.BinarySearchFunc(u.next.Shards, info.Ecosystem,
		func(s ShardInfo, e string) int { return strings.Compare(s.Ecosystem, e) })
	if found {
		u.next.Shards[i] = info
		return
	}
	u.next.Shards = slices.Insert(u.next.Shards, i, info)
}

// updateRatings joins all shards of the next manifest. It reads their files, not what was just parsed, so that the result does not depend
// on which ecosystems this update named.
func (u *updater) updateRatings(ctx context.Context) error {
	if len(u.next.Shards) == 0 {
		u.next.Ratings = nil
		return nil
	}
	ratings := newRatingsTable()
	for _, s := range u.next.Shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := addShardRatings(u.options.Dir, s, ratings); err != nil {
			return err
		}
	}
	info, err := u.writeShard(ratingsName, ratings.pairs())
	if err != nil {
		return err
	}
	info.Advisories = len(ratings.records)
	u.next.Ratings = &info
	return nil
}

// addShardRatings adds the records of one shard.
func addShardRatings(dir string, s ShardInfo, ratings *ratingsTable) error {
	t, err := openVerified(dir, s)
	if err != nil {
		return err
	}
	err = t.each(keyRecord, func(_ string, value []byte) error {
		a, err := decodeRecord(value)
		ratings.add(a)
		return err
	})
	if err != nil {
		err = shardError(dir, s, err)
	}
	return errors.Join(err, t.Close())
}
