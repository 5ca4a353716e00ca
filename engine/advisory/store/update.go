package store

import (
	"context"
	"errors"
	"fmt"
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

// UpdateOptions say what to add to a database or refresh in it.
type UpdateOptions struct {
	Dir        string              // of the database; made when it is absent
	Source     string              // of OSV exports: "" is OSV's bucket, else an https base, a directory or a zip
	Ecosystems []string            // "Debian" for all releases, "Debian:12" for one; none refreshes those that the database has
	KEV        string              // path or URL of CISA's catalogue; "" leaves it as it is
	EPSS       string              // path or URL of FIRST's scores; "" leaves them as they are
	CVE        string              // folder, zip or file of CVE records; "" leaves them as they are
	Refresh    bool                // also fetch anew, from where it is published, what the database has besides ecosystems
	Apart      bool                // leave the ecosystems as they are
	AsOf       string              // date of the data, RFC 3339 or a day; "" asks the feeds
	Now        time.Time           // the clock
	Client     *http.Client        // nil is one with time limits of its own
	UserAgent  string              // of requests
	Progress   func(feed.Progress) // may be nil
	Wait       time.Duration       // for another update of the same database; 0 is 2 minutes
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

// keepRetired is how long a shard stays after the manifest has forgotten it: a scan that read the old manifest may still open it.
const keepRetired = 24 * time.Hour

// Update adds the named ecosystems to the database or refreshes them, and leaves the others. Scans may read meanwhile; another update waits.
// After an error the database is what it was before.
func Update(ctx context.Context, o UpdateOptions) (*Summary, error) {
	if o.AsOf != "" {
		asOf, err := parseAsOf(o.AsOf)
		if err != nil {
			return nil, err
		}
		o.AsOf = asOf
	}
	if o.Apart && (o.KEV+o.EPSS+o.CVE == "" || len(o.Ecosystems) > 0) {
		return nil, engine.Usage("updating a catalogue alone takes its source and no ecosystem")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the database's directory: %w", err)
	}
	unlock, err := lock(ctx, o.Dir, o.Wait)
	if err != nil {
		return nil, err
	}
	b := &build{o: o, sum: &Summary{}}
	err = b.run(ctx)
	if err != nil {
		err = errors.Join(err, b.undo())
	}
	if e := unlock(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return b.sum, nil
}

// build is one update at work.
type build struct {
	o     UpdateOptions
	old   *manifest
	next  *manifest
	sum   *Summary
	files []string // that this update made, to be undone
}

func (b *build) run(ctx context.Context) error {
	if err := b.sweep(); err != nil {
		return err
	}
	if err := b.start(); err != nil {
		return err
	}
	if !b.o.Apart {
		if err := b.ecosystems(ctx); err != nil {
			return err
		}
	}
	if err := b.catalogues(ctx); err != nil {
		return err
	}
	if err := b.ratings(ctx); err != nil {
		return err
	}
	expired, err := b.retire()
	if err != nil {
		return err
	}
	for _, s := range b.next.all() {
		b.sum.Bytes += s.Size
	}
	b.sum.Shards = len(b.next.Shards)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := writeManifest(b.o.Dir, b.next); err != nil {
		return fmt.Errorf("writing the database's manifest: %w", err)
	}
	b.files = nil // they are the database now
	for _, f := range expired {
		if err := ignoreAbsent(os.Remove(filepath.Join(b.o.Dir, f))); err != nil {
			return fmt.Errorf("removing an old shard: %w", err)
		}
	}
	return nil
}

// start reads the manifest that this update builds on. A damaged one is given up, which is how a fault is mended.
func (b *build) start() error {
	m, err := readManifest(b.o.Dir)
	switch {
	case err == nil:
		b.old = m
	case errors.Is(err, ErrNone):
		b.old = &manifest{SchemaVersion: schemaVersion}
	case errors.Is(err, errOtherVersion):
		return engine.Hint(err, "another version of veto wrote it: update it with that one, or choose another --db")
	default:
		b.old = &manifest{SchemaVersion: schemaVersion}
		b.sum.Restarted = err.Error()
	}
	next := *b.old
	next.Shards, next.Retired = slices.Clone(b.old.Shards), slices.Clone(b.old.Retired)
	b.next = &next
	return nil
}

func (b *build) undo() error {
	var errs []error
	for _, f := range b.files {
		errs = append(errs, ignoreAbsent(os.Remove(f)))
	}
	return errors.Join(errs...)
}

func (b *build) feedOptions() feed.Options {
	return feed.Options{Client: b.o.Client, UserAgent: b.o.UserAgent, Dir: b.o.Dir, Progress: b.o.Progress}
}

// wanted groups the named ecosystems by their base; an empty list means every release.
func (b *build) wanted() (map[string][]string, error) {
	names := b.o.Ecosystems
	if len(names) == 0 {
		for _, s := range b.old.Shards {
			names = append(names, s.Ecosystem)
		}
	}
	if len(names) == 0 {
		return nil, engine.Hint(engine.Usage("no ecosystem to update: the database has none yet"), "name them: --ecosystem Debian --ecosystem npm")
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

func (b *build) ecosystems(ctx context.Context) error {
	source, err := feed.OpenOSV(b.o.Source, b.feedOptions())
	if err != nil {
		return err
	}
	wanted, err := b.wanted()
	if err != nil {
		return err
	}
	known, err := source.Ecosystems(ctx)
	if err != nil {
		return err
	}
	bases := sortedKeys(wanted)
	for _, base := range bases {
		if !slices.Contains(known, base) {
			return engine.UnknownWord("ecosystem", base, known)
		}
	}
	for _, base := range bases {
		if err := b.ecosystem(ctx, source, base, wanted[base]); err != nil {
			return err
		}
	}
	slices.Sort(b.sum.Removed)
	slices.SortFunc(b.sum.Updated, func(x, y ShardInfo) int { return strings.Compare(x.Ecosystem, y.Ecosystem) })
	return nil
}

// ecosystem builds the shards of one export: those of the named releases, or all.
func (b *build) ecosystem(ctx context.Context, source *feed.OSV, base string, releases []string) error {
	x, err := source.Export(ctx, base)
	if err != nil {
		return err
	}
	g := newGathering()
	err = x.Each(ctx, func(a *advisory.Advisory) error { return g.add(a, base) })
	if e := x.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("updating %s: %w", base, err)
	}
	asOf, err := b.asOf(x.AsOf, base)
	if err != nil {
		return err
	}
	if len(g.shards) == 0 {
		return fmt.Errorf("updating %s: %s has no record of it", base, x.Name)
	}
	g.spread()
	for _, r := range releases {
		if g.shards[r] == nil {
			return engine.UnknownWord("release", r, g.ecosystems())
		}
	}
	if releases == nil {
		b.forget(base, g)
		releases = g.ecosystems()
	}
	for _, e := range releases {
		records := g.shards[e]
		pairs, packages, err := recordPairs(e, records)
		if err != nil {
			return fmt.Errorf("updating %s: %w", e, err)
		}
		info, err := b.write(e, pairs)
		if err != nil {
			return err
		}
		info.Advisories, info.Packages, info.AsOf, info.Source = len(records), packages, asOf, x.Name
		b.put(info)
		b.sum.Updated = append(b.sum.Updated, info)
	}
	return nil
}

// asOf is the date of what a feed sent: the user's word, else the feed's own.
func (b *build) asOf(own, what string) (string, error) {
	asOf := own
	if b.o.AsOf != "" {
		asOf = b.o.AsOf
	}
	if asOf == "" {
		return "", nil
	}
	at, err := time.Parse(time.RFC3339, asOf)
	if err != nil {
		return "", fmt.Errorf("updating %s: the date %.80q: %w", what, asOf, err)
	}
	if at.After(b.o.Now.Add(24 * time.Hour)) { // clocks differ a little, and a day means any hour of it
		return "", engine.Hint(engine.Usage("updating %s: its date %s lies in the future", what, asOf), "it is now %s; data of the future would never turn stale", b.o.Now.UTC().Format(time.RFC3339))
	}
	return asOf, nil
}

// forget drops the releases that the export does not have any more.
func (b *build) forget(base string, g *gathering) {
	b.next.Shards = slices.DeleteFunc(b.next.Shards, func(s ShardInfo) bool {
		own, _ := engine.SplitEcosystem(s.Ecosystem)
		if own != base || g.shards[s.Ecosystem] != nil {
			return false
		}
		b.sum.Removed = append(b.sum.Removed, s.Ecosystem)
		return true
	})
}

// put lists a shard in the next manifest, in place of the earlier one.
func (b *build) put(info ShardInfo) {
	i, found := slices.BinarySearchFunc(b.next.Shards, info.Ecosystem, func(s ShardInfo, e string) int { return strings.Compare(s.Ecosystem, e) })
	if found {
		b.next.Shards[i] = info
		return
	}
	b.next.Shards = slices.Insert(b.next.Shards, i, info)
}

// ratings joins all shards of the next manifest anew. It reads the files, not what was just parsed, so that the result is the same whichever
// ecosystems this update named.
func (b *build) ratings(ctx context.Context) error {
	if len(b.next.Shards) == 0 {
		b.next.Ratings = nil
		return nil
	}
	joined := newRatings()
	for _, s := range b.next.Shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := joinShard(b.o.Dir, s, joined); err != nil {
			return err
		}
	}
	pairs, err := joined.pairs()
	if err != nil {
		return err
	}
	info, err := b.write(ratingsName, pairs)
	if err != nil {
		return err
	}
	info.Advisories = len(joined.records)
	b.next.Ratings = &info
	return nil
}

func joinShard(dir string, s ShardInfo, joined *ratings) error {
	t, err := load(dir, s)
	if err != nil {
		return err
	}
	err = t.each(keyRecord, func(_ string, value []byte) error {
		a, err := decodeRecord(value)
		joined.add(a)
		return err
	})
	if err != nil {
		err = faulty(dir, s, err)
	}
	return errors.Join(err, t.Close())
}
